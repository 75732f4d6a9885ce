"""Any tables of which one has a column of users and one of items: a folder without a layout of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from srgformer_lab.data.columns import plain, roles_of
from srgformer_lab.data.delimited import without_names
from srgformer_lab.data.interactions import SHARD
from srgformer_lab.data.layouts import Layout, Listing
from srgformer_lab.data.records import columns_of, is_table

SPLIT_NAMES = {"train": ("train", "training"), "valid": ("valid", "validation", "val", "dev"), "test": ("test", "testing")}


class Pairs(Layout):
    """Any tables of which one has a column of users and one of items; recognised by the columns' names."""

    def find(self, listing: Listing, given: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """Look through the columns of all tables, of the folder and of ``data/`` in it."""
        given = given or {}
        tables = [name for name in listing.files if is_table(name) and (name.count("/") == 0 or name.startswith("data/"))]
        pairs: dict[str, list[str]] = {}
        others: dict[str, list[str]] = {}
        columns: dict[str, list[str]] = {}
        numbered = any(given.get(role, "").isdigit() for role in ("user", "item"))
        for name in tables:
            stem = SHARD.sub("", Path(name.removesuffix(".gz")).stem)
            header = columns_of(listing.files[name], self.wanted("interactions", name))
            if numbered and (without_names(header) or len(tables) == 1 or name == given.get("interactions")):
                header = [str(place) for place in range(1, len(header) + 1)]
            is_of_pairs = {"user", "item"} <= set(roles_of(header, ("user", "item"), given=given))
            (pairs if is_of_pairs else others).setdefault(stem, []).append(name)
            columns.setdefault(stem, header)
        if chosen := given.get("interactions"):
            pairs = {chosen: [chosen]} if chosen in listing.files else {}
        parts = {part: next((stem for stem in pairs if stem.casefold() in names), None) for part, names in SPLIT_NAMES.items()}
        found: dict[str, list[str]] = {}
        if parts["train"] and parts["test"]:
            found = {part: pairs[stem] for part, stem in parts.items() if stem}
        elif pairs:
            found = {"interactions": pairs[max(pairs, key=lambda stem: _size(listing, pairs[stem]))]}
        if found and (items := _items(listing, others, columns, [columns.get(stem, []) for stem in pairs], given)):
            found["items"] = items
        return found


def _items(
    listing: Listing,
    others: Mapping[str, list[str]],
    columns: Mapping[str, Sequence[str]],
    of_pairs: Sequence[Sequence[str]],
    given: Mapping[str, str],
) -> list[str]:
    """Return the files of the table of items: one with titles before one without, then the largest."""
    if chosen := given.get("items"):
        return [chosen] if chosen in listing.files else []
    ids = [plain(roles_of(header, ("user", "item"), given=given).get("item", "")) for header in of_pairs]
    said = {role: name for role, name in given.items() if role != "user" and not name.isdigit()}
    ranks: dict[str, tuple[bool, int]] = {}
    for stem, files in others.items():
        roles = roles_of(columns[stem], ("item", "title"), given=said)
        is_named_so = "id" in map(plain, columns[stem]) and any(plain(stem).removesuffix("s") in name for name in ids)
        if "item" in roles or (is_named_so and "title" in roles):
            ranks[stem] = ("title" in roles, _size(listing, files))
    return others[max(ranks, key=lambda stem: ranks[stem])] if ranks else []


def _size(listing: Listing, names: Sequence[str]) -> int:
    size = 0
    for name in names:
        try:
            size += listing.files[name].stat().st_size
        except OSError:
            continue
    return size
