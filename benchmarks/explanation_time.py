"""How long an explanation takes: run as ``python benchmarks/explanation_time.py --data PATH`` from the repository's root.

The weights are drawn and not trained, which changes no time. Every figure is the median over users.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

import srgformer_lab as lab


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default="studio")
    options.add_argument("--preset", default="baby")
    options.add_argument("--embedding-dim", type=int, default=64)
    options.add_argument("--users", type=int, default=20)
    asked = options.parse_args()
    data = lab.open_data(asked.data)
    model = lab.SRGFormer(data, lab.preset(asked.preset).model.replace(embedding_dim=asked.embedding_dim))
    lengths = np.diff(data.matrix("train").indptr)
    users = [data.user_ids[row] for row in np.random.default_rng(0).permutation(np.flatnonzero(lengths >= 4))[: asked.users]]
    print(f"{data}\n{model}\n{torch.get_num_threads()} threads")
    trace = model.trace()

    def levels(source: lab.SRGFormer | lab.Trace, user: str) -> None:
        why = lab.explain(source, data, user, data.item_ids[7])
        why.components, why.history, why.sources  # noqa: B018 they are made when they are asked for

    report("one reading of the whole model", [seconds(model.trace) for _ in range(5)])
    report("recommend", [seconds(lambda user=user: lab.recommend(model, data, user)) for user in users])
    report("explain, all levels", [seconds(lambda user=user: levels(model, user)) for user in users])
    report("explain, all levels, from a trace", [seconds(lambda user=user: levels(trace, user)) for user in users])
    drop = [lab.drop_items(data.history(user)[0]) for user in users]
    report(
        "what_if, one item dropped",
        [
            seconds(lambda user=user, change=change: lab.what_if(model, data, user, change))
            for user, change in zip(users, drop, strict=True)
        ],
    )
    found: list[lab.Faithfulness] = []
    whole = seconds(lambda: found.append(lab.faithfulness(model, data, n_users=asked.users, shares=())))
    print(f"{f'every item of {asked.users} histories removed ({len(found[0].effects)} removals)':60s} {whole:8.3f} s in all")


def report(name: str, values: list[float]) -> None:
    """Print a median."""
    print(f"{name:60s} {median(values):8.3f} s   ({min(values):.3f} to {max(values):.3f})", flush=True)


def seconds(act: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
