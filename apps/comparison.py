"""What the page of comparisons shows: lists of several runs beside one another, and a table of cohorts."""

import html
from collections.abc import Callable, Sequence

import common
import marimo as mo
import pandas as pd
import widgets

from srgformer_lab import Dataset, figures, workspace

LISTED = 10
METRICS = ("recall@20", "ndcg@20", "recall@10", "ndcg@10")


def lists(data: Dataset, names: Sequence[str], user_id: str) -> mo.Html:
    """Show one person's lists: two joined by lines, or up to four beside one another, each held against the first."""
    if len(names) == 2:
        moves = workspace.with_pictures(workspace.run_moves(data, names[0], names[1], user_id, LISTED), data, workspace.SMALL_WIDTH)
        hint = "● was held back and is found (a hit), ○ is not known to be taken. Choose another person below."
        return mo.Html(figures.rank_moves_cards(moves, LISTED, before=names[0], after=names[1], hint=hint))
    return common.side_by_side(*(_column(data, names[0], name, user_id) for name in names), widths=f"repeat({len(names)}, 1fr)")


def _column(data: Dataset, first: str, name: str, user_id: str) -> mo.Html:
    moves = workspace.run_moves(data, first, name, user_id, LISTED)
    shown = moves[moves["rank_after"] <= LISTED]
    cards = shown[["item_id", "title", "hit"]].assign(line=[f"number {rank}" for rank in shown["rank_after"]])
    gone = moves.loc[moves["rank_after"] > LISTED, "title"].tolist()
    if name != first:
        new = shown["rank_before"] > LISTED
        cards = cards.assign(moved=shown["moved"], mark=["new" if is_new else "" for is_new in new])
        said = f"{int(new.sum())} new, {len(gone)} dropped, {int(((shown['moved'] != 0) & ~new).sum())} moved"
    else:
        said = "the others are held against this one"
    found = f"; {int(shown['hit'].sum())} of {len(data.history(user_id, 'valid'))} held-back items among the first {LISTED}"
    dropped = common.fact(f"Dropped: {', '.join(gone)}.") if gone else None
    column = mo.Html(figures.card_column(workspace.with_pictures(cards, data, workspace.SMALL_WIDTH)))
    return common.stack(common.finding(name), common.fact(said + found), column, dropped)


def quality_table(quality: pd.DataFrame) -> mo.Html:
    """Set the runs' metrics beside one another, the best of each in bold."""
    best = quality[list(METRICS)].max()
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("run", "model, epoch", *map(figures.metric_name, METRICS)))
    rows = ""
    for row in quality.to_dict("records"):
        cells = [figures.metric_value(name, row[name]) for name in METRICS]
        marked = [f"<b>{cell}</b>" if row[name] == best[name] else cell for name, cell in zip(METRICS, cells, strict=True)]
        told = html.escape(str(row["run"])), html.escape(f"{row['model']}, {row['epoch']}"), *marked
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in told)}</tr>"
    return _table(head, rows)


def cohort_table(differences: pd.DataFrame, first: str, metric: str) -> mo.Html:
    """Write the cohorts' metric under each run, and the paired difference with its bounds."""
    runs = list(dict.fromkeys(differences["run"]))
    head = f"<th>who</th><th>judged</th><th>{html.escape(first)}</th>" + "".join(f"<th>{html.escape(name)}</th>" for name in runs)
    scale, unit = (100, " points") if figures.metric_value(metric, 0.5).endswith("%") else (1, "")
    rows = ""
    for cohort, those in differences.groupby("cohort", sort=False):
        start = those.iloc[0]
        cells = [workspace.cohort_name(str(cohort)), f"{start['judged']:,}", figures.metric_value(metric, start["first"])]
        for row in those.to_dict("records"):
            difference, low, high = (figures.signed(scale * row[name]) for name in ("difference", "low", "high"))
            cells.append(f"{figures.metric_value(metric, row['value'])}<br><small>{difference} [{low}, {high}]{unit}</small>")
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    return _table(head, rows)


def _table(head: str, rows: str) -> mo.Html:
    return mo.Html(f'<div class="lab-scroll"><table class="lab-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')


def winners(
    data: Dataset, changed: pd.DataFrame, chosen: str, choose: Callable[[str], None], count: int = 4
) -> tuple[mo.ui.array, mo.ui.array]:
    """Make buttons of those who gain most, and of those who lose most; none where nobody does."""
    gain, lose = changed[changed["difference"] > 0].head(count), changed[changed["difference"] < 0].tail(count).iloc[::-1]
    buttons = [[widgets.person_button(data, user, user == chosen, choose) for user in those["user_id"]] for those in (gain, lose)]
    return mo.ui.array(buttons[0]), mo.ui.array(buttons[1])
