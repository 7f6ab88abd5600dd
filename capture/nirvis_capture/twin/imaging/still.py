"""What stands still before one arm: the street behind all traffic, and what hides traffic."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from nirvis_capture.twin.imaging.lens import Box, Picture, defocus
from nirvis_capture.twin.imaging.optics import Homography
from nirvis_capture.twin.imaging.raster import Raster
from nirvis_capture.twin.imaging.shading import Colours, Shading
from nirvis_capture.twin.scenery.scene import Scene

Layers = list[tuple[Picture, Picture]]
"""Of each layer, the nearest last: the share of the light behind that comes through, and its own light."""


class Still(Protocol):
    """The samples of what stands still, for one position of the rig."""

    @property
    def to_raw(self) -> Homography: ...

    def whole(self) -> Picture:
        """The street without traffic; not to be written to."""
        ...

    def part(self, box: Box) -> tuple[Picture, Layers]:
        """What all traffic passes in front of, and what hides it; not to be written to."""
        ...


class Backdrop:
    """The painted street in the colours of one arm."""

    def __init__(self, scene: Scene, shading: Shading, blur_px: float) -> None:
        """blur_px: of the lens, in pixels of the canvas."""
        self.behind = _blurred(shading.light(scene.background, scene.distance_m), blur_px)
        self.layers = [
            (
                _blurred(shading.kept(layer.canvas), blur_px),
                _blurred(shading.light(layer.canvas, layer.distance_m), blur_px),
            )
            for layer in scene.layers
        ]

    @cached_property
    def flat(self) -> Colours:
        """All layers on one canvas."""
        return composed(self.behind, self.layers)


class Standing:
    """A rig that stands: everything is sampled once."""

    def __init__(self, backdrop: Backdrop, raster: Raster, to_raw: Homography) -> None:
        self.to_raw = to_raw
        self._behind = raster.sampled(backdrop.behind, to_raw, raster.frame)
        self._layers = [
            (raster.sampled(kept, to_raw, raster.frame), raster.sampled(light, to_raw, raster.frame))
            for kept, light in backdrop.layers
        ]
        self._whole = composed(self._behind, self._layers)

    def whole(self) -> Picture:
        return self._whole

    def part(self, box: Box) -> tuple[Picture, Layers]:
        return self._behind[box], [(kept[box], light[box]) for kept, light in self._layers]


class Passing:
    """A rig that pans: only what is asked for is sampled, for this one moment."""

    def __init__(self, backdrop: Backdrop, raster: Raster, to_raw: Homography) -> None:
        self.to_raw = to_raw
        self._backdrop = backdrop
        self._raster = raster

    def whole(self) -> Picture:
        return self._sampled(self._backdrop.flat, self._raster.frame)

    def part(self, box: Box) -> tuple[Picture, Layers]:
        layers = [(self._sampled(kept, box), self._sampled(light, box)) for kept, light in self._backdrop.layers]
        return self._sampled(self._backdrop.behind, box), layers

    def _sampled(self, planes: Colours, box: Box) -> Picture:
        return self._raster.sampled(planes, self.to_raw, box)


def composed(behind: Picture, layers: Layers) -> Picture:
    """Layers over what is behind them."""
    for kept, light in layers:
        behind = behind * kept
        behind += light
    return behind


def _blurred(planes: Colours, blur_px: float) -> Colours:
    return np.stack([defocus(plane, blur_px) for plane in planes])
