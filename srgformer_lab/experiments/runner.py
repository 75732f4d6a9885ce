"""Many cases at once: each from where it stands, each training once, and a budget that is kept."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from srgformer_lab.errors import RunError
from srgformer_lab.experiments.cases import TrainingCase
from srgformer_lab.experiments.engines import POLL_SECONDS, Job, Pool
from srgformer_lab.experiments.outcomes import Outcome, complete, seen


@dataclass(frozen=True)
class Runner:
    """Brings cases to their ends, at the places of an engine."""

    job: Job
    pool: Pool

    def finish(self, cases: Sequence[TrainingCase]) -> list[Outcome]:
        """Bring every case to its end, or as far as the time reaches; return outcomes in the order of the cases.

        Cases that need the same training share it. What is stopped goes on from there at the next call, and what another
        process trains, on this machine or another, is waited for.

        Raises:
            RunError: The folder can't be made, or the engine was ended from outside; what had been written is kept.
        """
        folder = self.job.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"the folder {folder} can't be made: {error}; choose another --output") from error
        first = {case.key: case for case in reversed(cases)}
        found = {key: seen(case, folder) for key, case in first.items()}
        todo = [first[key] for key, outcome in reversed(found.items()) if not outcome.is_finished]
        while todo and not self.job.is_over:
            found |= self.pool.run(todo, self.job)
            todo = self._freed(found)
        return [complete(case, folder) if found[case.key].is_finished else replace(found[case.key], case=case) for case in cases]

    def _freed(self, found: Mapping[str, Outcome]) -> list[TrainingCase]:
        """Wait until one that others train is free, and return all that are; empty where there is none, or the time is up."""
        elsewhere = [outcome.case for outcome in found.values() if outcome.is_under_way]
        while elsewhere and not self.job.is_over:
            if free := [case for case in elsewhere if not seen(case, self.job.folder).is_under_way]:
                return free
            time.sleep(POLL_SECONDS)
        return []
