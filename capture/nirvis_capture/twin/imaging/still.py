"""What stands still before one arm: the street behind all traffic, and what hides traffic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.imaging.lens import Box, Picture, defocus
from nirvis_capture.twin.imaging.optics import Homography, translation
from nirvis_capture.twin.imaging.raster import Raster, overlap, visible
from nirvis_capture.twin.imaging.shading import Colours, Shading
from nirvis_capture.twin.scenery.scene import Layer, Scene

_CUBIC_PX = 3
"""Beyond this, a pixel has no part in the smooth interpolation of another."""


@dataclass(frozen=True, eq=False)
class Screen:
    """A layer of the foreground where it reaches into a picture: elsewhere it neither hides anything nor shines."""

    box: tuple[slice, ...]
    """Where in the picture."""
    kept: NDArray[np.float32]
    """The share of the light behind that comes through."""
    light: NDArray[np.float32]
    """Its own."""

    def hide(self, picture: NDArray[np.float32]) -> None:
        """Lay it over a picture, in place."""
        behind = picture[self.box]
        behind *= self.kept
        behind += self.light

    def within(self, patch: Box) -> Screen | None:
        """Of a part of the picture; None where it does not reach into that."""
        rows, columns = self.box
        common = overlap((rows, columns), patch)
        if common is None:
            return None
        own = _moved(common, rows.start, columns.start)
        return Screen(_moved(common, patch[0].start, patch[1].start), self.kept[own], self.light[own])


Screens = list[Screen | None]
"""Of each layer, the nearest last; None for one that does not reach into the picture."""


class Still(Protocol):
    """The samples of what stands still, for one position of the rig."""

    @property
    def to_raw(self) -> Homography: ...

    def whole(self) -> Picture:
        """The street without traffic; not to be written to."""
        ...

    def part(self, box: Box) -> tuple[Picture, Screens]:
        """What all traffic passes in front of, and what hides it; not to be written to."""
        ...


class Backdrop:
    """The painted street in the colours of one arm, on the canvas: planes ``(3, H, W)``."""

    def __init__(self, scene: Scene, shading: Shading, blur_px: float) -> None:
        """blur_px: of the lens, in pixels of the canvas."""
        self.behind = shading.light(scene.background, scene.distance_m)
        _blur(self.behind, blur_px)
        self.screens = [_painted(layer, shading, blur_px) for layer in scene.layers]

    @cached_property
    def flat(self) -> Colours:
        """All layers on one canvas."""
        flat: Colours = self.behind.copy()
        for screen in self.screens:
            screen.hide(flat)
        return flat


class Standing:
    """A rig that stands: everything is sampled once."""

    def __init__(self, backdrop: Backdrop, raster: Raster, to_raw: Homography) -> None:
        self.to_raw = to_raw
        self._behind = raster.sampled(backdrop.behind, to_raw, raster.frame)
        self._screens = [_sampled(screen, raster, to_raw, raster.frame) for screen in backdrop.screens]
        self._whole: Picture = self._behind.copy()
        for screen in self._screens:
            if screen is not None:
                screen.hide(self._whole)

    def whole(self) -> Picture:
        return self._whole

    def part(self, box: Box) -> tuple[Picture, Screens]:
        return self._behind[box], [None if screen is None else screen.within(box) for screen in self._screens]


class Passing:
    """A rig that pans: only what is asked for is sampled, for this one moment."""

    def __init__(self, backdrop: Backdrop, raster: Raster, to_raw: Homography) -> None:
        self.to_raw = to_raw
        self._backdrop = backdrop
        self._raster = raster

    def whole(self) -> Picture:
        return self._raster.sampled(self._backdrop.flat, self.to_raw, self._raster.frame)

    def part(self, box: Box) -> tuple[Picture, Screens]:
        screens = [_sampled(screen, self._raster, self.to_raw, box) for screen in self._backdrop.screens]
        return self._raster.sampled(self._backdrop.behind, self.to_raw, box), screens


def _painted(layer: Layer, shading: Shading, blur_px: float) -> Screen:
    """A layer on the canvas, as far as anything of it or of its shadow is seen once it is blurred."""
    canvas = layer.canvas
    rows, columns = visible(canvas.touched)
    room = ceil(4 * blur_px) + _CUBIC_PX
    rows, columns = (slice(max(0, seen.start - room), seen.stop + room) for seen in (rows, columns))
    part = canvas.part(columns.start, rows.start, columns.stop, rows.stop)
    kept, light = shading.kept(part), shading.light(part, layer.distance_m)
    _blur(kept, blur_px)
    _blur(light, blur_px)
    return Screen((slice(None), rows, columns), kept, light)


def _sampled(screen: Screen, raster: Raster, to_raw: Homography, patch: Box) -> Screen | None:
    """A screen of the canvas in a part of the raw frame."""
    _, rows, columns = screen.box
    to_frame = to_raw @ translation(columns.start, rows.start)
    reach = raster.box_of(to_frame, screen.kept.shape[2], screen.kept.shape[1])
    box = None if reach is None else overlap(reach, patch)
    if box is None:
        return None
    kept, light = raster.sampled(screen.kept, to_frame, box, 1.0), raster.sampled(screen.light, to_frame, box, 0.0)
    return Screen(_moved(box, patch[0].start, patch[1].start), kept, light)


def _moved(box: Box, top: int, left: int) -> Box:
    """The same box counted from there."""
    rows, columns = box
    return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)


def _blur(planes: Colours, blur_px: float) -> None:
    for plane in planes:
        defocus(plane, blur_px, out=plane)
