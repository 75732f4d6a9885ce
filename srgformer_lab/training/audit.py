"""Does a trained model make use of its modalities? The same weights, on features from which something was taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool

from srgformer_lab.config import check_number, check_seed
from srgformer_lab.data.changing import INTERVENTIONS, with_interventions
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.data.labels import THIRDS, history_thirds
from srgformer_lab.data.lists import HIDDEN
from srgformer_lab.errors import ConfigError
from srgformer_lab.models.identity import on_own_data
from srgformer_lab.models.protocol import Recommender, Watch, used_modalities
from srgformer_lab.models.transfer import carry_over
from srgformer_lab.training.evaluation import judged_lists
from srgformer_lab.training.judging import mean_of_users

TOGETHER = "all together"
JUDGED_BY = "permuted"
"""What decides the verdict: as many vectors with as many numbers, none of them where it belongs."""
OF_USER = ("modality", "intervention", "user_id", "cohort", "before", "after")
OF_ITEM = ("modality", "intervention", "item_id", "title", "held", "before", "after")
DRAWN = ("permuted", "swapped", "missing")
"""The interventions in which something is drawn."""


@dataclass(frozen=True, eq=False)
class Audit:
    """What a trained model's lists find with the features as they are, and after each intervention."""

    metric: str
    """``recall@k``."""
    users: pd.DataFrame
    """``modality``, ``intervention``, ``user_id``, ``cohort``, ``before`` and ``after``: a user's metric in 0…1, the mean of all draws."""
    items: pd.DataFrame
    """``modality``, ``intervention``, ``item_id``, ``title``, ``held`` (people of whom it was held back), ``before`` and ``after`` (of how
    many of these it is on the list, the mean of all draws); those that lose most first."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """``modality``, ``intervention``, ``cohort`` (empty for all), ``users``, ``before``, ``after``, ``change``, ``low``, ``high``.

        The bounds are those of the change (after − before): 95 % bootstrap over users, NaN for fewer than two.
        """
        rows = []
        for (modality, intervention), those in self.users.groupby(["modality", "intervention"], sort=False):
            for cohort in ("", *THIRDS):
                some = those[those["cohort"] == cohort] if cohort else those
                change = (some["after"] - some["before"]).to_numpy()
                found = mean_of_users(change)
                means = (some["before"].mean(), some["after"].mean())
                rows.append((modality, intervention, cohort, len(some), *means, found.mean, found.low, found.high))
        return pd.DataFrame(rows, columns=["modality", "intervention", "cohort", "users", "before", "after", "change", "low", "high"])

    def sentences(self, write: Callable[[float, float, float], str] | None = None) -> list[str]:
        """Return in plain words, for each modality, whether the lists rest on what it tells of each item.

        Args:
            write: How a change and its bounds are written; by default with four decimals and the metric's name.

        Returns:
            One sentence a modality, and one for all together.
        """
        judged = self.table[(self.table["intervention"] == JUDGED_BY) & (self.table["cohort"] == "")]
        return [_said(row, write or self._written) for _, row in judged.iterrows()]

    def _written(self, change: float, low: float, high: float) -> str:
        return f"{change:+.4f} [{low:+.4f}, {high:+.4f}] {self.metric}".replace("-", "−")

    @property
    def verdict(self) -> str:
        """All sentences in one."""
        return " ".join(self.sentences())

    def __repr__(self) -> str:
        """Return the verdict."""
        return f"Audit({self.users['user_id'].nunique()} users: {self.verdict})"


def _said(row: pd.Series, write: Callable[[float, float, float], str]) -> str:
    whose = "all modalities together" if row["modality"] == TOGETHER else f"the {row['modality']} features"
    amount = write(row["change"], row["low"], row["high"])
    if row["high"] < 0:
        return f"The lists rest on {whose}: dealt out anew among the items, {amount}."
    if row["low"] > 0:
        return f"The lists are better without what belongs to each item of {whose}: dealt out anew, {amount}."
    return f"That the lists rest on {whose} can't be told from chance: dealt out anew among the items, {amount}."


@on_own_data
def audit(
    model: Recommender,
    data: Dataset,
    split: str = "test",
    k: int = 20,
    interventions: Sequence[str] = INTERVENTIONS,
    draws: int = 1,
    seed: int = 0,
    watch: Watch = iter,
) -> Audit:
    """Compute what a trained model's lists lose where its modalities tell less, each alone and all together; nothing is trained.

    The weights stay, and what is computed from features is computed anew: what a model does with its modalities, not what they
    would be worth to one that had been trained without them. A model may lean on features that bring nothing, since it learned to
    tell items apart by them; what they bring, the experiment ``audit`` finds by training.

    Args:
        model: A model that can be put onto other data; every one of the catalogue can.
        split: ``valid`` or ``test``.
        k: How long the lists are, from 1.
        interventions: Some of ``zero``, ``mean``, ``permuted``, ``swapped``, ``missing``, as ``with_intervention`` does them.
        draws: How often those are repeated in which something is drawn, from 1; means are taken.
        seed: What they are drawn from.
        watch: Hands on the steps one by one, such as ``tqdm``.
        data: The model's own data; may be left out or stand second.

    Returns:
        Each user's metric and each item's hits before and after, a table with bounds by cohort, and a verdict.

    Raises:
        ConfigError: The model uses no modality, or the split, an intervention or a number is none.
        DataError: The data is not what the model was built on.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> lab.audit(model, interventions=["permuted"]).table["modality"].unique().tolist()
        ['image', 'text', 'all together']
    """
    used = used_modalities(model)
    if not used:
        raise ConfigError(f"{type(model).__name__} uses no modality of {data.name}; audit one that does, such as SRGFormer")
    unknown = [f", not {name!r}" for name in interventions if name not in INTERVENTIONS]
    if unknown or not interventions:
        raise ConfigError(f"interventions={list(interventions)!r} must be some of {', '.join(INTERVENTIONS)}{''.join(unknown)}")
    n_draws, first = int(check_number("draws", draws, 1, 10_000, "repetitions of what is drawn", is_whole=True)), check_seed(seed)
    before = _hits(model, data, split, k)
    users, items = [], []
    for modality, intervention in watch(list(product([*used, *([TOGETHER] if len(used) > 1 else [])], interventions))):
        done = [(name, intervention) for name in (used if modality == TOGETHER else (modality,))]
        seeds = range(first, first + (n_draws if intervention in DRAWN else 1))
        after = np.mean([_hits(*carry_over(model, with_interventions(data, done, each)), split, k) for each in seeds], axis=0)
        about = {"modality": modality, "intervention": intervention}
        users.append(_by_user(data, split, before, after).assign(**about))
        items.append(_by_item(data, split, before, after).assign(**about))
    return Audit(
        f"recall@{k}", *(pd.concat(frames, ignore_index=True)[list(names)] for frames, names in ((users, OF_USER), (items, OF_ITEM)))
    )


def _hits(model: Recommender, data: Dataset, split: str, k: int) -> Bool[np.ndarray, " pairs"]:
    """Return of which pairs that were held back the user finds the item in a list of k."""
    users, items = judged_lists(model, data, split, (k,))
    places = np.where(items == HIDDEN, HIDDEN, users[:, None] * data.n_items + items)
    return np.isin(data.pairs(split) @ np.array([data.n_items, 1]), places)


def _by_user(data: Dataset, split: str, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    rows = data.pairs(split)[:, 0]
    held = np.bincount(rows, minlength=data.n_users)
    judged = held > 0
    shares = {name: np.bincount(rows, hits, data.n_users)[judged] / held[judged] for name, hits in (("before", before), ("after", after))}
    return pd.DataFrame({"user_id": np.array(data.user_ids, dtype=object)[judged], "cohort": history_thirds(data)[judged], **shares})


def _by_item(data: Dataset, split: str, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    rows = data.pairs(split)[:, 1]
    held = np.bincount(rows, minlength=data.n_items)
    known = np.flatnonzero(held)
    counts = {name: np.bincount(rows, hits, data.n_items)[known] for name, hits in (("before", before), ("after", after))}
    names = {name: np.array(values, dtype=object)[known] for name, values in (("item_id", data.item_ids), ("title", data.cards.titles))}
    table = pd.DataFrame({**names, "held": held[known], **counts})
    return table.iloc[np.argsort(table["after"] - table["before"], kind="stable")]
