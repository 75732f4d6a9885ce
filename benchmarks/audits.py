"""Does an audit tell what modalities bring? Run as ``python -m benchmarks.audits --worlds 20 --seeds 5`` from the repository's root.

Each audit trains over its own seeds, which draw the built-in world too: once as it is planted, where pictures and texts tell an item's
group, and once with the vectors of both dealt out anew before anybody sees them, where they tell nothing. The share of audits that find
something in the first is the audit's power, in the second its rate of false alarms. What the trained models lean on, asked by
``lab.audit`` without training, stands beside it: a model may lean on vectors that bring nothing. Trainings that are there are kept.
"""

import argparse
import time
from itertools import product
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

import srgformer_lab as lab
from srgformer_lab.experiments.audit import AS_THEY_ARE, BY, INTACT
from srgformer_lab.experiments.cases import Setup, TrainingCase
from srgformer_lab.experiments.engines import Job, LocalPool
from srgformer_lab.experiments.outcomes import Outcome, table
from srgformer_lab.experiments.runner import Runner
from srgformer_lab.training.audit import JUDGED_BY

MODALITIES = ("image", "text")
PLANTED, SHUFFLED = "planted", "shuffled"
SHUFFLE = tuple((name, JUDGED_BY) for name in MODALITIES)


def main() -> None:
    """Train, audit, and print how often something is found where something is, and where nothing is."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=20, help="audits of each kind")
    options.add_argument("--seeds", type=int, default=5, help="trainings of each row of an audit")
    options.add_argument("--epochs", type=int, default=12)
    options.add_argument("--workers", type=int, default=0, help="trainings at once; 0: one after the other in this process")
    options.add_argument("--hours", type=float, default=10.0, help="when to stop; the same command goes on from there")
    options.add_argument("--output", type=Path, default=Path("audits"))
    asked = options.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    runner = Runner(Job(asked.output / "runs", time.monotonic() + 3600 * asked.hours), LocalPool(asked.workers))
    found: list[dict[str, object]] = []
    for world, kind in product(range(asked.worlds), (PLANTED, SHUFFLED)):
        outcomes = runner.finish(cases(world, kind, asked.seeds, asked.epochs))
        if not all(outcome.is_finished for outcome in outcomes):
            print(f"{len(found)} rows are there; the same command goes on")
            break
        found += judged(world, kind, outcomes, asked.output / "runs")
        pd.DataFrame(found).to_csv(asked.output / "audits.csv", index=False)
        print(f"audit {world}, {kind}: done", flush=True)
    print(rates(pd.DataFrame(found)))


def cases(world: int, kind: str, n_seeds: int, epochs: int) -> list[TrainingCase]:
    """Return the trainings of an audit: the features of its world as they are, and each modality's dealt out anew."""
    changes = {"epochs": epochs, "contrast_sample": 128}
    setup = Setup(lab.Recipe("studio"), seeds=tuple(range(world * n_seeds, (world + 1) * n_seeds)), changes=changes)
    setup = setup.intervening(*SHUFFLE) if kind == SHUFFLED else setup
    return [
        (setup.intervening((name, JUDGED_BY)) if features == JUDGED_BY else setup).case(dict(zip(BY, (name, features), strict=True)), seed)
        for name in MODALITIES
        for features in (AS_THEY_ARE, JUDGED_BY)
        for seed in setup.seeds
    ]


def judged(world: int, kind: str, outcomes: list[Outcome], runs: Path) -> list[dict[str, object]]:
    """Return a row a modality: what training finds that it brings, and in how many of the models the lists rest on it."""
    brought = table(outcomes, BY, INTACT).set_index(list(BY))
    rows = []
    for name in MODALITIES:
        row = brought.loc[(name, JUDGED_BY)]
        leans = [_leans(outcome, name, runs) for outcome in outcomes if tuple(outcome.case.labels.values()) == (name, AS_THEY_ARE)]
        brings = {"brings": -row["gain"], "low": -row["gain_high"], "high": -row["gain_low"]}
        rows.append({"audit": world, "world": kind, "modality": name, **brings, "leans on it": sum(leans), "models": len(leans)})
    return rows


def _leans(outcome: Outcome, name: str, runs: Path) -> bool:
    model = lab.Run.open(runs / outcome.case.key).model(outcome.case.recipe.open(outcome.case.seed))
    found = lab.audit(model, interventions=[JUDGED_BY]).table
    return bool(found[(found["modality"] == name) & (found["cohort"] == "")]["high"].iloc[0] < 0)


def rates(found: pd.DataFrame) -> str:
    """Return, of each kind of world and each modality, how often an audit finds something, with exact 95 % bounds."""
    lines = []
    for (kind, name), those in found.groupby(["world", "modality"]):
        counts = {
            "bring something (low > 0)": ((those["low"] > 0).sum(), len(those)),
            "cost something (high < 0)": ((those["high"] < 0).sum(), len(those)),
            "models whose lists rest on them": (those["leans on it"].sum(), those["models"].sum()),
        }
        for words, (n_found, n) in counts.items():
            bounds = binomtest(int(n_found), int(n)).proportion_ci()
            lines.append(f"{kind} {name} features: {words}: {n_found} of {n} [{bounds.low:.2f}, {bounds.high:.2f}]")
        lines.append(f"{kind} {name} features: mean {those['brings'].mean():+.4f} test recall@20")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
