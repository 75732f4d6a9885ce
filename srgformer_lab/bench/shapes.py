"""Generated data sets of the sizes that matter, so that speed can be measured where the real ones are not at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from srgformer_lab.data.dataset import Dataset, Interactions, ItemCards
from srgformer_lab.errors import ConfigError

POPULARITY_EXPONENT, ACTIVITY_SPREAD = 0.8, 0.8
"""Item of popularity rank r is drawn in proportion to r^−0.8; activity is log-normal with this deviation."""
SMALLEST_HISTORY = 3
"""Each user has one pair to train on, one to validate and one to test."""


@dataclass(frozen=True)
class Shape:
    """The size of a data set, and the preset whose model is trained on it."""

    name: str
    n_users: int
    n_items: int
    n_train: int
    widths: Mapping[str, int]
    """Width of each modality's features."""
    preset: str
    scale: int = 1
    """How many times the size of the shape that it grew from."""

    def __post_init__(self) -> None:
        """Refuse a size that no data set can have: each user takes an item to train on, one to validate and one to test."""
        least, most = self.n_users, self.n_users * (self.n_items - SMALLEST_HISTORY + 1)
        if self.n_items < SMALLEST_HISTORY or not 0 < least <= self.n_train <= most:
            raise ConfigError(
                f"{self.name}: {self.n_users:,} users and {self.n_items:,} items can't share {self.n_train:,} training pairs; "
                f"it takes at least {SMALLEST_HISTORY} items, and {least:,} to {max(most, least):,} pairs"
            )

    def times(self, scale: int) -> "Shape":
        """Multiply users, items and interactions."""
        return Shape(
            f"{self.name}-x{scale}", scale * self.n_users, scale * self.n_items, scale * self.n_train, self.widths, self.preset, scale
        )


RAW = {"image": 4096, "text": 384}
BABY = Shape("baby", 19_445, 7_050, 118_551, {"image": 256, "text": 256}, "baby")
SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        shape.name: shape
        for shape in (
            Shape("studio", 600, 240, 9_766, {"image": 32, "text": 32}, "studio"),
            Shape("movielens", 585, 1_261, 26_237, {"image": 1280, "text": 384}, "studio"),
            BABY,
            *(BABY.times(scale) for scale in (2, 4, 8)),
            Shape("baby-raw", 19_445, 7_050, 118_551, RAW, "baby"),
            Shape("sports", 35_598, 18_357, 218_409, RAW, "sports"),
            Shape("clothing", 39_387, 23_033, 197_338, RAW, "clothing"),
        )
    }
)


def shape(name: str) -> Shape:
    """Return a shape by its name.

    Raises:
        ConfigError: There is no such shape.
    """
    if name not in SHAPES:
        raise ConfigError(f"there is no shape {name!r}; known are {', '.join(SHAPES)}")
    return SHAPES[name]


def generate(shape: Shape, seed: int = 0) -> Dataset:
    """Draw a data set of exactly this size, with popular items and active users, and features without meaning."""
    rng = np.random.default_rng(seed)
    n_users, n_items = shape.n_users, shape.n_items
    activity = rng.lognormal(0, ACTIVITY_SPREAD, n_users)
    popularity = rng.permutation((1.0 + np.arange(n_items)) ** -POPULARITY_EXPONENT)
    user = np.repeat(np.arange(n_users), SMALLEST_HISTORY)
    item = (np.repeat(rng.integers(n_items, size=n_users), SMALLEST_HISTORY) + np.tile(np.arange(SMALLEST_HISTORY), n_users)) % n_items
    pair, wanted = np.unique(user * n_items + item), shape.n_train + 2 * n_users
    while len(pair) < wanted:
        size = 2 * (wanted - len(pair)) + 100
        users = rng.choice(n_users, size, p=activity / activity.sum())
        items = rng.choice(n_items, size, p=popularity / popularity.sum())
        fresh = rng.permutation(np.setdiff1d(users * n_items + items, pair))
        pair = np.union1d(pair, fresh[: wanted - len(pair)])
    order = rng.permutation(wanted)
    user, item = pair[order] // n_items, pair[order] % n_items
    turn = pd.Series(user).groupby(user).cumcount().to_numpy()  # 0 and 1: a user's first pairs in a random order
    split = np.where(turn == 0, 1, np.where(turn == 1, 2, 0)).astype(np.int8)
    blank = tuple("" for _ in range(n_items))
    return Dataset(
        name=shape.name,
        user_ids=tuple(f"u{row}" for row in range(n_users)),
        item_ids=tuple(f"i{row}" for row in range(n_items)),
        interactions=Interactions(user, item, split),
        features={name: rng.standard_normal((n_items, width), dtype=np.float32) for name, width in shape.widths.items()},
        cards=ItemCards(blank, blank, (None,) * n_items, pd.DataFrame(index=range(n_items))),
    )
