"""Record dark and flat frames through the rig, and refuse what is neither dark nor even."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.calibration import Calibration, CalibrationError, Kind, Plane
from nirvis_capture.camera import ARMS, Arm, Backend
from nirvis_capture.look import Pair, looking
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.raw import full_scale_dn, sites

FRAMES = 64
"""Averaged: their noise falls to an eighth, below what a sensor has of fixed pattern."""
WARM_UP = 4
"""Frames that are left out: some cameras still settle."""
MOST_LIGHT = 0.05
"""Mean of a dark frame above the black level, as a share of the range."""
FLAT_LEVELS = (0.15, 0.9)
"""Where the mean of each colour of a flat frame has to lie, as a share of the range."""
MOST_STRUCTURE = 0.04
"""Deviation of a flat frame from its own blurred self, as a share of its level: an even wall has none."""
_BLUR_SHARE = 1 / 32
"""Width of that blur, as a share of the width of the picture: shading is wider, structure is narrower."""


def record_calibration(
    kind: Kind,
    profile: Profile,
    frames: int = FRAMES,
    arms: Sequence[Arm] = ARMS,
    backend: Backend | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Arm, Calibration]:
    """Average frames of the arms of a profile, with its exposures and gains.

    The operator has capped the lenses (dark), or points them at an even, evenly lit surface out of focus (flat). A
    simulated rig does that by itself.
    Raises `CalibrationError` when the frames are not dark or not even, `CameraError` when a camera fails.
    """
    with looking(_prepared(kind, profile), backend) as look:
        means = _means(islice(look, WARM_UP, WARM_UP + frames), frames, arms, progress)
        temperatures_c = {arm: look.temperature_c(arm) for arm in arms}
    for arm in arms:
        reason = (
            why_not_dark(means[arm], profile.arm(arm)) if kind == "dark" else why_uneven(means[arm], profile.arm(arm))
        )
        if reason:
            raise CalibrationError(f"These are no {kind} frames: {arm} {reason}. Nothing was stored.")
    taken = datetime.now().astimezone()
    return {arm: _calibration(kind, means[arm], profile.arm(arm), frames, taken, temperatures_c[arm]) for arm in arms}


def why_not_dark(mean: Plane, settings: ArmSettings) -> str:
    """Why a mean frame ``(H, W)`` is no dark frame, in one clause; empty when it is."""
    light = _share(float(mean.mean()), settings)
    if light > MOST_LIGHT:
        return f"sees light, {light:.0%} of its range above the black level of the profile; cap the lens"
    return ""


def why_uneven(mean: Plane, settings: ArmSettings) -> str:
    """Why a mean frame ``(H, W)`` is no flat frame, in one clause; empty when it is."""
    for row, column, _ in sites(settings.cfa):
        plane = mean[row::2, column::2]
        level = _share(float(plane.mean()), settings)
        if not FLAT_LEVELS[0] <= level <= FLAT_LEVELS[1]:
            low, high = FLAT_LEVELS
            return f"reaches {level:.0%} of its range, not {low:.0%} to {high:.0%}; change its exposure or the light"
        blurred = cv2.GaussianBlur(plane, (0, 0), max(2.0, _BLUR_SHARE * plane.shape[1]))
        structure = float((plane - blurred).std()) / (float(plane.mean()) - settings.black_level_dn)
        if structure > MOST_STRUCTURE:
            return f"sees structure of {structure:.0%}; show it an even surface, out of focus"
    return ""


def _prepared(kind: Kind, profile: Profile) -> Profile:
    if profile.nir.backend != "simulated":
        return profile
    return profile.edited({"twin.content": "dark" if kind == "dark" else "even"})


def _means(
    pairs: Iterator[Pair], frames: int, arms: Sequence[Arm], progress: Callable[[int, int], None] | None
) -> dict[Arm, Plane]:
    sums: dict[Arm, NDArray[np.uint32]] = {}
    for done, pair in enumerate(pairs, start=1):
        for arm in arms:
            counts = pair[arm].pixels.astype(np.uint32)
            sums[arm] = counts if arm not in sums else sums[arm] + counts
        if progress is not None:
            progress(done, frames)
    return {arm: (total / frames).astype(np.float32) for arm, total in sums.items()}


def _calibration(
    kind: Kind, mean: Plane, settings: ArmSettings, frames: int, taken: datetime, temperature_c: float | None
) -> Calibration:
    return Calibration(
        kind=kind,
        frame=mean,
        serial=settings.serial,
        pixel_format=settings.pixel_format,
        offset=(settings.roi.offset_x, settings.roi.offset_y),
        exposure_us=settings.exposure_us,
        gain_db=settings.gain_db,
        frames=frames,
        taken=taken,
        temperature_c=temperature_c,
    )


def _share(level_dn: float, settings: ArmSettings) -> float:
    """A level as a share of the range above black."""
    return (level_dn - settings.black_level_dn) / (full_scale_dn(settings.sensor.bit_depth) - settings.black_level_dn)
