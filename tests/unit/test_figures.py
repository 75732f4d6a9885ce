"""What a figure promises: it says what the numbers say, in the language's colours and order, and stays small."""

import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plotly.colors import hex_to_rgb, make_colorscale, sample_colorscale

from srgformer_lab import plots
from srgformer_lab.config import KNOBS, ModelConfig, TrainConfig
from srgformer_lab.errors import DataError
from srgformer_lab.plots.drawing import ticks
from srgformer_lab.plots.language import KNOB_MARKS, before_after, safe
from srgformer_lab.plots.style import SIGNED_SCALE, SURFACE
from srgformer_lab.plots.texts import lines

LIMIT = 2_000_000
NUMBERS = st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 4))


def history(n=30, best=20):
    epoch = np.arange(1, n + 1)
    metric = 0.09 - 0.001 * np.abs(epoch - best)
    columns = {"ranking": 0.7 / epoch, "regularization": 1e-4 * epoch, "hypergraph_contrast": 2 / epoch, "modality_contrast": 0.01 / epoch}
    return pd.DataFrame(
        {"epoch": epoch, "recall@20": metric, "ndcg@20": metric / 2} | {f"loss.{name}": value for name, value in columns.items()}
    )


def steps(n_epochs=30, each=10):
    progress = np.arange(1, n_epochs * each + 1) / each
    return pd.DataFrame({"epoch": np.ceil(progress), "progress": progress, "loss.ranking": 0.7 / (1 + progress)})


def turned(*rows):
    return pd.DataFrame(rows, columns=["progress", "name", "before", "after"])


def shares(values):
    return pd.DataFrame({"part": list(plots.PARTS), "contribution": values})


def cells(seed=0):
    values = np.random.default_rng(seed).normal(size=(5, 5))
    rows = [(p, q, values[i, j]) for i, p in enumerate(plots.PARTS) for j, q in enumerate(plots.PARTS)]
    return pd.DataFrame(rows, columns=["user_part", "item_part", "contribution"])


def surface(n=6, peak=(0.4, 0.6)):
    scale = np.linspace(0, 1, n)
    rows = [(a, b, 0.1 - 0.02 * ((a - peak[0]) ** 2 + (b - peak[1]) ** 2)) for a in scale for b in scale]
    return pd.DataFrame(rows, columns=["attention_scale", "hypergraph_scale", "value"])


def compare(before=(1, 2, 3, 14), after=(2, 1, 11, 3)):
    ids = [f"i{place}" for place in range(len(before))]
    return pd.DataFrame({"item_id": ids, "title": [f"Thing {name}" for name in ids], "rank_before": before, "rank_after": after})


def every_figure(dark=False):
    return {
        "curves": plots.learning_curves(history(), steps(), turned((3.2, "hypergraph_scale", 0.3, 0.6)), dark=dark),
        "empty": plots.learning_curves(history(0), None, None, dark=dark),
        "losses": plots.loss_terms(history(), steps(), None, dark=dark),
        "waterfall": plots.waterfall(shares([1.0, 0.5, -0.25, 0.3, 0.1]), 1.65, dark=dark),
        "table": plots.parts_table(cells(), dark=dark),
        "surface": plots.metric_heatmap(surface(), "recall@20", (0.2, 0.2), (0.5, 0.5), dark=dark),
        "moves": plots.rank_moves(compare(), 10, dark=dark),
    }


def bars(figure):
    return [trace for trace in figure.data if isinstance(trace, go.Bar)]


def texts(figure):
    return [re.sub(r"<[^>]*>", "", annotation.text) for annotation in figure.layout.annotations]


def plain(figure):
    return plots.finding_of(figure).replace("\u00a0", " ")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", list(every_figure()))
