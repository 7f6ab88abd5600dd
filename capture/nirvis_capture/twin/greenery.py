"""Trees and hedges, leaf by leaf: dark in the visible, the brightest thing of a street in the infrared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.paint import Canvas, Mask, ellipse, line, polygon, polygons, tone, varied
from nirvis_capture.twin.spectra import BARK, LEAVES, Bands

_TONES = 9


def tree(
    canvas: Canvas, rng: np.random.Generator, x: float, ground: float, height: float, mask: Mask | None = None
) -> None:
    """A tree that stands at (x, ground), of that height in pixels."""
    crown_y, spread = ground - 0.64 * height, rng.uniform(0.24, 0.34) * height
    _trunk(canvas, rng, x, ground, crown_y, height, mask)
    count = int(rng.integers(9, 15))
    turn, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
    clumps = np.stack([x + spread * reach * np.cos(turn), crown_y + 0.3 * height * reach * np.sin(turn)], 1)
    foliage(canvas, rng, clumps, spread * rng.uniform(0.3, 0.42), height / 75 + 1.5, mask)


def hedge(
    canvas: Canvas,
    rng: np.random.Generator,
    left: float,
    right: float,
    ground: float,
    height: float,
    leaf_px: float,
    mask: Mask | None = None,
) -> None:
    """A clipped hedge between two columns; with a mask, also its outline in it."""
    radius = min(0.42 * height, 9 * leaf_px)
    columns, rows = np.meshgrid(
        np.arange(left + radius, right - 0.8 * radius, 1.05 * radius),
        np.arange(ground - height + radius, ground, 1.1 * radius),
    )
    clumps = np.stack([columns.ravel(), rows.ravel()], 1)
    clumps += rng.normal(0, 0.22 * radius, clumps.shape)
    box = [(left, ground), (left + 0.4 * radius, ground - height + radius)]
    box += [(right - 0.4 * radius, ground - height + radius), (right, ground)]
    polygon(canvas, box, _leaf_tone(LEAVES[0], 0.0))
    if mask is not None:
        polygon(mask, box, 255)
    foliage(canvas, rng, clumps, radius, leaf_px, mask)


def foliage(
    canvas: Canvas,
    rng: np.random.Generator,
    clumps: NDArray[np.float64],
    radius: float,
    leaf_px: float,
    mask: Mask | None,
) -> None:
    """Leaves around clumps ``(n, 2)``, the shaded ones first, those in the sun last."""
    leaf = varied(LEAVES[int(rng.integers(len(LEAVES)))], rng, 0.08, 0.15)
    per_clump = int(np.clip(2.6 * (radius / leaf_px) ** 2, 30, 420))
    for x, y in clumps:
        ellipse(canvas, x, y, 0.75 * radius, 0.7 * radius, _leaf_tone(leaf, 0.0))
        if mask is not None:
            ellipse(mask, x, y, 0.75 * radius, 0.7 * radius, 255)
    offsets = rng.normal(0, 0.45 * radius, (len(clumps), per_clump, 2))
    offsets *= np.minimum(1, 1.15 * radius / np.maximum(np.linalg.norm(offsets, axis=2, keepdims=True), 1e-9))
    # Lit from the upper left: a leaf is brighter the more it lies on that side of its clump.
    lit = 0.5 - (0.25 * offsets[..., 0] + 0.55 * offsets[..., 1]) / radius + rng.normal(0, 0.16, offsets.shape[:2])
    centres = (clumps[:, None] + offsets).reshape(-1, 2)
    steps = np.clip(lit.ravel() * _TONES, 0, _TONES - 1).astype(int)
    shapes = _leaves(rng, centres, leaf_px)
    for step in range(_TONES):
        chosen = shapes[steps == step]
        polygons(canvas, chosen, _leaf_tone(leaf, step / (_TONES - 1)))
        if mask is not None:
            for shape in chosen:
                polygons(mask, shape[None], 255)


def _leaves(rng: np.random.Generator, centres: NDArray[np.float64], leaf_px: float) -> NDArray[np.float64]:
    """A pointed oval at every centre: ``(n, 6, 2)``."""
    outline = np.array([[-1.0, 0], [-0.4, 0.42], [0.4, 0.38], [1, 0], [0.4, -0.38], [-0.4, -0.42]])
    turn = rng.uniform(0, 2 * np.pi, len(centres))
    size = leaf_px * rng.uniform(0.6, 1.25, len(centres))
    along = np.stack([np.cos(turn), np.sin(turn)], 1)
    across = np.stack([-np.sin(turn), np.cos(turn)], 1)
    shapes = outline[None, :, :1] * along[:, None] + outline[None, :, 1:] * across[:, None]
    return np.asarray(centres[:, None] + shapes * size[:, None, None], np.float64)


def _leaf_tone(leaf: Bands, lit: float) -> tuple[int, int, int, int]:
    """Leaves let infrared through, so that their shaded side stays bright there; sunlit tips turn yellowish."""
    visible = 0.35 + 1.25 * lit
    red, green, blue, nir = leaf
    return tone((red * visible * (0.85 + 0.3 * lit), green * visible, blue * visible, nir * (0.6 + 0.45 * lit)))


def _trunk(
    canvas: Canvas, rng: np.random.Generator, x: float, ground: float, crown_y: float, height: float, mask: Mask | None
) -> None:
    width = height * rng.uniform(0.035, 0.05)
    lean = rng.normal(0, 0.02) * height
    paths = [([(x, ground), (x + lean, crown_y)], width)]
    for side in (-1, 1):
        fork = ground - rng.uniform(0.36, 0.44) * height
        paths.append(([(x, fork), (x + side * 0.16 * height, crown_y - 0.04 * height)], 0.5 * width))
    for path, size in paths:
        line(canvas, path, size, tone(BARK))
        line(canvas, [(px - size / 4, py) for px, py in path], size / 3, tone(BARK, 1.35))
        if mask is not None:
            line(mask, path, size, 255)
