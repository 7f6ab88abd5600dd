"""What is shown of one arm: its raw counts as a picture, and the figures that are read from the counts themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture import optics
from nirvis_capture.camera import Raw
from nirvis_capture.raw import Development, develop, superpixel

Picture = NDArray[np.uint8]
"""RGB, ``(H, W, 3)``, 0 to 255."""
Extent = tuple[float, float, float, float]
"""Where a picture lies, in pixels of the sensor and as the scene is seen: left, top, width, height."""

PEAK_COLOUR = (255, 236, 0)
"""Bright yellow: seen by every eye, and rare in streets."""
_PEAK_SHARE = 0.35
"""Of the mean brightness: second derivatives beyond it are sharp edges."""
_LEAST_PEAK_DN = 14.0


@dataclass(frozen=True, eq=False)
class ArmFigures:
    """What stands below a picture."""

    exposure_us: float
    gain_db: float
    saturated: float
    """Share of the raw counts at full scale, of the colour that has most of them."""
    focus: float
    """See `nirvis_capture.optics.focus`: larger is sharper, of one scene."""
    histogram: NDArray[np.float64]
    """``(3, 256)``: share of the red, green and blue sites in each bin."""
    frame_id: int
    timestamp_ns: int
    rate_hz: float | None = None
    """Exposures per second since the figures before, by the counter and clock of the camera."""
    not_corrected: str = ""
    """Why the dark and flat frames of the profile were not applied; empty when they were, or when it names none."""


@dataclass(frozen=True, eq=False)
class ArmPicture:
    """One arm, as a person at the rig sees the scene."""

    picture: Picture
    extent: Extent


def arm_picture(raw: Raw, meta: dict[str, Any], *, full: bool) -> ArmPicture:
    """Raw counts ``(H, W)`` of one arm as RGB u8, ``(H/2, W/2, 3)`` or all of it, with the mirror undone."""
    how = Development.published(meta)
    if full:
        scene = develop(raw, how)
    else:
        rgb = superpixel(raw, how.cfa, how.black_level_dn, how.bit_depth, how.white_balance)
        scene = np.ascontiguousarray(rgb[:, ::-1] if how.mirror else rgb)
    height, width = raw.shape
    return ArmPicture(scene, (0.0, 0.0, float(width), float(height)))


def arm_figures(raw: Raw, meta: dict[str, Any], before: ArmFigures | None = None) -> ArmFigures:
    """The figures of raw counts ``(H, W)``.

    before
        Earlier figures of the same arm, for the rate.
    """
    cfa, depth = meta["cfa"], meta["bit_depth"]
    figures = ArmFigures(
        exposure_us=meta["exposure_us"],
        gain_db=meta["gain_db"],
        saturated=max(optics.saturated(raw, cfa, depth)),
        focus=optics.focus(raw, cfa, meta["black_level_dn"]),
        histogram=optics.histogram(raw, cfa, depth),
        frame_id=meta["frame_id"],
        timestamp_ns=meta["timestamp_ns"],
        not_corrected=meta.get("not_corrected", ""),
    )
    return replace(figures, rate_hz=_rate_hz(figures, before)) if before else figures


def _rate_hz(now: ArmFigures, before: ArmFigures) -> float | None:
    elapsed_ns = now.timestamp_ns - before.timestamp_ns
    return (now.frame_id - before.frame_id) * 1e9 / elapsed_ns if elapsed_ns > 0 else None


def with_peaking(picture: Picture) -> Picture:
    """A copy whose sharp edges are painted in `PEAK_COLOUR`: the more of it, the better the focus."""
    green = picture[..., 1]
    edges = cv2.convertScaleAbs(cv2.Laplacian(green, cv2.CV_16S))
    painted: Picture = picture.copy()
    painted[edges > max(_LEAST_PEAK_DN, _PEAK_SHARE * float(green.mean()))] = PEAK_COLOUR
    return painted
