"""Groups of users by how much is known of them, so that a metric can be read where it is good and where it is not."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.statistics import Interval, over_users

COHORTS: Mapping[str, str] = MappingProxyType({"cold": "short histories", "middle": "middling histories", "heavy": "long histories"})
"""The thirds of the users by the number of items that they have to learn from, and what a person calls them."""


def cohort_name(cohort: str) -> str:
    """Call a cohort, or all users without one, as a person would."""
    return COHORTS[cohort] if cohort else "everybody"


def cohort_mean(values: np.ndarray) -> Interval:
    """Return a cohort's mean with its bounds over users; NaN stands for what too few users can't tell."""
    if len(values) > 1:
        return over_users(values)
    return Interval(float(values[0]) if len(values) else np.nan, np.nan, np.nan)


def cohort_users(data: Dataset, cohort: str = "") -> list[str]:
    """List the users of a cohort in the data's order; all users without a cohort.

    The users are put in order by the length of their training history (ties in the data's order) and cut into thirds.

    Raises:
        UnknownIdError: There is no such cohort.
    """
    if not cohort:
        return list(data.user_ids)
    if cohort not in COHORTS:
        raise UnknownIdError("cohort", cohort, COHORTS)
    place = list(COHORTS).index(cohort)
    lengths = np.asarray(data.matrix("train").sum(axis=1)).ravel()
    order = np.argsort(lengths, kind="stable")
    rows = np.sort(np.array_split(order, len(COHORTS))[place])
    return [data.user_ids[int(row)] for row in rows]
