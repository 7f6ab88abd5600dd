"""A street that stands still, and what moves through it. Knows nothing of cameras, nor of the time of day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nirvis_capture.twin.scenery.lighting import SHADED, Distances, overshadow
from nirvis_capture.twin.scenery.paint import NIGHT_LIGHT, Canvas, shine
from nirvis_capture.twin.scenery.street import paint_background, paint_hedges, paint_railings
from nirvis_capture.twin.scenery.traffic import Placed, Traffic
from nirvis_capture.twin.scenery.view import View, choose_view
from nirvis_capture.twin.scenery.weather import Rain, Weather, falling


@dataclass(frozen=True, eq=False)
class Layer:
    """Something before the traffic, as large as the background."""

    canvas: Canvas
    distance_m: float


@dataclass(frozen=True, eq=False)
class Scene:
    """What two cameras can look at."""

    background: Canvas
    """What all traffic passes in front of."""
    distance_m: Distances
    """Of the background, from the camera; infinite for the sky."""
    layers: tuple[Layer, ...]
    """What hides traffic, the nearest last."""
    traffic: Traffic
    view: View
    rain: Rain | None
    """What falls before it, when it rains."""

    def movers(self, time_s: float) -> list[Placed]:
        """Vehicles and people at that moment, the farthest first."""
        return self.traffic.at(time_s)


@lru_cache(maxsize=1)
def paint_street(seed: int, width: int, height: int, weather: Weather = "clear") -> Scene:
    """The street of a seed on a canvas of that size; a wider canvas shows more of a street, not a larger one.

    The last one is kept for whoever opens the same rig again; nobody paints on it any more.
    """
    rng = np.random.default_rng([seed, 0])
    view = choose_view(rng, width, height)
    background = Canvas.blank(width, height)
    distance_m = paint_background(background, rng, view, weather)
    shaded = bool(weather == "clear" and rng.random() < 0.15)
    layers = []
    for paint, layer_m in ((paint_railings, view.near_kerb_m - 1.0), (paint_hedges, 7.0)):
        canvas = Canvas.blank(width, height)
        paint(canvas, rng, view)
        canvas.settle()
        shine(canvas, NIGHT_LIGHT * (canvas.cover > 0))
        if shaded:
            canvas.dim(SHADED)
        layers.append(Layer(canvas, layer_m))
    if shaded:
        overshadow(background, rng, view, distance_m)
    background.settle()
    rain = falling(seed, view) if weather == "rain" else None
    traffic = Traffic(seed, view, shaded, wet=weather == "rain")
    return Scene(background, distance_m, tuple(layers), traffic, view, rain)
