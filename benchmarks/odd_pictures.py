"""Pictures that a reader must survive: of an odd sort, bombs, broken ones, and what only has a picture's name."""

import io
import random
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image


def png(width: int, height: int, depth: int = 8, color: int = 2, extra: bytes = b"", pixels: bytes | None = None) -> bytes:
    """Write a PNG by hand, chunk by chunk."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(color, 3)
    if pixels is None:
        pixels = bytes((1 + (width * channels * depth + 7) // 8) * height)
    ihdr = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def chunk(kind: bytes, content: bytes) -> bytes:
    """Write a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def bomb() -> bytes:
    """Return a little that unpacks to much."""
    return zlib.compress(bytes(50_000_000))


def odd_pictures(rng: random.Random) -> dict[str, bytes]:
    """Return what may stand in a picture's file, by what is odd about it."""
    pixels = Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 20, 3)).astype(np.uint8))
    mpo = io.BytesIO()
    pixels.save(mpo, "MPO", save_all=True, append_images=[pixels])
    return {
        "no palette": png(20, 16, 8, 3),
        "long tRNS": png(20, 16, 8, 3, chunk(b"PLTE", b"\1\2\3" * 2) + chunk(b"tRNS", bytes(300))),
        "short tRNS": png(20, 16, extra=chunk(b"tRNS", b"\1")),
        "16 bits": png(20, 16, 16, rng.choice((0, 2, 6))),
        "depth 7": png(20, 16, 7, 0),
        "short": png(20, 16, pixels=bytes(50)),
        "header of 2.5 gigapixels": png(50_000, 50_000, pixels=b""),
        "no pixel": png(0, 16),
        "text bomb": png(20, 16, extra=chunk(b"zTXt", b"a\0\0" + bomb())),
        "profile bomb": png(20, 16, extra=chunk(b"iCCP", b"a\0\0" + bomb())),
        "two pictures": mpo.getvalue()[: rng.choice((10**6, 700))],
        "SVG": b"<svg onload=alert(1)>",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "GIF": b"GIF89a" + bytes(20),
        "a beginning": b"\xff\xd8\xff",
        "empty": b"",
    }
