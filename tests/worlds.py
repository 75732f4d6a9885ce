"""Small data sets, configurations and models that the tests build by hand, fixed ones and random ones."""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st

from srgformer_lab.config import ModelConfig
from srgformer_lab.data.dataset import Dataset, Interactions, ItemCards
from srgformer_lab.models.srgformer import SRGFormer

MODALITY_NAMES = ("image", "text", "audio")


def cards(n_items: int) -> ItemCards:
    return ItemCards(
        titles=[f"Item {row}" for row in range(n_items)],
        texts=[""] * n_items,
        pictures=[None] * n_items,
        details=pd.DataFrame(index=range(n_items)),
    )


def world(train, n_users, n_items, features=None, valid=(), test=(), name="world", user_ids=None, item_ids=None) -> Dataset:
    """A data set from lists of (user, item) rows a split and a mapping of feature matrices."""
    pairs = [(*pair, code) for code, split in enumerate((train, valid, test)) for pair in split]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    return Dataset(
        name=name,
        user_ids=user_ids or [f"u{row}" for row in range(n_users)],
        item_ids=item_ids or [f"i{row}" for row in range(n_items)],
        interactions=Interactions(user=table[:, 0].copy(), item=table[:, 1].copy(), split=table[:, 2].copy()),
        features={name: np.asarray(matrix, dtype=np.float32) for name, matrix in (features or {}).items()},
        cards=cards(n_items),
    )


def random_features(rng, n_items, modalities, width=3, scale=1.0):
    """One matrix a modality, each of another width."""
    return {name: (scale * rng.standard_normal((n_items, width + place))).astype(np.float32) for place, name in enumerate(modalities)}


def shop(modalities=("image", "text"), seed=3, density=0.5, n_users=7, n_items=6) -> Dataset:
    """A connected little data set without isolated nodes, with one valid and one test pair for most users."""
    rng = np.random.default_rng(seed)
    taken = rng.random((n_users, n_items)) < density
    for user in range(n_users):
        taken[user, [user % n_items, (user + 1) % n_items]] = True
    train = [(int(user), int(item)) for user, item in np.argwhere(taken)]
    free = [[int(item) for item in np.flatnonzero(~row)] for row in taken]
    valid = [(user, items[0]) for user, items in enumerate(free) if items]
    test = [(user, items[1]) for user, items in enumerate(free) if len(items) > 1]
    return world(train, n_users, n_items, random_features(rng, n_items, modalities), valid, test, name="shop")


def with_isolated_nodes(modalities=("image", "text")) -> Dataset:
    """Four users and five items; user 3 and item 4 have no training interaction, item 1 has a single one."""
    rng = np.random.default_rng(11)
    train = [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1), (2, 2), (2, 3)]
    return world(train, 4, 5, random_features(rng, 5, modalities), valid=[(0, 4), (3, 0)], test=[(1, 4)], name="isolated")


def duo() -> Dataset:
    """Two users, four items, two modalities: the smallest data set on which every loss term is at work."""
    rng = np.random.default_rng(5)
    train = [(0, 0), (0, 1), (1, 1), (1, 2), (1, 3)]
    return world(train, 2, 4, random_features(rng, 4, ("image", "text")), valid=[(0, 2)], test=[(0, 3)], name="duo")


def planted(n_groups=4, users_per_group=10, items_per_group=8, noise=2.0, seed=1) -> Dataset:
    """Users who take items of their own group only; features hint at an item's group, through much noise.

    A user takes six of the group's eight items: four to train, one valid, one test.
    """
    rng = np.random.default_rng(seed)
    splits = ([], [], [])
    for user in range(n_groups * users_per_group):
        group = user % n_groups
        taken = group * items_per_group + rng.permutation(items_per_group)[:6]
        for place, item in enumerate(taken):
            splits[0 if place < 4 else place - 3].append((user, int(item)))
    n_items = n_groups * items_per_group
    group_of = np.arange(n_items) // items_per_group
    signal = np.eye(n_groups)[group_of]
    features = {name: signal + noise * rng.standard_normal(signal.shape) for name in ("image", "text")}
    return world(splits[0], n_groups * users_per_group, n_items, features, splits[1], splits[2], name="planted")


def relabelled(data: Dataset, user_order, item_order) -> Dataset:
    """The same data with rows in another order: new row r is old row ``order[r]``."""
    new_user, new_item = np.argsort(user_order), np.argsort(item_order)
    pairs = data.interactions
    return Dataset(
        name=data.name,
        user_ids=[data.user_ids[row] for row in user_order],
        item_ids=[data.item_ids[row] for row in item_order],
        interactions=Interactions(user=new_user[pairs.user], item=new_item[pairs.item], split=pairs.split.copy()),
        features={name: matrix[item_order].copy() for name, matrix in data.features.items()},
        cards=cards(data.n_items),
    )


