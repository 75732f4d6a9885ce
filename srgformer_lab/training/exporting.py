"""A run's split and lists in the layouts of other tools, and what those say of the same lists."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from srgformer_lab.config import check_number
from srgformer_lab.data.dataset import SPLITS, Dataset
from srgformer_lab.data.lists import HIDDEN, Lists, among
from srgformer_lab.errors import ConfigError, DataError
from srgformer_lab.models.identity import checked, on_own_data
from srgformer_lab.models.protocol import Recommender
from srgformer_lab.models.trace import Trace
from srgformer_lab.training.evaluation import CUTOFFS, accuracy, evaluate, judged_lists, rank_lists
from srgformer_lab.training.files import new_folder, write_bytes
from srgformer_lab.training.run import Run

JUDGED = SPLITS[1:]
LISTED = 100
"""Places of the lists that are written, where nothing else is said."""
COUNTED = """What is counted: for each user with an item in a split, every item competes but those of the training split.
At test the items of validation are NOT hidden: they take places in these lists. RecBole hides them at test, and so finds more.
Recall@k is hits / items of the split; NDCG@k is binary, with min(items, k) hits in its ideal list. Means are over users.
"""
RECBOLE = """# RecBole: load this split as it stands
dataset: {name}
field_separator: "\\t"
USER_ID_FIELD: user_id
ITEM_ID_FIELD: item_id
load_col: {{inter: [user_id, item_id]}}
benchmark_filename: [train, valid, test]
eval_args: {{order: RO, mode: full, group_by: user}}
metrics: [Recall, NDCG]
topk: [10, 20]
"""


@checked
def export_run(run: Run, folder: Path | str, layout: str, k: int = LISTED, data: Dataset | None = None) -> Path:
    """Write a run's data, split and lists as other tools read them, to be judged there or trained on by others' models.

    - ``recbole``: ``NAME.train.inter``, ``NAME.valid.inter``, ``NAME.test.inter`` and ``NAME.item`` with titles and features, and
      ``NAME.yaml`` with the settings that take the split as it stands.
    - ``mmrec``: ``NAME.inter`` with ``x_label``, users and items by their row, ``image_feat.npy`` and so on, and the ids of the rows
      in ``u_id_mapping.csv`` and ``i_id_mapping.csv``.
    - ``trec``: ``qrels.valid.txt`` and ``qrels.test.txt``.

    All have the run's lists beside it, in the ids of the layout: ``run.valid.txt`` and ``run.test.txt``, a line ``user Q0 item rank
    score name`` each, whose score falls by one from place to place, so that tools that sort by it keep the order; and a
    ``README.txt`` that says what is counted. ``open_data`` opens the first two.

    Args:
        run: Which run; its best epoch makes the lists.
        folder: What to write; a name that is taken gets a number.
        layout: ``recbole``, ``mmrec`` or ``trec``.
        k: Places of each list, from 1.
        data: The run's own data, if it is open already; else it is opened here.

    Returns:
        The folder that was written.

    Raises:
        ConfigError: There is no such layout.
        DataError: An id or a name can't stand in the layout, or the run's data can't be read.
        RunError: The folder can't be written; nothing of it stays then.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"layout={layout!r} must be one of {', '.join(LAYOUTS)}")
    places, target = check_number("k", k, 1, 10**6, "places of each list", is_whole=True), Path(folder).expanduser()
    data = run.open_data() if data is None else run.check_data(data)
    as_rows = layout == "mmrec"
    users, items = ([str(row) for row in range(len(ids))] if as_rows else list(ids) for ids in (data.user_ids, data.item_ids))
    for name in () if as_rows else (*users, *items):
        if re.search(r"\s", name):
            raise DataError(f"the id {name!r} can't stand in files that spaces divide; export as mmrec, which numbers users and items")
    model = run.model(data)
    lists = {split: rank_lists(model, data, split, places) for split in JUDGED}

    def fill(new: Path) -> None:
        LAYOUTS[layout](new, target.name, data)
        for split, made in lists.items():
            write_bytes(new / f"run.{split}.txt", _text(_run_lines(made, users, items, run.name)))
        write_bytes(new / "README.txt", f"{run.name} on {data}\n\n{COUNTED}".encode())

    return new_folder(target.parent, target.name, fill)


def _recbole(folder: Path, name: str, data: Dataset) -> None:
    users, items = np.asarray(data.user_ids, object), np.asarray(data.item_ids, object)
    for split in SPLITS:
        pairs = data.pairs(split)
        columns = {"user_id:token": users[pairs[:, 0]], "item_id:token": items[pairs[:, 1]]}
        write_bytes(folder / f"{name}.{split}.inter", _table(columns | _times(data, split, "timestamp:float")))
    about: dict[str, Iterable[object]] = {"item_id:token": items, "title:token_seq": [_one_line(title) for title in data.cards.titles]}
    for modality, matrix in data.features.items():
        about[f"{modality}:float_seq"] = [" ".join(f"{value:.9g}" for value in row) for row in matrix]
    write_bytes(folder / f"{name}.item", _table(about))
    write_bytes(folder / f"{name}.yaml", RECBOLE.format(name=name).encode())


def _mmrec(folder: Path, name: str, data: Dataset) -> None:
    pairs = data.interactions
    times = pairs.timestamp if pairs.timestamp is not None else np.zeros(len(pairs), np.int64)
    ratings = np.ones(len(pairs))
    columns = {"userID": pairs.user, "itemID": pairs.item, "rating": ratings, "timestamp": times, "x_label": pairs.split}
    write_bytes(folder / f"{name}.inter", _table(columns))
    for kind, column, ids in (("u", "userID", data.user_ids), ("i", "itemID", data.item_ids)):
        named = [_one_line(each) for each in ids]
        write_bytes(folder / f"{kind}_id_mapping.csv", _table({f"{'user' if kind == 'u' else 'item'}_id": named, column: range(len(ids))}))
    for modality, matrix in data.features.items():
        np.save(folder / f"{modality}_feat.npy", matrix)


