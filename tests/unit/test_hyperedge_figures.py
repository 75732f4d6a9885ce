"""Pictures of hyperedges say what their frames say, at any number of hyperedges."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab.errors import DataError
from srgformer_lab.plots.agreement import agreement_table
from srgformer_lab.plots.graphs import MOST_BANDS, river
from srgformer_lab.plots.hyperedges import (
    HYPERGRAPH_SCALE,
    MOST_USAGE_ROWS,
    hyperedge_finding,
    hyperedge_warning,
    incidence_heatmap,
    usage_bars,
)
from srgformer_lab.plots.style import SURFACE, finding_of, part_color

LIMIT = 2_000_000


def cells(n_items=12, n_hyperedges=4, sharpness=2.0, seed=0):
    weights = np.exp(sharpness * np.random.default_rng(seed).normal(size=(n_items, n_hyperedges)))
    matrix = weights / weights.sum(axis=1, keepdims=True)
    matrix = matrix[np.lexsort((-matrix.max(axis=1), matrix.argmax(axis=1)))]
    place, column = (grid.ravel() for grid in np.indices(matrix.shape))
    titles = [f"Mug <b>{row}</b> $x$" for row in place]
    numbers = np.random.default_rng(seed).permutation(n_hyperedges)[column]
    return pd.DataFrame(
        {
            "item_id": [f"i{row}" for row in place],
            "title": titles,
            "place": place,
            "hyperedge": numbers,
            "column": column,
            "membership": matrix.ravel(),
        }
    )


def cards(mass=(0.5, 0.3, 0.2), dead=(), twins=(), words=True):
    frame = pd.DataFrame({"hyperedge": range(len(mass)), "mass": mass, "items": [round(240 * share) for share in mass]})
    frame["is_dead"] = [k in dead for k in range(len(mass))]
    frame["twin"] = pd.array([dict(twins).get(k) for k in range(len(mass))], dtype="Int64")
    return frame.assign(words=[("striped", "<i>mug</i>", "$y$")] * len(mass)) if words else frame


def counts(n_first=4, n_second=3, seed=0, names=None):
    rng = np.random.default_rng(seed)
    first, second = (grid.ravel() for grid in np.indices((n_first, n_second)))
    shown = [names[k] for k in first] if names else first
    return pd.DataFrame({"first": shown, "second": second, "items": rng.integers(0, 20, n_first * n_second)})


def flows(n_hyperedges=4, n_items=100, epochs=(0, 1, 5), stay=0.7, seed=0):
    rng = np.random.default_rng(seed)
    home, steps = rng.integers(n_hyperedges, size=n_items), []
    for epoch, following in pairwise(epochs):
        after = np.where(rng.random(n_items) < stay, home, rng.integers(n_hyperedges, size=n_items))
        step = pd.DataFrame({"hyperedge": home, "next_hyperedge": after}).value_counts().rename("items").reset_index()
        steps.append(step.assign(epoch=epoch, next_epoch=following))
        home = after
    return pd.concat(steps, ignore_index=True)


def every_figure(dark=False):
    return {
        "incidence": incidence_heatmap(cells(), dark=dark),
        "one hyperedge": incidence_heatmap(cells(5, 1), dark=dark),
        "wide incidence": incidence_heatmap(cells(60, 256), dark=dark),
        "usage": usage_bars(cards(dead={2}, twins={0: 1, 1: 0}), dark=dark),
        "wide usage": usage_bars(cards([1 / 256] * 256, dead=set(range(9)), twins={20: 30}), dark=dark),
        "agreement": agreement_table(counts(), nmi=0.2, chance=0.1, dark=dark),
        "labels": agreement_table(counts(18, 8, names=[f"group <b>{k}</b> $z$ with a long name" for k in range(18)]), "group", dark=dark),
        "wide agreement": agreement_table(counts(256, 256), dark=dark),
        "river": river(flows(), dark=dark),
        "wide river": river(flows(64, 500, (0, 1, 2, 4, 8, 13, 24, 60)), dark=dark),
        "no items": incidence_heatmap(cells().head(0), dark=dark),
        "no step": river(flows().head(0), dark=dark),
        "no cards": usage_bars(cards().head(0), dark=dark),
        "no pairs": agreement_table(counts().head(0), dark=dark),
    }


def plain(figure):
    return finding_of(figure).replace("\u00a0", " ")


def texts(figure):
    return [re.sub(r"<[^>]*>", " ", annotation.text).strip().replace("\u00a0", " ") for annotation in figure.layout.annotations]


@pytest.mark.parametrize("dark", [False, True])
def test_every_figure_keeps_the_house_rules(dark):
    for name, figure in every_figure(dark).items():
        written = figure.to_json()
        assert figure.layout.height <= 360, name
        assert figure.layout.width is None
        assert figure.layout.template.layout.paper_bgcolor == SURFACE[dark]
        assert all(len(line) <= 42 for line in figure.layout.title.text.split("<br>")), name
        assert all(len(line) <= 56 for line in figure.layout.title.subtitle.text.split("<br>")), name
        assert len(written) < LIMIT, name
        assert "$" not in written
        assert "<i>" not in written


@pytest.mark.parametrize(
    ("draw", "frame", "missing"),
    [
        (incidence_heatmap, cells(), "membership"),
        (usage_bars, cards(), "twin"),
        (agreement_table, counts(), "items"),
        (river, flows(), "next_hyperedge"),
    ],
)
def test_a_missing_column_is_named(draw, frame, missing):
    with pytest.raises(DataError, match=f"no column {missing};"):
        draw(frame.drop(columns=missing))
    assert draw(frame, hint="Try this.").layout.title.subtitle.text == "Try this."


# ---------------------------------------------------------------- incidence


def test_the_heatmap_shows_the_memberships_in_their_places():
    frame = cells()
    drawn = incidence_heatmap(frame.sample(frac=1, random_state=0)).data[0]
    assert np.asarray(drawn.z) == pytest.approx(frame["membership"].to_numpy().reshape(12, 4), abs=1e-4)
    assert np.asarray(drawn.customdata)[0].tolist() == frame.sort_values("column").groupby("column")["hyperedge"].first().tolist()
    assert drawn.zmin == 0


def test_lines_part_the_items_of_one_hyperedge_from_the_next():
    frame = cells()
    home = frame["membership"].to_numpy().reshape(12, 4).argmax(axis=1)
    lines = sorted(shape.y0 for shape in incidence_heatmap(frame).layout.shapes)
    assert lines == [row - 0.5 for row in range(1, 12) if home[row] != home[row - 1]]


def test_the_finding_says_how_decided_a_typical_item_is():
    frame = cells()
    typical = np.median(frame["membership"].to_numpy().reshape(12, 4).max(axis=1))
    assert (
        plain(incidence_heatmap(frame)) == f"A typical item is {100 * typical:.0f} % in its first hyperedge; spread evenly it would be 25 %"
    )
    assert plain(incidence_heatmap(cells(5, 1))) == "There is one hyperedge, and every item is fully in it"


def test_a_cell_that_is_missing_or_stands_twice_is_refused():
    with pytest.raises(DataError, match="47 rows for 12 × 4 cells"):
        incidence_heatmap(cells().iloc[1:])
    with pytest.raises(DataError, match="stands twice"):
        incidence_heatmap(pd.concat([cells(), cells().head(1)]))


@pytest.mark.parametrize("dark", [False, True])
def test_the_scale_runs_one_way_and_ends_furthest_from_the_page(dark):
    levels = [sum(int(color[k : k + 2], 16) for k in (1, 3, 5)) for _, color in HYPERGRAPH_SCALE[dark]]
    assert levels == sorted(levels, reverse=not dark)


# ---------------------------------------------------------------- usage


def test_bars_stand_by_mass_with_words_and_numbers():
    figure = usage_bars(cards((0.2, 0.5, 0.3)))
    bar = figure.data[0]
    assert list(bar.x) == [0.5, 0.3, 0.2]
    assert [name.split()[-1] for name in figure.layout.yaxis.ticktext] == ["1", "2", "0"]
    assert figure.layout.yaxis.ticktext[0].startswith("striped, ")
    assert texts(figure) == ["50 %", "30 %", "20 %"]
    assert set(bar.marker.color) == {part_color("hypergraph")}
    assert plain(figure) == "All 3 hyperedges are in use: the largest carries 50 %, the smallest 20 %"


def test_dead_ones_are_hollow_and_crossed_and_twins_wear_a_diamond():
    figure = usage_bars(cards((0.4, 0.35, 0.25, 0.0), dead={3}, twins={0: 1, 1: 0}, words=False))
    assert plain(figure) == "Of 4 hyperedges 1 is dead and 2 have a twin"
    assert [text for text in texts(figure) if "%" not in text and text != "0"] == ["◇  twin of 1", "◇  twin of 0", "✕  dead"]
    assert [color == part_color("hypergraph") for color in figure.data[0].marker.color] == [True, True, True, False]


def test_many_hyperedges_are_columns_with_a_mark_each_and_one_word():
    mass = np.linspace(2, 1, 3 * MOST_USAGE_ROWS) / (4.5 * MOST_USAGE_ROWS)
    figure = usage_bars(cards(mass, dead={28, 29}, twins={3: 4, 4: 3}))
    marks = {trace.marker.symbol: list(trace.x) for trace in figure.data[1:]}
    assert marks == {"x-thin": [28, 29], "diamond-open": [3, 4]}
    assert texts(figure) == ["2 dead", "2 with a twin"]


def test_one_hyperedge_tells_nothing_apart():
    assert plain(usage_bars(cards((1.0,)))) == "There is one hyperedge: it carries everything and tells nothing apart"


def test_with_one_hyperedge_nobody_is_sent_to_the_temperature():
    for figure in (usage_bars(cards((1.0,))), incidence_heatmap(cells(5, 1))):
        assert figure.layout.title.subtitle.text == "Train with more hyperedges (K) to tell items apart."


def test_cards_of_two_modalities_at_once_are_refused():
    with pytest.raises(DataError, match="cards of one modality"):
        usage_bars(pd.concat([cards(), cards()]))


# ---------------------------------------------------------------- agreement


def test_the_table_keeps_every_count_and_leaves_out_what_is_empty():
    frame = counts(5, 4)
    frame.loc[(frame["first"] == 2) | (frame["second"] == 3), "items"] = 0
    drawn = agreement_table(frame)
    rows, columns = (list(map(int, axis.ticktext)) for axis in (drawn.layout.yaxis, drawn.layout.xaxis))
    assert set(rows) == {0, 1, 3, 4}
    assert set(columns) == {0, 1, 2}
    table = frame.pivot(index="first", columns="second", values="items")
    assert np.array_equal(drawn.data[0].z, table.loc[rows, columns].to_numpy())
    assert table.loc[rows].sum(axis=1).is_monotonic_decreasing


def test_partners_meet_on_the_diagonal():
    order = [2, 0, 3, 1]
    frame = counts(4, 4)
    frame["items"] = [20 - first if second == order[first] else 1 for first, second in zip(frame["first"], frame["second"], strict=True)]
    z = np.asarray(agreement_table(frame).data[0].z)
    assert z.argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("nmi", "chance", "finding"),
    [
        (0.08, 0.055, "Image and text hardly agree: NMI 0.080 (0.055 by chance)"),
        (0.6, 0.5, "Image and text agree in part: NMI 0.60 (0.50 by chance)"),
        (0.9, 0.1, "Image and text agree closely: NMI 0.90 (0.10 by chance)"),
        (float("nan"), float("nan"), "Image 1 and text 2 share most: 20 of 31 items"),
        (None, None, "Image 1 and text 2 share most: 20 of 31 items"),
    ],
)
def test_agreement_is_judged_beyond_chance(nmi, chance, finding):
    frame = counts(4, 3).assign(items=1)
    frame.loc[(frame["first"] == 1) & (frame["second"] == 2), "items"] = 20
    assert plain(agreement_table(frame, nmi=nmi, chance=chance)) == finding


@pytest.mark.parametrize(("untrained", "beside"), [(0.3, "0.30 untrained, 0.10 by chance"), (float("nan"), "0.10 by chance")])
def test_agreement_stands_beside_the_untrained_one(untrained, beside):
    assert f"NMI 0.90 ({beside})" in plain(agreement_table(counts(4, 3), nmi=0.9, chance=0.1, untrained=untrained))


# ---------------------------------------------------------------- the river


def blocks(figure):
    """The blocks' corners: place of the epoch, top, bottom."""
    path = next(shape.path for shape in figure.layout.shapes if shape.name == "blocks")
    found = re.findall(r"M([-\d.e]+),([-\d.e]+)H([-\d.e]+)V([-\d.e]+)", path)
    return [(round((float(x0) + float(x1)) / 2), float(top), float(bottom)) for x0, top, x1, bottom in found]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**16), st.integers(1, 20), st.integers(2, 5))
