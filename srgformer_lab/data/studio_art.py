"""Small pictures of household things for the planted world: a family gives the shape, a pattern and a palette the look.

Shapes and patterns are drawn once, finely, and reduced; a picture is then a few blends of them.
"""

import io
from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFilter

from srgformer_lab.data.studio_shapes import FAMILIES, FLOOR, HEIGHT, ON_WALL, WIDTH, Layer, Pen

PALETTES: dict[str, tuple[str, str, str]] = {
    "terracotta": ("#C5643F", "#F4E3CF", "#6E3527"),
    "ocean": ("#25688C", "#E6F1EF", "#F0B061"),
    "forest": ("#4B7350", "#F0EAD4", "#D7A03C"),
    "mustard": ("#DDA32F", "#FCF2DA", "#5B4636"),
    "plum": ("#7A4569", "#F5E3E6", "#DB8B6C"),
    "rose": ("#E08A96", "#FFF1EC", "#8C4459"),
    "slate": ("#4C5769", "#EEEDE8", "#C97B55"),
    "mint": ("#7FBFA2", "#FBFAEF", "#3F6B5B"),
    "sky": ("#7DB0DA", "#FFFFFF", "#E2765A"),
    "night": ("#2A3157", "#F3D683", "#8790C8"),
    "lilac": ("#A594D0", "#F8F2FB", "#594E8F"),
    "coral": ("#F07D5E", "#FFF3E3", "#2C7074"),
}
"""Main colour, ground and accent."""


def _patterns(x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """For each pattern, where the ground shows and where the accent, over the main colour."""
    none = np.zeros_like(x, dtype=bool)

    def cell(size: float, shift: bool = True) -> tuple[np.ndarray, np.ndarray]:
        row = np.floor(y / size)
        return (x + (row % 2) * size / 2 * shift) % size - size / 2, y % size - size / 2

    def dots() -> tuple[np.ndarray, np.ndarray]:
        a, b = cell(14)
        return np.hypot(a, b) < 4.4, none

    def scales() -> tuple[np.ndarray, np.ndarray]:
        a, b = cell(16)
        r = np.hypot(a, b + 8)
        return (r > 9.5) & (r < 12.5), r < 4

    def diamonds() -> tuple[np.ndarray, np.ndarray]:
        a, b = cell(20, False)
        r = np.abs(a) + np.abs(b) * 0.75
        return r < 7.6, r < 2.8

    def crosses() -> tuple[np.ndarray, np.ndarray]:
        a, b = np.abs(cell(15))
        return (np.minimum(a, b) < 1.5) & (np.maximum(a, b) < 4.8), none

    return {
        "stripes": lambda: (x % 12 < 5, x % 24 > 22),
        "bands": lambda: (y % 16 < 7, y % 16 > 13.4),
        "diagonals": lambda: ((x + y) % 15 < 6, none),
        "dots": dots,
        "checks": lambda: ((x % 16 < 8) ^ (y % 16 < 8), none),
        "waves": lambda: ((y + 3.2 * np.sin(x * 2 * np.pi / 20)) % 13 < 5, none),
        "chevrons": lambda: ((y + np.abs(x % 18 - 9)) % 14 < 5, (y + np.abs(x % 18 - 9)) % 28 > 25.5),
        "scales": scales,
        "diamonds": diamonds,
        "crosses": crosses,
        "grid": lambda: ((x % 14 < 2.2) | (y % 14 < 2.2), none),
        "blocks": lambda: (np.abs(x % 30 - 15) + np.abs(y % 30 - 15) > 16, np.hypot(x % 30 - 15, y % 30 - 15) < 6),
    }


PATTERNS = tuple(_patterns(np.zeros(1), np.zeros(1)))


@cache
def _pattern(name: str) -> Float[np.ndarray, "2 height width"]:
    """Shares of ground and accent on a sheet somewhat larger than a picture."""
    fine, height, width = 2, HEIGHT + 32, WIDTH + 32
    y, x = np.mgrid[: height * fine, : width * fine].astype(np.float32) / fine
    masks = np.stack(_patterns(x, y)[name]()).astype(np.float32)
    return masks.reshape(2, height, fine, width, fine).mean(axis=(2, 4))


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)], dtype=np.float32)


