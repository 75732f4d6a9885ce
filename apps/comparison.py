"""What the page of comparisons shows: lists of several runs beside one another, and a table of cohorts."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, LabError, backend, plots

LISTED = 10
MEANINGS = {
    "popularity": "people who have a listed thing to learn from",
    "long_tail": "outside of the most taken things that hold 80 % of everything taken",
    "novelty": "bits: how rare the listed things are",
    "distance": "0 all alike … 1 nothing in common, by these features",
    "calibration": "how far the categories are from the person’s own; 0: the same",
    "coverage": "of all things, those on anybody’s list",
    "gini": "0 all shown as often … 1 few shown to all",
}
DESCRIBED = (
    "Neither more nor less of these is better by itself. Small print: bounds over people; whether two runs differ is said by their "
    "paired difference: choose the metric above."
)
LARGE = "This data is large: to make and judge everybody’s lists takes a while. It is done once, and kept."


def opened(first: backend.Scene | None, names: Sequence[str]) -> tuple[dict[str, backend.Scene], mo.Html | None]:
    """Open what is compared; nothing, and what is wrong, where that can't be."""
    try:
        return (backend.sides(first, names) if first else {}), None
    except LabError as error:
        return {}, problem(error)


def problem(error: LabError) -> mo.Html:
    """Say what is wrong with a run that is compared."""
    return common.problem(error, "The other runs are unharmed.", "Choose other runs above.")


def how_it_counts(first: backend.Scene) -> mo.Html | None:
    """Say how the link's run is looked at where that is not as it was trained."""
    if not backend.is_changed(first):
        return None
    run = first.link.run
    said = f"{run} counts here as you turned it; the other runs count as trained, at their best epoch."
    return common.fact(f"{said} Hold it against “{run} as trained” to see what turning it changed.")


def lists(sides: Mapping[str, backend.Scene], user_id: str) -> mo.Html:
    """Show one person's lists: two joined by lines, or up to four beside one another, each held against the first."""
    names, (first, second, *_) = list(sides), sides.values()
    if len(sides) == 2:
        moves = backend.with_pictures(backend.run_moves(first, second, user_id, LISTED), first.data, backend.SMALL_WIDTH)
        hint = "● was held back and is found (a hit), ○ is not known to be taken. Choose another person below."
        return mo.Html(plots.rank_moves_cards(moves, LISTED, before=names[0], after=names[1], hint=hint))
    columns = (_column(name, first, scene, user_id) for name, scene in sides.items())
    return common.side_by_side(*columns, widths=f"repeat({len(sides)}, 1fr)")


def _column(name: str, first: backend.Scene, scene: backend.Scene, user_id: str) -> mo.Html:
    data, moves = scene.data, backend.run_moves(first, scene, user_id, LISTED)
    shown = moves[moves["rank_after"] <= LISTED]
    cards = shown[["item_id", "title", "hit"]].assign(line=[f"number {rank}" for rank in shown["rank_after"]])
    gone = moves.loc[moves["rank_after"] > LISTED, "title"].tolist()
    if scene is not first:
        new = shown["rank_before"] > LISTED
        cards = cards.assign(moved=shown["moved"], mark=["new" if is_new else "" for is_new in new])
        said = f"{int(new.sum())} new, {len(gone)} dropped, {int(((shown['moved'] != 0) & ~new).sum())} moved"
    else:
        said = "the others are held against this one"
    found = f"; {int(shown['hit'].sum())} of {len(data.history(user_id, 'valid'))} held-back items among the first {LISTED}"
    dropped = common.fact(f"Dropped: {', '.join(gone)}.") if gone else None
    column = mo.Html(plots.card_column(backend.with_pictures(cards, data, backend.SMALL_WIDTH)))
    return common.stack(common.finding(name), common.fact(said + found), column, dropped)


def quality_table(quality: pd.DataFrame) -> mo.Html:
    """Set the runs' metrics beside one another, the best of each in bold."""
    metrics = backend.COMPARED_METRICS
    best = quality[list(metrics)].max()
    head = "".join(
        f"<th>{html.escape(name)}</th>"
        for name in ("run", "model, epoch", *(f"valid {plots.metric_name(name)}" for name in metrics), "test Recall@20")
    )
    rows = ""
    for row in quality.to_dict("records"):
        cells = [plots.metric_value(name, row[name]) for name in metrics]
        marked = [f"<b>{cell}</b>" if row[name] == best[name] else cell for name, cell in zip(metrics, cells, strict=True)]
        test = "–" if pd.isna(row[backend.TEST]) else plots.metric_value("recall@20", row[backend.TEST])
        written = html.escape(str(row["run"])), html.escape(f"{row['model']}, {row['epoch']}"), *marked, test
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in written)}</tr>".replace("<td>", '<td style="min-width:5.5em">', 1)
    return common.table(head, rows)


