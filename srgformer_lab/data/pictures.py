"""Pictures of items in an ``images`` folder: found by name, and decoded once so that no page fails on one later."""

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from urllib.parse import quote

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from srgformer_lab.data.files import open_file
from srgformer_lab.data.problems import Problems, counted, others

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
MOST_PIXELS = 48_000_000
"""A larger picture, than 8,000 × 6,000 say, is refused by its header, before anything is decoded."""
LARGE = 4_000_000
"""Pictures of more pixels are decoded one at a time, since one of the largest takes a gigabyte meanwhile."""
PIXEL_BYTES, BESIDE_PIXELS = 8, 2**24
"""The most bytes that a file has for each of its pixels, and beside them."""
SMALL = 256
COMMON = 0.2
"""From this share of pictures on that are the same, it is said."""
THREADS = 8
BATCH = 32
UNMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes that Pillow takes to RGBA by way of another."""

DECODERS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
    b"GIF8": GifImagePlugin.GifImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
    b"II*\0": TiffImagePlugin.TiffImageFile,
    b"MM\0*": TiffImagePlugin.TiffImageFile,
    b"ftypavif": AvifImagePlugin.AvifImageFile,
}
"""By how a file begins, at once or after four bytes."""

_one_large = Lock()


class PictureError(OSError):
    """What is wrong with a picture, as a message says it after the picture's name."""


def is_picture(name: str) -> bool:
    """Return whether a file's name is that of a picture."""
    return name.lower().endswith(SUFFIXES)


def find_pictures(
    root: Path, files: Mapping[str, Path], item_ids: Sequence[str], problems: Problems, how: str | None = None, named: Sequence[str] = ()
) -> list[Path | None]:
    """Return each item's picture, or nothing; every one given can be decoded.

    An item's picture is called by its id, written as it stands or as in an address (``%2F`` for a slash), in any folder of the pictures;
    or it is the one that the item table names. Ids are looked up among the names that the folder lists and never joined to a path, so
    none can open a file outside of it.

    Args:
        root: The data's folder; links that lead out of it are not followed.
        files: The pictures that there are, by their path inside of ``root``.
        item_ids: Whose pictures.
        problems: Where it is noted which can't be used, and which belong to no item.
        how: What ids mean; ``match`` lets leading zeros and case not count.
        named: For each item the path or name of a file, if the item table has such a column.

    Raises:
        DataError: No picture is an item's by its exact id, most would be nearly, and problems are not collected.
    """
    if not files:
        return [None] * len(item_ids)
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files:
        by_name[path.rpartition("/")[2].rpartition(".")[0]].append(path)
    chosen = [_named(path, files) for path in named] if named else [None] * len(item_ids)
    chosen = [(by_name.get(name) or by_name.get(quote(name, safe="")) or [one])[0] for name, one in zip(item_ids, chosen, strict=True)]
    several = [name for name in item_ids if len(by_name.get(name, ())) > 1]
    if several:
        problems.note(
            f"{counted(len(several), 'item')} with several pictures, such as {several[0]!r}: the first counts, {by_name[several[0]][0]}"
        )
    chosen = _nearly(chosen, by_name, item_ids, problems, how)
    _note_alike(files, [path for path in chosen if path is not None], problems)
    bad = _refused([(path, files[path]) for path in dict.fromkeys(chosen) if path is not None], root, problems)
    problems.used.update(path for path in chosen if path is not None)
    problems.note(
        f"pictures: {sum(path is not None and path not in bad for path in chosen):,} of {counted(len(item_ids), 'item')} have one"
    )
    if unused := [path for path in files if path not in problems.used]:
        problems.note(f"pictures of no item, or of one that has another: {len(unused):,}, such as {unused[0]}")
    problems.used.update(unused)
    return [None if path is None or path in bad else files[path] for path in chosen]


def _named(text: str, files: Mapping[str, Path]) -> str | None:
    """Return the picture that a cell names, by its path from the data's folder or from ``images``."""
    name = text.replace("\\", "/").removeprefix("./")
    return next((path for path in (name, f"images/{name}") if path in files), None)


def _nearly(
    chosen: list[str | None], by_name: Mapping[str, list[str]], item_ids: Sequence[str], problems: Problems, how: str | None
) -> list[str | None]:
    """Find pictures whose names nearly are ids: taken if asked to, asked about where there are no others, else said."""
    from srgformer_lab.data.identities import core_of

    free = [name for name in by_name if by_name[name][0] not in set(chosen)]
    if how in ("exact", "from1") or not free or None not in chosen:
        return chosen
    cores: dict[str, list[str]] = defaultdict(list)
    for name in free:
        cores[core_of(name)].append(by_name[name][0])
    near = {
        row: cores[core][0] for row, name in enumerate(item_ids) if chosen[row] is None and len(cores.get(core := core_of(name), ())) == 1
    }
    if not near:
        return chosen
    row, path = next(iter(near.items()))
    what = f"{counted(len(near), 'picture')} nearly called as an item, such as {path} for {item_ids[row]!r}"
    if how == "match":
        problems.note(f"{what}: taken as the same")
        return [near.get(row, one) for row, one in enumerate(chosen)]
    if any(chosen):
        problems.note(f"{what}; ids='match' takes them as the same")
    else:
        problems.question("ids", what, {"'match'": "if they are the items'", "'exact'": "if not"})
    return chosen


