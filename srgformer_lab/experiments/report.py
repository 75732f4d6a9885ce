"""What an experiment leaves: every case and every trial as CSV, the table as CSV and Markdown, a figure, and what it was made from."""

import math
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.errors import ConfigError, RunError
from srgformer_lab.experiments.beyond import AT, beyond_columns
from srgformer_lab.experiments.cases import Setup
from srgformer_lab.experiments.multiplicity import in_words
from srgformer_lab.experiments.outcomes import MEASURED, of_other
from srgformer_lab.experiments.structure import FAITHFUL, UNTRAINED
from srgformer_lab.output import csv_bytes
from srgformer_lab.training.files import write_bytes, write_json
from srgformer_lab.training.records import versions

if TYPE_CHECKING:
    from srgformer_lab.experiments.catalog import Experiment


@dataclass(frozen=True)
class Result:
    """What an experiment found."""

    experiment: "Experiment"
    setup: Setup
    data: str
    """The data set of the first seed in a line."""
    trials: pd.DataFrame
    """One row a trial; empty if nothing was tuned."""
    rows: pd.DataFrame
    """One row a case."""
    table: pd.DataFrame
    """One row a label."""

    @property
    def command(self) -> str:
        """The command line that makes it again; a data folder by its name alone."""
        setup = self.setup
        words = [f"srgformer-lab experiment {self.experiment.name}", f"--data {Path(setup.recipe.path).name}"]
        words += [f"--preset {setup.preset_name}", f"--seeds {len(setup.seeds)}"]
        words += [f"--first-seed {setup.seeds[0]}"] if setup.seeds[0] else []
        words += [f"--trials {setup.n_trials}"] if setup.n_trials > 1 else []
        words += [f"--search {setup.search}"] if setup.search != "grid" else []
        words += ["--beyond"] if setup.beyond else []
        words += [f"--only {shlex.quote(','.join(setup.only))}"] if setup.only else []
        words += [_option(name, value) for name, value in {**setup.recipe.options, **setup.changes}.items()]
        return " ".join(words)

    def facts(self) -> dict[str, Any]:
        """Return what the tables were made from, ready for JSON."""
        setup, about = self.setup, {"experiment": self.experiment.name, "question": self.experiment.question}
        effort = {
            "seeds": list(setup.seeds),
            "trials": setup.n_trials,
            "search": setup.search,
            "reference": dict(self.experiment.reference),
        }
        return about | {"data": self.data, "command": self.command} | shared_facts(setup) | effort | {"versions": versions()}

    def to_markdown(self) -> str:
        """Return the table as people read it, with what it was made from above and what is missing below."""
        setup, effort = self.setup, "its own settings"
        if setup.n_trials > 1:
            by = "" if setup.search == "grid" else f" by {setup.search.title()}, those below the median stopped"
            effort = f"at most {setup.n_trials} settings tried a model on seed {setup.seeds[0]}{by}, the best by valid recall@20 taken"
        seeds = f"seed {setup.seeds[0]}" if len(setup.seeds) == 1 else f"{len(setup.seeds)} seeds"
        head = f"{self.data}, d={setup.model.embedding_dim}, {seeds}; {effort}. Test metrics at the best validation epoch."
        verdict = self.experiment.verdict(self.table) if self.experiment.verdict else ""
        corrected = in_words(self.table, self.experiment)
        body = (markdown(self.table, self.experiment), verdict, corrected, self.beyond(), self.budgets(), self.missing())
        return "\n\n".join(part for part in (f"`{self.command}`", head, *body) if part)

    def beyond(self) -> str:
        """Return what the lists are like beyond what they find; empty where that wasn't asked for, or nothing has ended."""
        head, rows = beyond_columns(self.table, self.experiment.by)
        return f"Beyond what is found, of lists of {AT} at test:\n\n{markdown_table(head, rows)}" if rows else ""

    def budgets(self) -> str:
        """Return how many settings were tried of each model, and what became of them; empty where nothing was tried."""
        if not len(self.trials):
            return ""
        label = self.experiment.by[0]
        rows = []
        for name, trials in self.trials.groupby(label, sort=False):
            counts = [str((trials["state"] == state).sum()) for state in ("finished", "pruned", "failed")]
            rows.append([str(name), str(len(trials)), *counts, str(trials["epochs"].sum())])
        return markdown_table([label, "settings tried", "to the end", "stopped below the median", "failed", "epochs"], rows)

    def missing(self) -> str:
        """Return what did not end, a line each; empty where everything did."""
        left = [row for frame in (self.trials, self.rows) for _, row in frame.iterrows() if row["state"] not in ("finished", "pruned")]
        return "Not finished:\n\n" + "\n".join(map(self._left, left)) if left else ""

    def _left(self, row: pd.Series) -> str:
        words = [str(row[name]) for name in self.experiment.by] + ([f"trial {row['trial']}"] if "trial" in row else [])
        why = f"; {row['message']}" if row["message"] else ""
        return f"- {', '.join(words)}, seed {row['seed']}: {row['state']} after {row['epochs']} epochs{why}"

    def write(self, folder: Path) -> list[Path]:
        """Write ``rows.csv``, ``trials.csv``, ``table.csv``, ``table.md``, ``figure.html`` and ``facts.json``."""
        drawn = self.experiment.draw(self.table, self.experiment.by, self.experiment.reference)
        page = plots.offline_page(self.experiment.question, [plots.Block(self.data, figures=drawn)])
        frames = {"rows.csv": self.rows, "trials.csv": self.trials, "table.csv": self.table}
        return write_files(folder, frames, {"table.md": f"{self.to_markdown()}\n", "figure.html": page}, self.facts())