def test_every_epoch_carries_all_items_in_blocks_that_do_not_overlap(seed, n_hyperedges, n_epochs):
    figure = river(flows(n_hyperedges, 100, tuple(range(n_epochs)), seed=seed))
    by_epoch = {}
    for epoch, top, bottom in blocks(figure):
        by_epoch.setdefault(epoch, []).append((top, bottom))
    assert set(by_epoch) == set(range(n_epochs))
    for stack in by_epoch.values():
        assert sum(bottom - top for top, bottom in stack) == pytest.approx(100, abs=0.1)
        assert all(after[0] > before[1] - 1e-3 for before, after in pairwise(stack))
        assert len(stack) <= MOST_BANDS + 1


def test_bands_that_stay_and_bands_that_move_carry_their_items():
    frame = flows()
    drawn = river(frame).layout.shapes
    assert {shape.fillrule for shape in drawn} == {"nonzero"}  # or there would be holes where bands cross
    shapes = {shape.name: shape.path for shape in drawn}
    stays = frame["hyperedge"] == frame["next_hyperedge"]
    for name, chosen in (("staying", stays), ("moving", ~stays)):
        bands = [list(map(float, re.findall(r"-?[\d.]+", band))) for band in shapes[name].split("Z")[:-1]]
        assert sum(numbers[9] - numbers[7] for numbers in bands) == pytest.approx(frame.loc[chosen, "items"].sum(), abs=0.2)


