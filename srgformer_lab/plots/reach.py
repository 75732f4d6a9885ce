"""In words: on how few interactions a model's gain is still shown."""

import pandas as pd

from srgformer_lab.plots.evidence import fit, points
from srgformer_lab.plots.language import metric_name, metric_value, percent, shorten


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
