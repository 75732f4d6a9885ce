"""Runs between two metrics stand where their means are, with their bounds, and the words say who is highest."""

import numpy as np
import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError

COLUMNS = ["run", *(f"{metric}{bound}" for metric in ("recall@20", "ndcg@20") for bound in ("", " low", " high"))]
ROWS = [
    ("a", 0.1, 0.08, 0.13, 0.05, 0.04, 0.06),
    ("b", 0.2, 0.17, 0.22, 0.09, 0.08, 0.1),
    ("<c>", 0.15, np.nan, np.nan, 0.2, np.nan, np.nan),
]


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=COLUMNS)


def test_every_run_is_a_point_with_its_bounds_in_both_directions():
    figure = plots.metric_plane(frame())
    for point, row in zip(figure.data, frame().to_dict("records"), strict=True):
        assert (point.x[0], point.y[0]) == (row["recall@20"], row["ndcg@20"])
        for bars, metric in ((point.error_x, "recall@20"), (point.error_y, "ndcg@20")):
            ends = [row[metric] + bars.array[0], row[metric] - bars.arrayminus[0]]
            assert ends == pytest.approx([row[f"{metric} high"], row[f"{metric} low"]], nan_ok=True)
    assert [note.text for note in figure.layout.annotations] == ["● a", "○ b", "□ &lt;c&gt;"]
    assert len(figure.to_json()) < 20_000
    dark = plots.metric_plane(frame(), dark=True)
    assert dark.data[0].marker.color != figure.data[0].marker.color


def test_the_axes_swap_with_the_metrics():
    figure = plots.metric_plane(frame(), "ndcg@20", "recall@20")
    assert (figure.data[0].x[0], figure.layout.xaxis.title.text) == (0.05, "NDCG@20")
    assert all("%" in words for words in figure.layout.yaxis.ticktext)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS, "No run is highest in both: b has Recall@20 20.0\N{NO-BREAK SPACE}%, <c> NDCG@20 0.200"),
        (ROWS[:2], "b is highest in both: Recall@20 20.0\N{NO-BREAK SPACE}%, NDCG@20 0.0900"),
        ([ROWS[0], ("d", *ROWS[0][1:])], "All 2 are level: Recall@20 10.0\N{NO-BREAK SPACE}%, NDCG@20 0.0500"),
    ],
)
def test_the_finding_names_the_highest(rows, words):
    assert plots.finding_of(plots.metric_plane(frame(rows))) == words


def test_names_of_runs_that_lie_together_do_not_cover_each_other():
    together = [(name, *ROWS[0][1:]) for name in "abcd"]
    heights = sorted(note.y for note in plots.metric_plane(frame(together)).layout.annotations)
    low, high = plots.metric_plane(frame(together)).layout.yaxis.range
    assert np.diff(heights).min() > 0.07 * (high - low)


def test_long_names_that_end_differently_are_told_apart():
    rows = [
        ("a-long-name-of-a-run-on-some-data " + end, *values) for end, (_, *values) in zip(("at α 0", "as trained"), ROWS, strict=False)
    ]
    figure = plots.metric_plane(frame(rows))
    assert [note.text.rpartition(" ")[2] for note in figure.layout.annotations] == ["0", "trained"]
    assert "as trained is highest in both: Recall@20 20.0" in plots.finding_of(figure)


def test_nobody_to_judge_is_an_empty_figure_and_a_missing_column_an_error():
    nobody = frame().assign(**{"recall@20": np.nan})
    assert "Nobody" in plots.finding_of(plots.metric_plane(nobody))
    with pytest.raises(DataError, match="ndcg@20 low"):
        plots.metric_plane(frame().drop(columns="ndcg@20 low"))
