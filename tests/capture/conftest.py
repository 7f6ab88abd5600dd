"""Shared by the tests of capture: small rigs, and a runtime folder of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import nirvis_profiles
from nirvis_capture.camera import ARMS, CameraInfo, Frame
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.pairing import Anchor, Pairer
from nirvis_capture.profile import Profile, parse_profile

SmallProfile = Callable[..., Profile]
WriteClip = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def runtime_of_these_tests() -> Iterator[None]:
    """What cameras are left with is written down by serial number; that of other test processes is none of ours."""
    folder = tempfile.mkdtemp(prefix="nv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def small_profile() -> SmallProfile:
    """Makes twin profiles of 160 × 120 px noise at 60 Hz; keywords replace what they name."""

    def make(
        pacing: str = "fast",
        rate_hz: float = 60,
        ring_seconds: float = 3,
        min_free_gb: float = 0,
        mode: str = "day",
        faults: str = "",
    ) -> Profile:
        text = nirvis_profiles.text(f"twin_{mode}")
        for old, new in {
            'rig = "twin"': f'rig = "test-{os.getpid()}"',
            "roi = { width = 1384, height = 1032 }": "roi = { width = 160, height = 120 }",
            "rate_hz = 45": f"rate_hz = {rate_hz}",
            "exposure_us = 6000": f"exposure_us = {min(6000, 5e5 / rate_hz)}",
            "ring_seconds = 3": f"ring_seconds = {ring_seconds}",
            "min_free_gb = 2": f"min_free_gb = {min_free_gb}",
        }.items():
            assert old in text
            text = text.replace(old, new)
        return parse_profile(f'{text}content = "noise"\npacing = "{pacing}"\nfaults = [{faults}]\n')

    return make


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder for sockets and logs; short, because the path of a socket has to be."""
    folder = Path(tempfile.mkdtemp(prefix="nv"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def write_clip(tmp_path: Path, small_profile: SmallProfile) -> WriteClip:
    """Writes a clip of noise frames of 160 × 120 px; by default anchored, and vis lost the frame of pulse 5.

    vis_gain_db
        Of the frames of single pulses; 1.5 dB is that of all others.
    """

    def write(
        name: str = "street.clip.h5",
        pulses: int = 12,
        anchored: bool = True,
        dropped: int | None = 5,
        compression: str = "none",
        vis_gain_db: Mapping[int, float] = MappingProxyType({}),
        **texts: str,
    ) -> Path:
        profile = small_profile().edited({"recording.compression": compression})
        cameras = {
            arm: CameraInfo(f"SN-{arm}", "GS3", "BayerRG8", 160, 120, 8, profile.arm(arm).black_level_dn, 1000)
            for arm in ARMS
        }
        evidence = Anchor(1_000, 9_000, "pause+latch" if anchored else "none", "", 0, 0)
        header = ClipHeader(
            recording_id="0123456789ab",
            part=1,
            place=texts.get("place", "Köln, Domplatte"),
            light="day",
            notes=texts.get("notes", ""),
            operator="ops",
            start_time=datetime(2026, 5, 17, 9, 30, tzinfo=timezone.utc),
        )
        period_ns, rng = profile.trigger.period_ns, np.random.default_rng(7)
        pairer: Pairer[Frame] = Pairer(evidence, period_ns, "nir")
        with ClipWriter(tmp_path / name, header, profile, cameras, evidence) as writer:
            for pulse in range(pulses):
                for arm, offset_ns in (("nir", 1_000), ("vis", 9_000)):
                    if arm == "vis" and pulse == dropped:
                        continue
                    pixels = rng.integers(0, 256, (120, 160), dtype=np.uint8)
                    at_ns = pulse * period_ns + 37 * (pulse % 3)
                    gain_db = vis_gain_db.get(pulse, 1.5) if arm == "vis" else 1.5
                    frame = Frame(pixels, pulse, at_ns + offset_ns, at_ns + 4_000_000, 6000.0, gain_db)
                    for row in pairer.feed(arm, frame):
                        writer.write(row)
            for row in pairer.finish():
                writer.write(row)
        return tmp_path / name

    return write
