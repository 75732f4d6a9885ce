"""The model in one picture: every part in its place, with its number, and a stream as wide as what it adds."""

import re

import pandas as pd
import pytest

from srgformer_lab import DataError, plots

PARTS = pd.DataFrame({"part": ["id", "image", "text", "attention", "hypergraph"], "contribution": [0.5, 2.0, 1.0, -0.25, 0.0]})
HISTORY = pd.DataFrame({"title": ["A & B", "C"], "picture": ["data:image/webp;base64,AAAA", ""]})
ITEMS = pd.DataFrame({"title": ["<b>Mug</b>"], "picture": [""], "line": ["score 3.25"]})


def test_parts_stand_in_their_order_with_their_numbers():
    drawn = plots.flow_diagram(HISTORY, PARTS, ITEMS)
    assert re.findall(r"<em>(.*?)</em>", drawn) == [plots.signed(value) for value in PARTS["contribution"]]
    assert re.findall(r"<span>(\w+)</span><em>", drawn) == ["collaborative", "image", "text", "attention", "hypergraph"]


def test_a_stream_is_as_wide_as_what_its_part_adds():
    drawn = plots.flow_diagram(HISTORY, PARTS, ITEMS)
    widths = [float(width) for width in re.findall(r'stroke-width="([\d.]+)"', drawn)]
    assert widths[:5] == widths[5:]
    assert widths[1] / widths[2] == pytest.approx(2, rel=0.02)
    assert widths[4] == min(widths) > 0


def test_what_takes_away_is_dashed_and_nothing_else():
    drawn = plots.flow_diagram(HISTORY, PARTS, ITEMS)
    assert [("dasharray" in path) for path in re.findall("<path .*?stroke-width.*?>", drawn)] == [False, False, False, True, False] * 2


def test_texts_are_never_markup():
    drawn = plots.flow_diagram(HISTORY, PARTS, ITEMS, more=3)
    assert "<b>Mug</b>" not in drawn
    assert "A &amp; B" in drawn
    assert "and 3 more" in drawn


def test_the_finding_names_the_strongest_part():
    assert f"image part, {plots.percent(2 / 3.25)} of its score" in plots.flow_finding(PARTS, "Mug")
    losing = PARTS.assign(contribution=-PARTS["contribution"])
    assert "%" not in plots.flow_finding(losing, "Mug")


def test_missing_columns_are_named():
    with pytest.raises(DataError, match="contribution"):
        plots.flow_diagram(HISTORY, PARTS.drop(columns="contribution"), ITEMS)
