"""Items as a person sees them: a title and a picture."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from srgformer_lab import plots
from srgformer_lab.backend.shelf import Shelf
from srgformer_lab.data.dataset import Dataset
from srgformer_lab.errors import DataError

PICTURE_WIDTH, SMALL_WIDTH = 96, 64
"""Pixels of a card's picture, and of a small card's."""
_thumbnails = Shelf(6000)


def picture(data: Dataset, item_id: str, width: int = PICTURE_WIDTH) -> str:
    """Return an item's picture for a page; empty where there is none or it can't be read (the card then draws a placeholder)."""

    def make() -> str:
        try:
            return plots.thumbnail_uri(data.picture(item_id), width)
        except DataError:
            return ""

    kept = data.cards.pictures[data.item_row(item_id)]
    stamp = (kept, kept.stat().st_mtime_ns if kept.exists() else 0) if isinstance(kept, Path) else kept
    return _thumbnails.get((stamp, width), make)


def title(data: Dataset, item_id: str) -> str:
    """Return an item's title, or its id where it has none."""
    return data.cards.titles[data.item_row(item_id)] or item_id


def with_pictures(frame: pd.DataFrame, data: Dataset, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Add the column ``picture`` to a frame of items."""
    return frame.assign(picture=[picture(data, item_id, width) for item_id in frame["item_id"]])


def item_cards(data: Dataset, item_ids: Sequence[str], lines: Sequence[str] | None = None, width: int = PICTURE_WIDTH) -> pd.DataFrame:
    """Make a card frame of items."""
    titles = [title(data, item_id) for item_id in item_ids]
    frame = pd.DataFrame({"item_id": list(item_ids), "title": titles, "line": list(lines) if lines else [""] * len(titles)})
    return with_pictures(frame, data, width)
