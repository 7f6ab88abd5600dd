"""How the arms lie on each other, live: pictures in which it is seen, and the figure that says by how many pixels.

Pure functions of the two pictures as they are shown, before any registration: what a person who turns the screws of
the mount wants to bring to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.report import checkerboard
from nirvis_gui.arm_picture import Picture
from nirvis_registration.overlay import edge_overlay
from nirvis_registration.quality import displacements, luma

OverlayKind = Literal["edges", "checkerboard", "flicker", "difference"]
OVERLAY_KINDS: tuple[OverlayKind, ...] = get_args(OverlayKind)

FLICKER_PERIOD_S = 0.5
_SPREAD_DN = 48.0
"""Standard deviation that both arms get before they are subtracted: near infrared has other brightness."""
_ENOUGH_REGIONS = 3
_MEASURED_WIDTH_PX = 692
"""What is far apart at full size is found in a smaller picture only, and more quickly."""


@dataclass(frozen=True)
class Alignment:
    """How far vis lies off nir, in pixels of the nir sensor."""

    rms_px: float
    """Over the regions of the picture; what registration has to undo."""
    shift_px: tuple[float, float]
    """To the right and down, in the middle of the picture."""
    rotation_deg: float
    """Clockwise as it is seen."""
    scale: float
    """Of vis relative to nir."""
    remaining_px: float
    """What no shift, rotation and scale explains."""


def overlay(kind: OverlayKind, nir: Picture, vis: Picture, now_s: float) -> Picture:
    """Both arms in one picture of the size of `nir`; `now_s` says which of them flicker shows."""
    target = _fitted(vis, nir)
    if kind == "flicker":
        return nir if int(now_s / FLICKER_PERIOD_S) % 2 == 0 else target
    if kind == "checkerboard":
        return np.ascontiguousarray(checkerboard(nir, target))
    if kind == "edges":
        edges = edge_overlay(nir, target)
        # Cyan in place of green: red and green are one colour to some eyes.
        edges[..., 2] = edges[..., 1]
        return edges
    return _difference(nir, target)


def measured(nir: Picture, vis: Picture, px: float) -> Alignment | None:
    """How far vis lies off nir; None where too little structure is seen in both arms.

    px
        Pixels of the sensor for one of the pictures.
    """
    shrunk = max(1, round(nir.shape[1] / _MEASURED_WIDTH_PX))
    height, width = nir.shape[0] // shrunk, nir.shape[1] // shrunk
    px *= nir.shape[1] / width
    moves = displacements(*(_small(luma(picture), (width, height)) for picture in (nir, vis)))
    if len(moves) == 0:
        return None
    at = moves[:, :2] - np.array([width / 2, height / 2])
    return _similarity(at * px, moves[:, 2:] * px)


def _similarity(at: NDArray[np.float64], moves: NDArray[np.float64]) -> Alignment:
    """Least squares of shift, rotation and scale through displacements ``(N, 2)`` at places ``(N, 2)``."""
    rms = _rms(moves)
    if len(at) < _ENOUGH_REGIONS:
        shift = moves.mean(axis=0)
        return Alignment(rms, (float(shift[0]), float(shift[1])), 0.0, 1.0, _rms(moves - shift))
    ones, zeros = np.ones(len(at)), np.zeros(len(at))
    across = np.column_stack([ones, zeros, at[:, 0], -at[:, 1]])
    down = np.column_stack([zeros, ones, at[:, 1], at[:, 0]])
    design, wanted = np.vstack([across, down]), np.concatenate([moves[:, 0], moves[:, 1]])
    (right, below, stretch, turn), *_ = np.linalg.lstsq(design, wanted, rcond=None)
    left = (wanted - design @ np.array([right, below, stretch, turn])).reshape(2, -1).T
    angle = float(np.degrees(np.arctan2(turn, 1 + stretch)))
    return Alignment(rms, (float(right), float(below)), angle, float(np.hypot(1 + stretch, turn)), _rms(left))


def _rms(vectors: NDArray[np.float64]) -> float:
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


def _fitted(vis: Picture, nir: Picture) -> Picture:
    """The picture of vis with the size of that of nir, for cameras of different sensors."""
    if vis.shape == nir.shape:
        return vis
    return np.asarray(cv2.resize(vis, (nir.shape[1], nir.shape[0]), interpolation=cv2.INTER_AREA), np.uint8)


def _small(grey: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (grey.shape[1], grey.shape[0]) == size:
        return grey
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _difference(nir: Picture, vis: Picture) -> Picture:
    """Grey where both arms are alike, once their brightness and contrast are; RGB."""
    halves = [_levelled(picture) for picture in (nir, vis)]
    grey = np.clip(127.5 + (halves[0] - halves[1]) / 2, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _levelled(picture: Picture) -> NDArray[np.float32]:
    grey = luma(picture)
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    levelled: NDArray[np.float32] = (grey.astype(np.float32) - np.float32(mean)) * (_SPREAD_DN / max(spread, 1.0))
    return levelled
