"""Items as things one can recognise: a picture, a title, one line of numbers. HTML strings that need ``STYLE`` once a page."""

import base64
import html
import io
import zlib
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from srgformer_lab.errors import DataError
from srgformer_lab.plots.language import Number, counted, require

Size = Literal["normal", "small"]
COLUMNS = ("title", "picture", "line")
TALL_ENOUGH, WIDE_ENOUGH = 0.55, 0.85
"""Pictures of a width/height between these are cropped to 2:3; others are shown whole on a margin of their own edge's colour."""
QUALITY = 74
WHOLE_DIGITS = 4


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
    """Show one item: its picture (a data URI, or a drawn stand-in), its title, one line, and marks with words.

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
    if size not in ("normal", "small"):
        raise DataError(f"card: size={size!r} must be normal or small")
    name = title.strip() or item_id or "untitled"
    full = f"{name} ({item_id})" if item_id and item_id != name else name
    marks = "".join([_arrow(moved, mark), _hit(hit)])
    return (
        f'<figure class="srg srg-card srg-{size}" title="{html.escape(full)}">{picture_html(name, picture)}'
        f'<figcaption class="srg-words"><span class="srg-title">{html.escape(name)}</span>'
        + (f'<span class="srg-line">{html.escape(line)}</span>' if line else "")
        + (f'<span class="srg-marks">{marks}</span>' if marks else "")
        + "</figcaption></figure>"
    )


def picture_html(name: str, picture: str = "") -> str:
    """Show a picture with its alt text, or draw a stand-in with the name's initials.

    Raises:
        DataError: The picture is not a data URI of an image.
    """
    alt = html.escape(name)
    if not isinstance(picture, str) or not picture:
        return _blank(name)
    if not picture.startswith("data:image/"):
        raise DataError(f"card: the picture of {name!r} must be a data URI (data:image/…), not {picture[:40]!r}; use thumbnail_uri")
    return f'<img class="srg-picture" src="{html.escape(picture)}" alt="{alt}" loading="lazy" width="96" height="144">'


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


def _blank(name: str) -> str:
    """Draw a stand-in: its rings follow from the name, as its hue does."""
    code = zlib.crc32(name.encode())
    x, y = 12 + code // 360 % 72, 14 + code // 26_000 % 40
    rings = "".join(f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0" for r in (22, 40, 58))
    return (
        f'<svg class="srg-picture srg-blank" style="--srg-hue:{hue(name)}" viewBox="0 0 96 144" role="img" '
        f'aria-label="{html.escape(name)}, no picture">'
        f'<rect width="96" height="144"></rect><path d="{rings}"></path><text x="48" y="106">{html.escape(initials(name))}</text></svg>'
    )


def _arrow(moved: Number | None, mark: str = "") -> str:
    words = html.escape(mark)
    if moved is None or pd.isna(moved):
        return f'<span class="srg-same">{words}</span>' if words else ""
    steps, words = int(moved), f", {words}" if words else ""
    if not steps:
        return f'<span class="srg-same">= stayed{words}</span>'
    kind, sign, word = ("rose", "▲", "rose") if steps > 0 else ("fell", "▼", "fell")
    told = f"{word} by {counted(abs(steps), 'rank')}"
    return f'<span class="srg-{kind}" title="{told}"><span role="img" aria-label="{told}">{sign} {abs(steps)}</span>{words}</span>'


def _hit(hit: Any) -> str:
    if pd.isna(hit):
        return ""
    return (
        '<span title="the user truly took it">● hit</span>' if hit else '<span class="srg-same" title="not known to be taken">○ miss</span>'
    )


def _cards(frame: pd.DataFrame, size: Size, what: str) -> list[str]:
    require(frame, COLUMNS, what)
    optional = [name for name in ("moved", "hit", "item_id", "mark") if name in frame.columns]
    shown = []
    for row in frame[[*COLUMNS, *optional]].to_dict("records"):
        values: dict[str, Any] = {str(name): value for name, value in row.items() if not pd.isna(value)}
        words = {name: str(values.get(name, "")) for name in ("title", "picture", "line", "item_id", "mark")}
        shown.append(card(**words, moved=values.get("moved"), hit=values.get("hit"), size=size))
    return shown


def _list(frame: pd.DataFrame, size: Size, shape: str, empty: str) -> str:
    shown = _cards(frame, size, f"card {shape.split('-')[-1]}")
    if not shown:
        return f'<div class="srg srg-empty">{html.escape(empty)}</div>'
    inside = "".join(f"<li>{one}</li>" for one in shown)
    return f'<div class="srg srg-{size}"><ol class="{shape}">{inside}</ol></div>'


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
