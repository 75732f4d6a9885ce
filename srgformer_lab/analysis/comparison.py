"""Why this above that: two items for one user, side by side."""

from dataclasses import dataclass

import pandas as pd

from srgformer_lab.analysis.explanation import Explainable, Explanation, explain, read_for
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.models.identity import Id, on_own_data


@dataclass(frozen=True, eq=False)
class Versus:
    """Two items for one user, and what makes the difference between their scores; every table adds up to it."""

    first: Explanation
    second: Explanation

    @property
    def difference(self) -> float:
        """The first item's score minus the second's."""
        return self.first.score - self.second.score

    @property
    def parts(self) -> pd.DataFrame:
        """``part``, ``a``, ``b``, ``difference``: the shares of the parts (half of the row, half of the column)."""
        return _beside(self.first.by_part, self.second.by_part, ["part"], "contribution")

    @property
    def sources(self) -> pd.DataFrame:
        """``kind``, ``id``, ``name``, ``a``, ``b``, ``difference``: own embedding, history items and hyperedges of the user."""
        return _beside(self.first.sources, self.second.sources, ["kind", "id", "name"], "contribution")

    @property
    def history(self) -> pd.DataFrame:
        """``item_id``, ``title``, ``a``, ``b``, ``difference``: what each item of the history does for either."""
        return _beside(self.first.history, self.second.history, ["item_id", "title"], "total")

    def __repr__(self) -> str:
        """Say which item is ahead, by how much, and what decides."""
        ahead, behind = (self.first, self.second) if self.difference >= 0 else (self.second, self.first)
        parts = self.parts
        decides = parts.loc[parts["difference"].abs().idxmax()]
        return (
            f"Versus({ahead.title!r} is {abs(self.difference):.4g} ahead of {behind.title!r} for user {ahead.user_id}; "
            f"the largest difference is {decides['part']} {decides['difference']:+.3g})"
        )


def _beside(first: pd.DataFrame, second: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    both = (
        first[[*keys, value]]
        .merge(second[[*keys, value]], on=keys, how="outer", suffixes=("_a", "_b"), sort=False)
        .fillna({f"{value}_a": 0.0, f"{value}_b": 0.0})
    )
    both = both.rename(columns={f"{value}_a": "a", f"{value}_b": "b"})
    both["difference"] = both["a"] - both["b"]
    order = both["difference"].abs().sort_values(ascending=False, kind="stable").index
    return both.loc[order].reset_index(drop=True)


@on_own_data
def versus(model: Explainable, data: Dataset, user_id: Id, item_a: Id, item_b: Id) -> Versus:
    """Compute what makes the difference between two items' scores for one user, exactly.

    Args:
        model: Any model, a pass that was made, or what ``read_for`` made.
        user_id: Whose scores.
        item_a: One item.
        item_b: The other.
        data: The model's own data; may be left out or stand second.

    Returns:
        Both explanations, and tables with columns ``a``, ``b``, ``difference`` that add up to the difference of the scores.

    Raises:
        UnknownIdError: No user or item has that id.
        DataError: The model was made for other data.

    Examples:
        >>> model = lab.SRGFormer(lab.studio())
        >>> list(lab.versus(model, "u1", "i3", "i8").parts)
        ['part', 'a', 'b', 'difference']
    """
    reading = read_for(model, data.user_row(user_id))
    return Versus(explain(reading, data, user_id, item_a), explain(reading, data, user_id, item_b))
