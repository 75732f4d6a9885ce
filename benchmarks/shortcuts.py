"""What do the shortcuts cost? One model, trained exactly and with each of them, over seeds: time and test Recall@20.

    python benchmarks/shortcuts.py --data studio --seeds 5
    python benchmarks/shortcuts.py --data PATH --preset baby --embedding-dim 64 --epochs 8 --seeds 3 --only sample

Each seed draws the data (or its split), the weights and the training anew. The best epoch is chosen on validation; test is
read once. Differences are paired: a shortcut against exact training with the same seed.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.statistics import over_seeds

METRIC = "recall@20"
SHORTCUTS = {
    "exact": {},
    "sample": {"contrast_sample": 2048},
    "small sample": {"contrast_sample": 128},
    "memberships once an epoch": {"memberships_every": 0},
    "attention once an epoch": {"attention_every": 0},
    "both every 4 steps": {"memberships_every": 4, "attention_every": 4},
    "both frozen after 3 epochs": {"freeze_after": 3},
    "bfloat16": {"mixed_precision": True},
}


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="studio")
    parser.add_argument("--min-rating", type=float)
    parser.add_argument("--k-core", type=int)
    parser.add_argument("--preset", default="studio")
    parser.add_argument("--embedding-dim", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(SHORTCUTS), default=list(SHORTCUTS))
    parser.add_argument("--output", type=Path, default=Path("shortcuts.csv"))
    options = parser.parse_args()
    runtime.keep_memory()
    reader = {name: value for name, value in (("min_rating", options.min_rating), ("k_core", options.k_core)) if value is not None}
    preset = lab.preset(options.preset)
    rows = []
    for seed in range(options.seeds):
        data = lab.open_data(options.data, seed=seed, **reader)
        for name in ["exact", *(name for name in options.only if name != "exact")]:
            model = lab.SRGFormer(data, preset.model.replace(seed=seed, embedding_dim=options.embedding_dim))
            train = preset.train.replace(seed=seed, epochs=options.epochs, keep_epochs=0, device="cpu", **SHORTCUTS[name])
            with tempfile.TemporaryDirectory() as folder:
                run = lab.fit(model, data, train, folder)
                history, status = run.history(), run.status()
            test = lab.evaluate(model, data, "test")[METRIC]
            seconds = history["seconds"].median()
            rows.append(
                {"shortcut": name, "seed": seed, "epochs": len(history), "best": status.best_epoch, "seconds": seconds, METRIC: test}
            )
            print(
                f"seed {seed} {name:28} test {METRIC} {test:.4f}, best epoch {status.best_epoch} of {len(history)}, {seconds:.2f} s",
                flush=True,
            )
            pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows)
    print(f"\n{data}\n{table.groupby('shortcut', sort=False).mean(numeric_only=True).drop(columns='seed').round(4).to_string()}\n")
    values, seconds = (table.pivot(index="seed", columns="shortcut", values=column) for column in (METRIC, "seconds"))
    for name in values.columns.drop("exact"):
        gain = (values[name] - values["exact"]).to_numpy()
        difference = f"{over_seeds(gain)} over seeds" if len(gain) > 1 else f"{gain[0]:+.4f}"
        print(f"{name:28} − exact: {difference}; epoch time × {(seconds[name] / seconds['exact']).median():.2f}")


if __name__ == "__main__":
    main()
