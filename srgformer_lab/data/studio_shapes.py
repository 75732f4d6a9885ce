"""The shapes of household things for the planted world: each family draws its parts with a pen, in a few proportions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 120, 180
FINE = 3
"""Shapes are drawn this many times larger and reduced."""
FLOOR = 132
"""Height at which the wall meets the floor."""
N_VARIANTS = 4
"""Proportions in which each family comes."""

WOOD, DARK, METAL, LEAF, LEAF_LIGHT, LINEN, GLOW = "#B98A5E", "#3A3532", "#A9A39A", "#4F7D55", "#79A873", "#F6EFE3", "#FFE9B0"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Layer:
    """One part of a thing: where it is, and a colour or ``look`` for the pattern, ``main``, ``ground`` or ``accent``."""

    fill: str
    box: tuple[slice, slice]
    """The rows and columns that it covers."""
    mask: Float[np.ndarray, "rows columns 1"]
    """How much of each pixel of the box it covers."""


class Pen:
    """Collects the parts of a thing, in units of the finished picture."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def part(self, fill: str, *shapes: Callable[[ImageDraw.ImageDraw], None]) -> None:
        """Add a part made of shapes that are drawn one over the other."""
        image = Image.new("L", (WIDTH * FINE, HEIGHT * FINE))
        draw = ImageDraw.Draw(image)
        for shape in shapes:
            shape(draw)
        small = image.reduce(FINE)
        x0, y0, x1, y1 = small.getbbox() or (0, 0, 1, 1)
        mask = np.asarray(small.crop((x0, y0, x1, y1)), dtype=np.float32)[:, :, None] / 255
        self.layers.append(Layer(fill, (slice(y0, y1), slice(x0, x1)), mask))


def _fine(points: Points) -> list[tuple[float, float]]:
    return [(x * FINE, y * FINE) for x, y in points]


def polygon(points: Points, ink: int = 255) -> Callable[[ImageDraw.ImageDraw], None]:
    """A filled polygon."""
    return lambda draw: draw.polygon(_fine(points), fill=ink)


def ellipse(x: float, y: float, rx: float, ry: float, ink: int = 255) -> Callable[[ImageDraw.ImageDraw], None]:
    """A filled ellipse around a middle."""
    return lambda draw: draw.ellipse(_fine([(x - rx, y - ry), (x + rx, y + ry)]), fill=ink)


def rounded(x0: float, y0: float, x1: float, y1: float, r: float, ink: int = 255) -> Callable[[ImageDraw.ImageDraw], None]:
    """A filled rectangle with round corners."""
    return lambda draw: draw.rounded_rectangle(_fine([(x0, y0), (x1, y1)]), r * FINE, fill=ink)


def line(points: Points, width: float, ink: int = 255) -> Callable[[ImageDraw.ImageDraw], None]:
    """A line with joints."""
    return lambda draw: draw.line(_fine(points), fill=ink, width=round(width * FINE), joint="curve")


def turned(profile: Points, middle: float = 60) -> list[tuple[float, float]]:
    """The smooth outline of a turned thing from (height, half width) points, the first at the top."""
    heights, halves = np.array(profile, dtype=float).T
    fine = np.linspace(0, 1, 60)
    at = np.linspace(0, 1, len(heights))
    y = np.interp(fine, at, heights)
    half = _smooth(fine, at, halves)
    return [*zip(middle - half, y, strict=True), *zip((middle + half)[::-1], y[::-1], strict=True)]


