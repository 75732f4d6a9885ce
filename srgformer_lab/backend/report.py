"""What a scene shows, as one HTML file to keep and as tables: both say the same numbers as the pages."""

import html
import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.analysis.polynomial import TERMS, reachable, score_polynomial
from srgformer_lab.backend.alignment import Alignment
from srgformer_lab.backend.cohorts import health, served_users
from srgformer_lab.backend.grid import knob_steps
from srgformer_lab.backend.hyperedges import Hyperedges
from srgformer_lab.backend.inventory import COHORTS, SMALL_WIDTH, cohort_users, gaps, item_cards, origins, title
from srgformer_lab.backend.scene import Scene
from srgformer_lab.backend.session import SESSION
from srgformer_lab.backend.structure import learned_structure
from srgformer_lab.errors import ConfigError
from srgformer_lab.output import csv_bytes
from srgformer_lab.training.run import Run

LIST_LENGTH, HISTORY_LENGTH = 10, 14
NOTHING_LEFT = "<p>Nothing: they have everything already.</p>"
LISTS = ("top_items", "top_titles", "words")
"""Columns of hyperedge cards that hold several values a row."""


@dataclass(frozen=True)
class Section:
    """A part of a report: what is shown, and the frames behind it, each with a line that says what it holds."""

    block: plots.Block
    frames: Mapping[str, tuple[str, pd.DataFrame]] = field(default_factory=dict)


def sections_of(scene: Scene) -> list[str]:
    """Return the names of what a report on this scene can hold, in order."""
    absent = {
        "hyperedge": not (scene.trace and scene.trace.hypergraph),
        "alignment": not (scene.trace and len(scene.trace.modality) > 1),
        "cohort": not scene.link.cohort,
        "chosen": not scene.link.items,
    }
    return [name for name in SECTIONS if not absent.get(name)]


def looked_at(scene: Scene) -> Section:
    """Return what a report is about: data, run, knobs, settings, versions and the link to this state."""
    run = scene.run
    assert run is not None
    epoch = f"{run.status().best_epoch} (best)" if scene.link.epoch is None else str(scene.link.epoch)
    settings = {"data": scene.data.name, "run": scene.link.run, "epoch": epoch}
    settings |= {"user": scene.link.user, "item": scene.link.item} | {plots.knob_name(name): f"{v:g}" for name, v in scene.knobs.items()}
    every = {f"model {name}": value for name, value in run.config.model.to_dict().items()}
    every |= {f"training {name}": value for name, value in run.config.train.to_dict().items()}
    every |= {f"version {name}": value for name, value in run.config.versions.items()}
    table = pd.DataFrame({"name": [*settings, *every], "value": [*settings.values(), *map(_plain, every.values())]})
    said = [repr(scene.data), *scene.news, *origins(scene.data), *gaps(scene.data)]
    known = f"{''.join(f'<p>{html.escape(line)}</p>' for line in said)}{_html_table(table.head(len(settings)))}"
    address = f"<p>The same state in the app: put <code>{html.escape(scene.link.address('why'))}</code> behind its address.</p>"
    more = f"<details><summary>All settings and versions</summary>{_html_table(table.iloc[len(settings) :])}</details>"
    block = plots.Block("What is looked at", known + address + more)
    return Section(block, {"settings": ("data, run, knobs, every setting and the versions it was trained with", table)})


def _health(scene: Scene) -> Section:
    found, run = health(scene), scene.run
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
    table = pd.DataFrame([row for row in rows if row[1] is not None], columns=["measure", "value"])
    shown = table.assign(value=[f"{value:.3g}" for value in table["value"]])
    curves = run.history()
    drawn = [plots.learning_curves(curves, metric=found.metric, dark=scene.link.is_dark)] if len(curves) else []
    frames = {"health": ("how good the run is", table), "learning": ("every epoch's losses and metrics", curves)}
    return Section(plots.Block("Is the run any good?", _html_table(shown), drawn), frames)


