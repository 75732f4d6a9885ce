"""How long a folder of the size of MovieLens-20M takes to open, and how much memory: ``python -m benchmarks.large_data``.

Ratings are drawn in the shape of the download (138,493 users, 26,744 films, whole seconds, half stars; a few films have most of the
ratings) and written as it has them; ``open_data`` and ``check`` then read them, each in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

N_USERS, N_ITEMS, N_ROWS = 138_493, 26_744, 20_000_000
BLOCK = 2_000_000


def main() -> None:
    """Write the folder where there is none yet, and print a line for each way of reading it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=N_ROWS)
    options.add_argument("--folder", type=Path, help="where to write it and leave it; else it is removed")
    options.add_argument("--only", choices=("open_data", "check"))
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        if not (folder / "ratings.csv").exists():
            write(folder, asked.rows)
        size = (folder / "ratings.csv").stat().st_size
        print(f"{asked.rows:,} ratings, {size / 1e6:,.0f} MB", flush=True)
        for name in (asked.only,) if asked.only else ("open_data", "check"):
            code = f"from benchmarks.large_data import timed; timed({name!r}, {str(folder)!r})"
            subprocess.run([sys.executable, "-c", code], check=True)


def write(folder: Path, n_rows: int) -> None:
    """Write ``ratings.csv`` and ``movies.csv`` as the download has them."""
    draws = np.random.default_rng(0)
    share = n_rows / N_ROWS
    n_users, n_items = max(int(N_USERS * share), 50), max(int(N_ITEMS * min(1.0, share * 20)), 50)
    lengths = np.minimum(20 + draws.lognormal(4.1, 1.15, n_users).astype(int), n_items // 2)
    lengths = np.maximum(1, (lengths * n_rows / lengths.sum()).astype(int))
    weight = 1 / (np.arange(n_items) + 30.0)
    ids = np.sort(draws.choice(131_262, n_items, replace=False)) + 1
    chosen = draws.permutation(n_items)
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"movieId": ids, "title": [f"Film {n} ({1930 + n % 90})" for n in ids], "genres": "Drama|Comedy"}).to_csv(
        folder / "movies.csv", index=False
    )
    with (folder / "ratings.csv").open("w", encoding="utf-8", newline="") as file:
        file.write("userId,movieId,rating,timestamp\n")
        step = max(1, n_users * BLOCK // n_rows)
        for first in range(0, n_users, step):
            user = np.repeat(np.arange(first, min(first + step, n_users)), lengths[first : first + step])
            item = chosen[draws.choice(n_items, len(user), p=weight / weight.sum())]
            keys = np.unique(user * n_items + item)  # who drew a film twice has rated it once
            frame = pd.DataFrame({"user": keys // n_items + 1, "item": ids[keys % n_items]})
            frame["rating"] = draws.integers(1, 11, len(frame)) / 2
            frame["time"] = draws.integers(789_652_009, 1_427_784_002, len(frame))
            frame.to_csv(file, header=False, index=False)


def timed(name: str, folder: str) -> None:
    """Read the folder, and print what that took; for a process of its own."""
    import srgformer_lab as lab

    started, computed = time.perf_counter(), time.process_time()
    found = getattr(lab, name)(folder)
    seconds, computed = time.perf_counter() - started, time.process_time() - computed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:10} {seconds:6.1f} s ({computed:.1f} s of computing), at most {peak:.1f} GiB: {str(found).splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main()