def test_every_figure_keeps_the_house_rules(name, dark):
    figure = every_figure(dark)[name]
    assert figure.layout.height <= 360
    assert figure.layout.width is None
    assert figure.layout.template.layout.paper_bgcolor == SURFACE[dark]
    assert not figure.layout.template.layout.xaxis.showgrid
    assert figure.layout.template.layout.showlegend is False
    assert all(len(line) <= 42 for line in figure.layout.title.text.split("<br>"))
    assert all(len(line) <= 56 for line in figure.layout.title.subtitle.text.split("<br>"))
    assert "$" not in figure.to_json()


def test_a_figure_says_its_hint_once_and_takes_another():
    assert plots.waterfall(shares([1.0] * 5), hint="Drop an item.").layout.title.subtitle.text == "Drop an item."


# ---------------------------------------------------------------- the waterfall


@settings(deadline=None, max_examples=25)
@given(st.lists(NUMBERS, min_size=5, max_size=5))
def test_the_bars_start_where_the_last_one_ended_and_end_at_the_score(values):
    (drawn,) = bars(plots.waterfall(shares(values)))
    (*starts, first), (*steps, score) = drawn.base, drawn.x
    end = 0.0
    for start, step, value in zip(starts, steps, values, strict=True):
        assert start == pytest.approx(end, abs=1e-9)
        assert step == pytest.approx(value)
        end = start + step
    assert first == 0
    assert score == pytest.approx(end, abs=1e-9)


@pytest.mark.parametrize("dark", [False, True])
def test_parts_stand_in_their_order_and_wear_their_colours(dark):
    shuffled = shares([0.1, 0.2, 0.3, 0.4, 0.5]).sample(frac=1, random_state=1)
    (drawn,) = bars(plots.waterfall(shuffled, dark=dark))
    assert list(drawn.marker.color[:-1]) == [plots.PART_COLORS[part][dark] for part in ("id", "image", "text", "attention", "hypergraph")]
    assert list(drawn.x[:-1]) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_further_modalities_stand_between_text_and_attention_in_colours_of_their_own():
    parts = ["id", "attention", "sound", "text", "hypergraph", "motion", "image"]
    assert plots.part_order(parts) == ["id", "image", "text", "motion", "sound", "attention", "hypergraph"]
    colors = [plots.part_color(part, among=parts) for part in parts]
    assert len(set(colors)) == len(parts)
    assert plots.part_color("motion", among=parts) == "#E69F00"


def test_the_waterfall_names_the_largest_help_and_the_largest_harm():
    finding = plain(plots.waterfall(shares([1.2, 0.5, -0.9, 0.2, 0.1]), item="Mug"))
    assert finding == "“Mug” scores 1.10: collaborative adds most, +1.20; text takes −0.900"


def test_a_waterfall_that_does_not_add_up_says_so():
    exact = plots.waterfall(shares([1.0, 0.5, 0.2, 0.2, 0.1]), 2.0 + 1e-5)
    off = plots.waterfall(shares([1.0, 0.5, 0.2, 0.2, 0.1]), 2.5)
    assert "Approximate" not in exact.layout.title.subtitle.text
    assert "Approximate: +0.500 is not explained" in off.layout.title.subtitle.text.replace("<br>", " ")
    (drawn,) = bars(off)
    assert list(drawn.x[-2:]) == pytest.approx([0.5, 2.5])
    assert (drawn.marker.color[-2], drawn.marker.line.width[-2]) == (SURFACE[False], 1.5)  # hollow


def test_a_part_that_stands_twice_is_refused():
    with pytest.raises(DataError, match="'id' stands twice"):
        plots.waterfall(pd.DataFrame({"part": ["id", "id"], "contribution": [1.0, 2.0]}))


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(("dark", "neutral"), [(False, "#FFFFFF"), (True, "#22282B")])
def test_zero_is_white_on_light_pages_and_a_dark_neutral_on_dark_ones(dark, neutral):
    heatmap = plots.parts_table(cells(), dark=dark).data[0]
    assert heatmap.zmin == -heatmap.zmax
    assert heatmap.zmid == 0
    assert dict(heatmap.colorscale)[0.5] == neutral
    assert SIGNED_SCALE[dark][2] == (0.5, neutral)


