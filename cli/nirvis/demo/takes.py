"""What the demo records: streets of the simulated rig, or real picture pairs replayed as two cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.cameras.picture_pairs import PicturePair, picture_pairs, read_pair
from nirvis_capture.cameras.replay_profile import replay_profile
from nirvis_capture.profile import Light, Mode, Profile, load_profile

TWIN_RATE_HZ = 10
"""Slow enough that a few seconds of street show some motion; the rig itself runs at 45 Hz."""


@dataclass(frozen=True)
class Take:
    """One recording that the demo will make."""

    profile: Profile
    place: str
    """Empty where it is not known."""
    light: Light
    seconds: float


def twin_takes(streets: int, seconds: float, seed: int) -> list[Take]:
    """`streets` different streets in day and in night mode, each its own place."""
    takes = []
    for number in range(2 * streets):
        mode: Mode = "day" if number % 2 == 0 else "night"
        profile = load_profile(f"twin_{mode}").edited(
            {"twin.scene_seed": seed + number, "twin.pacing": "fast", "trigger.rate_hz": TWIN_RATE_HZ}
        )
        takes.append(Take(profile, f"street {seed + number}", "day", seconds))
    return takes


def picture_takes(folder: Path, mode: Mode, seconds: float, seed: int) -> list[Take]:
    """Every picture pair of `folder` as a still scene before a misaligned, mirrored pair of Bayer cameras.

    seconds
        Length of every clip; its exposures differ by sensor noise only.

    Raises `PictureError` for a folder whose pictures do not match.
    """
    pairs = picture_pairs(folder)
    return [_picture_take(folder, pair, mode, seconds, seed + i) for i, pair in enumerate(pairs)]


def _picture_take(folder: Path, pair: PicturePair, mode: Mode, seconds: float, seed: int) -> Take:
    height, width = read_pair(pair)[0].shape[:2]
    profile = replay_profile(
        f"twin_{pair.mode or mode}",
        pictures=folder,
        pair=pair.name,
        rate_hz=TWIN_RATE_HZ,
        pacing="fast",
        noise_dn=1.0,
        vis_warp=known_warp(width, height, seed).tolist(),
    )
    return Take(profile, pair.place or "", "day", seconds)


def known_warp(width: int, height: int, seed: int) -> NDArray[np.float64]:
    """A homography such as a rig has: rotation ± 1°, scale ± 1 %, shift ± 1 %, corners ± 0.2 % of the width."""
    random = np.random.default_rng(seed)
    angle, scale = np.deg2rad(random.uniform(-1, 1)), 1 + random.uniform(-0.01, 0.01)
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
    centre = corners.mean(axis=0)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - centre) @ rotation.T + centre + random.uniform(-0.01, 0.01, 2) * width
    moved += random.uniform(-0.002, 0.002, (4, 2)) * width
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)).astype(np.float64)
