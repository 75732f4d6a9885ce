"""The two-sided graph: what carries something is filled, named with its amount, and counted in the finding."""

import pandas as pd
import pytest

from srgformer_lab import plots
from srgformer_lab.errors import DataError

NODES = pd.DataFrame({"name": ["A", "B", "skis", "sled", "<b>"], "side": [0, 0, 1, 1, 1], "value": [0.0, 0.25, 0.0, 1.0, 0.0]})
LINKS = pd.DataFrame({"left": ["A", "B", "B"], "right": ["skis", "skis", "sled"]})


@pytest.mark.parametrize("dark", [False, True])
def test_filled_nodes_carry_something_and_the_larger_the_more(dark):
    figure = plots.bipartite_graph(NODES, LINKS, ("people", "things"), dark=dark)
    left, right = (next(trace for trace in figure.data if trace.name == side) for side in ("left", "right"))
    assert left.marker.color[0] != left.marker.color[1]
    assert left.marker.color[0] == right.marker.color[0]
    assert right.marker.size[1] > left.marker.size[1] > left.marker.size[0] == right.marker.size[0]
    assert plots.finding_of(figure) == "1 of the 2 people and 1 of the 3 things carry something"
    names = [note.text for note in figure.layout.annotations if note.name == "name"]
    assert names == ["A", "B <b>0.25</b>", "skis", "sled <b>1.0</b>", "&lt;b&gt;"]
    assert figure.layout.height <= 360


def test_each_line_ends_at_its_two_nodes():
    figure = plots.bipartite_graph(NODES, LINKS, ("people", "things"))
    links, left, right = (next(trace for trace in figure.data if trace.name == name) for name in ("links", "left", "right"))
    at = dict(zip(NODES["name"], (*left.y, *right.y), strict=True))
    ends = [y for y in links.y if y is not None]
    assert ends == [at[name] for pair in LINKS.to_numpy() for name in pair]


@pytest.mark.parametrize(
    ("value", "finding"),
    [(0.0, "Nothing lies on any node yet"), (-1.0, "All of the 2 people and all of the 3 things carry something")],
)
def test_nothing_carried_and_everything_carried_are_said_in_words(value, finding):
    assert plots.finding_of(plots.bipartite_graph(NODES.assign(value=value), LINKS, ("people", "things"))) == finding


def test_without_values_only_the_lines_are_told():
    figure = plots.bipartite_graph(NODES.drop(columns="value"), LINKS, ("people", "things"))
    assert plots.finding_of(figure) == "3 lines between people (2) and things (3)"
    assert [note.text for note in figure.layout.annotations if note.name == "name"] == ["A", "B", "skis", "sled", "&lt;b&gt;"]


def test_missing_column_is_named():
    with pytest.raises(DataError, match="no column right"):
        plots.bipartite_graph(NODES, LINKS[["left"]], ("people", "things"))
