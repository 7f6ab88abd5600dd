"""Small clips and pairs files, written as nirvis writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import nirvis_profiles
from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.pairing import Pairer
from nirvis_capture.profile import Mode, Profile, parse_profile
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_registration.warp import Picture

START = datetime(2026, 6, 21, 12, 30, tzinfo=timezone.utc)
WIDTH, HEIGHT = 64, 48


@pytest.fixture(scope="session")
def small_profile() -> Profile:
    """The twin in day mode with frames of 64×48."""
    text = nirvis_profiles.text("twin_day")
    return parse_profile(text.replace("width = 1384, height = 1032 }", f"width = {WIDTH}, height = {HEIGHT} }}"))


@pytest.fixture
def write_clip(small_profile: Profile) -> Callable[..., Path]:
    """``write_clip(folder, n=3, recording_id="r", place="Quay")`` writes a certified day clip of n pairs.

    Frame i is i everywhere, or what `raw` has for an arm; `changes` edits the profile.
    """

    def write(
        folder: Path,
        n: int = 3,
        recording_id: str = "r",
        place: str = "Quay",
        raw: Mapping[Arm, NDArray[np.uint8]] | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> Path:
        profile = small_profile.edited(dict(changes or {}))
        header = ClipHeader(recording_id, 1, place, "day", "", "", START)
        cameras = {arm: _camera(profile, arm) for arm in ARMS}
        anchor = Anchor(0, 0, "pause+latch")
        pairer = Pairer[Frame](anchor, small_profile.trigger.period_ns, small_profile.trigger.primary)
        with ClipWriter(folder / f"{recording_id}.clip.h5", header, profile, cameras, anchor) as writer:
            frames = ((arm, _frame(i, profile, (raw or {}).get(arm))) for i in range(n) for arm in ARMS)
            rows = [row for arm, frame in frames for row in pairer.feed(arm, frame)] + pairer.finish()
            for row in rows:
                writer.write(row)
        return writer.path

    return write


@pytest.fixture
def write_pairs(small_profile: Profile) -> Callable[..., Path]:
    """``write_pairs(path, n=2, recording_id="r", …)`` writes a pairs file.

    Every pixel of a source has a colour of its own, the target is its negative, and the residuals are 0.1, 0.2, 0.3 …
    px. The mask leaves out the upper and the left edge.
    """

    def write(
        path: Path,
        n: int = 2,
        recording_id: str = "r",
        part: int = 1,
        mode: Mode = "day",
        light: str = "day",
        place: str = "Quay",
        bit_depth: int = 8,
        size: tuple[int, int] = (WIDTH, HEIGHT),
    ) -> Path:
        width, height = size
        header = aligned_header(
            recording_id,
            size,
            small_profile.text,
            mode=mode,
            start_time=START,
            part=part,
            light=light,
            place=place,
            origin=f"{recording_id}.clip.h5",
            bit_depth=bit_depth,
        )
        header = replace(header, inliers=100, error_px=0.5)  # as registration finds
        valid = np.ones((height, width), bool)
        valid[:5] = valid[:, :3] = False
        with PairsWriter(path, header, valid, n) as writer:
            for i in range(n):
                source = _source(i, size, bit_depth)
                writer.write(i, source, np.iinfo(source.dtype).max - source, PairQuality(0.1 * (i + 1), 2.0, 0.01))
        return path

    return write


def _source(i: int, size: tuple[int, int], bit_depth: int) -> Picture:
    rows, columns = np.mgrid[: size[1], : size[0]]
    colours = np.stack([columns, rows, np.full_like(rows, i)], axis=-1)
    return (colours * 3).astype(np.uint8) if bit_depth == 8 else (colours * 1000 + i).astype(np.uint16)


def _camera(profile: Profile, arm: str) -> CameraInfo:
    settings = profile.nir if arm == "nir" else profile.vis
    return CameraInfo(
        settings.serial, settings.model, settings.pixel_format, WIDTH, HEIGHT, 8, settings.black_level_dn, 1000
    )


def _frame(i: int, profile: Profile, raw: NDArray[np.uint8] | None = None) -> Frame:
    time_ns = i * profile.trigger.period_ns
    return Frame(np.full((HEIGHT, WIDTH), i, np.uint8) if raw is None else raw, i, time_ns, time_ns, 6000.0, 0.0)
