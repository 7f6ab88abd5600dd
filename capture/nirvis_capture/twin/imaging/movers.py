"""Traffic as one arm sees it: sprites in its colours, blurred by their own motion, drawn wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.imaging.lens import Box, Picture, defocus, smear
from nirvis_capture.twin.imaging.optics import Homography, translation
from nirvis_capture.twin.imaging.raster import Raster, visible
from nirvis_capture.twin.imaging.shading import Shading
from nirvis_capture.twin.imaging.still import Still
from nirvis_capture.twin.scenery.sprite import Sprite
from nirvis_capture.twin.scenery.traffic import Placed

_NOTHING = 0.0, 1.0
"""Beyond a sprite: no light, and all of that behind."""
_SMEAR_STEP_PX = 0.5
_KEPT_BYTES = 128 << 20
"""Memory for sprites in the colours of one arm; those that were not seen for longest go first."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is seen of a sprite, in the colours of one arm."""

    planes: NDArray[np.float32]
    """``(3, h, w, 2)``: its light, and the share of the light behind that comes through."""
    left_px: int
    """Where they begin within the sprite, or before it: there is room around for blur."""
    top_px: int


@dataclass(frozen=True, eq=False)
class Mover:
    """A sprite that is within sight."""

    look: Look
    to_raw: Homography
    """From its planes."""
    box: Box
    """Of the raw frame, even."""
    layer: int


class Movers:
    """Everything that moves before one arm."""

    def __init__(self, shading: Shading, raster: Raster, blur_px: float) -> None:
        self._shading = shading
        self._raster = raster
        self._blur_px = blur_px
        self._looks: dict[tuple[Sprite, float, int], Look] = {}

    def within_sight(
        self, placed: list[Placed], to_raw: Homography, exposure_s: float, pan_px_s: float = 0.0
    ) -> list[Mover]:
        """Those that reach into the frame.

        pan_px_s
            How fast the rig turns along with what goes to the right, in pixels of the canvas.
        """
        movers = []
        for one in placed:
            smear_steps = round(abs(one.speed_px_s - pan_px_s) * exposure_s / _SMEAR_STEP_PX)
            look = self._look(one.sprite, one.distance_m, smear_steps)
            to_frame = to_raw @ translation(one.x + look.left_px, one.y + look.top_px)
            box = self._raster.box_of(to_frame, look.planes.shape[2], look.planes.shape[1])
            if box is not None:
                movers.append(Mover(look, to_frame, box, one.layer))
        return movers

    def draw(self, still: Still, patch: Box, movers: list[Mover]) -> Picture:
        """A part of the frame, without ghost: the street, and alternately movers and the layers that hide them."""
        behind, screens = still.part(patch)
        picture: Picture = behind.copy()
        inside = [mover for mover in movers if _inside(mover.box, patch)]
        for number, screen in enumerate(screens):
            for mover in inside:
                if mover.layer == number:
                    self._lay(picture, patch, mover)
            if screen is not None:
                screen.hide(picture)
        return picture

    def _look(self, sprite: Sprite, distance_m: float, smear_steps: int) -> Look:
        key = sprite, distance_m, smear_steps
        look = self._looks.pop(key, None) or self._painted(sprite, distance_m, smear_steps * _SMEAR_STEP_PX)
        self._looks[key] = look
        return look

    def _painted(self, sprite: Sprite, distance_m: float, smear_px: float) -> Look:
        rows, columns = visible(sprite.canvas.touched)
        canvas = sprite.canvas.part(columns.start, rows.start, columns.stop, rows.stop)
        margin_px = ceil(3 * self._blur_px + smear_px / 2)
        planes = np.empty((3, canvas.height + 2 * margin_px, canvas.width + 2 * margin_px, 2), np.float32)
        planes[:] = _NOTHING
        seen = planes[:, margin_px : margin_px + canvas.height, margin_px : margin_px + canvas.width]
        seen[..., 0] = self._shading.light(canvas, distance_m)
        seen[..., 1] = self._shading.kept(canvas)
        for plane in planes:
            plane[:] = smear(defocus(plane, self._blur_px), smear_px)
        look = Look(planes, columns.start - margin_px, rows.start - margin_px)
        self._make_room(look.planes.nbytes)
        return look

    def _make_room(self, needed_bytes: int) -> None:
        kept_bytes = needed_bytes + sum(look.planes.nbytes for look in self._looks.values())
        while kept_bytes > _KEPT_BYTES and self._looks:
            kept_bytes -= self._looks.pop(next(iter(self._looks))).planes.nbytes

    def _lay(self, picture: Picture, patch: Box, mover: Mover) -> None:
        """Lay a mover over a patch that begins at an even pixel."""
        rows, columns = mover.box
        to_box = translation(-columns.start, -rows.start) @ mover.to_raw
        size = columns.stop - columns.start, rows.stop - rows.start
        y, x = rows.start - patch[0].start, columns.start - patch[1].start
        part = picture[y : y + size[1], x : x + size[0]]
        for lattice in self._raster.lattices:
            planes = mover.look.planes[lattice.channel]
            seen = lattice.sampled(planes, to_box, size, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT, _NOTHING)
            under = lattice.of(part)
            under *= seen[..., 1]
            under += seen[..., 0]


def merged(boxes: list[Box]) -> list[Box]:
    """Boxes that overlap become one, so that nothing is drawn twice and patches never meet."""
    patches: list[Box] = []
    for box in boxes:
        patch = box
        while met := next((p for p in patches if _touch(p, patch)), None):
            patches.remove(met)
            rows, columns = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(met, patch, strict=True))
            patch = rows, columns
        patches.append(patch)
    return patches


def _inside(box: Box, patch: Box) -> bool:
    return all(p.start <= b.start and b.stop <= p.stop for b, p in zip(box, patch, strict=True))


def _touch(a: Box, b: Box) -> bool:
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))
