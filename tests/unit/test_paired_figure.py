"""Differences between runs are drawn where they are, and count as shown only where their interval leaves out 0."""

import numpy as np
import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError

ROWS = [("cold", "b", 9, 0.05, 0.01, 0.09), ("heavy", "b", 8, -0.02, -0.05, 0.01), ("cold", "c", 9, -0.1, -0.2, -0.05)]


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=["group", "run", "judged", "difference", "low", "high"])


def test_every_difference_stands_in_its_row_and_is_filled_where_it_is_shown():
    figure = plots.paired_differences(frame(), "a")
    words = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    for trace in figure.data:
        rows = frame()[frame()["run"] == trace.name]
        assert list(trace.x) == rows["difference"].tolist()
        assert {words[place] for place in trace.y} == {trace.name}
        filled = [color == line for color, line in zip(trace.marker.color, [trace.marker.line.color] * len(rows), strict=True)]
        assert filled == ((rows["low"] > 0) | (rows["high"] < 0)).tolist()
    looks, sure = len(frame()), int(((frame()["low"] > 0) | (frame()["high"] < 0)).sum())
    assert f"{sure} of {looks} intervals leave" in plots.finding_of(figure)  # not the largest of them
    assert "where nothing differed, 0.2 would" in plots.finding_of(figure)


def test_a_finding_with_long_names_still_says_for_whom():
    run, first = "movielens-gamma-0.1-tau-0.2 as trained", "movielens-gamma-0.1-tau-0.2 at epoch 3, α 0"
    finding = plots.finding_of(plots.paired_differences(frame([("middling histories", run, *ROWS[0][2:])]), first))
    assert "as trained" in finding
    assert finding.endswith("+5.00 points of Recall@20 for middling histories")


def test_nothing_sure_is_said_to_be_nothing_sure():
    figure = plots.paired_differences(frame(ROWS[1:2]), "a")
    assert "No group is surely served better or worse" in plots.finding_of(figure)
    assert figure.layout.yaxis.ticktext == ("heavy",)


def test_nobody_to_judge_is_an_empty_figure_and_a_missing_column_an_error():
    assert "Nobody" in plots.finding_of(plots.paired_differences(frame().assign(difference=np.nan), "a"))
    with pytest.raises(DataError, match="judged"):
        plots.paired_differences(frame().drop(columns="judged"), "a")
