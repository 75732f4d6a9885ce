"""What the figures of alignment promise: the finding is what the frames say, selection finds its rows, and 20,000 points stay small."""

import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from srgformer_lab.errors import DataError
from srgformer_lab.plots import PART_COLORS, finding_of
from srgformer_lab.plots.agreement import cosine_distributions, recall_bars
from srgformer_lab.plots.space import alignment_scatter
from srgformer_lab.plots.style import INK, SURFACE

LIMIT = 2_000_000
SPACES = ("id", "image", "text", "audio", "attention", "hypergraph", "fused")


def points(n=50, spaces=("image", "text"), apart=0.0, noise=0.3, seed=0):
    """The same cloud for every space, shifted by ``apart`` and shaken by ``noise``."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    ids = [f"i{row}" for row in range(n)]
    parts = []
    for place, space in enumerate(spaces):
        xy = (shared + noise * rng.normal(size=(n, 2)) + [apart * place, 0]).astype(np.float32)
        parts.append(pd.DataFrame({"space": space, "id": ids, "title": "a thing", "x": xy[:, 0], "y": xy[:, 1]}))
    return pd.concat(parts, ignore_index=True)


def quality(spaces=("image", "text"), trust=0.9, method="pca", side="items"):
    return pd.DataFrame({"space": spaces, "trustworthiness": trust, "continuity": 0.95, "method": method, "side": side})


def cosines(positive=0.7, negative=0.0, spread=0.1, n=300):
    rng = np.random.default_rng(0)
    shapes = [rng.normal(0, spread, size) for size in (n, 5 * n)]
    values = np.concatenate([shape - shape.mean() + mean for shape, mean in zip(shapes, (positive, negative), strict=True)])
    return pd.DataFrame({"kind": np.repeat(["positive", "negative"], [n, 5 * n]), "cosine": values})


def recall(image=(0.3, 0.7, 0.9), text=(0.25, 0.6, 0.8), k=(1, 5, 10), n=200):
    rows = [
        (way, size, share, size / n)
        for way, found in (("image → text", image), ("text → image", text))
        for size, share in zip(k, found, strict=True)
    ]
    return pd.DataFrame(rows, columns=["direction", "k", "recall", "chance"])


def every_figure(dark=False):
    return {
        "two": alignment_scatter(points(), quality(), dark=dark),
        "apart": alignment_scatter(points(apart=9.0), quality(), dark=dark),
        "umap": alignment_scatter(points(), quality(method="umap"), dark=dark),
        "all": alignment_scatter(points(spaces=SPACES), quality(SPACES), dark=dark),
        "one": alignment_scatter(points(spaces=("fused",)), quality(("fused",)), dark=dark),
        "cosines": cosine_distributions(cosines(), dark=dark),
        "recall": recall_bars(recall(), dark=dark),
    }


def texts(figure):
    return [re.sub(r"<[^>]*>", "", annotation.text) for annotation in figure.layout.annotations]


def plain(figure):
    return finding_of(figure).replace("\u00a0", " ")


def below(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", list(every_figure()))
def test_every_figure_keeps_the_house_rules(name, dark):
    figure = every_figure(dark)[name]
    assert figure.layout.height <= (360 if name in ("cosines", "recall") else 600)
    assert figure.layout.width is None
    assert figure.layout.template.layout.paper_bgcolor == SURFACE[dark]
    assert all(len(line) <= 42 for line in figure.layout.title.text.split("<br>"))
    assert all(len(line) <= 56 for line in figure.layout.title.subtitle.text.split("<br>"))
    assert len(figure.layout.title.text.split("<br>")) <= 2
    assert not figure.layout.title.text.endswith("…")
    assert not figure.layout.title.subtitle.text.endswith("…")
    assert "$" not in figure.to_json()


# ---------------------------------------------------------------- the plane


def test_what_is_selected_comes_back_as_rows_of_the_frame():
    frame = points(30, ("text", "image", "fused"))
    (cloud,) = alignment_scatter(frame, quality(("text", "image", "fused"))).data
    assert isinstance(cloud, go.Scattergl)
    assert cloud.mode == "markers"
    assert np.array_equal(cloud.x, frame["x"])
    assert np.array_equal(cloud.y, frame["y"])
    assert (cloud.x.dtype, cloud.hovertext, cloud.customdata) == (np.float32, None, None)
    assert list(cloud.text) == [f"{title}, {space}" for title, space in zip(frame["title"], frame["space"], strict=True)]


@pytest.mark.parametrize("dark", [False, True])
def test_each_space_has_its_colour_and_a_mark_of_its_own(dark):
    marker = alignment_scatter(points(20, SPACES), quality(SPACES), dark=dark).data[0].marker
    of_space = {space: (int(marker.color[20 * place]), int(marker.symbol[20 * place])) for place, space in enumerate(SPACES)}
    assert len({symbol for _, symbol in of_space.values()}) == len(SPACES)
    colors = {round(place * (len(SPACES) - 1)): color for place, color in marker.colorscale}
    assert (marker.cmin, marker.cmax) == (0, len(SPACES) - 1)
    shown = {space: colors[code] for space, (code, _) in of_space.items()}
    assert {space: shown[space] for space in PART_COLORS} == {space: pair[dark] for space, pair in PART_COLORS.items()}
    assert shown["fused"] == INK[dark]
    assert len(set(shown.values())) == len(SPACES)


@pytest.mark.parametrize("dark", [False, True])
def test_marked_things_wear_a_ring_are_joined_and_stand_out_in_every_space(dark):
    figure = alignment_scatter(points(40), quality(), marked=["i7", "i12", "gone"], dark=dark)
    marker, rows = figure.data[0].marker, [7, 12, 47, 52]
    assert np.flatnonzero(marker.line.width).tolist() == rows
    assert marker.line.color == PART_COLORS["hypergraph"][dark]
    assert np.flatnonzero(np.asarray(marker.opacity) == 1).tolist() == rows
    assert np.delete(marker.opacity, rows).max() < 0.2
    assert len(lines_of(figure)) == 2
    assert alignment_scatter(points(40), quality(), marked=["gone"], dark=dark) == alignment_scatter(points(40), quality(), dark=dark)


def test_many_marked_things_wear_no_ring_that_would_hide_their_colours():
    marker = alignment_scatter(points(400), quality(), marked=[f"i{row}" for row in range(390)]).data[0].marker
    assert marker.line.width == 0.5
    assert np.flatnonzero(np.asarray(marker.opacity) < 0.2).tolist() == [*range(390, 400), *range(790, 800)]


def lines_of(figure):
    """Read the joining lines back as the corners that each goes through."""
    drawn = [shape for shape in figure.layout.shapes if shape.name == "pairs"]
    lines = drawn[0].path.split("M")[1:] if drawn else []
    return [[[float(number) for number in corner.split(",")] for corner in line.split("L")] for line in lines]


def test_lines_join_the_points_of_one_thing():
    figure = alignment_scatter(points(40), quality(), pairs=["i7", "i12"])
    cloud = figure.data[0]
    for line, row in zip(lines_of(figure), (7, 12), strict=True):
        assert line == [pytest.approx([cloud.x[place], cloud.y[place]], rel=1e-3) for place in (row, row + 40)]


def test_points_are_the_only_trace_so_that_circling_chooses_nothing_else():
    assert len(alignment_scatter(points(40), quality()).data) == 1


@pytest.mark.parametrize(("pairs", "joined"), [(0, 0), (5, 5), (24, 24), (1000, 40)])
def test_as_many_pairs_as_asked_for_and_as_there_are(pairs, joined):
    lines = lines_of(alignment_scatter(points(40), quality(), pairs=pairs))
    assert [len(line) for line in lines] == [2] * joined


def test_a_point_without_partner_is_not_joined():
    frame = points(3).drop(index=[4])  # i1 has no text
    assert len(lines_of(alignment_scatter(frame, quality(), pairs=10))) == 2
    with pytest.raises(DataError, match="'i9' is to be joined but has no point"):
        alignment_scatter(frame, quality(), pairs=["i9"])


def test_the_finding_compares_own_with_strangers_distances():
    frame = points(300, noise=0.05)
    image, text = (frame.loc[frame["space"] == space, ["x", "y"]].to_numpy() for space in ("image", "text"))
    own = np.median(np.linalg.norm(image - text, axis=1))
    table = np.linalg.norm(image[:, None] - text[None], axis=2)
    expected = 100 * own / np.median(table[~np.eye(300, dtype=bool)])
    found = plain(alignment_scatter(frame, quality()))
    told = re.fullmatch(r"An item’s image and text are drawn (\S+) % as far apart as different items’", found)
    assert told
    assert float(told[1]) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("frame", "of", "finding"),
    [
        (points(apart=50.0), quality(), "An item’s image and text are drawn no closer than different items’"),
        (points(apart=50.0), quality(side="users"), "A user’s image and text are drawn no closer than different users’"),
        (points(7, ("fused",)), quality(("fused",), side="users"), "7 users as the fused space of the model sees them"),
        (points(2).iloc[[0, 3]], quality(), "No two items have a point in image and text"),
    ],
)
def test_the_finding_holds_for_clouds_apart_one_space_and_no_pair(frame, of, finding):
    assert plain(alignment_scatter(frame, of)) == finding


def test_clouds_apart_are_named_where_they_lie_and_others_in_a_line():
    apart = alignment_scatter(points(apart=9.0), quality())
    named = {text[2:]: (note.x, note.xref) for text, note in zip(texts(apart), apart.layout.annotations, strict=True)}
    assert named["image"][0] < 2 < named["text"][0]
    over = alignment_scatter(points(), quality())
    assert texts(over) == ["● image   ▲ text"]
    assert over.layout.annotations[0].xref == "paper"
    assert over.layout.yaxis.domain[1] < 1


def test_quality_is_always_told_and_umap_never_without_its_caution():
    told = "Trustworthiness/continuity 0.90/0.95 image, 0.90/0.95 text."
    assert below(alignment_scatter(points(), quality())) == f"{told} Circle a cluster: what is it?"
    assert below(alignment_scatter(points(), quality(trust=0.6))).endswith("Two directions lose much: try UMAP.")
    assert below(alignment_scatter(points(), quality(), hint="Move the epoch.")) == f"{told} Move the epoch."
    assert "UMAP distances are not model distances." in below(alignment_scatter(points(), quality(method="umap"), hint="Drag."))
    many = quality(SPACES).assign(trustworthiness=np.linspace(0.5, 0.8, 7))
    assert below(alignment_scatter(points(spaces=SPACES), many)).startswith("Trustworthiness/continuity 0.50–0.80/0.95–0.95.")


def test_both_axes_have_one_scale_and_a_lasso_is_at_hand():
    layout = alignment_scatter(points(), quality()).layout
    assert layout.yaxis.scaleanchor == "x"
    assert (layout.dragmode, layout.clickmode) == ("lasso", "event+select")


@pytest.mark.parametrize("dark", [False, True])
def test_twenty_thousand_things_in_two_spaces_stay_small(dark):
    figure = alignment_scatter(points(20_000), quality(), pairs=200, dark=dark)
    assert len(figure.to_json()) < LIMIT / 2


# ---------------------------------------------------------------- cosines


def test_the_overlap_is_that_of_the_drawn_shares():
    figure = cosine_distributions(cosines(0.3, 0.1))
    shares = {trace.name: np.asarray(trace.y, dtype=float) for trace in figure.data}
    assert shares["positive"].sum() == pytest.approx(1, abs=1e-5)
    assert shares["negative"].sum() == pytest.approx(1, abs=1e-5)
    assert np.minimum(shares["positive"], shares["negative"]) == pytest.approx(shares["overlap"], abs=1e-6)
    share = round(100 * shares["overlap"].sum())
    assert any(text == f"overlap {share}\u00a0%" for text in texts(figure))
    assert f"overlap {share} %" in plain(figure)
    assert share == pytest.approx(32, abs=5)  # of two normal curves two deviations apart


@pytest.mark.parametrize(
    ("positive", "negative", "finding"),
    [
        (0.7, 0.0, "Own pairs stand apart from strangers: cosine 0.70 against 0.00, overlap 0 %"),
        (0.1, 0.1, "Own pairs hardly differ from strangers: cosine 0.10 against 0.10, overlap 9"),
        (-0.5, 0.5, "Own pairs lie behind strangers: cosine −0.50 against 0.50, overlap 0 %"),
        (0.99, 0.93, "All vectors point one way: cosine 0.99 in own pairs, 0.93 even in strangers"),
    ],
)
def test_the_finding_says_how_own_pairs_stand_to_strangers(positive, negative, finding):
    assert plain(cosine_distributions(cosines(positive, negative))).startswith(finding)


def test_own_pairs_are_solid_and_strangers_dashed_not_told_by_colour_alone():
    dashes = {trace.name: trace.line.dash for trace in cosine_distributions(cosines()).data}
    assert dashes["positive"] == "solid"
    assert dashes["negative"] == "4px,3px"


@pytest.mark.parametrize("value", [1.0, 0.3, -1.0])
def test_equal_cosines_are_one_bar_that_holds_all(value):
    frame = pd.DataFrame({"kind": ["positive"] * 3 + ["negative"] * 4, "cosine": [value] * 7})
    for trace in cosine_distributions(frame).data:
        assert np.asarray(trace.y).sum() == pytest.approx(1)


def test_two_hundred_thousand_cosines_are_sent_as_outlines():
    assert len(cosine_distributions(cosines(n=33_000)).to_json()) < LIMIT / 100


# ---------------------------------------------------------------- recall


def test_bars_are_the_shares_and_chance_is_a_hollow_mark_on_the_same_row():
    frame = recall().sample(frac=1, random_state=2)
    figure = recall_bars(frame)
    by_name = {trace.name: trace for trace in figure.data}
    for way, found in (("image → text", (0.3, 0.7, 0.9)), ("text → image", (0.25, 0.6, 0.8))):
        bars, chance = by_name[way], by_name[f"{way}, chance"]
        assert tuple(bars.x) == found
        assert tuple(chance.x) == pytest.approx((0.005, 0.025, 0.05))
        assert list(bars.y) == list(chance.y)
        assert chance.marker.color != chance.marker.line.color
    assert by_name["image → text"].marker.color == PART_COLORS["image"][0]
    assert by_name["text → image"].marker.color == PART_COLORS["text"][0]
    assert list(figure.layout.yaxis.ticktext) == ["top 1", "top 5", "top 10"] * 2


def test_the_finding_is_of_the_largest_k_both_ways_beside_chance():
    assert plain(recall_bars(recall())) == "Top 10: image finds its text in 90 %, text finds its image in 80 %; chance 5.0 %"
    long = recall()
    long["direction"] = long["direction"].str.replace("text", "subtitles and reviews")
    assert plain(recall_bars(long)) == "Top 10: 90 % and 80 % find their own; chance 5.0 %"


# ---------------------------------------------------------------- borders


@pytest.mark.parametrize(
    ("draw", "missing"),
    [
        (lambda frame: alignment_scatter(frame, quality()), "space, id, x, y"),
        (lambda frame: alignment_scatter(points(), frame), "space, trustworthiness, continuity"),
        (cosine_distributions, "kind, cosine"),
        (recall_bars, "direction, k, recall, chance"),
    ],
)
def test_missing_columns_are_named_beside_those_given(draw, missing):
    with pytest.raises(DataError, match=f"no column {missing}; it has colour; give"):
        draw(pd.DataFrame({"colour": [1.0]}))


def test_frames_that_say_nothing_are_refused():
    with pytest.raises(DataError, match="no point; project"):
        alignment_scatter(points().head(0), quality())
    with pytest.raises(DataError, match="no negative pair, the kinds are positive"):
        cosine_distributions(cosines().query("kind == 'positive'"))
    for frame in (recall().head(0), pd.concat([recall(), recall()])):
        with pytest.raises(DataError, match="exactly once"):
            recall_bars(frame)


def test_no_name_can_bring_markup_or_formulas_into_a_figure():
    bad = "<b onclick=x>$a$</b>"
    frame = recall()
    frame["direction"] = frame["direction"].str.replace("text", bad)
    for figure in (recall_bars(frame), alignment_scatter(points(spaces=("image", bad)), quality(("image", bad)))):
        assert "$" not in figure.to_json()
        assert "<b onclick" not in figure.to_json()