def _explanation(scene: Scene) -> Section:
    why = scene.explanation()
    dark, name = scene.link.is_dark, title(scene.data, why.item_id)
    drawn = [plots.waterfall(why.by_part, why.score, item=name, dark=dark), plots.parts_table(why.parts, dark=dark)]
    drawn += [plots.history_bars(why.history, why.score, dark=dark)] if len(why.history) else []
    drawn += [plots.attention_heads(why.heads, dark=dark)] if len(why.heads) else []
    added = dict(zip(why.history["item_id"], why.history["total"], strict=True))
    taken = scene.data.history(why.user_id)[-HISTORY_LENGTH:]
    past = item_cards(scene.data, taken, [plots.signed(added[item]) if item in added else "" for item in taken], width=SMALL_WIDTH)
    place = f"number {why.rank:,}" if why.rank else "not ranked, as it is known already"
    body = f"<p>“{html.escape(name)}” is {place} for this person; its score is {why.score:.6f}.</p>"
    body += "".join(f"<p>It has {html.escape(sentence)}.</p>" for sentence in why.absent.values())
    body += f"<p>{html.escape(why.note)}</p>" if why.note else ""
    body += "<p>What they took, and what each adds:</p>" if len(why.history) else "<p>What they took:</p>"
    frames = {
        "parts": ("the score as user parts times item parts", why.parts),
        "by_part": ("the score as one number a part; they sum to it", why.by_part),
        "history": ("what each thing that the person took adds", why.history),
        "sources": ("everything that carried the score", why.sources),
    }
    frames |= {"attention": ("attention weights by head", why.heads)} if len(why.heads) else {}
    frames |= {"similar": ("the items that look or read alike, through which it is known", why.similar)} if len(why.similar) else {}
    return Section(plots.Block("Why this item?", body + plots.card_row(past, size="small"), drawn), frames)


def _list(scene: Scene) -> Section:
    heading, ranking, knobs = "What is recommended to this person", scene.ranking(), scene.knobs
    if scene.trace is None:
        rows = ranking.head(LIST_LENGTH)
        cards = item_cards(scene.data, list(rows["item_id"]), [f"{row.rank}, score {plots.digits(row.score)}" for row in rows.itertuples()])
        body = plots.card_wall(cards) if len(rows) else NOTHING_LEFT
        return Section(plots.Block(heading, body), {"ranking": ("all items, ranked for this person", ranking)})
    at = {name: float(knobs[name]) for name in ("attention_scale", "hypergraph_scale")}
    steps = {name: knob_steps(name, value) for name, value in at.items()}
    terms = _terms(scene)
    frames = {
        "ranking": ("all items, ranked for this person", ranking),
        "terms": ("what 1, α, β, α², β² and αβ are multiplied by in each item's score for this person", terms),
    }
    if ranking.empty:
        return Section(plots.Block(heading, NOTHING_LEFT), frames)
    shown = terms[terms["item_id"].isin(ranking["item_id"])]
    within = reachable(shown, steps["attention_scale"], steps["hypergraph_scale"], LIST_LENGTH).assign(row=lambda found: found.index)
    within = ranking.astype({"item_id": "str"}).merge(within, on="item_id")  # best first, as the knobs stand
    cards = item_cards(scene.data, list(within["item_id"]), [f"{row.rank}, score {plots.digits(row.score)}" for row in within.itertuples()])
    body = "<p>Move α and β: the list is ranked anew, here and exactly, as the model would rank it.</p>"
    body += plots.reranked_list(cards.assign(row=within["row"]), within[list(TERMS)], steps, at, LIST_LENGTH)
    return Section(plots.Block(heading, body), frames)


def _terms(scene: Scene) -> pd.DataFrame:
    """Return the terms of everybody's scores for the link's user; on data that has grown, what was trained on keeps its own."""
    terms = score_polynomial(scene.require_trace(), scene.data, scene.link.user)
    if (known := scene.of()) is not scene:
        own = score_polynomial(known.require_trace(), known.data, known.link.user).set_index("item_id")
        here = terms["item_id"].isin(own.index)
        terms.loc[here, list(TERMS)] = own.loc[terms.loc[here, "item_id"], list(TERMS)].to_numpy()
    return terms


def _hyperedge(scene: Scene) -> Section:
    of = scene.require_trace().hypergraph
    modality = scene.link.modality if scene.link.modality in of else next(iter(of))
    found = Hyperedges(scene, modality)
    cards, chosen = found.named_cards, found.chosen
    card = cards.set_index("hyperedge").loc[chosen]
    purity = f" {plots.percent(card['purity'])} of its items with a known category are “{card['label']}”." if card["labelled"] else ""
    words = f" Words that set it apart: {', '.join(card['words'])}." if card["words"] else ""
    named = f"hyperedge {chosen} of {modality}" + (f", called “{card['name']}”," if card["name"] else "")
    said = f"{card['items']:,} items and {card['users']:,} users are in {named} most.{purity}{words}"
    top = list(card["top_items"])
    body = f"<p>{html.escape(said)}</p>" + "".join(f"<p>{html.escape(line)}</p>" for line in card["note"].splitlines())
    body += plots.card_row(item_cards(scene.data, top, [""] * len(top), width=SMALL_WIDTH))
    plain = cards.assign(**{name: [json.dumps(values, ensure_ascii=False) for values in cards[name]] for name in LISTS})
    learned = learned_structure(scene)
    frames = {
        "hyperedges": (f"the hyperedges of {modality}, one a row; lists are JSON", plain),
        "structure": ("what hyperedges and attention mean, beside the untrained model and chance", learned),
    }
    shown = learned[learned["modality"].isin([modality, ""])]
    numbers = shown[["value", "untrained", "chance"]].map(lambda value: plots.digits(value) if value == value else "")
    body += _html_table(shown[["measure"]].join(numbers))
    return Section(plots.Block("What does the hyperedge hold?", body, [plots.usage_bars(cards, dark=scene.link.is_dark)]), frames)