def test_users_parts_are_rows_items_parts_are_columns_in_one_order():
    parts = cells().sample(frac=1, random_state=3)
    heatmap = plots.parts_table(parts).data[0]
    table = parts.pivot(index="user_part", columns="item_part", values="contribution")
    assert np.array_equal(heatmap.z, table.loc[list(plots.PARTS), list(plots.PARTS)].to_numpy())


def test_the_table_names_its_largest_cell_and_writes_all_of_them():
    parts = cells()
    parts["contribution"] = 0.01
    parts.loc[(parts["user_part"] == "attention") & (parts["item_part"] == "image"), "contribution"] = 0.76
    figure = plots.parts_table(parts)
    assert plain(figure) == "User’s attention × item’s image adds most: +0.760 of 1.00"
    assert list(np.ravel(figure.data[0].text)).count("0.010") == 24


@pytest.mark.parametrize("dark", [False, True])
def test_every_number_in_the_table_can_be_read_on_its_cell(dark):
    parts = cells()
    parts["contribution"] = np.linspace(-1, 1, len(parts))
    heatmap, words = plots.parts_table(parts, dark=dark).data
    scale = [stop[1] for stop in heatmap.colorscale]
    shares = (np.ravel(heatmap.z) - heatmap.zmin) / (heatmap.zmax - heatmap.zmin)
    tones = sample_colorscale(make_colorscale(scale), list(shares), colortype="tuple")
    for ink, tone in zip(words.textfont.color, tones, strict=True):
        bright, dim = sorted((luminance(np.array(tone)), luminance(np.array(hex_to_rgb(ink)) / 255)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5


def luminance(rgb):
    """Relative luminance of WCAG 2."""
    return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def test_a_pair_of_parts_that_stands_twice_is_refused():
    with pytest.raises(DataError, match="exactly once"):
        plots.parts_table(pd.concat([cells(), cells()]))


# ---------------------------------------------------------------- learning curves


@pytest.mark.parametrize(
    ("best", "finding"),
    [
        (30, "Recall@20 still rises: 9.00 % at epoch 30"),
        (29, "Recall@20 was best at epoch 29: 9.00 %, not beaten in 1 epoch since"),
        (12, "Recall@20 was best at epoch 12: 9.00 %, not beaten in 18 epochs since"),
    ],
)
def test_the_curve_says_whether_the_metric_still_rises(best, finding):
    assert plain(plots.learning_curves(history(30, best))) == finding


def test_shares_are_percent_and_other_metrics_are_not():
    assert plain(plots.learning_curves(history(30, 30), metric="ndcg@20")) == "NDCG@20 still rises: 0.0450 at epoch 30"


def test_an_empty_history_says_how_far_the_first_epoch_is():
    figure = plots.learning_curves(history(0), steps(1, 10).head(4), None)
    assert plain(figure) == "No epoch has finished yet"
    assert "40\u00a0%" in figure.layout.title.subtitle.text


def test_one_epoch_is_a_curve_too():
    assert plain(plots.learning_curves(history(1, 1))) == "Recall@20 starts at 9.00 % after epoch 1"


def test_a_turned_knob_is_marked_on_the_curve_in_its_colour():
    figure = plots.learning_curves(history(), steps(), turned((10.5, "hypergraph_scale", 0.3, 0.6)))
    marks = next(trace for trace in figure.data if trace.name == "knobs")
    assert marks.x[0] == pytest.approx(10.5)
    assert marks.y[0] == pytest.approx((0.08 + 0.081) / 2, abs=1e-6)
    assert list(marks.marker.color) == [plots.PART_COLORS["hypergraph"][0]]
    assert "β 0.3 → 0.6" in texts(figure)


def test_a_dragged_knob_is_one_turn_and_a_knob_put_back_is_none():
    dragged = turned(
        (5.0, "attention_scale", 0.1, 0.2),
        (5.1, "attention_scale", 0.2, 0.5),
        (9.0, "learning_rate", 0.01, 0.02),
        (9.2, "learning_rate", 0.02, 0.01),
    )
    marks = next(trace for trace in plots.learning_curves(history(), None, dragged).data if trace.name == "knobs")
    assert list(marks.text) == ["α 0.1 → 0.5<br>attention, epoch 6"]


def test_a_hundred_turned_knobs_leave_room_for_the_curve():
    many = turned(
        *((k / 4, "attention_scale", k, k + 1) for k in range(0, 120, 3)), *((k / 4, "learning_rate", k, k + 1) for k in range(0, 120, 3))
    )
    figure = plots.learning_curves(history(), None, many)
    assert figure.layout.yaxis.domain[1] > 0.6
    assert len(texts(figure)) < 16


def test_every_knob_of_the_configuration_has_the_same_symbol_here():
    assert set(KNOB_MARKS) == set(KNOBS)
    fields = ModelConfig.__dataclass_fields__ | TrainConfig.__dataclass_fields__
    assert {name: plots.knob_symbol(name) for name in KNOBS} == {name: fields[name].metadata["symbol"] for name in KNOBS}


# ---------------------------------------------------------------- the terms of the loss


def test_each_term_has_its_own_panel_scale_and_colour():
    figure = plots.loss_terms(history(), steps(), None)
    by_name = {trace.name: trace for trace in figure.data}
    for name in ("ranking", "regularization", "hypergraph_contrast", "modality_contrast"):
        trace = by_name[name]
        axis = figure.layout["yaxis" + trace.yaxis[1:]]
        assert axis.range[0] <= min(trace.y) < max(trace.y) <= axis.range[1]
    assert len({by_name[name].yaxis for name in ("ranking", "regularization", "hypergraph_contrast", "modality_contrast")}) == 4
    assert by_name["hypergraph_contrast"].line.color == plots.PART_COLORS["hypergraph"][0]
    assert {by_name["modality_contrast"].line.color, by_name["modality_contrast, text"].line.color} == {
        plots.PART_COLORS["image"][0],
        plots.PART_COLORS["text"][0],
    }


def test_the_losses_name_the_largest_term_its_share_and_its_way():
    frame = pd.DataFrame({"epoch": [1, 2], "loss.ranking": [1.0, 0.6], "loss.regularization": [0.1, 0.2]})
    figure = plots.loss_terms(frame)
    assert plain(figure) == "Ranking makes 75 % of the loss and fell by 40 %"
    assert any("regularization" in text and "25\u00a0%" in text and "0.100 → 0.200" in text for text in texts(figure))


def test_losses_show_steps_before_the_first_epoch_is_over_and_nothing_before_the_first_step():
    assert len(plots.loss_terms(history(0).iloc[:, :1], steps(1, 10)).data)
    assert plain(plots.loss_terms(pd.DataFrame(), pd.DataFrame())) == "Nothing has been learned yet"


# ---------------------------------------------------------------- the surface


def test_the_surface_says_what_the_best_point_would_give():
    figure = plots.metric_heatmap(surface(), "recall@20", trained=(0.0, 0.0))
    assert plain(figure) == "α = 0.4, β = 0.6 would give Recall@20 10.0 % instead of 8.96 %"
    assert plain(plots.metric_heatmap(surface(), "recall@20", trained=(0.4, 0.6))) == "No α, β beats the trained point: Recall@20 10.0 %"
    near = surface().assign(value=lambda frame: 0.3728 + (frame["attention_scale"] > 0.9) * 0.00021)  # both are written 37.3 %
    said = plain(plots.metric_heatmap(near, "recall@20", trained=(0.0, 0.0)))
    assert said == "No α, β clearly beats the trained point: Recall@20 37.3 %"


def test_trained_is_hollow_and_current_is_filled_at_their_own_places():
    figure = plots.metric_heatmap(surface(), "recall@20", trained=(0.2, 0.4), current=(0.5, 0.7))
    places = {(trace.marker.symbol, trace.x[0], trace.y[0]) for trace in figure.data[1:]}
    assert ("circle-open", 0.2, 0.4) in places
    assert ("circle", 0.5, 0.7) in places
    assert {text.split()[0] for text in texts(figure)} == {"now", "trained", "best"}


def test_alpha_runs_to_the_right_and_beta_upwards_whatever_the_order_of_rows():
    heatmap = plots.metric_heatmap(surface().sample(frac=1, random_state=0)).data[0]
    assert list(heatmap.x) == sorted(heatmap.x)
    assert list(heatmap.y) == sorted(heatmap.y)
    row, column = np.unravel_index(np.argmax(heatmap.z), heatmap.z.shape)
    assert (heatmap.x[column], heatmap.y[row]) == pytest.approx((0.4, 0.6))


def test_a_value_between_grid_points_is_interpolated_and_marked_as_such():
    frame = pd.DataFrame([(a, b, a + b) for a in (0.0, 1.0) for b in (0.0, 1.0)], columns=["attention_scale", "hypergraph_scale", "value"])
    assert "now ≈ 0.750" in texts(plots.metric_heatmap(frame, "ndcg@20", current=(0.25, 0.5)))


def test_a_grid_with_a_hole_is_refused():
    with pytest.raises(DataError, match=r"no value at α=0\.4, β=0"):
        plots.metric_heatmap(surface().drop(index=12))


# ---------------------------------------------------------------- moved ranks


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ((1, 2, 3), (1, 2, 3), "Nothing moved: the first 3 stay as they were"),
        ((1, 2, 3), (1, 3, 2), "The same 3 items, 2 in other places; “Thing i2” rises most, by 1 rank"),
        ((1, 2, 3, 14), (2, 1, 11, 3), "1 item enters the top 3; “Thing i3” rises most, by 11 ranks"),
    ],
)
def test_moves_are_told_in_words(before, after, finding):
    assert plain(plots.rank_moves(compare(before, after), 3)) == finding


