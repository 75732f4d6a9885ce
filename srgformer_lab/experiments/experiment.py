"""What an experiment is: a question, the cases that answer it, and which of them are held against which."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.data.source import STUDIO
from srgformer_lab.errors import UnknownIdError
from srgformer_lab.experiments.case import Case, Setup

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Chosen = Mapping[str, Mapping[str, Any]]
"""The settings that validation chose, by label."""
Variants = Mapping[str, Mapping[str, Any]]
"""Settings of SRGFormer and of its training by what they are called in the table."""


def no_trials(setup: Setup) -> list[Case]:
    """Try nothing: all settings are given."""
    return []


def gains(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float]) -> "list[Figure]":
    """Draw all rows of a table beside its reference, if it was wanted."""
    return [plots.comparison_dots(table, by[0], _present(table, by[0], reference))]


def losses(table: pd.DataFrame, by: Sequence[str], reference: Mapping[str, str | float]) -> "list[Figure]":
    """Draw the same, and say what is lost beside the reference."""
    return [plots.comparison_dots(table, by[0], _present(table, by[0], reference), about="losses")]


def _present(table: pd.DataFrame, label: str, reference: Mapping[str, str | float]) -> str | None:
    return str(reference[label]) if reference[label] in set(table[label]) else None


@dataclass(frozen=True)
class Experiment:
    """A question that trainings answer.

    Trials are run first, on the first seed; the settings of each label's best trial by validation are then given to ``cases``.
    """

    name: str
    question: str
    by: tuple[str, ...]
    """The labels that make a row of the table."""
    reference: Mapping[str, str | float]
    """What a row is held against: the row of these labels, the others being its own."""
    cases: Callable[[Setup, Chosen], Sequence[Case]]
    trials: Callable[[Setup], Sequence[Case]] = no_trials
    draw: "Callable[[pd.DataFrame, Sequence[str], Mapping[str, str | float]], list[Figure]]" = gains
    data: str = STUDIO
    """What is trained on unless a data set is named."""


def of_variants(setup: Setup, label: str, variants: Variants) -> list[Case]:
    """Return SRGFormer in every wanted variant, for every seed.

    Raises:
        UnknownIdError: The experiment is restricted to something that is no variant.
    """
    return [setup.case({label: name}, seed, **variants[name]) for name in wanted(setup, label, variants) for seed in setup.seeds]


def wanted(setup: Setup, label: str, known: Mapping[str, Any]) -> list[str]:
    """Return the names that the experiment is restricted to, or all.

    Raises:
        UnknownIdError: A name is none of those known.
    """
    for name in setup.only:
        if name not in known:
            raise UnknownIdError(label, name, known)
    return list(setup.only or known)
