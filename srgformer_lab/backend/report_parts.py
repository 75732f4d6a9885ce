"""The parts of a report: each a piece of the page, and the frames behind it."""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlencode

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.analysis.hyperedges import hyperedge_cards
from srgformer_lab.backend.aligning import Alignment
from srgformer_lab.backend.cohorts import COHORTS, cohort_users
from srgformer_lab.backend.items import SMALL_WIDTH, item_cards, title
from srgformer_lab.backend.judging import health
from srgformer_lab.backend.scene import NOTHING_TRAINED, Scene
from srgformer_lab.errors import RunError
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import evaluate_users

LIST_LENGTH, HISTORY_LENGTH = 10, 14
LISTS = ("top_items", "top_titles", "words")
"""Columns of hyperedge cards that hold several values a row."""


@dataclass(frozen=True)
class Section:
    """A part of a report: what is shown, and the frames behind it, each with a line that says what it holds."""

    block: plots.Block
    frames: Mapping[str, tuple[str, pd.DataFrame]] = field(default_factory=dict)


def trace_of(look: Scene) -> Trace:
    """Return the pass that a scene reports on.

    Raises:
        RunError: There is no trained SRGFormer to report on.
    """
    if look.trace is None:
        raise RunError(NOTHING_TRAINED)
    return look.trace


def link(look: Scene) -> str:
    """Return the link to this state, to be put behind the app's address."""
    return "?" + urlencode({"page": "why"} | {name: value for name, value in look.view.to_dict().items() if value})


def sections_of(look: Scene) -> list[str]:
    """Name what a report on this scene can hold, in order."""
    absent = {
        "hyperedge": not (look.trace and look.trace.hypergraph),
        "alignment": not (look.trace and len(look.trace.modality) > 1),
        "cohort": not look.view.cohort,
        "chosen": not look.view.chosen_items,
    }
    return [name for name in SECTIONS if not absent.get(name)]


def looked_at(look: Scene) -> Section:
    """Say what a report is about: data, run, knobs, settings, versions and the link to this state."""
    run = look.run
    assert run is not None
    settings = {"data": look.data.name, "run": look.view.run, "epoch": look.view.epoch or f"{run.status().best_epoch} (best)"}
    settings |= {"user": look.view.user, "item": look.view.item} | {plots.knob_name(name): f"{v:g}" for name, v in look.knobs.items()}
    every = {f"model {name}": value for name, value in run.config.model.to_dict().items()}
    every |= {f"training {name}": value for name, value in run.config.train.to_dict().items()}
    every |= {f"version {name}": value for name, value in run.config.versions.items()}
    told = pd.DataFrame({"name": [*settings, *every], "value": [*settings.values(), *map(_plain, every.values())]})
    known = f"<p>{html.escape(repr(look.data))}</p>{_table(told.head(len(settings)))}"
    address = f"<p>The same state in the app: put <code>{html.escape(link(look))}</code> behind its address.</p>"
    more = f"<details><summary>All settings and versions</summary>{_table(told.iloc[len(settings) :])}</details>"
    block = plots.Block("What is looked at", known + address + more)
    return Section(block, {"settings": ("data, run, knobs, every setting and the versions it was trained with", told)})


def _health(look: Scene) -> Section:
    found, run = health(look), look.run
    assert run is not None
    metric = plots.metric_name(found.metric)
    rows = [
        (f"valid {metric}", found.recall),
        (f"popularity's valid {metric}", found.popularity),
        ("times popularity", found.gain),
        ("best epoch", found.best_epoch),
        ("epochs", found.epochs),
        (f"test {metric}", found.test),
    ]
    told = pd.DataFrame([row for row in rows if row[1] is not None], columns=["measure", "value"])
    shown = told.assign(value=[f"{value:.3g}" for value in told["value"]])
    curves = run.history()
    drawn = [plots.learning_curves(curves, metric=found.metric, dark=look.view.is_dark)] if len(curves) else []
    frames = {"health": ("how good the run is", told), "learning": ("every epoch's losses and metrics", curves)}
    return Section(plots.Block("Is the run any good?", _table(shown), drawn), frames)


def _explanation(look: Scene) -> Section:
    why = look.explanation()
    dark, name = look.view.is_dark, title(look.data, why.item_id)
    drawn = [plots.waterfall(why.by_part, why.score, item=name, dark=dark), plots.parts_table(why.parts, dark=dark)]
    drawn += (
        [plots.history_bars(why.history, why.score, dark=dark), plots.attention_heads(why.heads, dark=dark)] if len(why.history) else []
    )
    added = dict(zip(why.history["item_id"], why.history["total"], strict=True))
    taken = look.data.history(why.user_id)[-HISTORY_LENGTH:]
    past = item_cards(look.data, taken, [plots.signed(added[item]) if item in added else "" for item in taken], width=SMALL_WIDTH)
    place = f"number {why.rank:,}" if why.rank else "not ranked, as it is known already"
    body = f"<p>“{html.escape(name)}” is {place} for this person; its score is {why.score:.6f}. What they took, and what each adds:</p>"
    frames = {
        "parts": ("the score as user parts times item parts", why.parts),
        "by_part": ("the score as one number a part; they sum to it", why.by_part),
        "history": ("what each thing that the person took adds", why.history),
        "attention": ("attention weights by head", why.heads),
        "sources": ("everything that carried the score", why.sources),
    }
    return Section(plots.Block("Why this item?", body + plots.card_row(past, size="small"), drawn), frames)


