"""What fewer interactions cost each model, and on how few a gain is still shown."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.evidence import (
    cut,
    error_bars,
    fills,
    hover_text,
    how_to_read,
    nothing_finished,
    points,
    read_table,
    text_width,
)
from srgformer_lab.plots.growth import spread
from srgformer_lab.plots.language import (
    FURTHER_COLORS,
    INK,
    MUTED,
    PARTS,
    metric_name,
    metric_unit,
    part_color,
    percent,
    safe,
    setting,
    ticks,
)
from srgformer_lab.plots.reach import reach
from srgformer_lab.plots.template import TALLEST, TEXT_SIZE, TICK_SIZE, empty_figure, new_figure

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
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

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
    figure = new_figure(finding, text, dark, TALLEST, left=60, right=right, bottom=44)
    looks = _looks(by_model, ours, reference, dark)
    span = shares[-1] - shares[0]
    middle = (len(by_model) - 1) / 2
    for place, (name, rows) in reversed(list(enumerate(by_model.items()))):
        _line(figure, rows, APART * span * (place - middle), looks[name], metric, "" if name == reference else reference, dark)
    low, high = (float(edge) for edge in (done[["mean", "low"]].min(axis=None), done[["mean", "high"]].max(axis=None)))
    room = 0.05 * ((high - low) or abs(high) or 1.0)
    places, (factor, unit) = ticks(low, high), metric_unit(metric)
    words = [setting(factor * place) + unit for place in places]
    foot = LEVELS if has_gain else 0.0
    figure.update_yaxes(
        range=[low - room, high + room], domain=[foot, 1], zeroline=False, tickvals=places, ticktext=words, title_text=metric_name(metric)
    )
    side = span * max(0.04, APART * (middle + 1))
    named = shares if len(shares) <= MOST_SHARES else ticks(shares[0], shares[-1], 5)
    words = [percent(value) for value in named]
    figure.update_xaxes(range=[shares[0] - side, shares[-1] + side], zeroline=False, tickvals=named, ticktext=words)
    figure.update_xaxes(title_text="share of training interactions")
    _name_lines(figure, by_model, looks, (low - room, high + room), 1 - foot)
    if has_gain:
        _gain(figure, gains, looks[ours], ours, reference, dark)
    return figure


def _chosen(table: pd.DataFrame, done: pd.DataFrame, ours: str, reference: str) -> list[str]:
    """Return the models that have a point, in the table's order."""
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
    mean = rows["mean"].to_numpy(float)
    figure.add_scatter(
        x=rows["share"].to_numpy(float) + aside,
        y=mean,
        mode="lines+markers",
        line=look,
        marker={
            "size": 6,
            "symbol": "circle" if reference else "diamond",
            "color": fills(rows, look["color"], dark) if reference else look["color"],
            "line": {"width": 1.75, "color": look["color"]},
        },
        error_y=error_bars(rows["mean"], rows["low"], rows["high"], look["color"], 1),
        customdata=[
            hover_text(f"{row['name']}, {percent(row['share'])} of the interactions", row, metric, reference) for _, row in rows.iterrows()
        ],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        name=safe(rows["name"].iloc[0]),
    )


def _gain(figure: go.Figure, gains: pd.DataFrame, look: dict, ours: str, reference: str, dark: bool) -> None:
    """Draw below the levels what they hide: the paired gain of one model with its interval, above and below zero."""
    gain, low, high = (100 * gains[name] for name in ("gain", "gain_low", "gain_high"))
    figure.add_scatter(
        x=gains["share"],
        y=gain,
        yaxis="y2",
        mode="lines+markers",
        line=look | {"width": 1.5},
        marker={"size": 8, "color": fills(gains, look["color"], dark), "line": {"width": 2, "color": look["color"]}},
        error_y=error_bars(gain, low, high, look["color"]),
        customdata=[safe(f"{percent(row['share'])}: {points(row, signs=True)}") for _, row in gains.iterrows()],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        name="gain",
    )
    ends = np.concatenate([gain, low, high, [0.0]])
    bottom, top = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = 0.08 * ((top - bottom) or 1.0)
    places = ticks(bottom, top, 3)
    words = [setting(place) if place <= 0 else f"+{setting(place)}" for place in places]
    axis = {"range": [bottom - room, top + room], "domain": [0, GAINS], "zeroline": True, "tickvals": places, "ticktext": words}
    figure.update_layout(yaxis2=axis, xaxis={"anchor": "y2"})
    names = [safe(cut(name, NAME_WIDTH)) for name in (ours, f"− {reference}")]
    figure.add_annotation(
        x=1,
        xref="paper",
        xanchor="left",
        xshift=10,
        y=GAINS / 2,
        yref="paper",
        align="left",
        text="<br>".join([*names, "in points"]),
        font={"size": TICK_SIZE, "color": MUTED[dark]},
        name="gain",
    )


def _name_lines(
    figure: go.Figure, by_model: Mapping[str, pd.DataFrame], looks: Mapping[str, dict], bounds: tuple[float, float], part: float
) -> None:
    """Name the lines at the right from the highest end to the lowest, each after a piece of its line."""
    height = part * (figure.layout.height - figure.layout.margin.t - figure.layout.margin.b)
    least = NAME_SPACE / height * (bounds[1] - bounds[0])
    ends = [float(rows["mean"].iloc[-1]) for rows in by_model.values()]
    for (name, _), place in zip(by_model.items(), spread(ends, least, bounds[1]), strict=True):
        beside = {"xref": "paper", "xsizemode": "pixel", "xanchor": 1, "x0": 8, "x1": 8 + SAMPLE}
        figure.add_shape(type="line", y0=place, y1=place, line=looks[name], **beside)
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=12 + SAMPLE,
            y=place,
            text=safe(cut(name, NAME_WIDTH)),
            font={"size": TEXT_SIZE, "color": looks[name]["color"]},
            name="model",
        )