def _note_alike(files: Mapping[str, Path], paths: Sequence[str], problems: Problems) -> None:
    """Say where many items have the very same picture, as placeholders are."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in paths:
        with suppress(OSError):
            by_size[files[path].stat().st_size].append(path)
    size, alike = max(by_size.items(), key=lambda pair: len(pair[1]), default=(0, []))
    if size and len(alike) > max(2, COMMON * len(paths)):
        digests: dict[bytes, int] = defaultdict(int)
        for path in alike:
            with suppress(OSError), open_file(files[path], size) as file:
                digests[hashlib.file_digest(file, "sha256").digest()] += 1
        if digests and (most := max(digests.values())) > max(2, COMMON * len(paths)):
            problems.note(f"pictures: {most:,} of {len(paths):,} are one and the same, such as {alike[0]}, which looks like a placeholder")


def _refused(pictures: Sequence[tuple[str, Path]], root: Path, problems: Problems) -> set[str]:
    """Decode the pictures, note those that can't be used, one sentence a fault, and give them."""
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    with ThreadPoolExecutor(THREADS) as pool:
        faults = chain.from_iterable(pool.map(lambda batch: [_fault(path, root) for _, path in batch], batches))
    by_fault = defaultdict(list)
    for (name, _), fault in zip(pictures, faults, strict=True):
        if fault:
            by_fault[fault].append(name)
    for fault, bad in by_fault.items():
        problems.note(f"{bad[0]} {fault}{others([Path(name).name for name in bad])}; {counted(len(bad), 'item')} left without a picture")
    return {name for bad in by_fault.values() for name in bad}


def _fault(path: Path, root: Path) -> str | None:
    """Say what is wrong with a picture, after decoding it at an eighth of its size where the format allows that."""
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
            return "is a link that leads out of the folder"
        _decoded(path, lambda side: max(side // 8, 1))
    except PictureError as error:
        return re.sub(r" \(\d+ bytes not processed\)", "", str(error))
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        return f"can't be opened ({error.strerror if isinstance(error, OSError) and error.strerror else error})"
    return None


class OpenedPictures(Sequence[Image.Image | None]):
    """Pictures that are opened when they are looked at, since all of a shop's at once may not fit into memory."""

    def __init__(self, pictures: Sequence[Path | bytes | None]) -> None:
        """Stand for these picture files, or encoded pictures."""
        self.pictures = pictures

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.pictures)

    def __getitem__(self, row: int) -> Image.Image | None:  # type: ignore[override]
        """Open an item's picture, at a size of a few hundred pixels where the format allows that."""
        picture = self.pictures[row]
        return None if picture is None else open_picture(picture, SMALL)


def open_picture(picture: Path | bytes, size: int | None = None) -> Image.Image:
    """Open a picture as RGB, as it is to be seen; ``size`` allows a smaller one where the format brings it, not below that many pixels.

    Raises:
        OSError: The file is gone or can't be decoded.
    """
    return _decoded(picture, lambda side: size or side)


def _decoded(picture: Path | bytes, wanted: Callable[[int], int]) -> Image.Image:
    """Decode a picture as RGB, at the wanted width and height or above where the format allows that.

    Raises:
        PictureError: It is no picture, too large, or damaged.
        OSError: The file can't be opened.
    """
    most = MOST_PIXELS * PIXEL_BYTES + BESIDE_PIXELS
    with io.BytesIO(picture) if isinstance(picture, bytes) else open_file(picture, most) as file:
        head = file.read(64)
        file.seek(0)
        decoder = next((decoder for start, decoder in DECODERS.items() if head.startswith(start) or head[4:].startswith(start)), None)
        if decoder is None:
            raise PictureError(_no_picture(head))
        try:
            # the decoder itself, since PIL.Image.open warns of large pictures, and warnings are the whole process's
            with decoder(file) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise PictureError(f"has {width:,} × {height:,} pixels, more than {MOST_PIXELS // 1_000_000} million")
                size, allowed = file.seek(0, io.SEEK_END), width * height * PIXEL_BYTES + BESIDE_PIXELS
                if size > allowed:
                    raise PictureError(f"has {size:,} bytes, and {width:,} × {height:,} pixels need {allowed:,} at most")
                opened.draft("RGB", (wanted(width), wanted(height)))
                with _one_large if width * height > LARGE else nullcontext():
                    return flatten(opened)
        except PictureError:
            raise
        except Exception as error:  # damaged pictures raise errors of many kinds, SyntaxError and struct.error among them
            raise PictureError(f"can't be decoded ({error})") from error


def _no_picture(head: bytes) -> str:
    """Say what a file is instead of a picture."""
    if not head:
        return "is empty"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, as sites send instead of a picture"
    if head.startswith((b"../", b"./", b"/")):
        return "is the text of a link, as copies without links have it"
    return "is neither JPEG nor PNG nor WebP, GIF, BMP, TIFF or AVIF"


def flatten(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB: the right way up, greys of more than eight bits scaled, on white where it is transparent."""
    upright = _eight_bit(_upright(picture))
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert(UNMULTIPLIED.get(upright.mode, upright.mode)).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged notes raise errors of many kinds, and say nothing of which way is up
        return picture


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Scale greys of more than eight bits down, which Pillow would clip."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    grey = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    top = 65535.0 if grey.max() > 255 else (255.0 if grey.max() > 1 else 1.0)
    grey *= 255 / top
    return Image.fromarray(np.clip(grey, 0, 255, out=grey).astype(np.uint8))
