"""The figures of a data set say what the counts say, and refuse what is none."""

import numpy as np
import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError
from srgformer_lab.plots import finding_of

COHORTS = {"cold": "short histories", "middle": "middling histories", "heavy": "long histories"}
LIMIT = 2_000_000


def items(users):
    return pd.DataFrame({"title": [f"Thing {place}" for place in range(len(users))], "users": users})


def histories(lengths, cohorts):
    return pd.DataFrame({"items": lengths, "cohort": cohorts})


def known(*rows):
    return pd.DataFrame(rows, columns=["what", "modality", "items", "share"])


def area(figure):
    """Sum what a figure's outlines cover."""
    return sum(float((np.diff(trace.x) * trace.y[:-1]).sum()) for trace in figure.data)


def stretches(figure):
    return [note.text for note in figure.layout.annotations if note.name == "stretch"]


@pytest.mark.parametrize("dark", [False, True])
def test_the_long_tail_names_the_share_of_the_first_tenth_and_of_the_second_half(dark):
    users = [1, 30, 2, 10, 1, 1, 20, 1, 2, 32]
    figure = plots.long_tail(items(users), dark=dark)
    assert finding_of(figure).startswith("The most taken tenth of the items has 32\u00a0% of the interactions")
    assert [text.split("<br>")[1] for text in stretches(figure)] == ["32\u00a0%", "62\u00a0%", "6.0\u00a0% of all"]
    assert area(figure) == sum(users)
    assert "Thing 9" in figure.data[0].text[0]


def test_a_title_in_a_hover_is_never_markup():
    frame = pd.DataFrame({"title": ["<b>$x$</b>"], "users": [1]})
    assert "<b>" not in plots.long_tail(frame).data[0].text[0]
    assert "$" not in plots.long_tail(frame).data[0].text[0]


def test_equal_popularity_has_no_head():
    figure = plots.long_tail(items([4] * 40))
    assert "tenth of the items has 10\u00a0% of the interactions" in finding_of(figure)


def test_the_long_tail_of_many_items_stays_small_and_of_none_says_so():
    assert len(plots.long_tail(items(np.arange(60_000))).to_json()) < LIMIT / 10
    for empty in (items([]), items([0, 0])):
        assert finding_of(plots.long_tail(empty)) == "Nobody took anything yet"


def test_histories_are_cut_into_the_cohorts_and_spans_are_named():
    figure = plots.history_histogram(histories([9, 3, 5, 20, 4, 9], ["middle", "cold", "middle", "heavy", "cold", "heavy"]), COHORTS)
    assert stretches(figure) == ["short histories<br>3–4 items", "middling histories<br>5–9 items", "long histories<br>9–20 items"]
    assert finding_of(figure) == "Half of the people took 7 things or fewer; the longest history has 20"
    assert area(figure) == 50


def test_an_empty_cohort_is_left_out():
    figure = plots.history_histogram(histories([2, 2], ["cold", "middle"]), COHORTS)
    assert stretches(figure) == ["short histories<br>2 items", "middling histories<br>2 items"]


def test_coverage_names_the_modality_that_is_missing_most():
    rows = known(("image features", "image", 7, 0.7), ("text features", "text", 10, 1.0), ("picture to show", "", 0, 0.0))
    figure = plots.coverage_bars(rows, 10)
    assert finding_of(figure) == "Image features are missing for 3 of 10 items"
    assert list(figure.data[0].x) == [0.7, 1.0, 0.0]
    assert list(figure.data[0].marker.color)[:2] == [plots.part_color("image"), plots.part_color("text")]
    assert [note.text for note in figure.layout.annotations if note.name == "value"] == ["70\u00a0%", "100\u00a0%", "0\u00a0%"]


def test_coverage_without_a_gap_or_a_modality_says_so():
    full = plots.coverage_bars(known(("image features", "image", 3, 1.0), ("text features", "text", 3, 1.0)), 3)
    assert finding_of(full) == "Features of image and text are there for all 3 items"
    bare = plots.coverage_bars(known(("title", "", 3, 1.0)), 3)
    assert finding_of(bare).startswith("No modality is known")


def test_what_is_no_count_is_refused():
    with pytest.raises(DataError, match="counts start at 0"):
        plots.long_tail(items([1, -2]))
    with pytest.raises(DataError, match="no column users"):
        plots.long_tail(pd.DataFrame({"title": ["a"]}))
    with pytest.raises(DataError, match="cohorts young; give those of cold, middle, heavy"):
        plots.history_histogram(histories([3], ["young"]), COHORTS)
    with pytest.raises(DataError, match="finite number"):
        plots.coverage_bars(known(("title", "", 3, float("nan"))), 3)
