"""Whether an explanation is true: what each item was said to be worth beside what its removal really cost."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from srgformer_lab.errors import DataError
from srgformer_lab.plots.deletion import order_color
from srgformer_lab.plots.language import MUTED, counted, percent, require, safe, setting, signed, ticks
from srgformer_lab.plots.rows import correlation, numbers
from srgformer_lab.plots.template import TICK_SIZE, empty_figure, new_figure

CLAIMS = {"contribution": "contribution claimed", "attention": "attention weight"}
LEAST_REMOVALS = 3
CLOSE, LOOSE = 0.7, 0.3
WORDS = ((CLOSE, "follows"), (LOOSE, "loosely follows"), (-LOOSE, "hardly follows"), (-np.inf, "runs against"))
"""What is said from which mean rank correlation on."""
MEANINGS = (
    (CLOSE, "What is looked at more costs more when it is taken away: here the weights come close to telling what matters."),
    (LOOSE, "What is looked at more tends to cost more when it is taken away, with many exceptions: the weights are a hint, no more."),
    (-LOOSE, "How much something is looked at says next to nothing about what taking it away costs."),
    (-np.inf, "What is looked at more costs less when it is taken away: reading the weights as reasons would mislead."),
)
"""What it means for one person from which rank correlation on."""
MOST_POINTS, MOST_NAMED = 20_000, 4_000
"""Points that are drawn, and up to how many each has a hover text: both keep the figure small."""


def effect_scatter(
    effects: pd.DataFrame,
    against: str = "contribution",
    *,
    correlations: pd.DataFrame | None = None,
    dark: bool = False,
    hint: str | None = None,
) -> go.Figure:
    """Draw what each item was said to be worth against what its removal really cost.

    On the diagonal a contribution says exactly what removal costs; attention weights have no such line. The finding is the
    rank correlation within each user who has at least three removals, averaged over users; with its interval over users, where
    ``correlations`` gives it, the words are judged by the interval's bounds instead of the mean.

    Args:
        effects: ``user_id``, ``item_id``, ``removed``, ``effect``, and the column ``against``; a row for each removal.
        against: ``contribution`` or ``attention``.
        correlations: ``order``, ``spearman``, ``low``, ``high``; a row for each claim.
        dark: Whether the page is dark.
        hint: Words in place of how to read it.

    Raises:
        DataError: A column is missing, a value is no finite number, or ``against`` is unknown.
    """
    what = "effect scatter"
    if against not in CLAIMS:
        raise DataError(f"{what}: against={against!r} must be one of {', '.join(CLAIMS)}")
    rows = numbers(effects, ["user_id", "item_id", "removed"], ["effect", against], what)
    if not len(rows):
        return empty_figure("Nothing has been taken away yet", "A point appears for each item whose true effect has been measured.", dark)
    text = hint
    if text is None:
        text = (
            "On the line, the claim is what removal really costs."
            if against == "contribution"
            else "Higher cost more. Would you trust attention?"
        )
    if len(rows) > MOST_POINTS:
        text = f"{MOST_POINTS:,} of {len(rows):,} points are shown. {text}"
    figure = new_figure(_effects_finding(rows, against, correlations), text, dark, left=62, right=18, bottom=44)
    drawn = rows if len(rows) <= MOST_POINTS else rows.iloc[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(int)]
    claimed, effect = drawn[against].to_numpy(float), drawn["effect"].to_numpy(float)
    _effect_axes(figure, claimed, effect, against, dark)
    size = 7 if len(drawn) < 400 else 5 if len(drawn) < 4000 else 3
    shown = {"color": order_color(against, dark), "size": size, "opacity": 0.75 if len(drawn) < 400 else 0.4}
    figure.add_scattergl(
        x=claimed.astype(np.float32), y=effect.astype(np.float32), mode="markers", marker=shown, hoverinfo="skip", name=against
    )
    if len(drawn) <= MOST_NAMED:
        write = percent if against == "attention" else signed
        words = [
            f"without {safe(removed)}<br>{CLAIMS[against]} {write(claim)}, true effect {signed(cost)}"
            for removed, claim, cost in zip(drawn["removed"], claimed, effect, strict=True)
        ]
        figure.data[-1].update(text=words, hoverinfo=None, hovertemplate="%{text}<extra></extra>")
    return figure


def _effect_axes(figure: go.Figure, claimed: np.ndarray, effect: np.ndarray, against: str, dark: bool) -> None:
    spans = [(min(0.0, float(values.min())), max(0.0, float(values.max()))) for values in (claimed, effect)]
    if against == "contribution":  # one scale for both, so that the line is where claim and effect are the same
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        spans = [(low, high)] * 2
        figure.add_shape(
            type="line", x0=low, y0=low, x1=high, y1=high, layer="below", line={"color": MUTED[dark], "width": 1, "dash": "dot"}
        )
        words = {"text": "claim = effect", "font": {"size": TICK_SIZE, "color": MUTED[dark]}}
        figure.add_annotation(x=high, y=high, xanchor="right", yanchor="bottom", name="diagonal", **words)
    factor, unit = (100.0, " %") if against == "attention" else (1.0, "")
    for axis, (low, high), name, by, end in (
        (figure.layout.xaxis, spans[0], CLAIMS[against], factor, unit),
        (figure.layout.yaxis, spans[1], "true effect: score lost", 1.0, ""),
    ):
        room, places = 0.05 * ((high - low) or 1.0), ticks(low, high)
        words = [setting(by * place) + end for place in places]
        axis.update(range=[low - room, high + room], title={"text": name}, tickvals=places, ticktext=words)


def effect_meaning(spearman: float) -> str:
    """Say in plain words what a rank correlation between attention weights and true effects means; NaN where there is no order."""
    if not np.isfinite(spearman):
        return "There is no order to compare: all weights or all effects are the same."
    for bound, meaning in MEANINGS:
        if spearman >= bound:
            return meaning
    return MEANINGS[-1][1]


def _effects_finding(rows: pd.DataFrame, against: str, correlations: pd.DataFrame | None) -> str:
    claim = against.capitalize()
    if correlations is not None:
        require(correlations, ["order", "spearman", "low", "high"], "effect scatter")
        for _, row in correlations[correlations["order"] == against].iterrows():
            if np.isfinite([row["spearman"], row["low"], row["high"]]).all():
                return _judged(claim, float(row["spearman"]), (float(row["low"]), float(row["high"])))
    found = _correlations(rows, against)
    if not len(found):
        return f"No user has {LEAST_REMOVALS} removals yet: too few to rank"
    defined = found[np.isfinite(found)]
    if not len(defined):
        return f"{claim} and true effects can’t be ranked: they don’t differ within a user"
    mean = float(defined.mean())
    how = next(word for bound, word in WORDS if mean >= bound)
    of_mean = "mean " if len(defined) > 1 else ""
    return f"{claim} {how} true effects: {of_mean}rank correlation {correlation(mean)} ({counted(len(defined), 'user')})"


def _correlations(rows: pd.DataFrame, against: str) -> np.ndarray:
    """Return each user's rank correlation where there are enough removals; NaN where one side has no order."""
    users = [user[[against, "effect"]] for _, user in rows.groupby("user_id") if len(user) >= LEAST_REMOVALS]
    return np.array([float(user.corr(method="spearman").iloc[0, 1]) for user in users])


def _judged(claim: str, mean: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    how = "follows true effects" if low > CLOSE else "loosely follows true effects" if low > 0 else "can’t be told from chance"
    how = "runs against true effects" if high < 0 else how
    return f"{claim} {how}: mean rank correlation {correlation(mean)} [{correlation(low)}, {correlation(high)}]"
