"""Five faults of the field, each beside what it should be: what the bug hunt shows, breaks, and has tested.

Sources: the public release of SRGFormer (memberships overwritten, noise at evaluation).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from srgformer_lab import runtime
from srgformer_lab.config import TrainConfig
from srgformer_lab.data.dataset import Dataset, Interactions
from srgformer_lab.data.studio import studio
from srgformer_lab.models.baselines.matrix_factorization import MatrixFactorization
from srgformer_lab.models.edits import noisy_memberships
from srgformer_lab.models.hooks import Edit
from srgformer_lab.models.srgformer import SRGFormer
from srgformer_lab.training.evaluation import SELECTION_METRIC, evaluate
from srgformer_lab.training.managing import shipped_run

Memberships = Mapping[str, Float[Tensor, "rows hyperedges"]]
Scores = Callable[[Int[Tensor, " users"]], Float[Tensor, "users items"]]
Choice = Callable[[Float[np.ndarray, " epochs"], Float[np.ndarray, " epochs"]], int]
TRAIN, TEST = 0, 2
"""Places of the splits among ``data.dataset.SPLITS``."""
FIRST_BLOCK, FIRST_ITEMS = 100, 50


@cache
def shop() -> Dataset:
    """Open the built-in data."""
    return studio()


@cache
def sound_model() -> SRGFormer:
    """Open the model that comes with the package, in order."""
    model = shipped_run().model(shop())
    assert isinstance(model, SRGFormer)
    return model.eval()


@cache
def overwritten_model() -> SRGFormer:
    """Return the same weights with the release's slip: the text users' memberships are stored in the image users' place."""
    model = SRGFormer(shop(), sound_model().config.replace(as_released=True))
    model.load_state_dict(sound_model().state_dict())
    return model.eval()


@cache
def memberships(model: SRGFormer) -> tuple[Memberships, Memberships]:
    """Read a model's memberships by modality: of users, of items."""
    found = model.trace().hypergraph
    pairs = {name: part.membership for name, part in found.items()}
    return {name: pair.users for name, pair in pairs.items()}, {name: pair.items for name, pair in pairs.items()}


@cache
def text_logits() -> Float[Tensor, "users hyperedges"]:
    """Return what the text users' memberships are made of."""
    return sound_model().trace().hypergraph["text"].logits.users


def sound_scores(users: Int[Tensor, " users"]) -> Float[Tensor, "users items"]:
    """Score all items for some users, without noise."""
    return sound_model().trace_for(users).scores(users)


def noise(seed: int) -> list[Edit]:
    """Return the edits that put Gumbel noise into all memberships."""
    temperature = sound_model().config.membership_temperature
    return [edit for name in shop().modalities for edit in noisy_memberships(name, temperature, seed)]


def noisy_scores(users: Int[Tensor, " users"], seed: int | None = None) -> Float[Tensor, "users items"]:
    """Score with Gumbel noise in all memberships, as the release does at evaluation: drawn anew at each call, unless seeded."""
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    with sound_model().edit(*noise(seed)):
        return sound_scores(users)


def globally_noisy_scores(users: Int[Tensor, " users"]) -> Float[Tensor, "users items"]:
    """Score with noise from torch's own generator, which ``torch.manual_seed`` sets back."""
    return noisy_scores(users, int(torch.randint(2**31, ())))


def partly_noisy_scores(users: Int[Tensor, " users"]) -> Float[Tensor, "users items"]:
    """Score with noise from the second hundred people on: a first block that was mended, and the others that were not."""
    return torch.where((users >= FIRST_BLOCK)[:, None], noisy_scores(users), sound_scores(users))


def noisy_for(person: int) -> Scores:
    """Return scores with noise for one person only."""

    def scores(users: Int[Tensor, " users"]) -> Float[Tensor, "users items"]:
        return torch.where((users == person)[:, None], noisy_scores(users), sound_scores(users))

    return scores


def deeply_noisy_scores(users: Int[Tensor, " users"]) -> Float[Tensor, "users items"]:
    """Score with noise below everybody's first fifty items only, whose order and scores are as they should be."""
    sound = sound_scores(users)
    bar = sound.topk(FIRST_ITEMS).values[:, -1:]
    return torch.where(sound < bar, torch.minimum(noisy_scores(users), bar), sound)


def descent(zero_every: int, kind: torch.dtype, left: float = 0.0) -> Callable[[float, float, float, int], list[float]]:
    """Return a descent on ½ (w − target)² that forgets gradients at every so many steps, but for a share; 0: never."""

    def descend(start: float, target: float, rate: float, steps: int) -> list[float]:
        w = torch.tensor(float(start), dtype=kind, requires_grad=True)
        places, optimizer = [w.item()], torch.optim.SGD([w], lr=rate)
        for step in range(steps):
            if zero_every and step % zero_every == 0 and w.grad is not None:
                w.grad *= left
            (0.5 * (w - target) ** 2).backward()
            optimizer.step()
            places.append(w.item())
        return places

    return descend


def by_valid(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose the epoch that is best on validation, the earliest of equals."""
    return int(np.argmax(valid))


def by_test(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose the epoch that is best on test: the field's favourite slip."""
    return int(np.argmax(test))


def by_both(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose by the mean of both splits."""
    return int(np.argmax(np.add(valid, test)))


def after_sorting_out(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose by validation, but throw out first what is below the middle on test."""
    return int(np.argmax(np.where(np.asarray(test) >= np.median(test), valid, -np.inf)))


def by_valid_then_test(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose by validation, and of equals the one that is best on test."""
    return max(range(len(valid)), key=lambda epoch: (valid[epoch], test[epoch]))


def first(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose the first epoch, whatever the numbers."""
    return 0


def last(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose the last epoch, whatever the numbers."""
    return len(valid) - 1


def worst(valid: Float[np.ndarray, " epochs"], test: Float[np.ndarray, " epochs"]) -> int:
    """Choose the epoch that is worst on validation."""
    return int(np.argmin(valid))


def leaking(share: float, seed: int = 0) -> Dataset:
    """Return the built-in data with some share of its test pairs among those that the model sees."""
    data = shop()
    pairs, test = data.interactions, np.flatnonzero(data.interactions.split == TEST)
    chosen = np.random.default_rng(seed).permutation(test)[: round(share * len(test))]
    split = pairs.split.copy()
    split[chosen] = TRAIN
    changed = Interactions(user=pairs.user, item=pairs.item, split=split, timestamp=pairs.timestamp)
    return replace(data, interactions=changed, truth=None)


def leaking_model(share: float) -> SRGFormer:
    """Return the same weights on a graph into which test pairs have leaked, to be judged as if they had not."""
    model = SRGFormer(leaking(share), sound_model().config)
    model.load_state_dict(sound_model().state_dict())
    model.data = shop()
    return model.eval()


def curve(zeroing: bool, epochs: int, seed: int = 0) -> Float[np.ndarray, "epochs 2"]:
    """Train a factorisation on the built-in data, with gradients zeroed or never: valid and test Recall@20 of each epoch."""
    data, settings = shop(), TrainConfig(learning_rate=1e-2, batch_size=1024)
    model, found = MatrixFactorization(data), []
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    for epoch in range(1, epochs + 1):
        for batch in model.batches(settings.batch_size, runtime.generator("cpu", seed, epoch, "batches")):
            if zeroing:
                optimizer.zero_grad()
            torch.stack(list(model.losses(batch, settings).values())).sum().backward()
            optimizer.step()
        found.append([evaluate(model, data, split, (20,))[SELECTION_METRIC] for split in ("valid", "test")])
    return np.array(found)
