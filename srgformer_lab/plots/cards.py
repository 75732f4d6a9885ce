"""Items as cards that one can recognise: a picture, a title, one line of numbers. HTML strings need ``STYLE`` once a page."""

import base64
import io
import zlib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jinja2
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from srgformer_lab.errors import DataError
from srgformer_lab.plots.frames import require
from srgformer_lab.plots.language import Number
from srgformer_lab.plots.style import FAINT, FELL, INK, MUTED, ROSE, SURFACE

Size = Literal["normal", "small"]
CARD_COLUMNS = ("title", "picture", "line")
TALL_ENOUGH, WIDE_ENOUGH = 0.55, 0.85
"""Pictures of a width/height between these are cropped to 2:3; others are shown whole on a margin of their own edge's colour."""
QUALITY = 74
WHOLE_DIGITS = 4
ROW_HEIGHT = {"small": 76, "normal": 108}
"""Pixels from one row of a column to the next, of lying cards 64 and 96 px high; the joining lines are drawn for these."""
HTML_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=jinja2.StrictUndefined
)
"""The one door to HTML: whatever is not marked as markup is escaped."""


@cache
def macros(name: str) -> Any:
    """Return the macros of a template."""
    return HTML_TEMPLATES.get_template(name).module


def _tones(dark: bool) -> str:
    tones = {"ink": INK, "muted": MUTED, "faint": FAINT, "paper": SURFACE, "rose": ROSE, "fell": FELL}
    tones |= {"instant": ("#3B5BA9", "#9DB4F0"), "training": ("#8A5A00", "#E3B45C"), "finished": ("#4A6670", "#A5C0CA")}
    rest = "--srg-blank:24%;--srg-drawn:58%" if dark else "--srg-blank:89%;--srg-drawn:42%"
    return ";".join([*(f"--srg-{name}:{pair[dark]}" for name, pair in tones.items()), rest])


STYLE_SHEET = HTML_TEMPLATES.get_template("cards.css").render(tones=(_tones(False), _tones(True)), row=ROW_HEIGHT)
STYLE = f"<style>{STYLE_SHEET}</style>"
"""The style sheet of cards, badges and the strip, sent once a page so that a card itself stays small."""


def thumbnail_uri(image: Image.Image | None, width: int = 96) -> str:
    """Shrink a picture to 2:3 and give it as a data URI; nothing for no picture."""
    if image is None:
        return ""
    size = (width, width * 3 // 2)
    picture = _opaque(image)
    if TALL_ENOUGH <= picture.width / picture.height <= WIDE_ENOUGH:
        picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    else:
        picture = ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=_edge_color(picture))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert("RGB")