def _smooth(x: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate by a cubic with the slopes of the neighbours."""
    slopes = np.gradient(values, at)
    k = np.clip(np.searchsorted(at, x, side="right") - 1, 0, len(at) - 2)
    step = at[k + 1] - at[k]
    t = (x - at[k]) / step
    first = (1 + 2 * t) * (1 - t) ** 2 * values[k] + t * (1 - t) ** 2 * step * slopes[k]
    return first + t**2 * (3 - 2 * t) * values[k + 1] + t**2 * (t - 1) * step * slopes[k + 1]


def _leaf(x: float, y: float, angle: float, length: float, width: float) -> list[tuple[float, float]]:
    """A leaf that grows from a point."""
    t = np.linspace(0, 1, 14)
    side = width * np.sin(np.pi * t**0.8)
    along, across = np.concatenate([t, t[::-1]]) * length, np.concatenate([side, -side[::-1]])
    c, s = np.cos(angle), np.sin(angle)
    return list(zip(x + c * along - s * across, y + s * along + c * across, strict=True))


def mug(pen: Pen, v: int) -> None:
    """A mug; variants are taller, wider or rounded."""
    top, half, base = [(78, 30, 27), (66, 26, 26), (88, 35, 24), (74, 32, 32)][v]
    y = (top + 150) / 2
    pen.part("main", ellipse(60 + half, y, 17, (150 - top) * 0.32), ellipse(60 + half, y, 10.5, (150 - top) * 0.32 - 7, 0))
    pen.part("look", polygon([(60 - half, top), (60 + half, top), (60 + base, 146), (60 - base, 146)]), ellipse(60, 146, base, 6))
    pen.part("ground", ellipse(60, top, half, 6.5))
    pen.part(DARK, ellipse(60, top + 1, half - 3, 4.5))


def lamp(pen: Pen, v: int) -> None:
    """A table lamp that is lit."""
    top, low, h = [(19, 38, 52), (30, 36, 44), (10, 42, 50), (33, 33, 60)][v]
    pen.part(GLOW, ellipse(60, 34 + h, low - 4, 7))
    pen.part(WOOD if v % 2 else METAL, rounded(57, 34 + h, 63, 148, 2), ellipse(60, 149, 21, 5.5))
    if v >= 2:
        pen.part("accent", polygon(turned([(100, 4), (114, 13), (130, 15), (146, 9)])))
    pen.part("look", polygon([(60 - top, 34), (60 + top, 34), (60 + low, 34 + h), (60 - low, 34 + h)]), ellipse(60, 34 + h, low, 5))
    pen.part("ground", ellipse(60, 34, top, 3.5))


def vase(pen: Pen, v: int) -> None:
    """A vase with a few twigs in it."""
    profile = [
        [(70, 11), (82, 10), (104, 29), (130, 30), (150, 17)],
        [(62, 16), (76, 12), (92, 24), (126, 26), (150, 20)],
        [(74, 8), (92, 9), (112, 32), (136, 33), (150, 20)],
        [(66, 22), (84, 24), (108, 22), (132, 17), (150, 19)],
    ][v]
    top, half = profile[0]
    for k, lean in enumerate((-0.42, -0.1, 0.3)):
        tip = (60 + lean * 62, top - 44 + 10 * abs(k - 1) + 3 * v)
        pen.part(LEAF, line([(60 + lean * 8, top), tip], 1.6))
        starts = [(t, side) for t in (0.4, 0.65, 0.9) for side in (-0.95, 0.95)]
        leaves = [_leaf(60 + lean * (8 + 54 * t), top - 42 * t, -np.pi / 2 + lean + side, 15, 4.2) for t, side in starts]
        pen.part(LEAF if k != 1 else LEAF_LIGHT, *[polygon(leaf) for leaf in leaves])
    pen.part("look", polygon(turned(profile)))
    pen.part("ground", ellipse(60, top, half, 3.4))
    pen.part(DARK, ellipse(60, top + 0.4, half - 2.2, 2.1))


def plant(pen: Pen, v: int) -> None:
    """A pot plant: broad leaves, blades, a round bush or a cactus."""
    if v == 3:
        arms = [(26, 60, 38, 88), (26, 78, 54, 90), (82, 50, 94, 80), (66, 70, 94, 82)]
        pen.part(LEAF, rounded(48, 40, 72, 112, 12), *[rounded(*arm, 6) for arm in arms])
        pen.part(LEAF_LIGHT, *[line([(x, 50), (x, 104)], 1.2) for x in (54, 60, 66)])
        pen.part("accent", ellipse(60, 40, 6, 5))
    else:
        n, length, width = [(7, 56, 10), (11, 70, 4.5), (15, 40, 7)][v]
        angles = -np.pi / 2 + np.linspace(-1.15, 1.15, n)
        pen.part(LEAF, *[polygon(_leaf(60, 108, a, length * (1 - 0.12 * abs(np.sin(5 * k))), width)) for k, a in enumerate(angles)])
        pen.part(LEAF_LIGHT, *[polygon(_leaf(60, 110, a + 0.16, length * 0.7, width * 0.8)) for a in angles[::2]])
    pen.part("look", polygon([(33, 106), (87, 106), (79, 148), (41, 148)]), ellipse(60, 148, 19, 4))
    pen.part("ground", rounded(30, 100, 90, 110, 2.5))


def cushion(pen: Pen, v: int) -> None:
    """A cushion, square, flat, round or tall."""
    if v == 2:
        pen.part("look", ellipse(60, 110, 44, 42))
        pen.part("accent", ellipse(60, 110, 4.5, 4.5))
        return
    w, h, y = [(41, 39, 110), (47, 29, 120), (0, 0, 0), (35, 45, 104)][v]
    t = np.linspace(-1, 1, 30)
    bulge = 1 - 0.085 * np.sin(np.pi * np.abs(t)) ** 2  # corners and the middles of the sides stand out
    right, top = np.stack([w * bulge, h * t], axis=1), np.stack([w * t[::-1], h * bulge], axis=1)
    outline = np.concatenate([right, top, -right, -top]) + np.array([60, y])
    corners = [(a * w, b * h) for a in (-1, 1) for b in (-1, 1)]
    pen.part("accent", *[line([(60 + a * 0.9, y + b * 0.9), (60 + a * 1.06, y + b * 1.07)], 4.5) for a, b in corners])
    pen.part("look", polygon(list(map(tuple, outline))))


def armchair(pen: Pen, v: int) -> None:
    """An armchair on wooden legs."""
    top, r, arm = [(54, 14, 8), (46, 30, 8), (64, 8, 10), (50, 20, 7)][v]
    pen.part(WOOD, *[polygon([(x, 138), (x + 6, 138), (x + 3 + lean, 158), (x + lean, 158)]) for x, lean in ((26, -4), (88, 5))])
    pen.part("look", rounded(24, top, 96, 132, r))
    pen.part("ground", rounded(18 + 2 * arm, 108, 102 - 2 * arm, 126, 6))
    pen.part("look", rounded(14, 124, 106, 145, 6))
    pen.part("main", rounded(11, 90, 11 + 2 * arm, 145, arm), rounded(109 - 2 * arm, 90, 109, 145, arm))


def poster(pen: Pen, v: int) -> None:
    """A framed print on the wall."""
    x, y, h = [(18, 24, 124), (12, 38, 96), (24, 22, 126), (16, 30, 110)][v]
    pen.part(WOOD if v % 2 else DARK, rounded(x, y, 120 - x, y + h, 1.5))
    pen.part(LINEN, rounded(x + 4, y + 4, 116 - x, y + h - 4, 0.5))
    if v == 1:
        pen.part("look", ellipse(60, y + h / 2, 35, 35))
    else:
        pen.part("look", rounded(x + 11, y + 11, 109 - x, y + h - 11, 0.5))
    if v == 3:
        pen.part("accent", ellipse(60, y + h / 2, 14, 14))


def clock(pen: Pen, v: int) -> None:
    """A wall clock that shows a time of its own."""
    r, y = [(46, 86), (42, 82), (48, 90), (44, 84)][v]
    pen.part("accent" if v % 2 else WOOD, ellipse(60, y, r, r))
    pen.part("look", ellipse(60, y, r - 4, r - 4))
    pen.part(LINEN, ellipse(60, y, r - 19, r - 19))
    turn = 2 * np.pi / 12
    pen.part(DARK, *[ellipse(60 + (r - 23) * np.sin(k * turn), y - (r - 23) * np.cos(k * turn), 1.3, 1.3) for k in range(12)])
    hour, minute = [(10, 2), (8, 4), (1, 10), (3, 8)][v]
    hands = [line([(60, y), (60 + n * np.sin(k * turn), y - n * np.cos(k * turn))], w) for k, n, w in ((hour, 10, 2.4), (minute, 16, 1.6))]
    pen.part(DARK, *hands, ellipse(60, y, 2.4, 2.4))


def teapot(pen: Pen, v: int) -> None:
    """A teapot with a spout and a knob."""
    w, top = [(33, 88), (29, 76), (36, 94), (31, 84)][v]
    y = (top + 150) / 2
    pen.part("main", ellipse(60 - w, y, 15, 19), ellipse(60 - w, y, 9.5, 13.5, 0))
    spout = [(52, y + 8), (65, y - 2), (71, top + 3), (81, top + 1), (76, y + 4), (54, y + 26)]
    pen.part("main", polygon([(a + w, b) for a, b in spout]))
    pen.part("accent", ellipse(60, top - 7, 5, 5))
    pen.part("look", polygon(turned([(top, w * 0.5), (top + 10, w * 0.86), (y, w), (142, w * 0.9), (151, w * 0.55)])))
    pen.part("ground", polygon(turned([(top - 4, w * 0.3), (top, w * 0.55), (top + 3, w * 0.55)])))


FAMILIES: dict[str, Callable[[Pen, int], None]] = {
    f.__name__: f for f in (mug, lamp, vase, plant, cushion, armchair, poster, clock, teapot)
}
ON_WALL = ("poster", "clock")
