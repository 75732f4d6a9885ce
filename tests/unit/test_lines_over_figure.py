"""Lines over an axis keep their rows, are named apart, and say what is missing."""

import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError

FRAME = pd.DataFrame({"name": ["by hand", "by hand", "<code>", "<code>"], "x": [0, 1, 0, 1], "y": [0.0, 1.0, 0.0, 1.01]})


@pytest.mark.parametrize("dark", [False, True])
def test_each_name_is_a_line_with_its_own_colour_and_marks_stand_on_it(dark):
    figure = plots.lines_over(FRAME, "They part", x="step", y="w", marks={"<code>": 1}, dark=dark)
    first, second, mark = figure.data
    assert [list(first.y), list(second.y)] == [[0.0, 1.0], [0.0, 1.01]]
    assert first.line.color != second.line.color == mark.marker.color
    assert (list(mark.x), list(mark.y)) == ([1.0], [1.01])
    assert [note.text for note in figure.layout.annotations] == ["by hand", "&lt;code&gt;"]
    assert plots.finding_of(figure) == "They part"


def test_names_of_lines_that_end_together_stand_apart():
    notes = plots.lines_over(FRAME, "They part", x="step", y="w").layout.annotations
    low, high = plots.lines_over(FRAME, "They part", x="step", y="w").layout.yaxis.range
    assert abs(notes[0].y - notes[1].y) >= 0.07 * (high - low) - 1e-9


def test_wrong_frames_are_named_and_an_empty_one_waits():
    with pytest.raises(DataError, match="name"):
        plots.lines_over(FRAME.drop(columns="name"), "They part", x="step", y="w")
    with pytest.raises(DataError, match="finite"):
        plots.lines_over(FRAME.assign(y=float("nan")), "They part", x="step", y="w")
    assert not plots.lines_over(FRAME.head(0), "Nothing yet", x="step", y="w").data