def _alignment(scene: Scene) -> Section:
    space, dark = Alignment.of(scene), scene.link.is_dark
    drawn, recall, measured = space.projection(), space.recall(), space.geometry()
    shown = [plots.alignment_scatter(drawn.points, drawn.quality, dark=dark), plots.recall_bars(recall, dark=dark)]
    frames = {
        "points": ("every item's place in the picture (PCA), in each space", drawn.points),
        "projection": ("how far the picture can be trusted", drawn.quality),
        "cross_modal_recall": ("how often one modality finds its own in the other", recall),
        "geometry": ("how the modalities lie towards each other", measured),
    }
    body = _html_table(measured.assign(value=[plots.digits(value) for value in measured["value"]]))
    return Section(plots.Block("Do pictures and texts agree?", body, shown), frames)


def _cohort(scene: Scene) -> Section:
    inside = set(cohort_users(scene.data, scene.link.cohort))
    users = served_users(scene).drop(columns=["items", "cohort"])
    users = users.assign(in_cohort=[user in inside for user in users["user_id"]])
    means = users.drop(columns="user_id").groupby("in_cohort").mean().T.rename(columns={True: "cohort", False: "everybody else"})
    table = means.rename_axis("metric").reset_index().rename_axis(None, axis=1)
    numbers = [name for name in table.columns if name != "metric"]
    body = f"<p>{html.escape(f'{len(inside):,} users with {COHORTS[scene.link.cohort]}.')}</p>"
    written = {str(name): list(map(plots.metric_value, table["metric"], table[name])) for name in numbers}
    shown = table.assign(**written, metric=table["metric"].map(plots.metric_name))
    frames = {"cohort": ("mean valid metrics of the cohort and of the others", table), "users": ("valid metrics of every user", users)}
    return Section(plots.Block("How good is it for this cohort?", body + _html_table(shown)), frames)


def _chosen(scene: Scene) -> Section:
    data, items = scene.data, list(scene.link.items)
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


def _html_table(frame: pd.DataFrame) -> str:
    return frame.to_html(index=False, border=0)


class Report:
    """A scene as something to keep."""

    def __init__(self, scene: Scene, sections: Sequence[str] = ()) -> None:
        """Choose what goes in; without ``sections`` everything that this scene has.

        Raises:
            RunError: There is no trained model to report on.
            ConfigError: There is no such section.
        """
        scene.require_reading()
        self.scene = scene
        if unknown := [name for name in sections if name not in SECTIONS]:
            raise ConfigError(f"there is no section {unknown[0]!r} of a report; there are {', '.join(SECTIONS)}")
        self.names = [name for name in sections_of(scene) if not sections or name in sections]

    @cached_property
    def sections(self) -> list[Section]:
        """The parts, in the order of ``SECTIONS``; what is looked at comes first, always.

        Raises:
            LabError: Something can't be computed.
        """
        return [looked_at(self.scene), *(SECTIONS[name][1](self.scene) for name in self.names)]

    @property
    def title(self) -> str:
        """What the report is about."""
        return f"{self.scene.data.name}, run {self.scene.link.run}: {title(self.scene.data, self.scene.link.item)}"

    def html(self) -> str:
        """Write one file that opens without a network: figures live, pictures within."""
        return plots.offline_page(self.title, [section.block for section in self.sections], dark=self.scene.link.is_dark)

    def frames(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Return every frame behind the sections by its name, with a line that says what it holds."""
        return {name: table for section in self.sections for name, table in section.frames.items()}

    def tables(self) -> bytes:
        """Pack every frame as CSV, and a README that says what each holds, into one ZIP archive."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            lines = [f"{name}.csv: {about} ({len(frame):,} rows)" for name, (about, frame) in self.frames().items()]
            archive.writestr(_readable("README.txt"), "\n".join([self.title, self.scene.link.address("why"), "", *lines]) + "\n")
            for name, (_, frame) in self.frames().items():
                archive.writestr(_readable(f"{name}.csv"), csv_bytes(frame))
        return packed.getvalue()


def _readable(name: str) -> zipfile.ZipInfo:
    """Return the entry of a file that everybody may read once it is unpacked."""
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
    return entry


def report_on(run: Run, user: str = "", item: str = "") -> Report:
    """Report on a run by itself: on a user with an ordinary history and on the first item of that user's list, unless told otherwise.

    Raises:
        RunError: Its data changed, or it has no weights.
        UnknownIdError: There is no such user or item.
    """
    return Report(SESSION.of_run(run, user, item))