def test_small_hyperedges_are_merged_and_said_to_be():
    figure = river(flows(64, 800))
    ends = [text for text in texts(figure) if "item" in text]
    assert len(ends) == MOST_BANDS + 1
    assert re.match(r"55 others +\d+ items", ends[-1])
    assert sum(int(re.search(r"(\d+) item", text).group(1)) for text in ends) == 800


def test_items_in_no_hyperedge_flow_as_none():
    frame = flows().astype({"hyperedge": "Int64", "next_hyperedge": "Int64"})
    frame.loc[frame["hyperedge"] == 3, "hyperedge"] = pd.NA
    frame.loc[frame["next_hyperedge"] == 3, "next_hyperedge"] = pd.NA
    figure = river(frame.groupby(list(frame.columns.drop("items")), dropna=False)["items"].sum().reset_index())
    assert any(text.startswith("none") for text in texts(figure))
    assert plain(figure) == plain(river(flows()))


def test_the_finding_names_the_last_step_and_the_liveliest():
    lively = pd.DataFrame([(0, 1, 0, 1, 60), (0, 1, 1, 1, 40), (1, 9, 1, 1, 90), (1, 9, 1, 0, 10)])
    lively.columns = ["epoch", "next_epoch", "hyperedge", "next_hyperedge", "items"]
    assert plain(river(lively)) == "1.2 % of the items change hyperedge in an epoch from 1 to 9; from 0 to 1 it was 60 %"
    assert plain(river(lively.assign(hyperedge=1, next_hyperedge=1))) == "No item changes its hyperedge from epoch 0 to 9"


