"""Who took what, before any model: the matrix of interactions, and the long tail of items that few took."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.plots.language import FAINT, INK, MUTED, counted, digits, percent, require, safe
from srgformer_lab.plots.rows import HISTORY_COLORS
from srgformer_lab.plots.template import empty_figure, new_figure

EMPTY_CELL = ("#F1F1F1", "#242424")


def interaction_matrix(pairs: pd.DataFrame, n_users: int, n_items: int, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw the matrix of interactions: the most active users on top, the most taken items at the left.

    Args:
        pairs: ``user`` and ``item``: rows of each interaction, from 0.
        n_users: Number of users, those without interactions included.
        n_items: Number of items.
        dark: For dark pages.
        hint: What to look at; the figure's own words without it.

    Raises:
        DataError: A column is missing.
    """
    require(pairs, ["user", "item"], "interaction matrix")
    if not len(pairs):
        return empty_figure("Nobody took anything yet", "The matrix of interactions is empty.", dark)
    cells = np.zeros((n_users, n_items), dtype=np.uint8)
    cells[pairs["user"], pairs["item"]] = 1
    rows, columns = (np.argsort(-cells.sum(axis, dtype=int), kind="stable") for axis in (1, 0))
    cells = cells[rows][:, columns]
    finding = f"{percent(cells.mean())} of the {cells.size:,} cells are filled; the rest is not “no”, but “not known”"
    text = "A row is a person, a column an item; the most taken stand left. Look how fast the columns thin out."
    figure = new_figure(finding, text if hint is None else hint, dark, left=56, right=12, bottom=34)
    scale = [[0, EMPTY_CELL[dark]], [1, HISTORY_COLORS[dark]]]
    figure.add_heatmap(z=cells, zmin=0, zmax=1, colorscale=scale, showscale=False, hoverinfo="skip")
    figure.update_xaxes(title_text=f"{n_items:,} items", showticklabels=False, zeroline=False)
    figure.update_yaxes(title_text=f"{n_users:,} users", showticklabels=False, zeroline=False, autorange="reversed")
    return figure


def head_share(items: pd.DataFrame, share: float = 0.2, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how often each item was taken, the most taken first, and what share of all interactions the first ones hold.

    Args:
        items: ``title`` and ``taken``, one row an item.
        share: Which share of the items counts as the head, in 0…1.
        dark: For dark pages.
        hint: What to try; the figure's own words without it.

    Raises:
        DataError: A column is missing.
    """
    require(items, ["title", "taken"], "head share")
    items = items.sort_values("taken", ascending=False, kind="stable", ignore_index=True)
    total = float(items["taken"].sum())
    if not total:
        return empty_figure("Nobody took anything yet", "There is no tail without interactions.", dark)
    n_head = max(1, round(share * len(items)))
    held = float(items["taken"].head(n_head).sum()) / total
    finding = f"The most taken {percent(share)} of the items hold {percent(held)} of all interactions"
    text = "Each bar is an item. Move the share: how many items hold half of everything?"
    figure = new_figure(finding, text if hint is None else hint, dark, height=300, left=56, right=12, bottom=34)
    in_head = np.arange(len(items)) < n_head
    figure.add_bar(
        x=np.arange(len(items)),
        y=items["taken"],
        width=1,
        marker={"color": np.where(in_head, HISTORY_COLORS[dark], FAINT[dark]).tolist(), "line": {"width": 0}},
        customdata=[f"{safe(title)}<br>taken {taken:,.0f} times" for title, taken in zip(items["title"], items["taken"], strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.add_annotation(
        x=n_head - 0.5,
        y=1,
        yref="paper",
        xanchor="left",
        yanchor="top",
        xshift=6,
        text=f"<b>head</b> ◂ ▸ tail: {counted(len(items) - n_head, 'item')}, {digits(100 * (1 - held), 2)} %",
        font={"color": MUTED[dark]},
    )
    figure.add_vline(x=n_head - 0.5, line={"color": INK[dark], "width": 1})
    figure.update_xaxes(title_text="items, the most taken first", showticklabels=False, zeroline=False)
    figure.update_yaxes(title_text="times taken")
    return figure
