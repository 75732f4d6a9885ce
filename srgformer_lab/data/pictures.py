"""Pictures of items in an ``images`` folder: found by name, and decoded once so that no page fails on one later."""

import io
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from srgformer_lab.data.tables import Problems, others

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MOST_PIXELS = 40_000_000
"""A larger picture is refused by its header, before anything is decoded."""
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


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in the folder's ``images``, by name; none where there is no such folder."""
    images = folder / "images"
    return sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES) if images.is_dir() else []


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
    if path.is_symlink() and not path.resolve().is_relative_to(images.resolve()):
        return "is a link that leads out of images/"
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            decoder = next((decoder for start, decoder in DECODERS.items() if head.startswith(start)), None)
            if decoder is None:
                return "is empty" if not head else "is neither JPEG nor PNG nor WebP"
            # the decoder itself, since PIL.Image.open warns of large pictures, and warnings are the whole process's
            with decoder(file) as picture:
                width, height = picture.size
                if width * height > MOST_PIXELS:
                    return f"has {width:,} × {height:,} pixels, more than {MOST_PIXELS // 1_000_000} million"
                picture.draft("L", (max(width // 8, 1), max(height // 8, 1)))
                picture.load()
    except Exception as error:  # damaged pictures raise errors of many kinds, SyntaxError and struct.error among them
        return f"can't be decoded ({error})"
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
    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as opened:
        if size:
            opened.draft("RGB", (size, size))
        return flatten(opened)


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
    grey = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    top = 65535.0 if grey.max() > 255 else (255.0 if grey.max() > 1 else 1.0)
    return Image.fromarray((np.clip(grey / top, 0, 1) * 255).astype(np.uint8))