def shared_facts(setup: Setup) -> dict[str, Any]:
    """Return what a setup says of SRGFormer, ready for JSON."""
    return {"preset": setup.preset_name, "embedding_dim": setup.model.embedding_dim, "changes": dict(setup.changes)}


def check_output(folder: Path) -> None:
    """Refuse a folder that can't be made or written, before hours are spent on what should go there.

    Raises:
        ConfigError: It, or one above it, is a file, or may not be written.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise ConfigError(f"output={str(folder)!r}: {above} is a file; name a folder")
    if not os.access(above, os.W_OK):
        raise ConfigError(f"output={str(folder)!r} can't be written: no permission in {above}; name another folder")


def write_files(folder: Path, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str], facts: Mapping[str, Any]) -> list[Path]:
    """Write frames as CSV, texts, and ``facts.json``, each in one step; return the paths.

    Raises:
        RunError: They can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder {folder} can't be made: {error}; free some space, or choose another --output") from error
    tables = {name: csv_bytes(frame) for name, frame in frames.items()}
    for name, content in {**tables, **{name: text.encode() for name, text in texts.items()}}.items():
        write_bytes(folder / name, content)
    if facts:
        write_json(folder / "facts.json", facts)
    return [folder / name for name in (*frames, *texts, *(["facts.json"] if facts else []))]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)])


def markdown(table: pd.DataFrame, experiment: "Experiment") -> str:
    """Return a table of results in Markdown, with bounds only where there are any."""
    metrics = [name.replace("recall", "Recall").replace("ndcg", "NDCG") for name in experiment.metrics]
    measures = [name for name in table if str(name).startswith(MEASURED) and not str(name).endswith(("low", "high"))]
    trained = [str(name) for name in measures if not str(name).startswith(f"{MEASURED}{UNTRAINED}")]
    head = [*experiment.by, "seeds", *metrics, *(["valid"] if trained else []), "best epoch", "s/epoch"]
    against = [(experiment.reference, "")] + [(other, of_other(other)) for other in experiment.others]
    against = [(reference, behind) for reference, behind in against if f"gain{behind}" in table]
    over_seeds = "gain_low" in table
    for reference, _ in against:
        words = ", ".join(str(value) for value in reference.values() if value != "")
        head.append(f"Recall@20 − {words} {'[seeds] ' * over_seeds}[users]")
    head += [name.removeprefix(MEASURED) for name in trained]
    rows = []
    for _, row in table.iterrows():
        cells = [str(row[name]) for name in experiment.by] + [str(int(row["seeds"]))]
        cells += [_short(row.get(name)) + _bounds(row, "") * (name == "recall@20") for name in experiment.metrics]
        cells += [_short(row.get("valid"))] if trained else []
        cells += [_plain(row.get("best_epoch")), _plain(row.get("epoch_seconds"))]
        rows.append(cells + [_gain(row, over_seeds, behind) for _, behind in against] + [_measure(row, name) for name in trained])
    return markdown_table(head, rows)


def _measure(row: pd.Series, name: str) -> str:
    """Return a measure of structure with its bounds, and what the untrained model has."""
    before = row.get(f"{MEASURED}{UNTRAINED}{name.removeprefix(MEASURED)}")
    write = _signed if FAITHFUL in name else _short
    low, high = row.get(f"{name} low"), row.get(f"{name} high")
    bounds = f" [{write(low)}, {write(high)}]" if _is_number(low) and _is_number(high) else ""
    return write(row[name]) + bounds + (f"; untrained {write(before)}" if _is_number(before) else "")


def _option(name: str, value: Any) -> str:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option} {','.join(value) if isinstance(value, tuple) else value}"


def _is_number(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _short(value: Any) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if _is_number(value) else ""


def _signed(value: Any) -> str:
    return ("+" if value >= 0 else "−") + _short(abs(value)) if _is_number(value) else ""


def _plain(value: Any) -> str:
    return f"{value:.3g}" if _is_number(value) else ""


def _gain(row: pd.Series, over_seeds: bool, behind: str = "") -> str:
    if not _is_number(row[f"gain{behind}"]):
        return ""
    seeds = _bounds(row, "gain_", behind) or " [one seed]" * over_seeds
    return _signed(row[f"gain{behind}"]) + seeds + _bounds(row, "users_", behind)


def _bounds(row: pd.Series, prefix: str, behind: str = "") -> str:
    low, high = row.get(f"{prefix}low{behind}"), row.get(f"{prefix}high{behind}")
    if not (_is_number(low) and _is_number(high)):
        return ""
    write = _signed if prefix else _short
    return f" [{write(low)}, {write(high)}]"
