"""A street that stands still, and what moves through it. Knows nothing of cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirvis_capture.twin.paint import Canvas, Mask
from nirvis_capture.twin.street import paint_background, paint_hedges, paint_railings
from nirvis_capture.twin.traffic import Placed, Traffic
from nirvis_capture.twin.view import choose_view


@dataclass(frozen=True)
class Layer:
    """Something before the traffic: its bands ``(H, W, 4)``, and its opacity ``(H, W)``."""

    canvas: Canvas
    cover: Mask


@dataclass(frozen=True)
class Scene:
    """What two cameras can look at."""

    background: Canvas
    """What all traffic passes in front of, ``(H, W, 4)``."""
    layers: tuple[Layer, ...]
    """What hides traffic, the nearest last."""
    traffic: Traffic

    def movers(self, time_s: float) -> list[Placed]:
        """Vehicles and people at that moment, the farthest first."""
        return self.traffic.at(time_s)


def paint_street(seed: int, width: int, height: int) -> Scene:
    """The street of a seed on a canvas of that size."""
    rng = np.random.default_rng([seed, 0])
    view = choose_view(rng, width, height)
    background = np.zeros((height, width, 4), np.uint8)
    paint_background(background, rng, view)
    layers = []
    for paint in (paint_railings, paint_hedges):
        layer = Layer(np.zeros_like(background), np.zeros((height, width), np.uint8))
        paint(layer.canvas, layer.cover, rng, view)
        layers.append(layer)
    return Scene(background, tuple(layers), Traffic(seed, view))
