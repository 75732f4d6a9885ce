"""Does structure help? Popularity, LightGCN and SRGFormer at equal width on one data set, over seeds.

    python benchmarks/three_models.py --data studio --seeds 5
    python benchmarks/three_models.py --data PATH --min-rating 3.5 --k-core 5 --seeds 3

Each seed draws the data (or its split), the initial weights and the training anew. The best epoch is chosen on validation;
test is read once. Prints a table and writes it as CSV.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import srgformer_lab as lab
from srgformer_lab.statistics import over_seeds, over_users

METRIC = "recall@20"


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="studio")
    parser.add_argument("--min-rating", type=float)
    parser.add_argument("--k-core", type=int)
    parser.add_argument("--image-signal", type=float)
    parser.add_argument("--text-signal", type=float)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--preset", default="studio")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--output", type=Path, default=Path("three_models.csv"))
    options = parser.parse_args()
    reader = {name: getattr(options, name) for name in ("min_rating", "k_core", "image_signal", "text_signal")}
    reader = {name: value for name, value in reader.items() if value is not None}

    rows, per_user = [], {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        data = lab.open_data(options.data, seed=seed, **reader)
        preset = lab.preset(options.preset)
        train = preset.train.replace(seed=seed, keep_epochs=0, **({"epochs": options.epochs} if options.epochs else {}))
        models = {
            "popularity": lab.Popularity(data),
            "LightGCN": lab.LightGCN(data, lab.LightGCNConfig(embedding_dim=preset.model.embedding_dim, seed=seed)),
            "SRGFormer": lab.SRGFormer(data, preset.model.replace(seed=seed)),
        }
        for name, model in models.items():
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                run = lab.fit(model, data, train, folder)
                status = run.status()
            users = lab.evaluate_users(model, data, "test")
            per_user.setdefault(name, []).append(users.set_index("user_id")[METRIC])
            metrics = users.drop(columns="user_id").mean().to_dict()
            rows.append({"model": name, "seed": seed, "best_epoch": status.best_epoch, "seconds": time.perf_counter() - started, **metrics})
            print(
                f"seed {seed} {name:10} test {METRIC} {metrics[METRIC]:.4f}, best epoch {status.best_epoch} of {status.epoch}", flush=True
            )
    table = pd.DataFrame(rows)
    table.to_csv(options.output, index=False)
    print(f"\n{data}\n{table.groupby('model', sort=False).mean(numeric_only=True).drop(columns='seed').round(4).to_string()}\n")
    for other in ("LightGCN", "popularity"):
        _print_gain(table, per_user, other)


def _print_gain(table: pd.DataFrame, per_user: dict[str, list[pd.Series]], other: str) -> None:
    by_model = table.pivot(index="seed", columns="model", values=METRIC)
    gain = (by_model["SRGFormer"] - by_model[other]).to_numpy()
    users = np.concatenate([(ours - theirs).to_numpy() for ours, theirs in zip(per_user["SRGFormer"], per_user[other], strict=True)])
    seeds = f"{over_seeds(gain)} over seeds, " if len(gain) > 1 else ""
    print(f"SRGFormer − {other}, test {METRIC}, paired 95 % interval: {seeds}{over_users(users)} over users")


if __name__ == "__main__":
    main()