def test_what_rises_is_solid_what_falls_is_dashed():
    dashes = {trace.name: trace.line.dash for trace in plots.rank_moves(compare(), 10).data}
    assert dashes == {"i0": "4px,3px", "i1": "solid", "i2": "4px,3px", "i3": "solid"}


def test_an_item_without_a_rank_is_refused():
    with pytest.raises(DataError, match="no rank"):
        plots.rank_moves(compare((1, 2), (2, np.nan)))


# ---------------------------------------------------------------- borders


@pytest.mark.parametrize(
    ("draw", "missing"),
    [
        (lambda frame: plots.learning_curves(frame), "epoch, recall@20"),
        (lambda frame: plots.learning_curves(history(), frame), "progress"),
        (lambda frame: plots.learning_curves(history(), None, frame), "progress, name, before, after"),
        (lambda frame: plots.loss_terms(frame), "epoch, loss.ranking"),
        (lambda frame: plots.waterfall(frame), "part, contribution"),
        (lambda frame: plots.parts_table(frame), "user_part, item_part, contribution"),
        (lambda frame: plots.metric_heatmap(frame), "attention_scale, hypergraph_scale, value"),
        (lambda frame: plots.rank_moves(frame), "item_id, title, rank_before, rank_after"),
    ],
)
def test_missing_columns_are_named_beside_those_given(draw, missing):
    with pytest.raises(DataError, match=f"no column {re.escape(missing)}; it has colour, size; give"):
        draw(pd.DataFrame({"colour": [1.0], "size": [2.0]}))