@cache
def _shape(family: str, variant: int, mirrored: bool) -> tuple[list[Layer], np.ndarray, np.ndarray]:
    """A thing's layers, what its shadow leaves of the light, and the light on it by column (below 0 shade, above 0 shine)."""
    pen = Pen()
    FAMILIES[family](pen, variant)
    layers = [_mirror(layer) for layer in pen.layers] if mirrored else pen.layers
    whole = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    for layer in layers:
        whole[layer.box] = np.maximum(whole[layer.box], layer.mask[:, :, 0])
    columns, low = np.flatnonzero(whole.max(axis=0) > 0.5), int(np.flatnonzero(whole.max(axis=1) > 0.5)[-1])
    across = np.clip((np.arange(WIDTH) - columns[0]) / (columns[-1] - columns[0]), 0, 1)
    flat = family in ON_WALL
    shine, shade = (0.08, 0.08) if flat else (0.17, 0.34)
    light = shine * np.exp(-(((across - 0.27) / 0.16) ** 2)) - shade * np.clip(across - 0.45, 0, 1) ** 1.3
    shadow = Image.new("L", (WIDTH, HEIGHT))
    if flat:
        shadow.paste(Image.fromarray((whole * 110).astype(np.uint8)), (5, 7))
    else:
        foot = np.flatnonzero(whole[low - 14 : low].max(axis=0) > 0.5)
        ImageDraw.Draw(shadow).ellipse((foot[0] - 2, low - 7, foot[-1] + 16, low + 6), fill=150)
    blurred = np.asarray(shadow.filter(ImageFilter.GaussianBlur(4.5)), dtype=np.float32) / 255
    return layers, 1 - 0.7 * blurred[:, :, None], light.astype(np.float32)[None, :, None]


def _mirror(layer: Layer) -> Layer:
    rows, columns = layer.box
    return Layer(layer.fill, (rows, slice(WIDTH - columns.stop, WIDTH - columns.start)), layer.mask[:, ::-1])


@cache
def _room(palette: str, on_wall: bool) -> Float[np.ndarray, "height width 3"]:
    """A quiet wall, tinted by the palette, with a floor unless the thing hangs."""
    main, ground, _ = (_rgb(color) for color in PALETTES[palette])
    wall = 0.13 * main + 0.4 * ground + 0.47 * _rgb("#F5F0E8")
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    room = wall * (1.02 - 0.07 * y - 0.05 * x)
    if not on_wall:
        floor = 0.24 * main + 0.3 * ground + 0.46 * _rgb("#E4D9C8")
        room[FLOOR:] = (floor * (0.99 - 0.04 * x) * np.ones_like(y))[FLOOR:]
        room[FLOOR - 1] = (room[FLOOR - 2] + room[FLOOR + 1]) / 2
    return np.clip(room, 0, 255)


def draw_item(
    family: str, variant: int, pattern: str, palette: str, shift: tuple[int, int] = (0, 0), mirrored: bool = False
) -> Image.Image:
    """Draw one thing; ``shift`` moves the pattern under its shape, so that no two pictures need be alike."""
    layers, left_by_shadow, light = _shape(family, variant, mirrored)
    main, ground, accent = (_rgb(color) for color in PALETTES[palette])
    sheet = _pattern(pattern)[:, shift[1] : shift[1] + HEIGHT, shift[0] : shift[0] + WIDTH, None]
    flat = {"main": main, "ground": ground, "accent": accent}
    canvas = _room(palette, family in ON_WALL) * left_by_shadow
    for layer in layers:
        color = flat.get(layer.fill)
        if layer.fill == "look":
            in_ground, in_accent = sheet[:, *layer.box]
            color = main + in_ground * (ground - main)
            color += in_accent * (accent - color)
        elif color is None:
            color = _rgb(layer.fill)
        here = light[:, layer.box[1]]
        color = color * (1 - np.abs(here)) + 255 * np.maximum(here, 0)
        canvas[layer.box] += layer.mask * (color - canvas[layer.box])
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def encode_picture(picture: Image.Image) -> bytes:
    """Encode a picture as WebP, a few kilobytes."""
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=86, method=1)
    return target.getvalue()
