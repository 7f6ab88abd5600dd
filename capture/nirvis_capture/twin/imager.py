"""The two arms of the simulated rig before a street: scene, optics and sensor put together."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.profile import Profile
from nirvis_capture.raw import mosaic, sites
from nirvis_capture.twin.optics import Homography, RigOptics, defocus, project, translation
from nirvis_capture.twin.paint import Mask
from nirvis_capture.twin.scene import Scene, paint_street
from nirvis_capture.twin.sensor import Box, Plane, Sensor
from nirvis_capture.twin.spectra import response
from nirvis_capture.twin.sprite import Sprite
from nirvis_capture.twin.traffic import Placed

_BLUR_PX: Mapping[Arm, float] = {"nir": 0.62, "vis": 0.5}
"""The longer waves are a little out of focus."""


def street_imagers(profile: Profile) -> Mapping[Arm, StreetImager]:
    """Both arms before the street of the profile's seed."""
    optics = RigOptics(profile)
    scene = paint_street(profile.twin.scene_seed, optics.canvas_width_px, optics.canvas_height_px)
    return {arm: StreetImager(profile, arm, scene, optics) for arm in ARMS}


class StreetImager:
    """One arm. What stands still is projected and mosaiced once; each frame adds what moves, and noise."""

    def __init__(self, profile: Profile, arm: Arm, scene: Scene, optics: RigOptics) -> None:
        settings = profile.arm(arm)
        share = 1 - profile.splitter_ratio if settings.mirror else profile.splitter_ratio
        self._scene = scene
        self._period_s = profile.trigger.period_ns * 1e-9
        self._sensor = Sensor(settings, (profile.twin.scene_seed, profile.twin.rig_seed, ARMS.index(arm)))
        self._response = response(arm, profile.mode, profile.twin.light)
        self._response = self._response * np.float32(self._sensor.responsivity_dn * 2 * share / 255)
        self._to_raw = optics.canvas_to_raw(arm)
        self._size = settings.roi.width, settings.roi.height
        self._cfa = settings.cfa
        self._blur_px = _BLUR_PX[arm]
        self._sprites: dict[int, NDArray[np.float32]] = {}
        self._behind = self._still(scene.background)
        self._layers = [(self._opacity(layer.cover), self._still(layer.canvas)) for layer in scene.layers]
        self._signal = self._behind
        for cover, before in self._layers:
            self._signal = self._signal * (1 - cover) + before
        self._deviation = self._sensor.deviation(self._signal)

    def capture(self, pulse: int) -> Raw:
        noise = self._sensor.noise(pulse)
        counts = self._sensor.counts(self._signal, self._deviation, noise)
        for box, signal in self._moving(pulse * self._period_s):
            counts[box] = self._sensor.counts(signal, self._sensor.deviation(signal), noise[box])
        return counts

    def _still(self, bands: NDArray[np.uint8]) -> Plane:
        """Bands ``(H, W, 4)`` of the canvas as mosaiced signal ``(H, W)``."""
        seen = np.asarray(cv2.transform(bands.astype(np.float32), self._response), np.float32)
        return mosaic(defocus(project(seen, self._to_raw, self._size), self._blur_px), self._cfa)

    def _opacity(self, cover: Mask) -> Plane:
        return defocus(project(cover.astype(np.float32) / np.float32(255), self._to_raw, self._size), self._blur_px)

    def _moving(self, time_s: float) -> list[tuple[Box, Plane]]:
        """Boxes of the frame that differ from the still picture, with their signal."""
        drawn = [(placed, self._box(placed)) for placed in self._scene.movers(time_s)]
        patches = _merged([box for _, box in drawn if box is not None])
        return [(patch, self._patch(patch, drawn)) for patch in patches]

    def _patch(self, patch: Box, drawn: list[tuple[Placed, Box | None]]) -> Plane:
        """Signal of a part of the frame: the street, and alternately movers and the layers that hide them."""
        signal: Plane = self._behind[patch].copy()
        for number, (cover, before) in enumerate(self._layers):
            for placed, box in drawn:
                if box is not None and placed.layer == number and _inside(box, patch):
                    self._draw(signal, patch, placed, box)
            signal = np.asarray(signal * (1 - cover[patch]) + before[patch], np.float32)
        return signal

    def _placement(self, placed: Placed) -> Homography:
        return self._to_raw @ translation(placed.x, placed.y)

    def _box(self, placed: Placed) -> Box | None:
        """Even-aligned box of the raw frame that holds a sprite; None when it is out of sight."""
        height, width = placed.sprite.alpha.shape
        corners = np.array([[[-1, -1], [width, -1], [width, height], [-1, height]]], np.float64)
        seen = cv2.perspectiveTransform(corners, self._placement(placed))[0]
        left, top = np.maximum(np.floor(seen.min(0)).astype(int) // 2 * 2, 0)
        right, bottom = np.minimum(np.ceil(seen.max(0)).astype(int) // 2 * 2 + 2, self._size)
        return (slice(int(top), int(bottom)), slice(int(left), int(right))) if left < right and top < bottom else None

    def _draw(self, signal: Plane, patch: Box, placed: Placed, box: Box) -> None:
        """Lay a sprite over the signal of a patch that begins at an even pixel."""
        rows, columns = box
        to_box = translation(-columns.start, -rows.start) @ self._placement(placed)
        size = columns.stop - columns.start, rows.stop - rows.start
        seen = cv2.warpPerspective(self._projected(placed.sprite), to_box, size, flags=cv2.INTER_LINEAR)
        y, x = rows.start - patch[0].start, columns.start - patch[1].start
        under = signal[y : y + size[1], x : x + size[0]]
        under *= 1 - seen[..., 3]
        for row, column, channel in sites(self._cfa):
            under[row::2, column::2] += seen[row::2, column::2, channel]

    def _projected(self, sprite: Sprite) -> NDArray[np.float32]:
        """The sprite in the colours of this arm, premultiplied, with its alpha: ``(h, w, 4)``."""
        key = id(sprite)
        if key not in self._sprites:
            alpha = sprite.alpha.astype(np.float32) / 255
            seen = cv2.transform(sprite.bands.astype(np.float32), self._response) * alpha[..., None]
            self._sprites[key] = defocus(np.dstack([seen, alpha]), self._blur_px)
        return self._sprites[key]


def _inside(box: Box, patch: Box) -> bool:
    return all(p.start <= b.start and b.stop <= p.stop for b, p in zip(box, patch, strict=True))


def _touch(a: Box, b: Box) -> bool:
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def _merged(boxes: list[Box]) -> list[Box]:
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
