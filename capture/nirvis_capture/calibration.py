"""Dark and flat frames of one arm: recorded once, stored with what they are good for, applied to raw counts.

A dark frame holds what the sensor counts without light, a flat frame how it and the lens weaken even light. Clips stay
raw: the correction is applied where counts become pictures, in the live view and in registration.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Raw
from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.raw import full_scale_dn

log = logging.getLogger(__name__)

Kind = Literal["dark", "flat"]
Plane = NDArray[np.float32]

FORMAT = "nirvis-calibration"
VERSION = 1
SUFFIX = ".h5"
EXPOSURE_TOLERANCE = 0.05
GAIN_TOLERANCE_DB = 0.1
TEMPERATURE_TOLERANCE_C = 5.0
MOST_PIXELS = 100_000_000
"""No sensor has more; a file that says so is not read."""
GAIN_BOUNDS = (0.25, 4.0)
"""Of a flat; beyond them there is dirt or no light, and nothing to be restored."""


class CalibrationError(NirvisError):
    """A dark or flat frame that cannot be recorded, read, or used for these frames."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The mean of many frames of one camera, and what they were taken with."""

    kind: Kind
    frame: Plane
    """Mean counts ``(H, W)``, black level included."""
    serial: str
    pixel_format: str
    offset: tuple[int, int]
    """Of the region of interest on the sensor: x, y."""
    exposure_us: float
    gain_db: float
    frames: int
    """How many were averaged."""
    taken: datetime
    temperature_c: float | None = None
    """Of the sensor; None where the camera does not tell."""

    def save(self, path: Path) -> Path:
        """Write it, under its final name only when it is complete. Raises `CalibrationError` when that fails."""
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(part, "w") as file:
                file.create_dataset("frame", data=self.frame, compression="gzip", shuffle=True)
                file["frame"].attrs["interpretation"] = "image"
                file.attrs.update({"format": FORMAT, "version": VERSION, **self._attributes()})
            os.replace(part, path)
        except OSError as error:
            raise CalibrationError(
                f"{path} cannot be written ({error.strerror or error}). Give another folder."
            ) from None
        return path

    def _attributes(self) -> dict[str, str | float | Sequence[int]]:
        return {
            "kind": self.kind,
            "serial": self.serial,
            "pixel_format": self.pixel_format,
            "offset": self.offset,
            "exposure_us": self.exposure_us,
            "gain_db": self.gain_db,
            "frames": self.frames,
            "taken": self.taken.isoformat(timespec="seconds"),
            "temperature_c": float("nan") if self.temperature_c is None else self.temperature_c,
        }

    def why_unfit(self, settings: ArmSettings, temperature_c: float | None = None) -> str:
        """Why it says nothing about frames of these settings, in one clause; empty when it fits.

        Dark counts grow with exposure, gain and temperature; what weakens the light does not depend on them.
        """
        roi = settings.roi
        must_agree = {
            "camera": (self.serial, settings.serial),
            "pixel format": (self.pixel_format, settings.pixel_format),
            "size": (f"{self.frame.shape[1]}×{self.frame.shape[0]}", f"{roi.width}×{roi.height}"),
            "offset": (self.offset, (roi.offset_x, roi.offset_y)),
        }
        for what, (mine, wanted) in must_agree.items():
            if mine != wanted:
                return f"it is of {what} {mine}, and the frames are of {wanted}"
        return self._why_other_darkness(settings, temperature_c) if self.kind == "dark" else ""

    def _why_other_darkness(self, settings: ArmSettings, temperature_c: float | None) -> str:
        if abs(self.exposure_us / settings.exposure_us - 1) > EXPOSURE_TOLERANCE:
            return f"it was exposed for {self.exposure_us:g} µs, and the frames for {settings.exposure_us:g} µs"
        if abs(self.gain_db - settings.gain_db) > GAIN_TOLERANCE_DB:
            return f"it was taken at {self.gain_db:g} dB, and the frames at {settings.gain_db:g} dB"
        if self.temperature_c is not None and temperature_c is not None:
            warmer_c = temperature_c - self.temperature_c
            if abs(warmer_c) > TEMPERATURE_TOLERANCE_C:
                return f"it was taken at {self.temperature_c:.0f} °C, and the sensor is at {temperature_c:.0f} °C"
        return ""


