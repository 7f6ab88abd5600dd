"""Registered pairs on the grid of the nir sensor: its raw counts, and the picture of vis warped onto them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.clip import Clip
from nirvis_capture.corrected_clip import corrected_by, open_corrected
from nirvis_capture.raw import demosaic, full_scale_dn, gains
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.selection import checked
from nirvis_datasets.transforms import Counts, Cut
from nirvis_registration.geometry import Matrix, corners, normalised, project
from nirvis_registration.warp import local_scale, low_pass_sigma_px, resample, valid_mask

_MARGIN_PX = 8
"""Beyond what a warp reads: cubic interpolation, and demosaicing away from the edge of its part."""


class SensorPairs:
    """The pairs of one clip at the resolution of the sensor, within the crop that registration chose.

    Pictures are as the sensor saw them: the mirror of the nir arm is not undone, because that would change the phase
    of its colour filter array. Raises `DatasetError`, `PairsFileError`, `ClipError`, and `CalibrationError`
    where dark or flat frames that registration applied are missing.
    """

    grid = 2
    weight = 8

    def __init__(self, folder: Path, entry: Entry, clip_path: Path) -> None:
        with checked(folder, entry) as pairs:
            crop, self._clip_index = pairs.crop, pairs.table["clip_index"].copy()
            self._vis_from_nir = normalised(np.linalg.inv(pairs.homography_vis_to_nir).astype(np.float64))
            identity, corrected = pairs.clip_sha256, pairs.corrected_by
        # The frames that registration saw: with the dark and flat frames that it applied, and with no others.
        self._clip = open_corrected(clip_path) if corrected else Clip.open(clip_path)
        if self._clip.sha256 != identity:
            self._refuse(f"{folder / entry.path} was registered from another clip than {clip_path}")
        if corrected_by(self._clip) != corrected:
            self._refuse(f"The dark or flat frames of {clip_path} are not those that {entry.path} was registered with")
        self._nir, self._vis = self._clip.profile.nir, self._clip.profile.vis
        width = self._clip.arms["nir"].shape[1]
        self._top, left = crop.y - crop.y % 2, width - crop.x - crop.width if self._nir.mirror else crop.x
        self._left = left - left % 2
        self.size: tuple[int, int] = (crop.height, crop.width)

    def source(self, row: int, cut: Cut) -> Counts:
        """Counts of the nir sensor above its black level, float32 ``(h, w, 1)``, 1 where it saturates."""
        track = self._clip.arms["nir"]
        raw = track.frame(int(self._clip.complete[self._clip_index[row], 0]))
        top, left = self._top + cut.top, self._left + cut.left
        part = raw[top : top + cut.height, left : left + cut.width].astype(np.float32)
        part -= np.float32(track.black_level_dn)
        part /= np.float32(full_scale_dn(track.bit_depth) - track.black_level_dn)
        return np.clip(part, 0, 1)[..., None]

    def target(self, row: int, cut: Cut) -> Counts:
        """RGB ``(h, w, 3)`` of vis as registration stores it, but on the sites of the nir sensor."""
        raw = self._clip.arms["vis"].frame(int(self._clip.complete[self._clip_index[row], 1]))
        onto = self._vis_from_cut(cut)
        top, left, bottom, right = _needed(onto, (cut.width, cut.height), raw.shape)
        settings = self._vis
        part: Raw = np.ascontiguousarray(raw[top:bottom, left:right])  # type: ignore[assignment]
        rgb = demosaic(
            part,
            settings.cfa,
            settings.black_level_dn,
            settings.sensor.bit_depth,
            gains(settings),
        )
        return resample(rgb, _shift(-left, -top) @ onto, (cut.width, cut.height))

    def valid(self, cut: Cut) -> NDArray[np.bool_]:
        height, width = self._clip.arms["vis"].shape
        return valid_mask(self._vis_from_cut(cut), (width, height), (cut.width, cut.height))

    def close(self) -> None:
        self._clip.close()

    def _refuse(self, reason: str) -> NoReturn:
        self._clip.close()
        raise DatasetError(f"{reason}. Register it anew.")

    def _vis_from_cut(self, cut: Cut) -> Matrix:
        """Pixels of a cut to raw pixels of vis."""
        return self._vis_from_nir @ _shift(self._left + cut.left, self._top + cut.top)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _needed(picture_from_output: Matrix, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the part of a raw frame that a warp reads, each even."""
    ends = project(picture_from_output, corners(size))
    margin = _MARGIN_PX + math.ceil(4 * low_pass_sigma_px(local_scale(picture_from_output, size)))
    left, top = (max(0, 2 * (math.floor(low - margin) // 2)) for low in ends.min(axis=0))
    right, bottom = (2 * (math.ceil(high + margin) // 2 + 1) for high in ends.max(axis=0))
    high, wide = shape[0] - shape[0] % 2, shape[1] - shape[1] % 2
    return min(top, high - 4), min(left, wide - 4), min(max(bottom, top + 4), high), min(max(right, left + 4), wide)
