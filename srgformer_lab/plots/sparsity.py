"""What fewer interactions cost each model, and on how few a gain is still shown."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.drawing import (
    bounds_of,
    empty_figure,
    error_bars,
    marks,
    new_figure,
    plot_height,
    scale,
    spread,
    ticks,
    write_right,
)
from srgformer_lab.plots.frames import fills, hover_text, how_to_read, nothing_finished, points, read_table
from srgformer_lab.plots.language import PARTS, metric_name, metric_unit, metric_value, percent, safe, setting
from srgformer_lab.plots.style import FURTHER_COLORS, INK, MUTED, TEXT_SIZE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import cut, fit, shorten, text_width

MOST_MODELS, MOST_SHARES = 7, 6
NAME_WIDTH = 112
"""Most pixels of a name at the right."""
NAME_SPACE = 16
"""Pixels between two names at the right."""
SAMPLE = 14
"""Pixels of a line's sample before its name."""
APART = 0.011
"""How far a model's marks stand beside the next model's, as a part of the width: intervals must not hide each other."""
LEVELS, GAINS = 0.54, 0.42
"""Where the levels begin and the gains end, as parts of the height."""
DASHES = ("2px,3px", "6px,3px", "6px,3px,2px,3px")


def sparsity_curves(
    frame: pd.DataFrame,
    metric: str = "recall@20",
    *,
    share: str = "share",
    model: str = "model",
    ours: str = "SRGFormer",
    reference: str = "LightGCN",
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw a metric against the share of training interactions, more to the right, a line a model with its intervals over seeds.

    A mark is filled where the model's paired interval to the reference at the same share excludes 0. Of more than 7 models,
    ``ours``, the reference and the best at the largest share are shown.

    Args:
        frame: The columns ``share`` (in 0…1) and ``model``, ``seeds``, ``unfinished``, ``metric``, and where known ``low``,
            ``high``, ``gain``, ``gain_low``, ``gain_high``, ``users_low``, ``users_high`` (all of recall@20, gains to the
            reference at the same share).
        metric: The column to draw.
        share: The column of shares.
        model: The column of models.
        ours: The model that the finding is about.
        reference: The model that it is held against.

    Raises:
        DataError: A column is missing, or a model stands twice at a share.
    """
    table = read_table(frame, [share, model], metric, "sparsity")
    table = table.assign(share=pd.to_numeric(table[share], errors="coerce"), name=table[model].astype(str))
    if said := nothing_finished(table):
        return empty_figure(*said, dark)
    done = table[table["mean"].notna() & table["share"].notna()].sort_values("share", kind="stable")
    shares = sorted(done["share"].unique())
    if len(shares) < 2:
        return empty_figure("One share shows no trend", "Let the trainings on a second share of the interactions finish.", dark)
    by_model = {name: done[done["name"] == name].reset_index(drop=True) for name in _chosen(table, done, ours, reference)}
    gains = done[(done["name"] == ours) & done["gain"].notna() & (ours != reference)].reset_index(drop=True)
    has_gain = len(gains) > 1
    left_out = table["name"].nunique() - len(by_model)
    said = f"{left_out} more left out." if left_out else ""
    text = how_to_read(table, reference, metric, "hollow: it doesn’t", left_out=said) if hint is None else hint
    right = int(max(text_width(cut(name, NAME_WIDTH)) for name in by_model)) + SAMPLE + 20
    n_missing = int((table["name"] == ours).sum() - (done["name"] == ours).sum())
    finding = reach(done, n_missing, ours, reference, metric)
    figure = new_figure(finding, text, dark, left=60, right=right, bottom=44)
    looks = _looks(by_model, ours, reference, dark)
    span = shares[-1] - shares[0]
    middle = (len(by_model) - 1) / 2
    for place, (name, rows) in reversed(list(enumerate(by_model.items()))):
        _line(figure, rows, APART * span * (place - middle), looks[name], metric, "" if name == reference else reference, dark)
    bounds, foot = bounds_of(done["mean"], done["low"], done["high"]), LEVELS if has_gain else 0.0
    more = {"domain": [foot, 1], "zeroline": False, "title_text": metric_name(metric)}
    scale(figure.layout.yaxis, bounds, 0.05, metric_unit(metric), **more)
    side = span * max(0.04, APART * (middle + 1))
    named = shares if len(shares) <= MOST_SHARES else ticks(shares[0], shares[-1], 5)
    words = {"ticktext": [percent(value) for value in named], "title_text": "share of training interactions"}
    figure.update_xaxes(range=[shares[0] - side, shares[-1] + side], zeroline=False, tickvals=named, **words)
    _name_lines(figure, by_model, looks, figure.layout.yaxis.range, 1 - foot)
    if has_gain:
        _gain(figure, gains, looks[ours], ours, reference, dark)
    return figure


def _chosen(table: pd.DataFrame, done: pd.DataFrame, ours: str, reference: str) -> list[str]:
    finished = set(done["name"])
    models = [name for name in dict.fromkeys(table["name"]) if name in finished]
    if len(models) > MOST_MODELS:
        last = done.drop_duplicates("name", keep="last").set_index("name")["mean"]
        first = [name for name in (ours, reference) if name in finished]
        best = [str(name) for name in last.drop(first).sort_values(ascending=False).index]
        models = [name for name in models if name in {*first, *best[: MOST_MODELS - len(first)]}]
    return models


def _looks(models: Mapping[str, pd.DataFrame], ours: str, reference: str, dark: bool) -> dict[str, dict]:
    """Return each model its line: ink for ours, muted for the reference, the colour of the part that a variant is about."""
    looks, others = {}, 0
    for name in models:
        part = next((part for part in PARTS if part in name.split()), None)
        if name in (ours, reference):
            looks[name] = {"color": INK[dark] if name == ours else MUTED[dark], "width": 2.5 if name == ours else 2, "dash": "solid"}
        else:
            color = part_color(part, dark) if part else FURTHER_COLORS[others % len(FURTHER_COLORS)][dark]
            looks[name] = {"color": color, "width": 1.75, "dash": DASHES[others % len(DASHES)]}
            others += 1
    return looks


def _line(figure: go.Figure, rows: pd.DataFrame, aside: float, look: dict, metric: str, reference: str, dark: bool) -> None:
    names = [f"{row['name']}, {percent(row['share'])} of the interactions" for _, row in rows.iterrows()]
    color, at = look["color"], {"x": rows["share"].to_numpy(float) + aside, "y": rows["mean"].to_numpy(float)}
    hover = [hover_text(name, row, metric, reference) for name, (_, row) in zip(names, rows.iterrows(), strict=True)]
    style = {"fill": fills(rows, color, dark), "symbol": "circle"} if reference else {"symbol": "diamond"}
    style |= {"mode": "lines+markers", "line": look, "cliponaxis": False, "name": safe(rows["name"].iloc[0])}
    bars = error_bars(rows["mean"], rows["low"], rows["high"], color, 1)
    marks(figure, color=color, size=6, width=1.75, hover=hover, error_y=bars, **at, **style)


def _gain(figure: go.Figure, gains: pd.DataFrame, look: dict, ours: str, reference: str, dark: bool) -> None:
    """Draw below the levels what they hide: the paired gain of one model with its interval, above and below zero."""
    gain, low, high = (100 * gains[name] for name in ("gain", "gain_low", "gain_high"))
    hover = [safe(f"{percent(row['share'])}: {points(row, signs=True)}") for _, row in gains.iterrows()]
    style = {"mode": "lines+markers", "line": look | {"width": 1.5}, "error_y": error_bars(gain, low, high, look["color"])}
    more = {"fill": fills(gains, look["color"], dark), "hover": hover, "yaxis": "y2", "cliponaxis": False, "name": "gain"}
    marks(figure, gains["share"], gain, look["color"], 8, **more, **style)
    bottom, top = bounds_of(gain, low, high, [0.0])
    room, places = 0.08 * ((top - bottom) or 1.0), ticks(bottom, top, 3)
    words = [setting(place) if place <= 0 else f"+{setting(place)}" for place in places]
    axis = {"range": [bottom - room, top + room], "domain": [0, GAINS], "zeroline": True, "tickvals": places, "ticktext": words}
    figure.update_layout(yaxis2=axis, xaxis={"anchor": "y2"})
    said = "<br>".join([*(safe(cut(name, NAME_WIDTH)) for name in (ours, f"− {reference}")), "in points"])
    write_right(figure, GAINS / 2, said, 10, MUTED[dark], TICK_SIZE, yref="paper", align="left", name="gain")


def _name_lines(
    figure: go.Figure, by_model: Mapping[str, pd.DataFrame], looks: Mapping[str, dict], bounds: list[float], part: float
) -> None:
    least = NAME_SPACE / (part * plot_height(figure)) * (bounds[1] - bounds[0])
    ends = [float(rows["mean"].iloc[-1]) for rows in by_model.values()]
    for name, place in zip(by_model, spread(ends, least, bounds[1]), strict=True):
        beside = {"xref": "paper", "xsizemode": "pixel", "xanchor": 1, "x0": 8, "x1": 8 + SAMPLE}
        figure.add_shape(type="line", y0=place, y1=place, line=looks[name], **beside)
        write_right(figure, place, safe(cut(name, NAME_WIDTH)), 12 + SAMPLE, looks[name]["color"], TEXT_SIZE, name="model")


def reach(done: pd.DataFrame, n_missing: int, ours: str, reference: str, metric: str) -> str:
    """Say on which shares a gain is shown, and what is known where it is not.

    Args:
        done: The rows that have a value, read by ``read_table``, with ``share`` and ``name``.
        n_missing: On how many shares ``ours`` has none yet: then no share between two others is spoken for.
        ours: The model that the finding is about.
        reference: The model that it is held against.
        metric: What the values are.
    """
    rows = done[(done["name"] == ours) & done["is_judged"]].sort_values("share", ascending=False)
    if not len(rows) or ours == reference:
        least = done[done["share"] == done["share"].min()]
        best = least.loc[least["mean"].idxmax()]
        value = f"{metric_name(metric)} {metric_value(metric, best['mean'])}"
        return fit(lambda n: f"On {percent(best['share'])} of the interactions, {shorten(best['name'], n)} is best: {value}")
    seed, n_asked = "One seed: " if rows["by_users"].all() else "", int((done["name"] == ours).sum()) + n_missing
    signs, is_whole = rows["sign"], len(rows) == n_asked
    if (signs < 0).all():
        verb, tails = "loses to", [f"at every share, {_listed(rows)}"] if is_whole else [f"at {_listed(rows)}"]
    elif (signs <= 0).all():
        verb, lost = "is not shown to beat", rows[signs < 0]
        more = f"; it loses at {_listed(lost)}" if len(lost) else ""
        tails = [f"at any share{more}", "at any share"] if is_whole else [f"at {_listed(rows)}{more}", f"at {_listed(rows)}"]
    else:
        verb, tails = "beats", _where(rows, is_whole)
    return fit(*(lambda n, tail=tail: f"{seed}{shorten(ours, n)} {verb} {shorten(reference, n)} {tail}" for tail in tails))


def _listed(rows: pd.DataFrame) -> str:
    return ", ".join(percent(value) for value in rows["share"])


def _where(rows: pd.DataFrame, is_whole: bool) -> list[str]:
    """Say, in several lengths, where a gain is shown, coming from the largest share, and what stands at the next."""
    shown, of = (rows["sign"] > 0).to_numpy(), "of the interactions"
    wins = int(shown.sum())
    if not is_whole or not shown[:wins].all():
        among = "" if is_whole else " that are finished"
        return [f"at {_listed(rows[shown])} {of}", f"at {wins} of the {len(rows)} shares{among}"]
    least = percent(rows["share"].iloc[wins - 1])
    if wins == len(rows):
        there = f"{points(rows.iloc[-1])} there"
        return [f"down to {least} {of}: {there}", f"down to {least}: {there}", f"down to {least} {of}", f"down to {least}"]
    then = rows.iloc[wins]
    lost = then["sign"] < 0
    what, by = ("it loses", points(then, flipped=True)) if lost else ("no gain is shown", f"({points(then, signs=True)})")
    after = f"at {percent(then['share'])} {what}"
    return [f"down to {least} {of}; {after} {by}", f"down to {least} {of}; {after}", f"down to {least}; {after}"]