def load_calibration(path: Path) -> Calibration:
    """Read a dark or flat frame. Raises `CalibrationError`."""
    if not path.is_file():
        raise CalibrationError(f"There is no file {path} of dark or flat frames; `nirvis calibrate` records one.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise CalibrationError(f"{path} holds no dark or flat frames; `nirvis calibrate` records them.")
            if int(file.attrs["version"]) > VERSION:
                raise CalibrationError(f"{path} was written by a later nirvis. Update nirvis to read it.")
            return _read(file)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CalibrationError(f"{path} is damaged ({reason}). Record it anew with `nirvis calibrate`.") from None


def _read(file: h5py.File) -> Calibration:
    attributes = file.attrs
    temperature_c = float(attributes["temperature_c"])
    kind, x, y = str(attributes["kind"]), *(int(part) for part in attributes["offset"])
    stored = file["frame"]
    if kind not in ("dark", "flat") or stored.ndim != 2 or stored.size > MOST_PIXELS:
        raise ValueError(f"kind {kind}, shape {stored.shape}")
    return Calibration(
        kind=cast(Kind, kind),
        frame=np.asarray(stored[:], np.float32),
        serial=str(attributes["serial"]),
        pixel_format=str(attributes["pixel_format"]),
        offset=(x, y),
        exposure_us=float(attributes["exposure_us"]),
        gain_db=float(attributes["gain_db"]),
        frames=int(attributes["frames"]),
        taken=datetime.fromisoformat(str(attributes["taken"])),
        temperature_c=None if np.isnan(temperature_c) else temperature_c,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Dark and flat frame of one arm, made ready for many frames."""

    dark: Plane | None
    """Counts without light ``(H, W)``; None for the black level everywhere."""
    gain: Plane | None
    """What the signal is multiplied by, ``(H, W)``; see `flat_gain`."""
    black_level_dn: float
    bit_depth: int

    def apply(self, raw: Raw) -> Raw:
        """See `corrected`."""
        return corrected(raw, self.dark, self.gain, self.black_level_dn, self.bit_depth)


def corrected(raw: Raw, dark: Plane | None, gain: Plane | None, black_level_dn: float, bit_depth: int) -> Raw:
    """Raw counts ``(H, W)`` as an even sensor behind an even lens would have counted them: same type, same black level.

    ``(raw - dark) · gain + black``. A site at full scale stays there: how bright it was, nobody knows.
    """
    depth, top = (cv2.CV_8U if raw.dtype == np.uint8 else cv2.CV_16U), full_scale_dn(bit_depth)
    signal: Plane = np.subtract(raw, np.float32(black_level_dn) if dark is None else dark, dtype=np.float32)
    if gain is not None:
        signal *= gain
    counts = cast(Raw, cv2.addWeighted(signal, 1.0, signal, 0.0, black_level_dn, dtype=depth))
    counts = np.minimum(counts, top, out=counts) if raw.dtype != np.uint8 else counts
    np.copyto(counts, top, where=raw >= top)
    return counts


def flat_gain(flat: Plane, dark: Plane | None, black_level_dn: float) -> Plane:
    """What makes a flat frame even, ``(H, W)``, apart for the four sites of the filter array.

    Each keeps its mean, so that levels and white balance stay as they were.
    """
    light = flat - (np.float32(black_level_dn) if dark is None else dark)
    gain = np.ones_like(light)
    for row in (0, 1):
        for column in (0, 1):
            site = light[row::2, column::2]
            weakest = np.float32(max(1e-3, float(site.mean()) / GAIN_BOUNDS[1]))
            gain[row::2, column::2] = np.clip(site.mean() / np.maximum(site, weakest), *GAIN_BOUNDS)
    return gain


def correction_for(
    settings: ArmSettings, beside: Path | None = None, temperature_c: float | None = None
) -> Correction | None:
    """What the dark and flat frames that an arm names do to its frames; None where it names none.

    beside
        A folder where files of those names are looked for first, such as that of a clip.
    temperature_c
        Of the sensor now, where it is known.
    Raises `CalibrationError` when a file is missing, damaged, or taken with other settings.
    """
    dark = _fitting("dark", settings.dark, settings, beside, temperature_c)
    flat = _fitting("flat", settings.flat, settings, beside, temperature_c)
    if dark is None and flat is None:
        return None
    darkness = None if dark is None else dark.frame
    gain = None if flat is None else flat_gain(flat.frame, darkness, settings.black_level_dn)
    return Correction(darkness, gain, settings.black_level_dn, settings.sensor.bit_depth)


def named_files(settings: ArmSettings) -> list[Path]:
    """The files that an arm names."""
    return [path for path in (settings.dark, settings.flat) if path is not None]


def found_file(path: Path, beside: Path | None) -> Path:
    """Where a file that a profile names lies: under the same name in the folder of a clip, else where it is named."""
    kept = None if beside is None else beside / path.name
    return kept if kept is not None and kept.is_file() else path


def keep_beside(profile: Profile, folder: Path) -> None:
    """Copy what a profile names next to its clips, so that they can be corrected wherever they are moved to.

    A copy that is there stays. One that cannot be made is logged: no recording ends for want of it.
    """
    for path in [path for arm in ARMS for path in named_files(profile.arm(arm))]:
        copy = folder / path.name
        part = copy.with_name(f"{copy.name}.part")
        if path.is_file() and not copy.exists():
            with _logged(f"{path} could not be kept beside the clips"):
                shutil.copyfile(path, part)
                os.replace(part, copy)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("%s: %s", what, error.strerror)


def _fitting(
    kind: Kind, path: Path | None, settings: ArmSettings, beside: Path | None, temperature_c: float | None
) -> Calibration | None:
    if path is None:
        return None
    calibration = load_calibration(found_file(path, beside))
    if calibration.kind != kind:
        raise CalibrationError(f"{path} holds {calibration.kind} frames, and the profile names it as {kind}.")
    reason = calibration.why_unfit(settings, temperature_c)
    if reason:
        raise CalibrationError(
            f"The {kind} frames in {path} do not fit: {reason}. Record them anew with `nirvis calibrate {kind}`."
        )
    return calibration
