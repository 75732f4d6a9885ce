"""What the figures of explanations promise: bars that add up to the score, and findings that are true, however odd the numbers."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from srgformer_lab.errors import DataError
from srgformer_lab.plots.attention import attention_heads, entropy_scatter
from srgformer_lab.plots.faithfulness import MOST_POINTS, deletion_curves, effect_meaning, effect_scatter
from srgformer_lab.plots.history import depth_bars, history_bars, versus_bars
from srgformer_lab.plots.language import PARTS, TIED
from srgformer_lab.plots.scores import sources_waterfall
from srgformer_lab.plots.style import HISTORY_COLORS, PART_COLORS, finding_of

LIMIT = 2_000_000
FLOWING = ["id", "image", "text", "attention"]
NUMBERS = st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 3))
LONG = "Insulated stainless-steel water bottle <b>for</b> $long$ walks & short ones, with a cup, a brush and a strap"
MARKUP = re.compile(r"<[^>]*>")


def history(cells, titles=None, parts=FLOWING):
    cells = np.atleast_2d(np.asarray(cells, float))
    frame = pd.DataFrame(cells, columns=parts[: cells.shape[1]])
    frame.insert(0, "title", titles or [f"Thing {row}" for row in range(len(cells))])
    frame.insert(0, "item_id", [f"i{row}" for row in range(len(cells))])
    return frame.assign(total=cells.sum(axis=1), weight=1 / len(cells))


def sources(own=0.4, items=(0.3, -0.1), edges=(0.2, 0.1)):
    rows = [("own", "own", own)]
    rows += [("history", f"Thing {row}", value) for row, value in enumerate(items)]
    rows += [("hyperedge", f"image {row}", value) for row, value in enumerate(edges)]
    return pd.DataFrame(rows, columns=["kind", "name", "contribution"])


def heads(weights, titles=None, contributions=None):
    """Give the long frame of a matrix: items × heads."""
    weights = np.asarray(weights, float)
    given = weights if contributions is None else np.asarray(contributions, float)
    rows = [
        (f"i{item}", titles[item] if titles else f"Thing {item}", head, weights[item, head], given[item, head])
        for head in range(weights.shape[1])
        for item in range(len(weights))
    ]
    return pd.DataFrame(rows, columns=["item_id", "title", "head", "weight", "contribution"])


def curves(contribution, attention, random, wide=0.01, kind="comprehensiveness"):
    share = np.linspace(0, 1, len(contribution))
    rows = [
        (order, kind, at, drop, drop - wide, drop + wide)
        for order, drops in (("contribution", contribution), ("attention", attention), ("random", random))
        for at, drop in zip(share, drops, strict=True)
    ]
    return pd.DataFrame(rows, columns=["order", "kind", "share", "drop", "low", "high"])


def effects(n_users=4, n_items=6, noise=0.0, seed=0):
    generator = np.random.default_rng(seed)
    effect = generator.normal(size=(n_users, n_items))
    rows = [
        (f"u{user}", "i99", f"i{item}", effect[user, item], effect[user, item] + noise * generator.normal(), generator.random())
        for user in range(n_users)
        for item in range(n_items)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "removed", "effect", "contribution", "attention"])


def versus(a, b, parts=PARTS):
    return pd.DataFrame({"part": list(parts), "a": a, "b": b, "difference": np.subtract(a, b)})


def versus_items(a, b):
    frame = versus(a, b, [f"i{row}" for row in range(len(a))]).rename(columns={"part": "item_id"})
    return frame.assign(title=[f"Thing {row}" for row in range(len(a))])


def depths(*rows):
    return pd.DataFrame([("i0", LONG, *row) for row in rows], columns=["item_id", "title", "part", "depth", "contribution"])


RISING = np.linspace(0, 1, 6)
STEEP = np.sqrt(RISING)


def every_figure(dark=False):
    """Give what draws each figure, by name."""
    generator = np.random.default_rng(5)
    many, titles = generator.normal(size=(300, 4)), [LONG] * 300
    weights = generator.dirichlet(np.ones(300), size=8).T
    drops = curves(STEEP, RISING, RISING**2)
    return {
        "history": lambda: history_bars(history([[0.1, -0.2, 0.3, 0.1], [0.2, 0.2, 0.1, 0]], [LONG, "B"]), 1.5, dark=dark),
        "history of one": lambda: history_bars(history([0.1, 0.2, 0.3, 0.4]), dark=dark),
        "history of 300": lambda: history_bars(history(many, titles), 1.5, dark=dark),
        "history of 300, twenty shown": lambda: history_bars(history(many, titles), 1.5, 20, dark=dark),
        "history that hurts": lambda: history_bars(history(-np.abs(many[:4])), -3.0, dark=dark),
        "history of nothing": lambda: history_bars(history(np.zeros((3, 4))), 0.0, dark=dark),
        "no history": lambda: history_bars(history(many).head(0), dark=dark),
        "sources": lambda: sources_waterfall(sources(), item=LONG, dark=dark),
        "sources, many": lambda: sources_waterfall(sources(items=many[:, 0], edges=many[:80, 1]), 3.0, item=LONG, dark=dark),
        "sources of nothing": lambda: sources_waterfall(sources(0, (0,), (0,)), dark=dark),
        "heads": lambda: attention_heads(heads(weights[:5], [LONG] * 5), dark=dark),
        "many heads": lambda: attention_heads(heads(weights, titles), dark=dark),
        "heads' contributions": lambda: attention_heads(heads(weights, titles, generator.normal(size=(300, 8))), "contribution", dark=dark),
        "one item, one head": lambda: attention_heads(heads([[1.0]]), dark=dark),
        "heads of nothing": lambda: attention_heads(heads(np.zeros((3, 2))), "contribution", dark=dark),
        "no heads": lambda: attention_heads(heads(weights).head(0), dark=dark),
        "curves": lambda: deletion_curves(drops, dark=dark),
        "sufficiency": lambda: deletion_curves(curves(1 - STEEP, 1 - RISING, 1 - RISING**2, kind="sufficiency"), "sufficiency", dark=dark),
        "no curves": lambda: deletion_curves(drops, "sufficiency", dark=dark),
        "curves at zero": lambda: deletion_curves(curves([0] * 3, [0] * 3, [0] * 3, 0), dark=dark),
        "effects": lambda: effect_scatter(effects(), dark=dark),
        "effects against attention": lambda: effect_scatter(effects(), "attention", dark=dark),
        "many effects": lambda: effect_scatter(effects(300, 100), dark=dark),
        "one effect": lambda: effect_scatter(effects(1, 1), dark=dark),
        "no effects": lambda: effect_scatter(effects().head(0), dark=dark),
        "versus": lambda: versus_bars(versus([0.5, 0.2, 0.3, 0, 0.1], [0.4, 0.4, 0, 0, 0.3]), LONG, LONG[::-1], dark=dark),
        "versus by item": lambda: versus_bars(versus_items(many[:, 0], many[:, 1]), LONG, "B", dark=dark),
        "versus itself": lambda: versus_bars(versus([0.5] * 5, [0.5] * 5), LONG, LONG, dark=dark),
        "depths": lambda: depth_bars(depths(("id", 1, 0.4), ("image", 2, -0.1), ("id", 3, 0.05)), dark=dark),
        "no depths": lambda: depth_bars(depths(), dark=dark),
    }


def bars(figure):
    return [trace for trace in figure.data if isinstance(trace, go.Bar)]


def written(figure, name="value"):
    return [MARKUP.sub("", annotation.text) for annotation in figure.layout.annotations if annotation.name == name]


def names(figure):
    return [MARKUP.sub("", text) for text in figure.layout.yaxis.ticktext]


def plain(figure):
    return finding_of(figure).replace(TIED, " ")


def subtitle(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ").replace(TIED, " ")


# ---------------------------------------------------------------- what holds for all


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", list(every_figure()))
def test_every_figure_keeps_the_house_rules(name, dark):
    figure = every_figure(dark)[name]()
    sent = figure.to_json()
    assert figure.layout.height <= 360
    assert figure.layout.width is None
    assert figure.layout.height - figure.layout.margin.t - figure.layout.margin.b >= 40
    assert all(len(line) <= 42 for line in re.sub("&[a-z]+;", "&", figure.layout.title.text).split("<br>"))
    assert all(len(line) <= 56 for line in figure.layout.title.subtitle.text.split("<br>"))
    assert "…</b>" not in sent
    assert "$" not in sent
    assert "<b>for" not in sent
    assert len(sent) < LIMIT
    assert not plain(figure).endswith(" …"), "a finding that is cut off says something else"
    assert not re.search(r"[-−]0\.0+(?![\d.])", " ".join(written(figure))), "no negative zero"


@pytest.mark.parametrize("name", list(every_figure()))
def test_numbers_carry_a_true_minus_sign(name):
    figure = every_figure()[name]()
    shown = [figure.layout.title.text, *written(figure)]
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert figure.layout.height == 160 or axis.ticktext is not None, "an axis of plotly's own would write in its own way"
        shown += [text for text in axis.ticktext or () if "Thing" not in text and "water" not in text]
    for trace in figure.data:
        assert "%{x:" not in (trace.hovertemplate or "")
        assert "%{z:" not in (trace.hovertemplate or "")
    assert not re.search(r"-\d", " ".join(shown))


@pytest.mark.parametrize(
    ("draw", "missing"),
    [
        (history_bars, "item_id, title, total"),
        (sources_waterfall, "kind, name, contribution"),
        (attention_heads, "item_id, title, head, weight"),
        (deletion_curves, "order, kind, low, high, share, drop"),
        (effect_scatter, "user_id, item_id, removed, effect, contribution"),
        (lambda frame: versus_bars(frame, "A", "B"), "part, a, b, difference"),
        (depth_bars, "item_id, title, part, depth, contribution"),
    ],
)
def test_missing_columns_are_named_beside_those_given(draw, missing):
    with pytest.raises(DataError, match=f"no column {re.escape(missing)}; it has colour, size; give"):
        draw(pd.DataFrame({"colour": ["red"], "size": ["large"]}))


def test_a_value_that_is_no_number_is_refused_with_its_row():
    frame = sources()
    frame.loc[2, "contribution"] = np.nan
    with pytest.raises(DataError, match="row 2 has contribution=nan; give a finite number"):
        sources_waterfall(frame)


@pytest.mark.parametrize("most", [0, 21])
def test_only_as_many_rows_as_have_room(most):
    with pytest.raises(DataError, match=f"most={most} must be from 1 to 20"):
        history_bars(history(np.ones((30, 4))), most=most)


# ---------------------------------------------------------------- the history


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=1, max_size=14), st.integers(1, 8))
def test_bars_and_the_folded_row_sum_to_the_history(cells, most):
    frame = history(cells)
    figure = history_bars(frame, most=most)
    drawn = np.sum([bar.x for bar in bars(figure)], axis=0)
    n_shown = min(most, len(frame))
    assert drawn.sum() == pytest.approx(frame["total"].sum(), abs=1e-9)
    assert [bar.name for bar in bars(figure)] == FLOWING
    assert list(drawn[:n_shown]) == sorted(drawn[:n_shown], reverse=True)
    assert len(drawn) == n_shown + (len(frame) > most)
    least = np.abs(drawn[:n_shown]).min()
    assert (frame["total"].abs() > least + 1e-9).sum() <= n_shown, "what is folded away is smaller than what is shown"


def test_parts_wear_their_colours_and_the_rest_is_named_by_its_number():
    figure = history_bars(history(np.ones((14, 4))), most=10)
    assert [bar.marker.color for bar in bars(figure)] == [PART_COLORS[part][0] for part in FLOWING]
    assert names(figure)[-1] == "4 others"
    assert written(figure)[-1] == "+16.0"
    assert figure.layout.barmode == "relative"


def test_a_row_with_help_and_harm_has_a_mark_at_its_sum_and_others_have_none():
    figure = history_bars(history([[0.5, -0.2, 0, 0], [0.1, 0.1, 0, 0]]))
    marks = [trace for trace in figure.data if trace.name == "sum"]
    assert all(list(trace.x) == pytest.approx([0.3]) and list(trace.y) == [0] for trace in marks)
    assert len(marks) == 2
    assert "Marks show sums" in subtitle(figure)
    assert "Marks" not in subtitle(history_bars(history([0.1, 0.2, 0, 0])))


@pytest.mark.parametrize(
    ("totals", "score", "finding"),
    [
        ([0.5, 0.2, -0.1], 1.5, "“Thing 0” adds most, +0.500; all 3 together add +0.600; the score is 1.50"),
        ([0.5, 0.2, -0.1], None, "“Thing 0” adds most, +0.500; all 3 together add +0.600"),
        ([-0.5, -0.2], -1, "“Thing 0” takes most, −0.500; all 2 together take −0.700; the score is −1.00"),
        ([0.2, 0.2, 0.1], None, "2 items add most, +0.200 each; all 3 together add +0.500"),
        ([0.3, -0.1, -0.2], None, "“Thing 0” adds most, +0.300; all 3 together cancel out"),
        ([0.25], 2, "“Thing 0” adds +0.250 and is the whole history; the score is 2.00"),
        ([0, 0], 2, "No item of the history moves the score, 2.00"),
    ],
)
def test_the_history_is_told_in_true_words(totals, score, finding):
    assert plain(history_bars(history(np.reshape(totals, (-1, 1))), score)) == finding


def test_parts_that_do_not_sum_to_their_total_are_refused():
    frame = history([[0.1, 0.2, 0.3, 0.4]]).assign(total=2.0)
    with pytest.raises(DataError, match=r"row 0 \(id, image, text, attention\) sum to 1.00, but total is 2.00"):
        history_bars(frame)


def test_further_modalities_have_bars_and_names_of_their_own():
    figure = history_bars(history(np.ones((2, 3)), parts=["id", "sound", "attention"]))
    assert [bar.name for bar in bars(figure)] == ["id", "sound", "attention"]
    assert "sound" in written(figure, "above")[0]


# ---------------------------------------------------------------- the way to the score


@settings(deadline=None, max_examples=30)
@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=12), st.lists(NUMBERS, min_size=1, max_size=6))
def test_each_bar_starts_where_the_last_ended_and_the_score_is_where_they_end(own, items, edges):
    (bar,) = bars(sources_waterfall(sources(own, items, edges)))
    starts, values = np.asarray(bar.base), np.asarray(bar.x)
    assert starts[1:-1] == pytest.approx((starts + values)[:-2], abs=1e-9)
    assert starts[0] == starts[-1] == 0
    assert values[-1] == pytest.approx(own + sum(items) + sum(edges), abs=1e-9)
    assert values[:-1].sum() == pytest.approx(values[-1], abs=1e-9)


def test_kinds_stand_in_their_order_and_hyperedges_are_one_bar():
    figure = sources_waterfall(sources(0.4, [0.05, 0.3, -0.2, 0.01], (0.2, 0.1)).sample(frac=1, random_state=2), most=2)
    assert names(figure) == ["own embedding", "Thing 1", "Thing 2", "2 others", "2 hyperedges", "score"]
    assert written(figure) == ["+0.400", "+0.300", "−0.200", "+0.0600", "+0.300", "0.860"]
    colors = list(bars(figure)[0].marker.color)
    assert colors[0] == PART_COLORS["id"][0]
    assert colors[1:4] == [HISTORY_COLORS[0]] * 3
    assert colors[4] == PART_COLORS["hypergraph"][0]


def test_what_is_not_explained_is_hollow_and_called_approximate():
    exact, off = sources_waterfall(sources(), 0.9 + 1e-5), sources_waterfall(sources(), 1.4)
    assert "Approximate" not in subtitle(exact)
    assert "not explained" not in names(exact)
    assert subtitle(off).startswith("Approximate: +0.500 is not explained.")
    assert names(off)[-2:] == ["not explained", "score"]
    (bar,) = bars(off)
    assert bar.marker.color[-2] == "#FFFFFF"
    assert [width > 0 for width in bar.marker.line.width] == [False] * 4 + [True, False]
    assert bar.x[-2] == pytest.approx(0.5)
    assert bar.x[-1] == 1.4


def test_an_edit_has_a_bar_and_an_unknown_kind_is_refused():
    edited = pd.concat([sources(), pd.DataFrame({"kind": ["edit"], "name": ["head 2 muted"], "contribution": [-0.2]})])
    assert names(sources_waterfall(edited))[-2:] == ["head 2 muted", "score"]
    with pytest.raises(DataError, match="knows no kind magic; give rows of the kinds own, history, hyperedge, everyone, rest, edit"):
        sources_waterfall(edited.assign(kind="magic"))
    with pytest.raises(DataError, match="has no row"):
        sources_waterfall(edited.head(0))


@pytest.mark.parametrize(
    ("frame", "finding"),
    [
        (sources(0.4, (0.3, 0.3), (-0.5,)), "“Mug” scores 0.500: the history adds most, +0.600; the hypergraph takes most, −0.500"),
        (sources(0.0, (-0.3, -0.3), (-0.5,)), "“Mug” scores −1.10: the history takes most, −0.600"),
        (sources(0.0, (0.0,), (0.0,)), "“Mug” scores 0"),
    ],
)
def test_the_way_names_the_kind_that_adds_and_the_kind_that_takes_most(frame, finding):
    assert plain(sources_waterfall(frame, item="Mug")) == finding


# ---------------------------------------------------------------- heads


def test_items_are_rows_by_mean_and_heads_are_columns_in_order():
    weights = np.array([[0.1, 0.2], [0.6, 0.5], [0.3, 0.3]])
    figure = attention_heads(heads(weights).sample(frac=1, random_state=1))
    assert names(figure) == ["Thing 1", "Thing 2", "Thing 0"]
    assert figure.data[0].z == pytest.approx(weights[[1, 2, 0]])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 0.6)
    assert figure.data[0].text[0][0].replace(TIED, " ") == "60 %"


def test_contributions_have_a_signed_scale_and_no_negative_zero():
    figure = attention_heads(heads([[0.5, 0.5], [0.5, 0.5], [0, 0]], None, [[0.4, -0.2], [-0.001, 0.1], [-0.6, 0.3]]), "contribution")
    heatmap = figure.data[0]
    assert heatmap.zmin == -heatmap.zmax == -0.6
    assert dict(heatmap.colorscale)[0.5] == "#FFFFFF"
    assert [list(row) for row in heatmap.text] == [["0.40", "−0.20"], ["0.00", "0.10"], ["−0.60", "0.30"]]


def test_an_item_that_helps_in_one_head_and_hurts_in_another_is_not_left_out():
    pulled = np.array([[1.0, -1.0], [0.1, 0.1], [0.2, 0.2]])
    assert names(attention_heads(heads(np.abs(pulled), None, pulled), "contribution", most=2)) == ["Thing 2", "Thing 0"]


def test_agreement_is_the_mean_spearman_correlation_of_all_pairs_over_all_items():
    weights = np.random.default_rng(7).dirichlet(np.ones(40), size=3).T
    expected = np.mean([stats.spearmanr(weights[:, a], weights[:, b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))])
    stated = re.search(r"rank correlation (\S+)\)", plain(attention_heads(heads(weights), most=5)))
    assert stated
    assert float(stated[1].replace("−", "-")) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize(
    ("weights", "finding"),
    [
        ([[0.6, 0.5], [0.3, 0.4], [0.1, 0.1]], "The heads agree (rank correlation 1.00); 2 of 2 put “Thing 0” first"),
        ([[0.6, 0.1], [0.3, 0.3], [0.1, 0.6]], "The heads have little in common (rank correlation −1.00)"),
        (
            [[0.4, 0.2], [0.3, 0.4], [0.2, 0.3], [0.1, 0.1]],
            "The heads agree in part (rank correlation 0.40); no two put the same item first",
        ),
        ([[0.6, 0.9], [0.4, 0.1]], "Of the heads, 2 of 2 put “Thing 0” first"),
        ([[0.6, 0.1], [0.4, 0.9]], "Of the heads, no two put the same item first"),
        ([[0.6], [0.4]], "The only head looks most at “Thing 0”, 60 %"),
        ([[0.5, 0.5], [0.5, 0.5]], "Every head weighs all 2 items alike"),
        ([[1 / 3, 0.5], [1 / 3, 0.2], [1 / 3, 0.3]], "1 of 2 heads weighs all 3 items alike"),
        ([[1.0, 1.0]], "“Thing 0” is the whole history: each head gives it 100 %"),
    ],
)
def test_whether_heads_agree_is_told_in_true_words(weights, finding):
    assert plain(attention_heads(heads(weights))) == finding


def test_what_is_not_shown_is_told_with_its_share_of_the_weight():
    weights = np.full((8, 2), 0.05)
    weights[:2] = [[0.4, 0.3], [0.3, 0.4]]
    assert subtitle(attention_heads(heads(weights), most=2)).startswith("Not shown: 6 items with 30 % of the weight.")


def test_a_pair_of_item_and_head_stands_once():
    frame = heads([[0.6, 0.5], [0.4, 0.5]])
    for wrong in (pd.concat([frame, frame]), frame.head(3)):
        with pytest.raises(DataError, match="each item exactly once in each head"):
            attention_heads(wrong)
    with pytest.raises(DataError, match="must be one of weight, contribution"):
        attention_heads(frame, "logit")


# ---------------------------------------------------------------- taking away


@pytest.mark.parametrize(
    ("frame", "finding"),
    [
        (curves([0, 0.8, 1], [0, 0.5, 1], [0, 0.2, 1]), "Contribution’s order costs more than attention’s (+0.150) and random (+0.300)"),
        (curves([0, 0.2, 1], [0, 0.5, 1], [0, 0.8, 1]), "Contribution’s order costs less than attention’s (−0.150) and random (−0.300)"),
        (curves(STEEP, RISING, RISING**2, wide=1.0), "Contribution’s order can’t be told apart from attention’s or random"),
        (curves(STEEP, STEEP, RISING), "Contribution costs more than random and can’t be told apart from attention"),
        (
            curves([0, 0.5, 0.5, 1], [0, 0.1, 0.5, 1], [0, 0.1, 0.1, 1]),
            "Contribution costs more than random and than attention at 1 of 2 shares",
        ),
        (
            curves([0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1], [0, 0.1, 0.5, 1]),
            "Contribution costs more than attention at 0, than random at 1 of 2 shares",
        ),
        (
            curves([0, 0.5, 0.5, 1], [0, 0.1, 0.9, 1], [0, 0.1, 0.1, 1]),
            "Contribution costs more than attention at 1 (less at 1) of 2 shares",
        ),
        (curves([0, 1], [0, 1], [0, 1]), "Contribution’s order can’t be told apart from attention’s or random"),
    ],
)
def test_the_curves_say_no_more_than_their_intervals(frame, finding):
    assert plain(deletion_curves(frame)) == finding


def test_losing_less_is_better_where_only_a_share_is_kept():
    frame = curves([1, 0.2, 0], [1, 0.5, 0], [1, 0.8, 0], kind="sufficiency")
    figure = deletion_curves(frame, "sufficiency")
    assert plain(figure) == "Contribution’s order loses less than attention’s (−0.150) and random (−0.300)"
    assert "Lower is better" in subtitle(figure)


def test_without_intervals_nothing_is_told_apart():
    frame = curves(STEEP, RISING, RISING**2).assign(low=np.nan, high=np.nan)
    figure = deletion_curves(frame)
    assert "can’t be told apart" in plain(figure)
    assert {trace.name for trace in figure.data} == {"contribution", "attention", "random"}


@pytest.mark.parametrize("dark", [False, True])
def test_each_curve_wears_its_own_line_and_bands_are_intervals(dark):
    frame = curves(STEEP, RISING, RISING**2, wide=0.1)
    traces = {trace.name: trace for trace in deletion_curves(frame, dark=dark).data}
    assert traces["attention"].line.color == PART_COLORS["attention"][dark]
    assert traces["contribution"].line.width > traces["attention"].line.width
    assert traces["contribution"].line.dash == traces["attention"].line.dash == "solid"
    assert traces["random"].line.dash not in (None, "solid")
    assert traces["random, interval"].fill == "none"
    band = traces["contribution, interval"]
    assert band.y[: len(STEEP)] == pytest.approx(STEEP + 0.1, abs=1e-6)
    assert band.y[len(STEEP) :] == pytest.approx((STEEP - 0.1)[::-1], abs=1e-6)


def test_names_of_curves_that_end_together_stand_apart_from_top_to_bottom():
    for frame, kind in (
        (curves(STEEP, RISING, RISING**2), "comprehensiveness"),
        (curves(1 - RISING**2, 1 - RISING, 1 - STEEP, kind="sufficiency"), "sufficiency"),
    ):
        figure = deletion_curves(frame, kind)
        labels = [annotation for annotation in figure.layout.annotations if annotation.name == "curve"]
        low, high = figure.layout.yaxis.range
        pixel = (high - low) / (figure.layout.height - figure.layout.margin.t - figure.layout.margin.b)
        assert [label.text for label in labels] == ["contribution", "attention", "random"]
        assert all(above.y - below.y >= 16 * pixel for above, below in pairwise(labels))
        assert all(low <= label.y <= high for label in labels)


def test_shares_in_percent_and_orders_that_stand_twice_are_refused():
    frame = curves(STEEP, RISING, RISING**2)
    with pytest.raises(DataError, match="shares run from 0 to 100"):
        deletion_curves(frame.assign(share=100 * frame["share"]))
    with pytest.raises(DataError, match="each order exactly once at each share"):
        deletion_curves(pd.concat([frame, frame]))
    with pytest.raises(DataError, match="no order alphabetical"):
        deletion_curves(frame.replace({"order": {"random": "alphabetical"}}))
    with pytest.raises(DataError, match="must be one of comprehensiveness, sufficiency"):
        deletion_curves(frame, "completeness")


# ---------------------------------------------------------------- claimed and true


@pytest.mark.parametrize("against", ["contribution", "attention"])
def test_the_correlation_is_the_mean_of_the_users_with_three_removals(against):
    frame = pd.concat([effects(5, 8, noise=0.8), effects(1, 2, seed=3).assign(user_id="few")])
    expected = np.mean(
        [stats.spearmanr(user[against], user["effect"]).statistic for name, user in frame.groupby("user_id") if name != "few"]
    )
    stated = re.search(r"mean rank correlation (\S+) \(5 users\)", plain(effect_scatter(frame, against)))
    assert stated
    assert float(stated[1].replace("−", "-")) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize(
    ("claims", "finding"),
    [
        ([1, 2, 3, 4], "Contribution follows true effects: rank correlation 1.00 (1 user)"),
        ([2, 1, 4, 3], "Contribution loosely follows true effects: rank correlation 0.60 (1 user)"),
        ([2, 4, 1, 3], "Contribution hardly follows true effects: rank correlation 0.00 (1 user)"),
        ([4, 3, 2, 1], "Contribution runs against true effects: rank correlation −1.00 (1 user)"),
        ([1, 1, 1, 1], "Contribution and true effects can’t be ranked: they don’t differ within a user"),
        ([1, 2], "No user has 3 removals yet: too few to rank"),
    ],
)
def test_claims_are_judged_in_true_words(claims, finding):
    frame = effects(1, len(claims)).assign(contribution=np.array(claims, float), effect=np.arange(len(claims)) / 7)
    assert plain(effect_scatter(frame)) == finding


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (0.75, 0.95, "Contribution follows true effects: mean rank correlation 0.85 [0.75, 0.95]"),
        (0.1, 0.95, "Contribution loosely follows true effects: mean rank correlation 0.85 [0.10, 0.95]"),
        (-0.1, 0.95, "Contribution can’t be told from chance: mean rank correlation 0.85 [−0.10, 0.95]"),
        (-0.9, -0.1, "Contribution runs against true effects: mean rank correlation 0.85 [−0.90, −0.10]"),
        (np.nan, np.nan, "Contribution follows true effects: mean rank correlation 1.00 (4 users)"),
    ],
)
def test_where_an_interval_is_known_its_bounds_decide(low, high, finding):
    known = pd.DataFrame({"order": ["attention", "contribution"], "spearman": [0.0, 0.85], "low": [0, low], "high": [0, high]})
    assert plain(effect_scatter(effects(), correlations=known)) == finding


def test_claims_run_to_the_right_effects_upwards_and_the_line_is_where_both_are_the_same():
    frame = effects(noise=0.3)
    figure = effect_scatter(frame)
    (trace,) = figure.data
    assert isinstance(trace, go.Scattergl)
    assert trace.x == pytest.approx(frame["contribution"], abs=1e-6)
    assert trace.y == pytest.approx(frame["effect"], abs=1e-6)
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1) == (line.y0, line.y1)
    assert list(figure.layout.xaxis.range) == list(figure.layout.yaxis.range)
    assert not effect_scatter(frame, "attention").layout.shapes, "a weight is no score"


def test_too_many_points_are_thinned_and_that_is_said():
    figure = effect_scatter(effects(300, 100))
    assert len(figure.data[0].x) == MOST_POINTS
    assert "20,000 of 30,000 points are shown" in subtitle(figure)
    assert "(300 users)" in plain(figure)


# ---------------------------------------------------------------- one item against another


def test_differences_stand_in_the_parts_order_right_for_the_first():
    figure = versus_bars(versus([0.5, 0.8, 0.2, 0.1, 0.3], [0.6, 0.2, 0.4, 0.1, 0.2]).sample(frac=1, random_state=0), "Mug", "Lamp")
    assert names(figure) == ["collaborative", "image", "text", "attention", "hypergraph"]
    assert bars(figure)[0].x == pytest.approx([-0.1, 0.6, -0.2, 0, 0.1])
    assert list(bars(figure)[0].marker.color) == [PART_COLORS[part][0] for part in PARTS]
    assert written(figure) == ["−0.100", "+0.600", "−0.200", "0", "+0.100"]
    assert written(figure, "above") == ["◂ for “Lamp”", "for “Mug” ▸"]


@pytest.mark.parametrize(
    ("a", "b", "finding"),
    [
        ([0.5, 0.8], [0.6, 0.2], "“Mug” leads by 0.500; image speaks most for it, by 0.600"),
        ([-0.5, -0.8], [0.6, 0.2], "“Lamp” leads by 2.10; collaborative speaks most for it, by 1.10"),
        ([0.3, 0.3], [0.1, 0.1], "“Mug” leads by 0.400; 2 parts speak most for it, by 0.200 each"),
        ([0.3, 0.1], [0.1, 0.3], "Both items score the same"),
        ([0.3, 0.1], [0.3, 0.1], "Every part speaks for both items alike"),
    ],
)
def test_who_leads_is_told_in_true_words(a, b, finding):
    assert plain(versus_bars(versus(a, b, ["id", "image"]), "Mug", "Lamp")) == finding


def test_a_history_is_compared_item_by_item_and_the_rest_is_folded():
    a, b = np.linspace(1, -1, 14), np.zeros(14)
    figure = versus_bars(versus_items(a, b), "Mug", "Lamp", most=4)
    assert names(figure) == ["Thing 0", "Thing 1", "Thing 12", "Thing 13", "10 others"]
    assert bars(figure)[0].x[-1] == pytest.approx(0, abs=1e-9)
    assert plain(figure) == "The history is for both items alike"
    assert plain(versus_bars(versus_items([1.0, 0.5], [0, 0]), "Mug", "Lamp")) == (
        "The history is for “Mug” by 1.50; “Thing 0” speaks most for it, by 1.00"
    )


def test_a_difference_that_is_none_is_refused():
    with pytest.raises(DataError, match=r"a=1.00, b=0.250, difference=2.00; the difference must be a − b"):
        versus_bars(versus([1.0], [0.25], ["id"]).assign(difference=2.0), "A", "B")
    with pytest.raises(DataError, match="part 'id' stands twice"):
        versus_bars(versus([1.0, 2.0], [0.0, 0.0], ["id", "id"]), "A", "B")


# ---------------------------------------------------------------- near and far


def test_depths_are_rows_from_near_to_far_and_sum_over_items():
    frame = depths(("image", 2, 0.1), ("id", 1, 0.4), ("id", 1, 0.2), ("id", 3, -0.1), ("image", 3, 0.3))
    figure = depth_bars(frame)
    assert names(figure) == ["1 step", "2 steps", "3 steps"]
    by_part = {bar.name: list(bar.x) for bar in bars(figure)}
    assert list(by_part) == ["id", "image"]
    assert by_part["id"] == pytest.approx([0.6, 0, -0.1])
    assert by_part["image"] == pytest.approx([0, 0.1, 0.3])
    assert written(figure) == ["+0.600", "+0.100", "+0.200"]


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        ([0.6, 0.1], "A walk of 1 step adds most, +0.600; all 2 lengths together add +0.700"),
        ([-0.1, -0.6], "A walk of 2 steps takes most, −0.600; all 2 lengths together take −0.700"),
        ([0.2, 0.2], "2 lengths add most, +0.200 each; all 2 lengths together add +0.400"),
        ([0.2, -0.2], "A walk of 1 step adds most, +0.200; all 2 lengths together cancel out"),
        ([0.2], "A walk of 1 step adds +0.200"),
        ([0, 0], "Walks through the graph don’t move the score"),
    ],
)
def test_near_and_far_are_told_in_true_words(values, finding):
    assert plain(depth_bars(depths(*(("id", depth, value) for depth, value in enumerate(values, start=1))))) == finding


@pytest.mark.parametrize("depth", [0, 1.5])
def test_a_depth_is_a_whole_number_from_one(depth):
    with pytest.raises(DataError, match=f"depth={depth:g}; give whole numbers from 1"):
        depth_bars(depths(("id", depth, 0.1)))


def spread(n_users, trend=0.0):
    draws = np.random.default_rng(0)
    items = draws.integers(2, 200, n_users)
    entropy = 0.9 + 0.05 * draws.random(n_users) + trend * np.log(items)
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(n_users)], "items": items, "entropy": entropy})


@pytest.mark.parametrize(("trend", "word"), [(0.009, "more even"), (-0.05, "less even"), (0.0, "no different")])
def test_the_entropy_says_where_it_goes_over_longer_histories(trend, word):
    frame = spread(500, trend)
    said = finding_of(entropy_scatter(frame, "u3"))
    assert word in said
    assert f"{100 * frame['entropy'].median():.3g}" in said


def test_the_entropy_of_many_users_stays_small_and_marks_the_one_who_is_asked_about():
    frame = spread(30_000)
    figure = entropy_scatter(frame, "u7", dark=True)
    assert len(figure.to_json()) < LIMIT
    assert len(figure.data[0].x) == MOST_POINTS
    assert (figure.data[1].x[0], figure.data[1].y[0]) == (frame["items"][7], pytest.approx(frame["entropy"][7]))
    assert len(entropy_scatter(frame, "nobody").data) == 1


def test_the_entropy_of_nobody_and_of_one_says_so():
    assert "Nobody" in finding_of(entropy_scatter(spread(5).iloc[:0]))
    assert "longer" not in finding_of(entropy_scatter(spread(1)))
    with pytest.raises(DataError, match="finite"):
        entropy_scatter(spread(3).assign(entropy=np.nan))


def test_a_correlation_is_put_into_words_that_never_call_attention_an_explanation():
    said = [effect_meaning(value) for value in (0.9, 0.5, 0.0, -0.8, float("nan"))]
    assert len(set(said)) == len(said)
    assert [("comes" in words or "come close" in words, "next to nothing" in words, "mislead" in words) for words in said[:4]] == [
        (True, False, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert not any("explan" in words or "explain" in words for words in said)