def _edge_color(picture: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(picture.resize((16, 16), Image.Resampling.BOX))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(edge, axis=0).astype(int).tolist()
    return red, green, blue


def card(
    title: str,
    picture: str = "",
    line: str = "",
    moved: Number | None = None,
    hit: Any = None,
    size: Size = "normal",
    item_id: str = "",
    mark: str = "",
) -> str:
    """Return one item as HTML: its picture (a data URI, or a drawn stand-in), its title, one line, and marks with words.

    Args:
        title: What the item is called; its id is shown where it has no title.
        picture: A data URI of an image, or nothing.
        line: One line of numbers: rank, score or contribution.
        moved: Ranks moved, positive for a rise; 0 says that it stayed; nothing says nothing.
        hit: Whether the item was truly taken, where that is known; a filled or a hollow mark.
        size: ``normal`` (96 px) or ``small`` (64 px): the width of a standing card, the height of a lying one.
        item_id: The raw id, shown on hovering.
        mark: Further words behind the arrow, such as where a new item came from.

    Raises:
        DataError: The size is unknown, or the picture is not a data URI of an image.
    """
    return str(macros("cards.html").card(card_data(title, picture, line, moved, hit, size, item_id, mark)))


def card_data(
    title: str,
    picture: Any = "",
    line: str = "",
    moved: Number | None = None,
    hit: Any = None,
    size: Size = "normal",
    item_id: str = "",
    mark: str = "",
) -> dict[str, Any]:
    """Return what the template of a card shows, checked; the arguments are those of ``card``."""
    if size not in ("normal", "small"):
        raise DataError(f"card: size={size!r} must be normal or small")
    name = title.strip() or item_id or "untitled"
    full = f"{name} ({item_id})" if item_id and item_id != name else name
    way, took = None if moved is None or pd.isna(moved) else int(moved), None if pd.isna(hit) else bool(hit)
    words = {"name": name, "full": full, "line": line, "mark": mark, "size": size}
    return {"picture": picture_data(name, picture), "moved": way, "hit": took, **words}


def picture_data(name: str, picture: Any = "") -> dict[str, Any]:
    """Return what the template shows of a picture, or the stand-in that follows from the name where there is none.

    Raises:
        DataError: The picture is not a data URI of an image.
    """
    if isinstance(picture, str) and picture:
        if not picture.startswith("data:image/"):
            raise DataError(f"card: the picture of {name!r} must be a data URI (data:image/…), not {picture[:40]!r}; use thumbnail_uri")
        return {"name": name, "uri": picture}
    code = zlib.crc32(name.encode())
    x, y = 12 + code // 360 % 72, 14 + code // 26_000 % 40
    rings = "".join(f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0" for r in (22, 40, 58))
    return {"name": name, "uri": "", "hue": hue(name), "initials": initials(name), "rings": rings}


def initials(name: str) -> str:
    """Return at most two letters that stand for a name, the articles in front left out; a number of up to four digits stands for itself."""
    if name.isdigit() and len(name) <= WHOLE_DIGITS:
        return name
    words = ["".join(letter for letter in word if letter.isalnum()) for word in name.split()]
    words = [word for word in words if word]
    if len(words) > 1 and words[0].lower() in ("the", "a", "an"):
        words = words[1:]
    if not words:
        return "?"
    return words[0][:2] if len(words) == 1 else words[0][0].upper() + words[1][0].upper()


def hue(name: str) -> int:
    """Return the hue (0 to 359) of what has no picture: it follows from the name, so that the same item always looks the same."""
    return zlib.crc32(name.encode()) % 360


def _list(frame: pd.DataFrame, size: Size, shape: str, empty: str) -> str:
    require(frame, CARD_COLUMNS, f"card {shape.partition(' ')[0].removeprefix('srg-')}")
    optional = [name for name in ("moved", "hit", "item_id", "mark") if name in frame.columns]
    shown = []
    for row in frame[[*CARD_COLUMNS, *optional]].to_dict("records"):
        values: dict[str, Any] = {str(name): value for name, value in row.items() if not pd.isna(value)}
        words = {name: str(values.get(name, "")) for name in ("title", "picture", "line", "item_id", "mark")}
        shown.append(card_data(**words, moved=values.get("moved"), hit=values.get("hit"), size=size))
    return str(macros("cards.html").cards(shown, size, shape, empty))


def card_row(frame: pd.DataFrame, size: Size = "normal", empty: str = "Nothing here yet.") -> str:
    """Show items beside each other: a history, the oldest left where time is known. It wraps, and never scrolls sideways.

    Raises:
        DataError: A column of title, picture and line is missing.
    """
    return _list(frame, size, "srg-row", empty)


def card_wall(frame: pd.DataFrame, size: Size = "small", empty: str = "Nothing here yet.") -> str:
    """Show many items as a wall: a cluster, or what a selection holds.

    Raises:
        DataError: A column of title, picture and line is missing.
    """
    return _list(frame, size, "srg-wall", empty)


def card_column(frame: pd.DataFrame, size: Size = "small", empty: str = "Nothing here yet.") -> str:
    """Show items below each other as lying cards: a recommendation list, best first.

    Raises:
        DataError: A column of title, picture and line is missing.
    """
    return _list(frame, size, "srg-column srg-lying", empty)
