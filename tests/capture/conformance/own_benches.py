"""Benches of the backends that need no hardware: the simulated rig, and what is replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from conformance.bench import Bench, Lacks
from nirvis_capture.camera import Arm, Backend
from nirvis_capture.cameras import open_backend
from nirvis_capture.cameras.replay import replay_profile
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import Profile, load_profile

RATE_HZ = 200
WIDTH, HEIGHT = 64, 48
UNPLUGGED_AT = 12


def small_twin(pacing: str = "real") -> Profile:
    """The simulated rig with small, quick frames of noise."""
    arm: dict[str, Any] = {
        "sensor": {"width_px": WIDTH, "height_px": HEIGHT},
        "roi": {"width": WIDTH, "height": HEIGHT},
        "exposure_us": 500,
    }
    twin = {"content": "noise", "pacing": pacing, "latency_ms": 1.0}
    return load_profile("twin_day").edited({"nir": arm, "vis": arm, "trigger": {"rate_hz": RATE_HZ}, "twin": twin})


class TwinBench(Bench):
    """A bench whose faults are planned in the profile."""

    lacks: ClassVar[Lacks] = {
        "exclusive": "any number of simulated rigs can be open at once",
        "ranges": "a simulated camera takes whatever a profile can say",
    }

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        profile = self._profile
        if vis_serial is not None:
            profile = profile.edited({"vis": {"serial": vis_serial}})
        if plug is not None:
            fault = {"kind": "unplug", "arm": plug, "at": UNPLUGGED_AT}
            profile = profile.edited({"twin": {"faults": [fault]}})
        return open_backend(profile)


def simulated(folder: Path) -> Bench:
    return TwinBench(small_twin())


class PictureBench(TwinBench):
    lacks: ClassVar[Lacks] = {**TwinBench.lacks, "serials": "pictures play the part of whatever camera is asked for"}


def replayed_pictures(folder: Path) -> Bench:
    for name in ("view_nir", "view_rgb"):
        picture = np.random.default_rng(len(name)).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.png"), picture)
    return PictureBench(replay_profile("twin_day", pictures=folder, rate_hz=RATE_HZ))


class ClipBench(Bench):
    lacks: ClassVar[Lacks] = {
        "serials": "a clip has the cameras that it has",
        "exclusive": "a clip can be read by many",
        "unplug": "a clip shows what was recorded",
        "latch": "the clock of the recording is gone",
        "host_times": "frames arrive when they did while the clip was recorded",
        "ranges": "a clip says what was set, not what could have been",
    }

    def __init__(self, clip: Path) -> None:
        self._clip = clip

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        return open_backend(replay_profile("twin_day", clip=self._clip))


def replayed_clip(folder: Path) -> Bench:
    return ClipBench(record_clip(small_twin("fast"), folder, pairs=400))
