"""What a data set holds: who took what, how unevenly, how long the histories are, and what is known of the items."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.bars import name_rows, rows_figure, steps, write_ends
from srgformer_lab.plots.drawing import HOVER, empty_figure, heatmap, new_figure, ticks
from srgformer_lab.plots.frames import numbers, require
from srgformer_lab.plots.language import counted, digits, percent, safe, setting
from srgformer_lab.plots.style import FAINT, HISTORY_COLORS, INK, MUTED, SINGLE_SCALE, TICK_SIZE, part_color
from srgformer_lab.plots.texts import first_that_fits, shorten

HEAD, HALF = 0.1, 0.5
"""Shares of the items, the most taken first, at which the long tail is cut."""
MOST_POINTS = 600
"""So many places along an outline are drawn; between them it is straight."""
SHADES = ((SINGLE_SCALE[0][2][1], SINGLE_SCALE[0][1][1], "#C9D3E3"), (SINGLE_SCALE[1][2][1], SINGLE_SCALE[1][1][1], "#33455A"))
"""Three shades of one hue on light and on dark pages, the strongest first."""
HEIGHT = 280


def long_tail(items: pd.DataFrame, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how many users took each item, the most taken first; words say which share of the interactions each stretch has.

    Args:
        items: ``title`` and ``users``, one row an item.

    Raises:
        DataError: A column is missing, or a number of users is negative or no finite number.
    """
    what = "long tail"
    users = np.sort(_counts(items, ["title"], "users", what))[::-1]
    if not users.sum():
        return empty_figure("Nobody took anything yet", "An outline appears with the first interactions.", dark)
    cuts = [0, -(-len(users) // int(1 / HEAD)), len(users) - int(len(users) * HALF), len(users)]
    shares = [float(users[start:end].sum() / users.sum()) for start, end in itertools.pairwise(cuts)]
    finding = first_that_fits(
        f"The most taken tenth of the items has {percent(shares[0])} of the interactions, the less taken half {percent(shares[2])}",
        f"The most taken tenth of the items has {percent(shares[0])} of the interactions",
    )
    text = "Are the lists fair to the rest? Choose the less taken half below and look." if hint is None else hint
    figure = new_figure(finding, text, dark, HEIGHT, left=44, right=26, bottom=44)
    words = [f"first tenth<br>{percent(shares[0])}", f"next {percent(1 - HALF - HEAD)}<br>{percent(shares[1])}"]
    words.append(f"less taken half<br>{percent(shares[2])} of all")
    sums = np.cumsum(users) / users.sum()
    titles = [str(title) for title in items.sort_values("users", ascending=False, kind="stable")["title"]]
    hovers = [
        f"{place + 1:,}. {safe(shorten(titles[place], 40))}: {counted(int(users[place]), 'user')}<br>"
        f"the first {place + 1:,} items have {percent(sums[place])} of the interactions"
        for place in range(len(users))
    ]
    _outline(figure, users, cuts, words, SHADES[dark], hovers, dark)
    figure.update_xaxes(title_text="items, the most taken first")
    figure.update_yaxes(title_text="users")
    return figure


def history_histogram(users: pd.DataFrame, cohorts: Mapping[str, str], *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how many items each user took, the shortest history first, cut into the cohorts.

    Args:
        users: ``items`` and ``cohort``, one row a user.
        cohorts: The cohorts from the shortest histories to the longest, and what a person calls them.

    Raises:
        DataError: A column is missing, a number of items is negative or no finite number, or a cohort is unknown.
    """
    what = "history lengths"
    lengths = _counts(users, ["cohort"], "items", what)
    if unknown := sorted(set(users["cohort"].astype(str)) - set(cohorts)):
        raise DataError(f"{what}: the frame has the cohorts {', '.join(unknown)}; give those of {', '.join(cohorts)}")
    if not len(lengths):
        return empty_figure("There are no users yet", "An outline appears with the first histories.", dark)
    parts = [np.sort(lengths[(users["cohort"] == cohort).to_numpy()]) for cohort in cohorts]
    ordered = np.concatenate(parts)
    cuts = [0, *np.cumsum([len(part) for part in parts]).tolist()]
    half = f"Half of the people took {setting(float(np.median(lengths)))} things or fewer"
    finding = first_that_fits(f"{half}; the longest history has {setting(int(ordered[-1]))}", half)
    text = "Who is served worse, those with short histories? The table below says." if hint is None else hint
    figure = new_figure(finding, text, dark, HEIGHT, left=44, right=26, bottom=44)
    words = [f"{name}<br>{_span(part)}" for name, part in zip(cohorts.values(), parts, strict=True)]
    hovers = [f"{place + 1:,}. of {counted(len(ordered), 'user')}: {counted(int(length), 'item')}" for place, length in enumerate(ordered)]
    _outline(figure, ordered, cuts, words, SHADES[dark][::-1], hovers, dark)
    figure.update_xaxes(title_text="users, the shortest history first")
    figure.update_yaxes(title_text="items")
    return figure


def coverage_bars(coverage: pd.DataFrame, n_items: int, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw of how many items something is known, a row each, modalities in their colours.

    Args:
        coverage: ``what``, ``modality`` (empty where it is none), ``items`` and ``share`` in 0…1.
        n_items: How many items there are.

    Raises:
        DataError: A column is missing, or a value is no finite number.
    """
    rows = numbers(coverage, ["what", "modality"], ["items", "share"], "coverage bars")
    if not len(rows):
        return empty_figure("Nothing is known of the items but who took them", "A row appears for each modality.", dark)
    names, modalities = list(rows["what"].astype(str)), [str(name) for name in rows["modality"]]
    known = [name for name in modalities if name]
    colors = [part_color(name, dark, known) if name else HISTORY_COLORS[dark] for name in modalities]
    text = "What is not known of an item can’t carry a score." if hint is None else hint
    figure = rows_figure(_coverage_finding(rows, n_items), text, names, dark)
    shares = rows["share"].to_numpy(float)
    hovers = [f"{name}: {int(items):,} of {counted(n_items, 'item')}" for name, items in zip(names, rows["items"], strict=True)]
    steps(figure, np.zeros(len(rows)), shares, colors, hovers)
    write_ends(figure, shares, shares, [0.0, 1.0], [percent(share) for share in shares])
    figure.update_xaxes(tickvals=[0, 0.5, 1], ticktext=[percent(0), percent(0.5), percent(1)])
    name_rows(figure, names, [color if name else INK[dark] for color, name in zip(colors, modalities, strict=True)])
    return figure


def _coverage_finding(rows: pd.DataFrame, n_items: int) -> str:
    modal = rows[rows["modality"].astype(str) != ""]
    if not len(modal):
        return "No modality is known of the items: there is only who took what"
    least = modal.loc[modal["share"].idxmin()]
    missing = n_items - int(least["items"])
    if missing:
        return f"{str(least['modality']).capitalize()} features are missing for {missing:,} of {counted(n_items, 'item')}"
    listed = " and ".join(map(str, modal["modality"])) if len(modal) <= 2 else f"all {len(modal)} modalities"
    return f"Features of {listed} are there for all {counted(n_items, 'item')}"


def _counts(frame: pd.DataFrame, words: Sequence[str], column: str, what: str) -> np.ndarray:
    values = numbers(frame, words, [column], what)[column].to_numpy(float)
    if (values < 0).any():
        raise DataError(f"{what}: row {int((values < 0).argmax())} has {column}={values.min():g}; counts start at 0")
    return values


def _span(lengths: np.ndarray) -> str:
    if not len(lengths):
        return "nobody"
    low, high = int(lengths[0]), int(lengths[-1])
    return counted(low, "item") if low == high else f"{low:,}–{high:,} items"


def _outline(
    figure: go.Figure,
    heights: np.ndarray,
    cuts: Sequence[int],
    words: Sequence[str],
    shades: Sequence[str],
    hovers: Sequence[str],
    dark: bool,
) -> None:
    n, top = len(heights), float(heights.max())
    for start, end, text, shade in zip(cuts, cuts[1:], words, shades, strict=False):
        if start == end:
            continue
        places = np.unique(np.linspace(start, end - 1, min(end - start, MOST_POINTS // 3)).round().astype(int))
        x, y = np.append(places, end).astype(np.float32), np.append(heights[places], heights[places[-1]]).astype(np.float32)
        look = {"line": {"width": 0, "shape": "hv", "color": shade}, "fill": "tozeroy", "fillcolor": shade}
        said = {"text": [hovers[place] for place in (*places, places[-1])], "hovertemplate": "%{text}<extra></extra>"}
        figure.add_scatter(x=x, y=y, mode="lines", **look, **said)
        near_left = start == 0 and end < 0.2 * n
        x, side, color = (0, "left", INK[dark]) if near_left else ((start + end) / 2, "center", MUTED[dark])
        style = {"xanchor": side, "align": side, "yanchor": "middle", "font": {"size": TICK_SIZE, "color": color}}
        figure.add_annotation(x=x, y=1.2 * top, text=text, name="stretch", **style)
    figure.update_xaxes(range=[0, n], tickvals=[0, n], ticktext=["1", f"{n:,}"], zeroline=False)
    marks = ticks(0.0, top, 4)
    figure.update_yaxes(range=[0, 1.38 * top or 1], tickvals=marks, ticktext=[setting(mark) for mark in marks])


EMPTY_CELL = ("#F1F1F1", "#242424")


def interaction_matrix(pairs: pd.DataFrame, n_users: int, n_items: int, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw the matrix of interactions: the most active users on top, the most taken items at the left.

    Args:
        pairs: ``user`` and ``item``: rows of each interaction, from 0.
        n_users: Number of users, those without interactions included.
        n_items: Number of items.

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
    heatmap(figure, cells, ((0, EMPTY_CELL[dark]), (1, HISTORY_COLORS[dark])), 0, 1, hoverinfo="skip")
    figure.update_xaxes(title_text=f"{n_items:,} items", showticklabels=False, zeroline=False)
    figure.update_yaxes(title_text=f"{n_users:,} users", showticklabels=False, zeroline=False, autorange="reversed")
    return figure


def head_share(items: pd.DataFrame, share: float = 0.2, *, dark: bool = False, hint: str | None = None) -> go.Figure:
    """Draw how often each item was taken, the most taken first, and what share of all interactions the first ones hold.

    Args:
        items: ``title`` and ``taken``, one row an item.
        share: Which share of the items counts as the head, in 0…1.

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
    marker = {"color": np.where(in_head, HISTORY_COLORS[dark], FAINT[dark]).tolist(), "line": {"width": 0}}
    said = [f"{safe(title)}<br>taken {taken:,.0f} times" for title, taken in zip(items["title"], items["taken"], strict=True)]
    figure.add_bar(x=np.arange(len(items)), y=items["taken"], width=1, marker=marker, customdata=said, hovertemplate=HOVER)
    words = f"<b>head</b> ◂ ▸ tail: {counted(len(items) - n_head, 'item')}, {digits(100 * (1 - held), 2)} %"
    place = {"x": n_head - 0.5, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top", "xshift": 6}
    figure.add_annotation(text=words, font={"color": MUTED[dark]}, **place)
    figure.add_vline(x=n_head - 0.5, line={"color": INK[dark], "width": 1})
    figure.update_xaxes(title_text="items, the most taken first", showticklabels=False, zeroline=False)
    figure.update_yaxes(title_text="times taken")
    return figure
