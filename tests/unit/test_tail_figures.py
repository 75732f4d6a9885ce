"""The matrix of interactions and the long tail say what was counted."""

import numpy as np
import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError

ITEMS = pd.DataFrame({"title": ["rare", "<hit>", "some", "never"], "taken": [1, 6, 3, 0]})


def said(figure):
    return plots.finding_of(figure).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_head_holds_what_was_counted():
    figure = plots.head_share(ITEMS, 0.25)
    assert said(figure) == "The most taken 25 % of the items hold 60 % of all interactions"
    assert list(figure.data[0].y) == [6, 3, 1, 0]
    assert figure.data[0].customdata[0] == "&lt;hit&gt;<br>taken 6 times"
    assert len(set(figure.data[0].marker.color[1:])) == 1
    assert figure.data[0].marker.color[0] != figure.data[0].marker.color[1]


def test_matrix_is_sorted_by_activity_and_keeps_every_pair():
    pairs = pd.DataFrame({"user": [0, 1, 1, 2, 2, 2], "item": [3, 3, 1, 3, 1, 0]})
    figure = plots.interaction_matrix(pairs, 4, 5)
    expected = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(figure.data[0].z, expected)
    assert said(figure).startswith("30 % of the 20 cells")


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_taken_is_said(dark):
    assert "Nobody" in plots.finding_of(plots.head_share(ITEMS.assign(taken=0), dark=dark))
    assert "Nobody" in plots.finding_of(plots.interaction_matrix(pd.DataFrame({"user": [], "item": []}), 2, 2, dark=dark))


def test_missing_columns_are_named():
    with pytest.raises(DataError, match="taken"):
        plots.head_share(ITEMS.drop(columns="taken"))
    with pytest.raises(DataError, match="item"):
        plots.interaction_matrix(pd.DataFrame({"user": [0]}), 1, 1)
