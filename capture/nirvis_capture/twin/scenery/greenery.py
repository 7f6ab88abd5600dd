"""Trees and hedges, leaf by leaf: dark in the visible, the brightest thing of a street in the infrared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light.materials import BARK, DRY_LEAVES, LEAVES
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import COVER, LAMP, SUN, Canvas, lay, line, mixed, tone, varied

_BUNDLES = 12
_FINEST_LEAF_PX = 1.6
"""Smaller leaves cannot be told apart."""
_LIGHT, _OPAQUE = 0, 1
"""Channels of the picture of a crown: how brightly its leaves are lit, premultiplied, and where leaves are; 0 to 1."""


@dataclass(frozen=True)
class Kind:
    """A kind of tree, in shares of its height."""

    crown: float
    """Middle of the crown."""
    spread: tuple[float, float]
    """Half width of the crown."""
    tall: float
    """Half height of the crown."""
    taper: float
    """How much narrower the crown is at its top than at its foot; 0 for a ball, 1 for a cone."""
    dense: float


_KINDS = (
    Kind(0.64, (0.28, 0.38), 0.34, 0.0, 1.0),
    Kind(0.62, (0.22, 0.28), 0.36, 0.25, 1.1),
    Kind(0.60, (0.13, 0.18), 0.40, 0.5, 1.3),
    Kind(0.66, (0.32, 0.42), 0.28, 0.0, 0.75),
)


def tree(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    ground: float,
    height: float,
    leaf_px: float,
    autumn: float = 0.0,
) -> None:
    """A tree that stands at (x, ground), of that height in pixels; `autumn` 0 to 1: how probably its leaves are dry."""
    kind = _KINDS[int(rng.integers(len(_KINDS)))]
    leaf = leaf_colour(rng, autumn=rng.random() < autumn)
    spread, crown_y = rng.uniform(*kind.spread) * height, ground - kind.crown * height
    _trunk(canvas, rng, x, ground, height, spread)
    clump = 0.22 * spread + leaf_px
    count = int(np.clip(kind.dense * 2.6 * spread * kind.tall * height / clump**2, 10, 110))
    turn, reach = rng.uniform(0, 2 * np.pi, count), rng.random(count) ** 0.5
    down = np.sin(turn) * reach
    narrow = 1 - kind.taper * (0.5 - 0.5 * down)
    clumps = np.stack([x + spread * narrow * np.cos(turn) * reach, crown_y + kind.tall * height * down], 1)
    foliage(canvas, rng, clumps, clump, leaf_px, leaf)


def hedge(
    canvas: Canvas, rng: np.random.Generator, left: float, right: float, ground: float, height: float, leaf_px: float
) -> None:
    """A clipped hedge between two columns."""
    radius = min(0.42 * height, 9 * leaf_px)
    columns, rows = np.meshgrid(
        np.arange(left + 0.8 * radius, right - 0.6 * radius, 0.8 * radius),
        np.arange(ground - 0.75 * radius, ground - height + 0.6 * radius, -0.8 * radius),
    )
    clumps = np.stack([columns.ravel(), rows.ravel()], 1)
    clumps += rng.normal(0, 0.16 * radius, clumps.shape)
    foliage(canvas, rng, clumps, radius, leaf_px, leaf_colour(rng))


def leaf_colour(rng: np.random.Generator, autumn: bool = False) -> Bands:
    leaf = varied(LEAVES[int(rng.integers(len(LEAVES)))], rng, 0.08, 0.15)
    return mixed(leaf, DRY_LEAVES, rng.uniform(0.3, 0.85)) if autumn else leaf


def foliage(
    canvas: Canvas,
    rng: np.random.Generator,
    clumps: NDArray[np.float64],
    radius: float,
    leaf_px: float,
    leaf: Bands,
) -> None:
    """Leaves around clumps ``(n, 2)``: bundles of them, laid from the shaded ones to those in the sun."""
    leaf_px = max(leaf_px, _FINEST_LEAF_PX)
    low = np.floor(clumps.min(0) - 1.6 * radius - 3 * leaf_px).astype(int)
    size = np.ceil(clumps.max(0) + 1.6 * radius + 3 * leaf_px).astype(int) - low
    per_clump = int(np.clip(0.4 * (radius / leaf_px) ** 2, 5, 60))
    away = rng.normal(0, 0.46, (len(clumps), per_clump, 2))
    away *= np.minimum(1, 1.35 / np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-9))
    centres = (clumps[:, None] + radius * away - low).reshape(-1, 2)
    # Lit from the upper left: bright is what lies on that side of its clump, and of the whole.
    clump_up = -((clumps - clumps.mean(0)) @ [0.35, 0.9]) / (np.ptp(clumps[:, 1]) / 2 + radius)
    lit = 0.42 - 0.16 * away[..., 0] - 0.36 * away[..., 1] + 0.13 * clump_up[:, None]
    lit = np.clip(lit + rng.normal(0, 0.10, lit.shape), 0.02, 1).ravel()
    crown = _crown((int(size[1]), int(size[0])), rng, centres, lit, leaf_px)
    lay(canvas, _leaves(crown, leaf), int(low[0]), int(low[1]))


def _crown(
    shape: tuple[int, int],
    rng: np.random.Generator,
    centres: NDArray[np.float64],
    lit: NDArray[np.float64],
    leaf: float,
) -> NDArray[np.float32]:
    """Bundles of leaves, each as bright as it is lit: light and cover ``(h, w, 2)``."""
    bundles = _bundles(round(4 * leaf) / 4)
    gaps, side = np.repeat(1 - bundles[..., _OPAQUE, None], 2, axis=3), bundles.shape[1]
    crown = np.zeros((shape[0] + 2 * side, shape[1] + 2 * side, 2), np.float32)
    corners = np.clip(np.rint(centres + side / 2).astype(int), 0, (shape[1] + side, shape[0] + side))
    light = np.stack([lit, np.ones_like(lit), np.zeros_like(lit), np.zeros_like(lit)], 1)
    numbers = rng.integers(len(bundles), size=len(centres))
    for i in np.argsort(lit + rng.normal(0, 0.12, len(lit))):
        (x, y), number = corners[i], numbers[i]
        # OpenCV takes half of the time of NumPy for pictures as small as these.
        under = crown[y : y + side, x : x + side]
        cv2.multiply(under, gaps[number], dst=under)
        cv2.add(under, cv2.multiply(bundles[number], light[i]), dst=under)
    return crown[side:-side, side:-side]


@cache
def _bundles(leaf_px: float) -> NDArray[np.float32]:
    """Some dozen leaves each, with the dark between them: light and cover ``(n, side, side, 2)``, 0 to 1."""
    rng = np.random.default_rng(7)
    fine, side = 3, int(np.ceil(5.2 * leaf_px)) + 2
    pictures = []
    for _ in range(_BUNDLES):
        picture = np.zeros((side * fine, side * fine, 3), np.float32)
        middle = side * fine / 2
        for step in range(14):
            place = rng.normal(middle, 0.82 * leaf_px * fine, 2)
            shape = _leaf(rng, place, leaf_px * fine * rng.uniform(0.75, 1.25))
            light = (0.55 + 0.75 * step / 13) * rng.uniform(0.75, 1.25)
            cv2.fillPoly(picture, [np.rint(shape * 16).astype(np.int32)], (light, 1.0, 0.0), cv2.LINE_8, 4)
        pictures.append(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)[..., :2])
    return np.stack(pictures)


def _leaf(rng: np.random.Generator, centre: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """A pointed oval ``(6, 2)``."""
    outline = np.array([[-1.0, 0], [-0.4, 0.42], [0.4, 0.38], [1, 0], [0.4, -0.38], [-0.4, -0.42]])
    turn = rng.uniform(0, 2 * np.pi)
    return np.asarray(centre + length * outline @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _leaves(crown: NDArray[np.float32], leaf: Bands) -> Canvas:
    """Leaves let infrared through, so that their shaded side stays bright there; sunlit tips turn yellowish."""
    cover = crown[..., _OPAQUE]
    lit = crown[..., _LIGHT] / np.maximum(cover, 1e-3)
    visible, deep = 255 * cover * (0.28 + 1.75 * lit), 255 * cover * (0.60 + 0.46 * lit)
    warm = 0.88 + 0.30 * lit
    canvas = Canvas.blank(crown.shape[1], crown.shape[0])
    for sheet, level, knots in ((canvas.visible, visible, leaf[:4]), (canvas.infrared, deep, leaf[4:])):
        for channel, value in enumerate(knots):
            tinted = warm if sheet is canvas.visible and channel == 3 else 1.0
            sheet[..., channel] = np.minimum(value * level * tinted, 255 * cover)
    canvas.light[..., COVER] = np.rint(255 * cover)
    # The sun reaches the outer leaves, and flecks of it the others.
    canvas.light[..., SUN] = 255 * (1 - cover) + 255 * cover * np.clip(0.30 + 1.5 * lit, 0, 1)
    canvas.light[..., LAMP] = 0
    return canvas


def _trunk(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, height: float, spread: float) -> None:
    width = height * rng.uniform(0.03, 0.045)
    fork, lean = ground - rng.uniform(0.34, 0.42) * height, rng.normal(0, 0.015) * height
    boughs = [([(x, ground), (x + lean, fork), (x + 1.5 * lean, ground - 0.72 * height)], width)]
    for side in rng.uniform(-0.75, 0.75, 4):
        start = fork - rng.uniform(0, 0.12) * height
        boughs.append(([(x + lean, start), (x + side * spread, start - rng.uniform(0.16, 0.3) * height)], 0.45 * width))
    bark = varied(BARK, rng)
    for path, size in boughs:
        line(canvas, path, size, tone(bark, 0.75, sun=0.6))
        line(canvas, [(px - size / 4, py) for px, py in path], size / 3, tone(bark, 1.1))