def test_steps_that_lose_items_are_refused():
    with pytest.raises(DataError, match="100, 60 items"):
        river(pd.DataFrame([(0, 1, 0, 0, 100), (1, 2, 0, 0, 60)], columns=flows().columns[[3, 4, 0, 1, 2]]))


def test_labels_keep_clear_of_one_another():
    figure = river(flows(64, 800))
    reach = figure.layout.yaxis.range[0]
    plot = 360 - figure.layout.margin.t - figure.layout.margin.b
    right = [note for note in figure.layout.annotations if note.xanchor == "left"]
    places = [note.y / reach * plot for note in right]
    assert all(after - before >= 11 for before, after in pairwise(places))
    assert all(0 <= place <= plot for place in places)


CARD = {"hyperedge": 3, "items": 12, "words": ("striped", "mug", "cup"), "label": "stripes", "purity": 0.75, "labelled": 8}
CARD |= {"is_dead": False, "twin": pd.NA}


def test_the_line_of_the_even_share_crosses_no_number():
    masses, even = [0.7, 0.2, 0.06, 0.04], 0.25
    figure = usage_bars(pd.DataFrame({"hyperedge": range(4), "mass": masses, "items": 1, "is_dead": False, "twin": pd.NA}))
    for mass, note in zip(masses, figure.layout.annotations, strict=True):
        assert note.x >= even
        assert note.x == (mass if note.xanchor == "right" else max(mass, even))


