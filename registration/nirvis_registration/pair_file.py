"""Registered pairs of one clip: HDF5, format ``nirvis-pairs`` version 1, or 2 where lens distortion was found.

::

    / @format=nirvis-pairs @version @software @settings(JSON) @bit_depth, and the fields of `PairsHeader`
    /source /target     (N, H, W, 3) RGB, u8, or u16 over its full range; one chunk per frame; scene-handed, as nir sees
    /valid              (H, W) 1 where /target shows data of the vis arm
    /pairs/…            clip_index trigger_index residual_px sharpness saturation, one row per pair
    /homography_vis_to_nir (3, 3) raw pixels to raw pixels     /corner_covariance (8, 8) px²
    @distortion_vis     k1 k2 of vis before the homography, see `distortion`; version 1 has none. A reader of version 1
                        would take the homography for the whole map, and so must not read version 2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Mode, Profile, parse_profile
from nirvis_capture.versioned_file import Refusals, opening
from nirvis_registration.distortion import NO_DISTORTION, Distortion
from nirvis_registration.errors import DamagedPairsFile, NewerPairsFile, NotAPairsFile
from nirvis_registration.geometry import Matrix, Rect, SourceGeometry
from nirvis_registration.warp import Picture

FORMAT = "nirvis-pairs"
VERSION = 2
"""The newest that is read."""
SUFFIX = ".pairs.h5"
_REFUSALS = Refusals(NotAPairsFile, NewerPairsFile, DamagedPairsFile)

TABLE = np.dtype(
    [
        ("clip_index", "<i8"),
        ("trigger_index", "<i8"),
        ("residual_px", "<f4"),
        ("sharpness", "<f4"),
        ("saturation", "<f4"),
    ]
)
"""Columns of ``/pairs``: clip_index counts the complete pairs of the clip, trigger_index its pulses, lost ones too."""


@dataclass(frozen=True, slots=True, eq=False)
class PairsHeader:
    """What is true of all pairs of a clip: where they come from and how they were registered."""

    recording_id: str
    part: int
    mode: Mode
    light: str
    place: str
    start_time: datetime
    clip_name: str
    clip_sha256: str
    """Identity of the clip, from its certificate."""
    profile_text: str
    """Exact TOML text of the hardware profile."""
    geometry: SourceGeometry
    homography_vis_to_nir: Matrix
    """Raw pixels to raw pixels."""
    corner_covariance: NDArray[np.float64]
    """``(8, 8)`` px²; see `homography.Estimate`."""
    inliers: int
    matches: int
    error_px: float
    """Median reprojection error of the inliers, in pixels of the sensor."""
    corner_sigma_px: float
    frames_pooled: int
    bit_depth: int
    """Significant bits of the sensors: 8, 12 or 16."""
    settings: str
    """JSON of the settings; the same clip, settings and calibration give the same file."""
    calibration: str = ""
    """Identity of the rig calibration that the estimate began at; empty for one that began at none."""
    distortion: Distortion = NO_DISTORTION
    """Of vis, before the homography."""


TEXTS = ("recording_id", "mode", "light", "place", "clip_name", "clip_sha256", "profile_text", "settings")
COUNTS = ("part", "inliers", "matches", "frames_pooled", "bit_depth")
FIGURES = ("error_px", "corner_sigma_px")
ARRAYS = ("homography_vis_to_nir", "corner_covariance")
"""Fields of `PairsHeader` by how they are stored."""


class PairsFile:
    """Registered pairs, open for reading; a context manager.

    Its attributes are those of `PairsHeader`, and what is derived from them.
    """

    def __init__(self, path: Path, file: Any) -> None:
        """Use `PairsFile.open`."""
        self.path = path
        self._file = file
        self.header = _read_header(file)
        self.recording_id = self.header.recording_id
        self.part = self.header.part
        self.mode = self.header.mode
        self.light = self.header.light
        self.place = self.header.place
        self.start_time = self.header.start_time
        self.clip_name = self.header.clip_name
        self.clip_sha256 = self.header.clip_sha256
        self.settings = self.header.settings
        self.calibration = self.header.calibration
        self.geometry = self.header.geometry
        self.homography_vis_to_nir = self.header.homography_vis_to_nir
        self.distortion = self.header.distortion
        self.inliers = self.header.inliers
        self.error_px = self.header.error_px
        self.bit_depth = self.header.bit_depth
        self.software = str(file.attrs["software"])
        settings = json.loads(self.settings)
        self.every: int | None = settings["settings"]["every"] if "settings" in settings else None
        """What trigger_index rises by where no exposure is missing; None for pairs that registration did not make."""
        self.corrected_by = str(settings.get("corrected_by", ""))
        """Identity of the dark and flat frames that were applied; empty for none."""
        self._source, self._target = file["source"], file["target"]
        self.table: NDArray[np.void] = _read_table(file["pairs"])
        """One row per pair: clip_index, trigger_index, residual_px, sharpness, saturation."""
        shapes = {self._source.shape, self._target.shape}
        if shapes != {(len(self.table), *file["valid"].shape, 3)}:
            raise ValueError(f"pictures {sorted(shapes)} and {len(self.table)} rows do not belong together")

    @classmethod
    def open(cls, path: Path | str) -> PairsFile:
        """Open pairs. Raises `NotAPairsFile`, `NewerPairsFile` or `DamagedPairsFile` with one line that says why."""
        path = Path(path)
        with opening(path, FORMAT, VERSION, _REFUSALS) as file:
            return cls(path, file)

    def __enter__(self) -> PairsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def crop(self) -> Rect:
        """What was cut out of the scene-handed pictures of the nir arm."""
        return self.geometry.crop

    @cached_property
    def profile(self) -> Profile:
        """The hardware profile of the recording. Raises `DamagedPairsFile` when its text is none."""
        try:
            return parse_profile(self.header.profile_text, origin=f"profile in {self.path}")
        except ProfileError as error:
            raise DamagedPairsFile(self.path, f"its profile cannot be read ({error.mistakes[0]})") from None

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """``(H, W)``: where the target shows data of the vis arm."""
        mask: NDArray[np.bool_] = self._read(lambda: self._file["valid"][:]).astype(bool)
        return mask

    def source(self, index: int) -> Picture:
        """RGB picture ``(H, W, 3)`` of the nir arm. Raises `DamagedPairsFile` when it cannot be read."""
        return self._read(lambda: self._source[index])

    def target(self, index: int) -> Picture:
        """RGB picture ``(H, W, 3)`` of the vis arm, warped onto the source. Raises like `source`."""
        return self._read(lambda: self._target[index])

    def offsets(self, side: Literal["source", "target"]) -> NDArray[np.int64] | None:
        """Where the bytes of each picture begin in the file, ``(N,)``; None where they are compressed.

        Raises `DamagedPairsFile` when one lies beyond the end of the file.
        """
        pictures = self._file[side]
        if pictures.id.get_create_plist().get_nfilters():
            return None
        offsets = np.full(len(self), -1, np.int64)

        def note(chunk: Any) -> None:
            offsets[chunk.chunk_offset[0]] = chunk.byte_offset

        pictures.id.chunk_iter(note)
        length = int(np.prod(pictures.shape[1:])) * pictures.dtype.itemsize
        if len(self) and (offsets.min() < 0 or int(offsets.max()) + length > self.path.stat().st_size):
            raise DamagedPairsFile(self.path, f"pictures of its {side} are missing")
        return offsets

    def _read(self, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        try:
            return read()
        except OSError as error:
            raise DamagedPairsFile(self.path, f"its pictures cannot be read ({error})") from None


def _read_header(file: Any) -> PairsHeader:
    fields: dict[str, Any] = {name: str(file.attrs[name]) for name in TEXTS}
    fields |= {name: int(file.attrs[name]) for name in COUNTS}
    fields |= {name: float(file.attrs[name]) for name in FIGURES}
    fields |= {name: np.asarray(file[name], np.float64) for name in ARRAYS}
    return PairsHeader(
        **fields,
        calibration=str(file.attrs.get("calibration", "")),
        distortion=Distortion(*map(float, file.attrs.get("distortion_vis", NO_DISTORTION))),
        start_time=datetime.fromisoformat(file.attrs["start_time"]),
        geometry=SourceGeometry.model_validate_json(file.attrs["geometry"]),
    )


def _read_table(group: Any) -> NDArray[np.void]:
    # Files of the first releases have no trigger_index.
    stored = {"trigger_index": "trigger_index" if "trigger_index" in group else "clip_index"}
    columns = {name: group[stored.get(name, name)][:] for name in TABLE.names or ()}
    table = np.empty(len(columns["clip_index"]), TABLE)
    for name, values in columns.items():
        table[name] = values
    return table
