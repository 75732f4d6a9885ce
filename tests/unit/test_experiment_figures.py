"""What the figures of experiments promise: marks stand at the table's numbers, and no title claims more than an interval shows."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srgformer_lab import plots
from srgformer_lab.errors import DataError
from srgformer_lab.plots.frames import points, read_table
from srgformer_lab.plots.style import FURTHER_COLORS, INK, SURFACE
from srgformer_lab.plots.texts import cut, text_width

NAN = float("nan")
MEANS = {"Popularity": 0.3552, "ItemKNN": 0.45, "LightGCN": 0.5146, "FREEDOM": 0.52, "LGMRec": 0.53, "SRGFormer": 0.5353}
WEIGHTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)


def row(mean, against=None, half=0.0144, seeds=5, unfinished=0, **labels):
    """One row as an experiment writes it: without metrics where nothing finished, without bounds with one seed."""
    if np.isnan(mean):
        return labels | {"seeds": 0, "unfinished": unfinished or 5}
    made = labels | {"seeds": seeds, "unfinished": unfinished, "recall@20": mean, "ndcg@20": 0.6 * mean}
    made |= {"low": mean - 0.015, "high": mean + 0.015} if seeds > 1 else {}
    if against is not None:
        gain = mean - against
        made |= {"gain": gain, "users_low": gain - 0.009, "users_high": gain + 0.009}
        made |= {"gain_low": gain - half, "gain_high": gain + half} if seeds > 1 else {}
    return made


def models(means=MEANS, reference="LightGCN", **about):
    return pd.DataFrame([row(mean, None if name == reference else means[reference], model=name, **about) for name, mean in means.items()])


def knobs(means, preset=0.5353, half=0.008, knob="γ", values=WEIGHTS, seeds=5):
    rows = [row(preset, seeds=seeds, knob="preset", value="")]
    for value, mean in zip(values, means, strict=False):
        rows.append(row(mean, preset, 0.0 if mean == preset else half, seeds, knob=knob, value=value))
        if mean == preset:
            rows[-1] |= {"users_low": 0.0, "users_high": 0.0}
    return pd.DataFrame(rows)


def thinned(gains, half=0.006, seeds=5, others=("w/o attention",)):
    rows = []
    for share, gain in zip(SHARES, gains, strict=True):
        level = 0.3 + 0.2 * share
        rows.append(row(level, None, share=share, model="LightGCN", seeds=seeds))
        rows += [row(level + gain / 2, level, half, seeds, share=share, model=name) for name in others]
        rows.append(row(level + gain if np.isfinite(gain) else NAN, level, half, seeds, share=share, model="SRGFormer"))
    return pd.DataFrame(rows)


def marks(figure, name="recall@20"):
    return next(trace for trace in figure.data if trace.name == name)


def texts(figure, name=None):
    return [re.sub(r"<[^>]*>", "", note.text) for note in figure.layout.annotations if name is None or note.name == name]


def plain(figure):
    return plots.finding_of(figure).replace("\u00a0", " ")


def hint(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


def every_figure(dark=False):
    return {
        "comparison": plots.comparison_dots(models(), "model", "LightGCN", dark=dark),
        "comparison, no reference": plots.comparison_dots(models(), "model", dark=dark),
        "comparison, losses": plots.comparison_dots(models(reference="SRGFormer"), "model", "SRGFormer", about="losses", dark=dark),
        "comparison, empty": plots.comparison_dots(models().head(0), "model", dark=dark),
        "sweep": plots.sweep_curve(knobs([0.53, 0.5353, 0.54, 0.52, NAN, 0.49, 0.4]), "γ", dark=dark),
        "sweep, one value": plots.sweep_curve(knobs([0.53]), "γ", dark=dark),
        "sparsity": plots.sparsity_curves(thinned([0.02, 0.015, 0.01, 0.003, -0.01]), dark=dark),
        "sparsity, one share": plots.sparsity_curves(thinned([0.02] * 5).head(3), dark=dark),
    }


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", list(every_figure()))
def test_every_figure_keeps_the_house_rules(name, dark):
    figure = every_figure(dark)[name]
    assert figure.layout.height <= 360
    assert figure.layout.width is None
    assert all(len(line) <= 42 for line in figure.layout.title.text.split("<br>"))
    assert all(len(line) <= 56 for line in figure.layout.title.subtitle.text.split("<br>"))
    assert "…" not in figure.layout.title.text + figure.layout.title.subtitle.text
    assert "$" not in figure.to_json()
    assert len(figure.to_json()) < 20_000


def test_the_axis_names_what_is_measured():
    compared = plots.comparison_dots(models(), "model", "LightGCN", metric="ndcg@20")
    assert compared.layout.xaxis.title.text == "NDCG@20"
    for figure in (plots.sweep_curve(knobs([0.5, 0.5353]), "γ"), plots.sparsity_curves(thinned([0.01] * 5))):
        assert figure.layout.yaxis.title.text == "Recall@20"


# ---------------------------------------------------------------- models beside a reference


def test_dots_and_lines_stand_at_the_tables_numbers_in_the_tables_order():
    table = models()
    dots = marks(plots.comparison_dots(table, "model", "LightGCN"))
    assert list(dots.x) == list(table["recall@20"])
    assert list(dots.y) == list(range(len(table)))
    assert np.add(dots.x, dots.error_x.array) == pytest.approx(table["high"])
    assert np.subtract(dots.x, dots.error_x.arrayminus) == pytest.approx(table["low"])


def test_rows_run_from_top_to_bottom_and_carry_their_values():
    figure = plots.comparison_dots(models(), "model", "LightGCN")
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert [re.sub(r"<[^>]*>", "", name) for name in figure.layout.yaxis.ticktext] == list(MEANS)
    assert texts(figure, "value") == [f"{100 * mean:.1f}\u00a0%" for mean in MEANS.values()]


@pytest.mark.parametrize("dark", [False, True])
def test_what_differs_is_filled_what_may_not_is_hollow_and_the_reference_is_a_diamond_on_a_line(dark):
    figure = plots.comparison_dots(models(), "model", "LightGCN", dark=dark)
    dots = marks(figure)
    assert [color == SURFACE[dark] for color in dots.marker.color] == [name == "FREEDOM" for name in MEANS]
    assert list(dots.marker.symbol).index("diamond") == list(MEANS).index("LightGCN")
    assert [shape.x0 for shape in figure.layout.shapes if shape.name == "reference"] == [MEANS["LightGCN"]]
    assert figure.layout.yaxis.ticktext[2] == "<b>LightGCN</b>"
    assert hint(figure) == "Filled: the paired 95 % interval to LightGCN over seeds excludes 0; hollow: it doesn’t."


def test_the_best_row_whose_interval_excludes_zero_is_told_with_its_points():
    assert plain(plots.comparison_dots(models(), "model", "LightGCN")) == "SRGFormer beats LightGCN by 2.1 points [0.6, 3.5]"


def test_where_no_interval_excludes_zero_no_difference_is_shown():
    table = models({"LightGCN": 0.336, "SRGFormer": 0.3361}, half=0.021)
    said = plain(plots.comparison_dots(table, "model", "LightGCN"))
    assert said == "No difference to LightGCN is shown: SRGFormer +0.0 points [−2.1, +2.1]"


def test_no_difference_is_told_of_one_row_alone_where_others_differ():
    table = models({"Popularity": 0.23, "LightGCN": 0.3362, "SRGFormer": 0.336}, half=0.021)
    finding = plain(plots.comparison_dots(table, "model", "LightGCN"))
    assert finding == "No difference of SRGFormer to LightGCN is shown: −0.0 points [−2.1, +2.1]"


@pytest.mark.parametrize(
    ("means", "finding"),
    [
        ({"LightGCN": 0.5, "SRGFormer": 0.45}, "SRGFormer loses to LightGCN by 5.0 points [3.6, 6.4]"),
        ({"MF": 0.4, "LightGCN": 0.5, "SRGFormer": 0.45}, "Nothing beats LightGCN; the best, SRGFormer, loses 5.0 points [3.6, 6.4]"),
    ],
)
def test_losing_is_called_so(means, finding):
    assert plain(plots.comparison_dots(models(means), "model", "LightGCN")) == finding


def test_about_losses_the_finding_names_what_loses_most():
    parts = {"whole": 0.5353, "w/o HCL": 0.5349, "w/o MCL": 0.536, "w/o hypergraph": 0.498, "w/o both": 0.49}
    figure = plots.comparison_dots(models(parts, "whole"), "model", "whole", about="losses")
    assert plain(figure) == "w/o both loses most to whole, 4.5 points [3.1, 6.0]; 2 of 4 are shown to lose"
    none = models({"whole": 0.5353, "w/o HCL": 0.53}, "whole")
    assert plain(plots.comparison_dots(none, "model", "whole", about="losses")).startswith("No loss to whole is shown: w/o HCL −0.5 points")


def test_one_seed_is_judged_over_users_and_says_so():
    figure = plots.comparison_dots(models(seeds=1), "model", "LightGCN")
    assert plain(figure) == "One seed: SRGFormer beats LightGCN by 2.1 points [1.2, 3.0]"
    assert "over users" in hint(figure)
    assert not np.isfinite(np.asarray(marks(figure).error_x.array, float)).any()


def test_one_seed_without_users_claims_nothing():
    table = models(seeds=1).drop(columns=["users_low", "users_high"])
    figure = plots.comparison_dots(table, "model", "LightGCN")
    assert plain(figure) == "SRGFormer has the highest Recall@20: 53.5 % (one seed)"
    assert set(np.delete(marks(figure).marker.color, 2)) == {SURFACE[0]}
    assert "one seed has no interval" in hint(figure)


def test_another_metric_borrows_no_interval():
    figure = plots.comparison_dots(models(), "model", "LightGCN", "ndcg@20")
    assert list(marks(figure, "ndcg@20").x) == list(models()["ndcg@20"])
    assert not np.isfinite(np.asarray(marks(figure, "ndcg@20").error_x.array, float)).any()
    assert plain(figure) == "SRGFormer has the highest NDCG@20: 0.321"


def test_unfinished_rows_are_words_without_a_dot():
    table = models(MEANS | {"FREEDOM": NAN})
    figure = plots.comparison_dots(table, "model", "LightGCN")
    assert list(marks(figure).y) == [0, 1, 2, 4, 5]
    assert texts(figure, "value")[3] == "not finished"
    assert hint(figure).startswith("5 unfinished.")


def test_before_the_first_training_is_over_there_are_no_metrics_and_that_is_no_error():
    nothing = pd.DataFrame({"model": ["a", "b"], "seeds": [0, 0], "unfinished": [3, 3]})
    figure = plots.comparison_dots(nothing, "model", "a")
    assert plain(figure) == "No training has finished yet"
    assert not figure.data


def test_an_unfinished_reference_is_named():
    table = models(MEANS | {"LightGCN": NAN})
    table[["gain", "gain_low", "gain_high", "users_low", "users_high"]] = NAN
    assert plain(plots.comparison_dots(table, "model", "LightGCN")) == "LightGCN has not finished; SRGFormer is best so far, 53.5 %"


def test_a_single_row_is_shown():
    figure = plots.comparison_dots(models({"SRGFormer": 0.5353}, "SRGFormer"), "model")
    assert plain(figure) == "SRGFormer has finished: Recall@20 53.5 %"
    assert list(marks(figure).x) == [0.5353]


def test_of_many_rows_the_reference_and_the_best_are_shown():
    means = {f"m{place}": 0.5 - 0.004 * place for place in range(40)}
    figure = plots.comparison_dots(models(means, "m39"), "model", "m39")
    assert figure.layout.height == 360
    names = [re.sub(r"<[^>]*>", "", name) for name in figure.layout.yaxis.ticktext]
    assert names == [f"m{place}" for place in range(19)] + ["m39"]
    assert hint(figure).startswith("20 of 40 rows.")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0.05, 0.9), st.floats(0.001, 0.2)), min_size=1, max_size=6), st.sampled_from(["gains", "losses"]))
def test_a_title_never_says_more_than_the_intervals(rows, about):
    table = pd.DataFrame([row(0.4, model="ref")] + [row(mean, 0.4, half, model=f"m{n}") for n, (mean, half) in enumerate(rows)])
    finding = plain(plots.comparison_dots(table, "model", "ref", about=about))
    by_name = table.set_index("model")
    above, below = (set(by_name.index[side]) for side in (by_name["gain_low"] > 0, by_name["gain_high"] < 0))
    if found := re.match(r"(m\d) beats ref by", finding):
        assert found[1] in above
        assert by_name["recall@20"][found[1]] == by_name["recall@20"][list(above)].max()
    elif found := re.match(r"(m\d) loses (?:most )?to ref", finding):
        assert found[1] in below
        assert by_name["gain"][found[1]] == by_name["gain"][list(below)].min()
    elif finding.startswith("Nothing beats"):
        assert len(below) == len(rows)
    elif found := re.match(r"No difference of (m\d)", finding):
        assert not above
        assert found[1] not in below
    elif finding.startswith("No difference to ref"):
        assert not above
        assert not below
    else:
        assert not (below if about == "losses" else above)
        assert finding.startswith(("Nothing is shown to beat ref", "No loss to ref is shown"))


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(1e-5, 0.5))
def test_a_bound_that_is_not_zero_never_looks_like_zero(gain, half):
    made = pd.Series({"gain": gain, "gain_low": gain - half, "gain_high": gain + half})
    low, high = re.search(r"\[(.+), (.+)\]", points(made).replace("\u00a0", " ").replace("−", "-")).groups()
    for bound, written in ((gain - half, low), (gain + half, high)):
        if abs(bound) > 1e-8:
            assert np.sign(float(written)) == np.sign(bound)


# ---------------------------------------------------------------- one knob


def test_values_are_equally_spaced_in_increasing_order_and_written_as_settings():
    table = knobs([0.53, 0.5353, 0.534, 0.54, 0.533, 0.494, 0.4]).sample(frac=1, random_state=1)
    figure = plots.sweep_curve(table, "γ")
    line = marks(figure)
    assert list(line.x) == list(range(7))
    assert list(line.y) == [0.53, 0.5353, 0.534, 0.54, 0.533, 0.494, 0.4]
    assert list(figure.layout.xaxis.ticktext) == ["0", "10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1"]
    assert np.add(line.y, line.error_y.array) == pytest.approx(np.add(line.y, 0.015))
    assert texts(figure, "value") == ["53.0", "53.5", "53.4", "54.0", "53.3", "49.4", "40.0"]


@pytest.mark.parametrize(
    ("knob", "part"),
    [
        *((knob, "hypergraph") for knob in ("β", "τ", "c", "K", "L_h", "p")),
        *((knob, "attention") for knob in ("α", "heads", "attention_scale")),
        *((knob, "image") for knob in ("γ", "L_m")),
        ("L_id", "id"),
    ],
)
@pytest.mark.parametrize("dark", [False, True])
def test_a_knob_wears_the_colour_of_its_part(knob, part, dark):
    figure = plots.sweep_curve(knobs([0.5, 0.54], knob=knob), knob, dark=dark)
    assert marks(figure).line.color == plots.part_color(part, dark)
    assert figure.layout.xaxis.title.font.color == plots.part_color(part, dark)


def test_the_preset_is_a_line_and_its_own_value_a_hollow_diamond():
    figure = plots.sweep_curve(knobs([0.53, 0.5353, 0.54, 0.494]), "γ")
    assert [shape.y0 for shape in figure.layout.shapes if shape.name == "preset"] == [0.5353]
    assert texts(figure, "preset") == ["preset53.5\u00a0%"]
    assert list(marks(figure).marker.symbol) == ["circle", "diamond", "circle", "circle"]
    assert [color == SURFACE[0] for color in marks(figure).marker.color] == [True, True, True, False]


@pytest.mark.parametrize(
    ("means", "finding"),
    [
        ([0.53, 0.5353, 0.534, 0.536, 0.533, 0.494], "γ at 0.01 loses 4.1 points; the best, 10⁻⁴, is within the noise of the preset"),
        ([0.53, 0.5353, 0.494], "γ at 10⁻⁵ loses 4.1 points; the best, 10⁻⁶, is the preset’s own"),
        ([0.51, 0.494], "γ at 10⁻⁶ loses 4.1 points; no value reaches the preset"),
        ([0.53, 0.5353, 0.55, 0.494], "γ at 10⁻⁵ beats the preset by 1.5 points [0.7, 2.3]; at 10⁻⁴ it loses 4.1 points"),
        ([0.53, 0.5353, 0.534], "No effect of γ is shown: all 3 values are within the noise of the preset"),
    ],
)
def test_a_sweep_says_what_loses_and_whether_the_best_beats_the_preset(means, finding):
    assert plain(plots.sweep_curve(knobs(means), "γ")) == finding


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0.4, 0.7), min_size=2, max_size=7, unique=True), st.floats(0.001, 0.1))
def test_a_sweeps_title_never_says_more_than_the_intervals(means, half):
    table = knobs(means, half=half)
    finding, swept = plain(plots.sweep_curve(table, "γ")), table.iloc[1:]
    named = {plots.setting(value): place for place, value in zip(swept.index, swept["value"], strict=True)}
    above, below = swept["gain_low"] > 0, swept["gain_high"] < 0
    if found := re.match(r"γ at (\S+) beats", finding):
        assert above[named[found[1]]]
    elif found := re.match(r"γ at (\S+) loses", finding):
        assert below[named[found[1]]]
        assert not above.any()
        assert ("no value reaches" in finding) == bool(below[swept["recall@20"].idxmax()])
    else:
        assert not above.any()
        assert not below.any()


def test_a_sweep_of_one_seed_says_so():
    assert plain(plots.sweep_curve(knobs([0.53, 0.5353, 0.494], seeds=1), "γ")).startswith("One seed: γ at 10⁻⁵ loses 4.1 points")
    bare = knobs([0.53, 0.5353, 0.494], seeds=1).drop(columns=["gain", "users_low", "users_high"])
    assert plain(plots.sweep_curve(bare, "γ")) == "Recall@20 is highest at γ = 10⁻⁶, 53.5 %, and lowest at γ = 10⁻⁵, 49.4 % (one seed)"


def test_names_on_the_axis_never_touch():
    many = knobs(list(np.linspace(0.5, 0.53, 16)), values=[1e-5 * 2**place for place in range(16)])
    axis = plots.sweep_curve(many, "γ").layout.xaxis
    pixel = (400 - 56 - 72) / (axis.range[1] - axis.range[0])
    assert len(axis.ticktext) >= 3
    assert min(np.diff(axis.tickvals)) * pixel >= max(text_width(text) for text in axis.ticktext) * 11 / 12


def test_an_unfinished_value_keeps_its_place():
    figure = plots.sweep_curve(knobs([0.53, NAN, 0.54]), "γ")
    assert list(figure.layout.xaxis.ticktext) == ["0", "10⁻⁶", "10⁻⁵"]
    assert texts(figure, "value") == ["53.0", "notyet", "54.0"]
    assert plots.finding_of(plots.sweep_curve(knobs([0.53, NAN]), "γ")) == "One value can’t show what γ does"


def test_a_knob_that_is_not_there_and_a_value_that_is_no_number_are_refused():
    with pytest.raises(DataError, match="knob='β' is not in the frame; there are preset, γ"):
        plots.sweep_curve(knobs([0.5, 0.6]), "β")
    with pytest.raises(DataError, match=r"value '0\.1 × 0\.3'; give numbers"):
        plots.sweep_curve(knobs([0.5, 0.6], knob="α×β", values=("0.1 × 0.3", "0.1 × 0.6")), "α×β")


# ---------------------------------------------------------------- fewer interactions


def test_lines_run_over_the_shares_with_more_to_the_right():
    table = thinned([0.02, 0.015, 0.01, 0.003, -0.01])
    figure = plots.sparsity_curves(table)
    for name in ("SRGFormer", "LightGCN", "w/o attention"):
        line, rows = marks(figure, name), table[table["model"] == name].sort_values("share")
        assert list(line.x) == pytest.approx(list(rows["share"]), abs=0.02)
        assert list(line.y) == list(rows["recall@20"])
        assert np.add(line.y, line.error_y.array) == pytest.approx(rows["high"])
    assert list(figure.layout.xaxis.ticktext) == [f"{share}\u00a0%" for share in (20, 40, 60, 80, 100)]
    assert texts(figure, "model") == ["LightGCN", "w/o attention", "SRGFormer"]


def test_the_gain_stands_below_in_points_filled_where_it_is_shown():
    gain = marks(plots.sparsity_curves(thinned([0.02, 0.015, 0.01, 0.003, -0.01])), "gain")
    assert list(gain.y) == pytest.approx([-1.0, 0.3, 1.0, 1.5, 2.0])
    assert gain.error_y.array == pytest.approx([0.6] * 5)
    assert list(gain.marker.color) == [INK[0], SURFACE[0], INK[0], INK[0], INK[0]]


def test_lines_wear_the_colour_of_the_part_that_they_are_about():
    figure = plots.sparsity_curves(thinned([0.02] * 5, others=("w/o attention", "w/o hypergraph", "FREEDOM")))
    colors = {name: marks(figure, name).line.color for name in ("SRGFormer", "w/o attention", "w/o hypergraph", "FREEDOM")}
    assert colors == {
        "SRGFormer": INK[0],
        "w/o attention": plots.part_color("attention"),
        "w/o hypergraph": plots.part_color("hypergraph"),
        "FREEDOM": FURTHER_COLORS[2][0],
    }


@pytest.mark.parametrize(
    ("gains", "finding"),
    [
        ([0.02, 0.015, 0.01, 0.003, 0.0], "SRGFormer beats LightGCN down to 60 % of the interactions; at 40 % no gain is shown"),
        ([0.02, 0.015, 0.01, 0.01, -0.02], "SRGFormer beats LightGCN down to 40 % of the interactions; at 20 % it loses"),
        ([0.02] * 5, "SRGFormer beats LightGCN down to 20 %: 2.0 points [1.4, 2.6] there"),
        ([0.0, 0.0, 0.01, 0.02, 0.02], "SRGFormer beats LightGCN at 60 %, 40 %, 20 % of the interactions"),
        ([0.0] * 5, "SRGFormer is not shown to beat LightGCN at any share"),
        ([0.0, 0.0, 0.0, 0.0, -0.02], "SRGFormer is not shown to beat LightGCN at any share; it loses at 20 %"),
        ([-0.02] * 5, "SRGFormer loses to LightGCN at every share, 100 %, 80 %, 60 %, 40 %, 20 %"),
        ([0.02, NAN, 0.02, 0.02, 0.0], "SRGFormer beats LightGCN at 100 %, 60 %, 40 % of the interactions"),
    ],
)
def test_the_finding_says_on_which_shares_a_gain_is_shown(gains, finding):
    assert plain(plots.sparsity_curves(thinned(gains))) == finding


def test_without_the_two_models_in_question_the_best_on_the_least_is_named():
    figure = plots.sparsity_curves(thinned([0.02] * 5).query("model != 'SRGFormer'"))
    assert plain(figure).startswith("On 20 % of the interactions, w/o attention is best: Recall@20 35.0 %")


def test_at_most_seven_lines_are_drawn():
    figure = plots.sparsity_curves(thinned([0.02] * 5, others=[f"m{place}" for place in range(9)]))
    assert len(texts(figure, "model")) == 7
    assert {"SRGFormer", "LightGCN"} <= set(texts(figure, "model"))
    assert hint(figure).startswith("4 more left out.")
    places = sorted(note.y for note in figure.layout.annotations if note.name == "model")
    low, high = figure.layout.yaxis.range
    height = 0.46 * (360 - figure.layout.margin.t - figure.layout.margin.b)
    assert min(np.diff(places)) / (high - low) * height >= 15.9


def test_names_at_line_ends_stay_inside_and_apart_where_one_line_lies_far_below():
    table = thinned([0.02] * 5, others=[f"m{place}" for place in range(4)])
    table.loc[table["model"] == "m3", ["recall@20", "low", "high"]] -= 0.2
    figure = plots.sparsity_curves(table)
    low, high = figure.layout.yaxis.range
    places = [note.y for note in figure.layout.annotations if note.name == "model"]
    assert all(low <= place <= high for place in places)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.floats(30, 200))
def test_a_cut_name_fits_its_room(text, room):
    assert text_width(cut(text, room)) <= room
    assert cut("x", room) == "x"


# ---------------------------------------------------------------- borders


@pytest.mark.parametrize(
    ("draw", "missing"),
    [
        (lambda frame: plots.comparison_dots(frame, "model"), "model, seeds, unfinished"),
        (lambda frame: plots.sweep_curve(frame, "γ"), "knob, value, seeds, unfinished"),
        (lambda frame: plots.sparsity_curves(frame), "share, model, seeds, unfinished"),
        (lambda frame: plots.comparison_dots(frame.assign(model="a", seeds=1, unfinished=0), "model"), "recall@20"),
    ],
)
def test_missing_columns_are_named_beside_those_given(draw, missing):
    with pytest.raises(DataError, match=f"no column {re.escape(missing)}; it has colour, size"):
        draw(pd.DataFrame({"colour": [1.0], "size": [2.0]}))


def test_a_row_that_stands_twice_and_an_unknown_reference_are_refused():
    with pytest.raises(DataError, match="'Popularity' stands twice"):
        plots.comparison_dots(pd.concat([models(), models().head(1)]), "model")
    with pytest.raises(DataError, match=r"reference='GRU' is no model; there are Popularity, .*SRGFormer"):
        plots.comparison_dots(models(), "model", "GRU")


def test_columns_that_nothing_has_may_be_absent():
    bare = models()[["model", "seeds", "unfinished", "recall@20"]]
    table = read_table(bare, ["model"], "recall@20", "test")
    assert not table["is_judged"].any()
    assert plain(plots.comparison_dots(bare, "model", "LightGCN")) == "SRGFormer has the highest Recall@20: 53.5 %"


@pytest.mark.parametrize("text", ["<b onclick=x>$a$</b>", "a very long name of a model that fits nowhere " * 3, "$x$ & <i>y</i>"])
def test_no_label_can_bring_markup_or_formulas_into_a_figure_or_break_it(text):
    drawn = [
        plots.comparison_dots(models({"LightGCN": 0.5, text: 0.6}), "model", "LightGCN"),
        plots.comparison_dots(models({"LightGCN": 0.5, text: 0.6}, text), "model", text),
        plots.sweep_curve(knobs([0.5, 0.6], knob=text), text),
        plots.sparsity_curves(thinned([0.02] * 5).replace("SRGFormer", text), ours=text),
        plots.sparsity_curves(thinned([0.02] * 5).replace("LightGCN", text), reference=text),
    ]
    for figure in drawn:
        written = figure.to_json()
        assert "$" not in written
        assert "onclick=x>" not in written
        assert "<i>" not in written
        assert all(len(html.unescape(line)) <= 42 for line in figure.layout.title.text.split("<br>"))
        assert figure.layout.margin.l + figure.layout.margin.r < 300