def test_a_long_training_stays_small():
    long, fine = history(1000, 900), steps(1000, 20)
    many = turned(*((k, "attention_scale", k, k + 1) for k in range(0, 1000, 5)))
    for figure in (plots.learning_curves(long, fine, many), plots.loss_terms(long, fine, many)):
        assert len(figure.to_json()) < LIMIT / 4  # the Train page sends both twice a second


def test_a_dense_surface_stays_small():
    assert len(plots.metric_heatmap(surface(142)).to_json()) < LIMIT


def test_no_title_can_bring_markup_or_formulas_into_a_figure():
    frame = compare()
    frame["title"] = "<b onclick=x>$a$</b>"
    for figure in (plots.rank_moves(frame, 10), plots.waterfall(shares([1.0] * 5), item="<i>$x$</i>")):
        written = figure.to_json()
        assert "$" not in written
        assert "<i>" not in written
        assert "onclick=x>" not in written


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(8, 60))
def test_wrapped_lines_fit_and_stay_inert(text, width):
    broken = lines(text, width)
    assert len(broken) <= 2
    assert not any("<" in line or "$" in line for line in broken)
    assert all(len(line) <= width for line in broken if line == safe(line) and "&" not in line)


# ---------------------------------------------------------------- numbers


def test_a_whole_measured_value_has_no_decimals():
    assert [plots.measured(value) for value in (2.0, 7048.0, -3.0, 0.0, 0.6392)] == ["2", "7,048", "−3", "0", "0.639"]
    assert plots.measured(float("nan")) == "–"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0842, "0.0842"),
        (0.08, "0.0800"),
        (1234.5, "1,234"),
        (-3, "−3.00"),
        (0, "0"),
        (9.9999, "10.0"),
        (1.234e-6, "1.23×10⁻⁶"),
        (float("nan"), "–"),
    ],
)
def test_three_significant_digits(value, written):
    assert plots.digits(value) == written


