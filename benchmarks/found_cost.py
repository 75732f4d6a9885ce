"""Is a step of the found form slower than one of the published form? Run as ``python benchmarks/found_cost.py`` from the root.

Both models train side by side on the same data, a step of one after a step of the other, so that whatever else the machine does
meets both alike. Time is what the process itself computed, on one thread; the ratio is taken of each pair of steps.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import count

import numpy as np
import torch

import srgformer_lab as lab
from srgformer_lab import runtime
from srgformer_lab.training.loop import Training


def main() -> None:
    """Take the steps, and print medians and the ratio with its middle 95 % over resamples of the pairs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default="studio")
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--hyperedges", type=int, help="of both forms, instead of each preset's own")
    asked = options.parse_args()
    torch.set_num_threads(1)
    data = lab.open_data(asked.data)
    changes = {} if asked.hyperedges is None else {"n_hyperedges": asked.hyperedges}
    forms = [steps(data, lab.preset(name), changes) for name in ("studio", "studio_found")]
    pairs = np.array([[next(form) for form in forms] for _ in range(asked.steps + 10)])[10:]
    published, found = 1000 * np.median(pairs, axis=0)
    draws = np.random.default_rng(0).integers(len(pairs), size=(2000, len(pairs)))
    resampled = np.median(pairs[draws], axis=1)
    low, high = np.percentile(resampled[:, 1] / resampled[:, 0], [2.5, 97.5])
    print(f"{data!r}: {asked.steps} steps of each, medians of the process's own time")
    print(f"published {published:.1f} ms, found {found:.1f} ms: ratio {found / published:.3f} [{low:.3f}, {high:.3f}]")


def steps(data: lab.Dataset, chosen: lab.Preset, changes: dict[str, int]) -> Iterator[float]:
    """Train, and say of each step how many seconds the process computed."""
    model = lab.SRGFormer(data, chosen.model.replace(**changes))
    training, size = Training(model, data, chosen.train.replace(device="cpu")), chosen.train.batch_size
    model.train()
    for epoch in count(1):
        model.start_epoch(runtime.generator("cpu", epoch, "noise"), epoch)
        for batch in model.batches(size, runtime.generator("cpu", epoch, "batches")):
            started = time.process_time()
            training.step(batch)
            yield time.process_time() - started


if __name__ == "__main__":
    main()
