"""Registered pairs on the grid of the nir sensor: its raw counts, and the picture of vis warped onto them."""

from __future__ import annotations

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
from nirvis_registration.geometry import normalised
from nirvis_registration.warp import Positions, Sampling, positions_through, valid_mask


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
            self._distortion = pairs.distortion
            identity, corrected = pairs.clip_sha256, pairs.corrected_by
        # The frames that registration saw: with the dark and flat frames that it applied, and with no others.
        self._clip = open_corrected(clip_path) if corrected else Clip.open(clip_path)
        if self._clip.sha256 != identity:
            self._refuse(f"{folder / entry.path} was registered from another clip than {clip_path}")
        if corrected_by(self._clip) != corrected:
            self._refuse(f"The dark or flat frames of {clip_path} are not those that {entry.path} was registered with")
        self._nir, self._vis = self._clip.profile.nir, self._clip.profile.vis
        height, width = self._clip.arms["vis"].shape
        self._vis_frame = (width, height)
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
        sampling, settings = Sampling.at(self._vis_positions(cut), self._vis_frame), self._vis
        part: Raw = np.ascontiguousarray(raw[sampling.rows, sampling.columns])  # type: ignore[assignment]
        rgb = demosaic(
            part,
            settings.cfa,
            settings.black_level_dn,
            settings.sensor.bit_depth,
            gains(settings),
        )
        return sampling.of_part(rgb)

    def valid(self, cut: Cut) -> NDArray[np.bool_]:
        return valid_mask(self._vis_positions(cut), self._vis_frame)

    def close(self) -> None:
        self._clip.close()

    def _refuse(self, reason: str) -> NoReturn:
        self._clip.close()
        raise DatasetError(f"{reason}. Register it anew.")

    def _vis_positions(self, cut: Cut) -> Positions:
        """Where in the raw frame of vis each pixel of a cut lies."""
        corner = np.array([[1.0, 0.0, self._left + cut.left], [0.0, 1.0, self._top + cut.top], [0.0, 0.0, 1.0]])
        ideal = positions_through(self._vis_from_nir @ corner, (cut.width, cut.height))
        return self._distortion.distorted(ideal, self._vis_frame)