def metrics(data: Dataset) -> dict[str, str]:
    """Return by what runs can be compared person by person, by what a page calls it."""
    return {plots.metric_name(metric): metric for metric in (*backend.COMPARED_METRICS, *backend.list_metrics(data))}


def list_table(quality: pd.DataFrame, data: Dataset) -> mo.Html:
    """Set what the runs' lists are like beside one another, beyond what they find."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in ("lists of 20", *quality["run"]))
    rows = ""
    for metric in (*backend.list_metrics(data), *backend.TOGETHER_METRICS):
        kind = metric.partition("@")[0]
        meaning = MEANINGS["distance" if kind.endswith("_distance") else kind]
        cells = [_with_bounds(row, metric) for row in quality.to_dict("records")]
        name = f"{html.escape(plots.metric_name(metric).partition('@')[0])}<br><small>{meaning}</small>"
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in (name, *cells))}</tr>"
    return common.stack(common.section("What are the lists like?"), common.fact(DESCRIBED), common.table(head, rows))


def _with_bounds(row: Mapping[Any, Any], metric: str) -> str:
    value, low, high = (plots.metric_value(metric, row[f"{metric}{bound}"]) for bound in ("", " low", " high"))
    return f'{value}<br><small style="white-space:nowrap">[{low}, {high}]</small>'


def cohort_table(differences: pd.DataFrame, first: str, metric: str) -> mo.Html:
    """Write the cohorts' metric under each run, and the paired difference with its bounds."""
    runs = list(dict.fromkeys(differences["run"]))
    unit = f"difference{', points' if plots.metric_unit(metric)[1] else ''}"
    head = f"<th>who</th><th>judged</th><th>{html.escape(first)}</th>"
    head += "".join(f"<th>{html.escape(name)}<br><small>{unit}</small></th>" for name in runs)
    rows = ""
    for cohort, those in differences.groupby("cohort", sort=False):
        start = those.iloc[0]
        cells = [backend.cohort_name(str(cohort)), f"{start['judged']:,}", plots.metric_value(metric, start["first"])]
        for row in those.to_dict("records"):
            difference, low, high = (plots.signed(plots.metric_unit(metric)[0] * row[name]) for name in ("difference", "low", "high"))
            bounds = f'<small style="white-space:nowrap">{difference} [{low}, {high}]</small>'
            cells.append(f"{plots.metric_value(metric, row['value'])}<br>{bounds}")
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    return common.table(head, rows)


JUDGED = (
    "All of this is judged on the validation split, by which the best epoch was chosen; the test split, looked at once, stands in the "
    "table. Each run is one seed: the intervals are over people, not over seeds."
)


def _place(rank: float) -> str:
    return "–" if pd.isna(rank) else f"{rank:,.0f}"


def turned(sides: Mapping[str, backend.Scene]) -> mo.Html | None:
    """Say of which of the compared runs knobs were turned while they trained."""
    lines = [f"{name} was {words}." for name, scene in sides.items() if (words := backend.turned_in(scene.run))]
    return common.fact(" ".join(lines)) if lines else None


def winners(
    first: backend.Scene,
    second: backend.Scene,
    changed: pd.DataFrame,
    metric: str,
    chosen: str,
    choose: Callable[[str], None],
    count: int = 4,
) -> tuple[mo.ui.array, mo.ui.array]:
    """Make buttons of those who gain most, and of those who lose most, with how much; none where nobody does."""
    gain, lose = changed[changed["difference"] > 0].head(count), changed[changed["difference"] < 0].tail(count).iloc[::-1]

    def button(row: Mapping[Any, Any]) -> mo.ui.button:
        before, after = backend.first_hits(first, second, row["user_id"])
        places = f"; first hit {_place(before)} → {_place(after)}"
        line = f"{plots.metric_name(metric)} {common.difference(metric, row['difference'])}{places}"
        return widgets.person_button(first.data, row["user_id"], row["user_id"] == chosen, choose, line)

    gaining, losing = (mo.ui.array([button(row) for row in those.to_dict("records")]) for those in (gain, lose))
    return gaining, losing