def _list(look: Scene) -> Section:
    ranking = look.ranking()
    first = ranking.head(LIST_LENGTH)
    lines = [f"{row.rank}, score {plots.digits(row.score)}" for row in first.itertuples()]
    body = plots.card_wall(item_cards(look.data, list(first["item_id"]), lines, width=SMALL_WIDTH), size="normal")
    return Section(plots.Block("What is recommended to this person", body), {"ranking": ("all items, ranked for this person", ranking)})


def _hyperedge(look: Scene) -> Section:
    trace = trace_of(look)
    of = trace.hypergraph
    modality = look.view.modality if look.view.modality in of else next(iter(of))
    cards = hyperedge_cards(trace, look.data, modality)
    chosen = int(look.view.hyperedge) if look.view.hyperedge else int(cards["mass"].idxmax())
    card = cards.set_index("hyperedge").loc[chosen]
    purity = f" {plots.percent(card['purity'])} of its items with a known category are “{card['label']}”." if card["labelled"] else ""
    words = f" Words that set it apart: {', '.join(card['words'])}." if card["words"] else ""
    said = f"{card['items']:,} items and {card['users']:,} users are in hyperedge {chosen} of {modality} most.{purity}{words}"
    top = list(card["top_items"])
    body = f"<p>{html.escape(said)}</p>{plots.card_row(item_cards(look.data, top, [''] * len(top), width=SMALL_WIDTH))}"
    plain = cards.assign(**{name: [json.dumps(values, ensure_ascii=False) for values in cards[name]] for name in LISTS})
    frames = {"hyperedges": (f"the hyperedges of {modality}, one a row; lists are JSON", plain)}
    return Section(plots.Block("What does the hyperedge hold?", body, [plots.usage_bars(cards, dark=look.view.is_dark)]), frames)


def _alignment(look: Scene) -> Section:
    space, dark = Alignment.of(look), look.view.is_dark
    drawn, recall, measured = space.projection(), space.recall(), space.geometry()
    shown = [plots.alignment_scatter(drawn.points, drawn.quality, dark=dark), plots.recall_bars(recall, dark=dark)]
    frames = {
        "points": ("every item's place in the picture (PCA), in each space", drawn.points),
        "projection": ("how far the picture can be trusted", drawn.quality),
        "cross_modal_recall": ("how often one modality finds its own in the other", recall),
        "geometry": ("how the modalities lie towards each other", measured),
    }
    body = _table(measured.assign(value=[plots.digits(value) for value in measured["value"]]))
    return Section(plots.Block("Do pictures and texts agree?", body, shown), frames)


def _cohort(look: Scene) -> Section:
    inside = set(cohort_users(look.data, look.view.cohort))
    users = evaluate_users(trace_of(look), look.data, "valid")
    users = users.assign(in_cohort=[user in inside for user in users["user_id"]])
    means = users.drop(columns="user_id").groupby("in_cohort").mean().T.rename(columns={True: "cohort", False: "everybody else"})
    told = means.rename_axis("metric").reset_index().rename_axis(None, axis=1)
    numbers = [name for name in told.columns if name != "metric"]
    body = f"<p>{html.escape(f'{len(inside):,} users with {COHORTS[look.view.cohort]}.')}</p>"
    shown = told.assign(**{str(name): [plots.percent(value) for value in told[name]] for name in numbers})
    frames = {"cohort": ("mean valid metrics of the cohort and of the others", told), "users": ("valid metrics of every user", users)}
    return Section(plots.Block("How good is it for this cohort?", body + _table(shown)), frames)


def _chosen(look: Scene) -> Section:
    data, items = look.data, list(look.view.chosen_items)
    known = pd.DataFrame({"item_id": items, "title": [title(data, item) for item in items]})
    body = plots.card_wall(item_cards(data, items, [""] * len(items), width=SMALL_WIDTH))
    return Section(plots.Block("Items that were chosen", body), {"chosen": ("the items that were chosen together", known)})


SECTIONS: Mapping[str, tuple[str, Callable[[Scene], Section]]] = MappingProxyType(
    {
        "health": ("Is the run any good?", _health),
        "explanation": ("Why this item?", _explanation),
        "list": ("The person's list", _list),
        "hyperedge": ("The hyperedge", _hyperedge),
        "alignment": ("Pictures against texts", _alignment),
        "cohort": ("The cohort", _cohort),
        "chosen": ("The items that were chosen", _chosen),
    }
)
"""What a report can hold: its name for people, and what makes it."""


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _table(frame: pd.DataFrame) -> str:
    return frame.to_html(index=False, border=0)
