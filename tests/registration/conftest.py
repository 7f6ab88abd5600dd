"""Real picture pairs, known warps, and clips that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import nirvis_profiles
from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame, FrameStatus
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.pairing import Event, PairRow
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.raw import mosaic
from nirvis_capture.settings import Changes
from nirvis_registration.geometry import corners, from_corners

Rgb = NDArray[np.uint8]
PairOfPictures = tuple[Rgb, Rgb]


@pytest.fixture(scope="session")
def real_pair() -> Callable[[str], PairOfPictures]:
    """``real_pair("vnir_train")``: near-infrared and visible picture of the VSIAD set, RGB ``(480, 640, 3)``."""

    def read(name: str) -> PairOfPictures:
        folder = files("nirvis") / "pictures" / "vsiad"
        nir, vis = (
            cv2.imdecode(np.frombuffer((folder / f"{name}_{side}.png").read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
            for side in ("src", "vc")
        )
        return nir, vis

    return read


@pytest.fixture(scope="session")
def random_homography() -> Callable[[int, tuple[int, int]], NDArray[np.float64]]:
    """Rotation ±2°, shift ±20 px, scale ±2 %, corners ±3 px."""

    def draw(seed: int, size: tuple[int, int]) -> NDArray[np.float64]:
        random = np.random.default_rng(seed)
        before = corners(size)
        angle, scale = np.deg2rad(random.uniform(-2, 2)), 1 + random.uniform(-0.02, 0.02)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = before.mean(axis=0)
        after = (before - middle) @ turn.T + middle + random.uniform(-20, 20, 2) + random.uniform(-3, 3, (4, 2))
        return from_corners(before, after)

    return draw


def small_profile(
    size: tuple[int, int], mirrored: Sequence[Arm] = (), bit_depth: int = 8, black_level_dn: float = 0.0
) -> Profile:
    """The twin in day mode with other frames."""
    text = nirvis_profiles.text("twin_day")
    text = text.replace("width = 1384, height = 1032 }", f"width = {size[0]}, height = {size[1]} }}")
    text = text.replace("black_level_dn = 4.0", f"black_level_dn = {black_level_dn}")
    text = text.replace("mirror = true", "mirror = false")
    head, nir, vis = text.partition("[nir]")[0], *text.partition("[nir]")[2].split("[vis]")
    parts = {"nir": nir, "vis": vis}
    for arm in mirrored:
        parts[arm] = parts[arm].replace("mirror = false", "mirror = true")
    text = f"{head}[nir]{parts['nir']}[vis]{parts['vis']}"
    if bit_depth > 8:
        text = text.replace("BayerRG8", "BayerRG16").replace("bit_depth = 8", f"bit_depth = {bit_depth}")
    return parse_profile(text)


@pytest.fixture
def write_clip() -> Callable[..., Path]:
    """``write_clip(path, pairs)`` writes a certified clip of scene-handed picture pairs."""

    def write(
        path: Path,
        pairs: Sequence[PairOfPictures],
        mirrored: Sequence[Arm] = (),
        said_mirrored: Sequence[Arm] | None = None,
        recording_id: str = "r1",
        bit_depth: int = 8,
        event: Event = Event.PAIR,
        changes: Changes | None = None,
    ) -> Path:
        height, width = pairs[0][0].shape[:2]
        profile = small_profile((width, height), mirrored if said_mirrored is None else said_mirrored, bit_depth)
        profile = profile.edited(changes or {})
        cameras = {arm: _camera(profile, arm) for arm in ARMS}
        header = ClipHeader(recording_id, 1, "Quay", "day", "", "", datetime(2026, 6, 21, 12, tzinfo=timezone.utc))
        with ClipWriter(path, header, profile, cameras, Anchor(0, 0, "pause+latch")) as writer:
            for i, pictures in enumerate(pairs):
                nir, vis = (
                    _frame(i, picture, profile, arm, arm in mirrored, event is not Event.INCOMPLETE)
                    for picture, arm in zip(pictures, ARMS, strict=True)
                )
                writer.write(PairRow(nir, vis, 0, event))
        return path

    return write


def _camera(profile: Profile, arm: Arm) -> CameraInfo:
    settings = profile.arm(arm)
    return CameraInfo(
        settings.serial,
        settings.model,
        settings.pixel_format,
        settings.roi.width,
        settings.roi.height,
        settings.sensor.bit_depth,
        settings.black_level_dn,
        1000,
    )


def _frame(i: int, picture: Rgb, profile: Profile, arm: Arm, mirrored: bool, whole: bool) -> Frame:
    settings = profile.arm(arm)
    raw = mosaic(np.ascontiguousarray(np.fliplr(picture)) if mirrored else picture, settings.cfa)
    if settings.sensor.bit_depth > 8:
        raw = (raw.astype(np.uint16) << (settings.sensor.bit_depth - 8)).astype(np.uint16)
    time_ns = i * profile.trigger.period_ns
    status = FrameStatus.COMPLETE if whole else FrameStatus.INCOMPLETE
    return Frame(raw, i, time_ns, time_ns, 6000.0, 0.0, status)


@pytest.fixture(scope="session")
def shuffled() -> Callable[[Rgb], Rgb]:
    """Tiles of a picture in another order: a scene with the same texture and nothing in common."""

    def shuffle(picture: Rgb) -> Rgb:
        rows, columns = picture.shape[0] // 20, picture.shape[1] // 20
        tiles = picture[: rows * 20, : columns * 20].reshape(rows, 20, columns, 20, 3).swapaxes(1, 2)
        order = np.random.default_rng(0).permutation(rows * columns)
        mixed = tiles.reshape(-1, 20, 20, 3)[order].reshape(rows, columns, 20, 20, 3)
        return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(rows * 20, columns * 20, 3))

    return shuffle


def warped(picture: Rgb, homography: NDArray[np.float64]) -> Rgb:
    """The picture after a homography (picture → warped picture), of the same size."""
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpPerspective(picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="session")
def warp() -> Callable[[Rgb, NDArray[np.float64]], Rgb]:
    return warped