@dataclass(frozen=True)
class Recipe:
    """A random data set, dense or thin, before it is made: strategies hold no data sets, whose checks draw random numbers."""

    n_users: int
    n_items: int
    n_modalities: int
    width: int
    density: float
    scale: float
    seed: int

    def make(self) -> Dataset:
        """Isolated users and items occur; at least one training pair does."""
        rng = np.random.default_rng(self.seed)
        taken = rng.random((self.n_users, self.n_items)) < self.density
        taken[rng.integers(self.n_users), rng.integers(self.n_items)] = True
        train = [(int(user), int(item)) for user, item in np.argwhere(taken)]
        free = [(int(user), int(item)) for user, item in rng.permutation(np.argwhere(~taken))]
        half = len(free) // 2
        features = random_features(rng, self.n_items, MODALITY_NAMES[: self.n_modalities], self.width, self.scale)
        return world(train, self.n_users, self.n_items, features, free[:half][:8], free[half:][:8])


@st.composite
def recipes(draw, min_modalities=0, max_modalities=3):
    """Recipes of 2–12 users and 2–10 items."""
    return Recipe(
        n_users=draw(st.integers(2, 12)),
        n_items=draw(st.integers(2, 10)),
        n_modalities=draw(st.integers(min_modalities, max_modalities)),
        width=draw(st.integers(1, 4)),
        density=draw(st.sampled_from([0.15, 0.4, 0.8, 1.0])),
        scale=draw(st.sampled_from([0.3, 1.0])),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def model_configs(draw, n_modalities=2, **fixed):
    """Random small configurations; ``as_released`` only where there are two modalities to mix up."""
    n_heads = draw(st.sampled_from([1, 2, 3]))
    values = {
        "n_heads": n_heads,
        "embedding_dim": n_heads * draw(st.integers(1, 3)),
        "n_id_layers": draw(st.integers(0, 3)),
        "n_modality_layers": draw(st.integers(0, 3)),
        "n_hypergraph_layers": draw(st.integers(1, 3)),
        "n_hyperedges": draw(st.sampled_from([1, 2, 3, 5])),
        "attention_scale": draw(st.sampled_from([0.0, 0.1, 0.7])),
        "hypergraph_scale": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "membership_temperature": draw(st.sampled_from([0.2, 0.5, 1.0])),
        "dropout": 0.0,
        "attention_form": (form := draw(st.sampled_from(["product", "cosine", "linear", "uniform"]))),
        "scaled_attention": form == "product" and draw(st.booleans()),
        "attention_input": draw(st.sampled_from(["raw", "propagated"])),
        "normalize_features": draw(st.booleans()),
        "as_released": n_modalities == 2 and draw(st.booleans()),
    }
    return ModelConfig(**{**values, **fixed})


@dataclass(frozen=True)
class Situation:
    """A recipe, a configuration that fits it, and a seed and a size for the parameters; unpacking it makes the data set."""

    recipe: Recipe
    config: ModelConfig
    seed: int
    scale: float

    def __iter__(self):
        return iter((self.recipe.make(), self.config, self.seed, self.scale))


@st.composite
def situations(draw, min_modalities=0, max_modalities=3, **fixed):
    """Random situations: ``data, config, seed, scale = situation``."""
    recipe = draw(recipes(min_modalities, max_modalities))
    config = draw(model_configs(recipe.n_modalities, **fixed))
    return Situation(recipe, config, draw(st.integers(0, 2**16)), draw(st.sampled_from([0.3, 1.0, 3.0])))


@contextmanager
def float64():
    """Build models in double precision inside the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def build(data, config=None, seed=0, scale=0.5) -> SRGFormer:
    """A double-precision model with scattered parameters, ready to be read."""
    with float64():
        return scatter(SRGFormer(data, config or small()), seed, scale).eval()


def small(**changes) -> ModelConfig:
    """A small configuration in which every branch is at work."""
    values = {
        "embedding_dim": 6,
        "n_heads": 2,
        "n_id_layers": 2,
        "n_modality_layers": 2,
        "n_hypergraph_layers": 2,
        "n_hyperedges": 3,
        "attention_scale": 0.6,
        "hypergraph_scale": 0.4,
        "membership_temperature": 0.5,
        "dropout": 0.0,
    }
    return ModelConfig(**{**values, **changes})


def scatter(model: torch.nn.Module, seed: int = 0, scale: float = 0.5) -> torch.nn.Module:
    """Overwrite every parameter with normal draws of a given size, so that no test depends on the initialisation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def triples(data: Dataset, size: int, seed: int = 0):
    """Training pairs with arbitrary negatives, users and items repeated: (user, positive, negative) rows."""
    rng = np.random.default_rng(seed)
    pairs = data.pairs("train")
    chosen = pairs[rng.integers(len(pairs), size=size)]
    negative = rng.integers(data.n_items, size=size)
    return tuple(torch.from_numpy(rows.copy()) for rows in (chosen[:, 0], chosen[:, 1], negative))


_owned = {}


def as_if_trained(run, state="queued"):
    """Own a run, as the process that trains it or waits for it does, until this process ends."""
    if run.path.resolve() not in _owned or not _owned[run.path.resolve()].is_in_place():
        _owned[run.path.resolve()] = run.take()
    run.write_status(replace(run.status(), state=state))


def as_if_ended(run):
    """Let go of a run that was owned by ``as_if_trained``."""
    _owned.pop(run.path.resolve()).release()