@settings(deadline=None)
@given(st.floats(1e-3, 1e6, exclude_min=True))
def test_written_digits_are_within_half_a_unit_of_the_third(value):
    assert float(plots.digits(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


@pytest.mark.parametrize(
    ("value", "written"), [(0.3, "0.3"), (1e-6, "10⁻⁶"), (0, "0"), (2048, "2,048"), (0.001, "0.001"), (5e-5, "5×10⁻⁵")]
)
def test_settings_carry_no_idle_zeros(value, written):
    assert plots.setting(value) == written


def test_signs_and_shared_powers():
    assert [plots.signed(value) for value in (0.5, -0.5, 0)] == ["+0.500", "−0.500", "0"]
    assert before_after(2.74e-4, 9.86e-4) == "(2.74 → 9.86)×10⁻⁴"
    assert [plots.percent(value) for value in (0.5, 0.0123, 0.0001, -0.2)] == [
        "50\u00a0%",
        "1.2\u00a0%",
        "under 0.1\u00a0%",
        "−20\u00a0%",
    ]


@settings(deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-4, 1e3))
def test_ticks_are_few_and_inside(low, span):
    places = ticks(low, low + span)
    assert 1 <= len(places) <= 4
    assert all(low - 1e-9 * (1 + abs(low)) <= place <= low + span + 1e-9 * (1 + abs(low) + span) for place in places)


# ------------------------------------------------------------------ saving


def test_a_figure_is_saved_under_the_name_of_its_finding():
    figure = plots.waterfall(shares([1.0, 0.5, -0.25, 0.3, 0.1]), 1.65, item="Anna’s <b> & mug/../x")
    config = plots.plot_config(figure, "png")
    assert json.loads(json.dumps(config)) == config
    assert config["modeBarButtons"] == [["toImage"]]
    name = config["toImageButtonOptions"]["filename"]
    assert re.fullmatch(r"[\w-]{1,80}", name)
    assert "Annas-b-mug-x" in name
    assert plots.plot_config(go.Figure(), "svg")["toImageButtonOptions"] == {"format": "svg", "filename": "figure", "scale": 1}