def _trec(folder: Path, name: str, data: Dataset) -> None:
    for split in JUDGED:
        lines = (f"{data.user_ids[user]} 0 {data.item_ids[item]} 1" for user, item in data.pairs(split).tolist())
        write_bytes(folder / f"qrels.{split}.txt", _text(lines))


LAYOUTS: Mapping[str, Callable[[Path, str, Dataset], None]] = {"recbole": _recbole, "mmrec": _mmrec, "trec": _trec}


@on_own_data
def second_opinion(
    model: Recommender | Trace | Lists, data: Dataset, split: str = "test", cutoffs: Sequence[int] = CUTOFFS
) -> pd.DataFrame:
    """Set our metrics beside those that other tools find in the same lists, and beside what hiding more would give.

    Args:
        model: Any recommender, a pass that was made, or lists.
        split: ``valid`` or ``test``.
        cutoffs: The k, each from 1.
        data: The model's own data; may be left out or stand second.

    Returns:
        ``metric``, ``ours``, a column for each tool that is installed (``ir_measures``, ``ranx``), and ``valid_hidden``: what is found
        at test where validation items are hidden as training items are, as RecBole does; NaN at valid, and for lists, whose
        hidden places nobody knows.

    Raises:
        ConfigError: The split or a cut-off does not exist, or lists have fewer places.
        DataError: The data is not what the model was built on.
    """
    ours = evaluate(model, data, split, cutoffs)
    rows, items = judged_lists(model, data, split, cutoffs)
    lists = Lists(data, rows, items)
    found = {"ours": ours, **{name: tool(lists, split, cutoffs) for name, tool in TOOLS.items() if find_spec(name)}}
    found["valid_hidden"] = {} if split != "test" or isinstance(model, Lists) else _with_valid_hidden(model, data, cutoffs)
    return pd.DataFrame(found, index=list(ours)).rename_axis("metric").reset_index()


def _with_valid_hidden(model: Recommender | Trace, data: Dataset, cutoffs: Sequence[int]) -> dict[str, float]:
    """Judge at test with the validation items hidden too, from lists that are so much longer that enough is left."""
    valid = data.matrix("valid")
    most = max(cutoffs)
    rows, items = judged_lists(model, data, "test", (most + int(np.diff(valid.indptr).max()),))
    shown = (items != HIDDEN) & ~among(data.pairs("valid"), data.n_items, rows[:, None], items)
    order = np.argsort(~shown, axis=1, kind="stable")
    left = np.where(np.take_along_axis(shown, order, 1), np.take_along_axis(items, order, 1), HIDDEN)[:, :most]
    return {name: float(values.mean()) for name, values in accuracy(left, rows, data, "test", cutoffs).items()}


def _by_ir_measures(lists: Lists, split: str, cutoffs: Sequence[int]) -> dict[str, float]:
    tool = import_module("ir_measures")
    measures = {f"recall@{k}": tool.R @ k for k in cutoffs} | {f"ndcg@{k}": tool.nDCG @ k for k in cutoffs}
    found = tool.calc_aggregate(list(measures.values()), *_judged(lists, split))
    return {name: float(found[measure]) for name, measure in measures.items()}


def _by_ranx(lists: Lists, split: str, cutoffs: Sequence[int]) -> dict[str, float]:
    tool, (wanted, listed) = import_module("ranx"), _judged(lists, split)
    names = [f"{metric}@{k}" for metric in ("recall", "ndcg") for k in cutoffs]
    found = tool.evaluate(tool.Qrels(wanted), tool.Run(listed), names, make_comparable=True)
    return {name: float(found[name]) for name in names} if isinstance(found, Mapping) else {names[0]: float(found)}


TOOLS: Mapping[str, Callable[[Lists, str, Sequence[int]], dict[str, float]]] = {"ir_measures": _by_ir_measures, "ranx": _by_ranx}
"""Packages that judge lists too, where somebody has them."""


def _judged(lists: Lists, split: str) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Return what is to be found, and what is listed with a score, by user and item."""
    wanted: dict[str, dict[str, int]] = {}
    for user, item in lists.data.pairs(split).tolist():
        wanted.setdefault(str(user), {})[str(item)] = 1
    places = lists.items.shape[1]
    listed = {
        str(user): {str(item): places - place for place, item in enumerate(items) if item != HIDDEN}
        for user, items in zip(lists.users.tolist(), lists.items.tolist(), strict=True)
    }
    return wanted, {user: items for user, items in listed.items() if items}


def _run_lines(lists: Lists, users: Sequence[str], items: Sequence[str], name: str) -> Iterable[str]:
    places, tag = lists.items.shape[1], re.sub(r"\s+", "_", name)
    for user, listed in zip(lists.users.tolist(), lists.items.tolist(), strict=True):
        for place, item in enumerate(listed):
            if item != HIDDEN:
                yield f"{users[user]} Q0 {items[item]} {place + 1} {places - place} {tag}"


def _times(data: Dataset, split: str, column: str) -> dict[str, Iterable[object]]:
    pairs = data.interactions
    return {} if pairs.timestamp is None else {column: pairs.timestamp[pairs.split == SPLITS.index(split)]}


def _table(columns: Mapping[str, Iterable[object]]) -> bytes:
    return _text(["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))])


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