def test_a_card_says_what_it_gathers():
    assert (
        hyperedge_finding(CARD)
        == "Hyperedge 3 gathers 12 items of “striped, mug”; 75\u00a0% of the 8 whose category is known are “stripes”"
    )
    unknown = hyperedge_finding(CARD | {"labelled": 0, "purity": float("nan"), "label": "", "words": ()})
    assert unknown == "Hyperedge 3 gathers 12 items"
    single = hyperedge_finding(CARD | {"labelled": 1, "purity": 1.0})
    assert single == "Hyperedge 3 gathers 12 items of “striped, mug”; the one whose category is known is “stripes”"
    assert hyperedge_finding(CARD | {"twin": 5}).endswith("Its twin is hyperedge 5")
    assert "dead" in hyperedge_finding(CARD | {"is_dead": True, "items": 0})
    assert "no item’s first" in hyperedge_finding(CARD | {"items": 0})


def test_a_warning_names_the_dead_and_the_twins_and_nothing_else():
    cards = pd.DataFrame(
        {"hyperedge": range(4), "mass": [0.4, 0.3, 0.29, 0.01], "items": [4, 3, 3, 0], "is_dead": [False, False, False, True]}
    )
    well = cards.assign(is_dead=False, twin=pd.array([pd.NA] * 4, dtype="Int64"))
    assert hyperedge_warning(well) == ""
    ill = cards.assign(twin=pd.array([pd.NA, 2, 1, pd.NA], dtype="Int64"))
    assert hyperedge_warning(ill) == "Of 4 hyperedges 1 is dead and 2 have a twin (dead: 3; twins: 1, 2)"
    crowd = pd.concat([cards.iloc[[3]].assign(hyperedge=n, twin=pd.NA) for n in range(MOST_USAGE_ROWS + 5)])
    assert hyperedge_warning(crowd).endswith(f"{MOST_USAGE_ROWS - 1} and 5 more)")


def test_long_names_below_a_table_are_turned_so_that_they_do_not_touch():
    names = [f"Documentary {n}" for n in range(15)]
    frame = pd.DataFrame(
        [(row, name, row + place) for row in range(3) for place, name in enumerate(names)], columns=["first", "second", "items"]
    )
    turned = agreement_table(frame, "image", "category").layout.xaxis
    assert (turned.tickangle, len(turned.ticktext)) == (-50, 15)
    few = frame[frame["second"].isin(names[:2])].replace({names[0]: "0", names[1]: "1"})
    assert agreement_table(few, "image", "text").layout.xaxis.tickangle == 0
