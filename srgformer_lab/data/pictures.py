"""Pictures of items in an ``images`` folder: found by name, and decoded once so that no page fails on one later."""

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from srgformer_lab.data.files import entries, open_file
from srgformer_lab.data.tables import Problems, others

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MOST_PIXELS = 48_000_000
"""A larger picture, than 8,000 × 6,000 say, is refused by its header, before anything is decoded."""
LARGE = 4_000_000
"""Pictures of more pixels are decoded one at a time, since one of the largest takes a gigabyte meanwhile."""
PIXEL_BYTES, BESIDE_PIXELS = 8, 2**24
"""The most bytes that a file has for each of its pixels, and beside them."""
SMALL = 256
THREADS = 8
BATCH = 32
UNMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes that Pillow takes to RGBA by way of another."""

DECODERS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
}


_one_large = Lock()


class PictureError(OSError):
    """What is wrong with a picture, as a message says it after the picture's name."""


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in the folder's ``images``, by name; none where there is no such folder."""
    return [path for path in entries(folder / "images") if path.suffix.lower() in SUFFIXES]


def find_pictures(folder: Path, item_ids: Sequence[str], problems: Problems) -> list[Path | None]:
    """Return each item's picture, ``images/<item_id>`` with one of ``SUFFIXES``, or nothing; every one given can be decoded.

    Ids are looked up among the names that the folder lists and never joined to a path, so none can open a file outside of it: an id
    with a slash in it just has no picture.

    Raises:
        DataError: A picture is bad, and problems are not collected.
    """
    files = picture_files(folder)
    if not files:
        return [None] * len(item_ids)
    by_name = defaultdict(list)
    for path in files:
        by_name[path.stem].append(path)
    for name in item_ids:
        if len(by_name.get(name, ())) > 1:
            problems.add(f"item id {name!r} has the pictures {' and '.join(path.name for path in by_name[name])} in images/; keep one")
    found = [by_name[name][0] if name in by_name else None for name in item_ids]
    bad = _refused([path for path in found if path is not None], folder / "images", problems)
    return [None if path in bad else path for path in found]


def _refused(paths: Sequence[Path], images: Path, problems: Problems) -> set[Path]:
    """Decode the pictures, note those that can't be used, one message a fault, and give them."""
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with ThreadPoolExecutor(THREADS) as pool:
        faults = chain.from_iterable(pool.map(lambda batch: [_fault(path, images) for path in batch], batches))
    by_fault = defaultdict(list)
    for path, fault in zip(paths, faults, strict=True):
        if fault:
            by_fault[fault].append(path)
    for fault, bad in by_fault.items():
        also = others([path.name for path in bad])
        problems.add(f"images/{bad[0].name}: the picture of item {bad[0].stem!r} {fault}{also}; replace or remove it")
    return {path for bad in by_fault.values() for path in bad}


def _fault(path: Path, images: Path) -> str | None:
    """Say what is wrong with a picture, after decoding it at an eighth of its size where the format allows that."""
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(images.resolve()):
            return "is a link that leads out of images/"
        _decoded(path, lambda side: max(side // 8, 1))
    except PictureError as error:
        return str(error)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        return f"can't be opened ({error})"
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
        head = file.read(8)
        file.seek(0)
        decoder = next((decoder for start, decoder in DECODERS.items() if head.startswith(start)), None)
        if decoder is None:
            raise PictureError("is empty" if not head else "is neither JPEG nor PNG nor WebP")
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
