"""Knobs that were turned while a training ran, as marks on its curves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.language import SURFACE, knob_color, knob_markup, knob_name, require, safe, setting
from srgformer_lab.plots.template import TICK_SIZE

MOST_LEVELS = 3
LABEL_SHARE = 0.25
"""Share of the axis that one label may take, measured where the figure is 400 px wide."""


@dataclass(frozen=True)
class Turn:
    """One knob that was turned: when (in finished epochs), from what, to what."""

    at: float
    name: str
    before: float
    after: float

    @property
    def label(self) -> str:
        """Write it as symbol, before → after, ready for a figure."""
        return f"{knob_markup(self.name)} {setting(self.before)} → {setting(self.after)}"


def turns_of(knob_changes: pd.DataFrame | None, within: float = 0.5) -> list[Turn]:
    """Read the changes in their order; several of one knob within half an epoch (a drag) become one, which may cancel out.

    Raises:
        DataError: A column is missing.
    """
    if knob_changes is None or not len(knob_changes):
        return []
    require(knob_changes, ["progress", "name", "before", "after"], "knob changes")
    merged: list[Turn] = []
    latest: dict[str, int] = {}
    for row in knob_changes.sort_values("progress", kind="stable").itertuples():
        turn = Turn(float(row.progress), str(row.name), float(row.before), float(row.after))  # type: ignore[arg-type]
        place = latest.get(turn.name)
        if place is not None and turn.at - merged[place].at <= within:
            merged[place] = Turn(merged[place].at, turn.name, merged[place].before, turn.after)
        else:
            latest[turn.name] = len(merged)
            merged.append(turn)
    return sorted((turn for turn in merged if turn.before != turn.after), key=lambda turn: turn.at)


def draw_turns(figure: go.Figure, turns: list[Turn], bounds: tuple[float, float], axes: dict[str, str], dark: bool) -> None:
    """Draw a thin vertical line for each turn, all of one knob as one trace: a drawn shape each would take seconds for hundreds."""
    for name in dict.fromkeys(turn.name for turn in turns):
        at = np.array([turn.at for turn in turns if turn.name == name])
        figure.add_scatter(
            x=np.repeat(at, 3).astype(np.float32),
            y=np.tile([*bounds, np.nan], len(at)).astype(np.float32),
            mode="lines",
            line={"color": knob_color(name, dark), "width": 1, "dash": "2px,3px"},
            hoverinfo="skip",
            name=f"{name} turned",
            **axes,
        )


def mark_turns(figure: go.Figure, turns: list[Turn], start: float, reach: float, x: np.ndarray, y: np.ndarray, dark: bool) -> int:
    """Mark each turn by a diamond on the curve and a label above the plot; give the rows of labels used.

    Labels that would cover one another move to the next row; where no row is free only the mark and its hover text stay.
    """
    width = LABEL_SHARE * ((reach - start) or 1.0)
    free = [-np.inf] * MOST_LEVELS
    for turn in turns:
        color = knob_color(turn.name, dark)
        left = min(max(turn.at - width / 2, start), reach - width)
        level = next((level for level in range(MOST_LEVELS) if free[level] <= left), None)
        if level is None:
            continue
        free[level] = left + width
        anchor = "left" if turn.at < start + width / 2 else "right" if turn.at > reach - width / 2 else "center"
        figure.add_annotation(
            x=turn.at,
            y=1,
            yref="y domain",
            yanchor="bottom",
            yshift=2 + 15 * level,
            xanchor=anchor,
            text=turn.label,
            font={"color": color, "size": TICK_SIZE},
        )
    if turns and len(x):
        at = np.array([turn.at for turn in turns])
        figure.add_scatter(
            x=at.astype(np.float32),
            y=np.interp(at, x, y).astype(np.float32),
            mode="markers",
            marker={
                "size": 10,
                "symbol": "diamond",
                "color": [knob_color(turn.name, dark) for turn in turns],
                "line": {"color": SURFACE[dark], "width": 1.5},
            },
            text=[f"{turn.label}<br>{safe(knob_name(turn.name))}, epoch {turn.at + 1:.0f}" for turn in turns],
            hovertemplate="%{text}<extra></extra>",
            name="knobs",
        )
    return sum(level > -np.inf for level in free)
