"""Two GigE cameras of Aravis on a real protocol, behind the aravis backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from conformance.bench import Ability, Bench
from gige.cameras import GigeCamera, gige_profile, missing
from nirvis_capture.camera import ARMS, Arm, Backend
from nirvis_capture.cameras import open_backend

WIDTH, HEIGHT = 64, 48
RATE_HZ = 100


class AravisBench(Bench):
    lacks: ClassVar[Mapping[Ability, str]] = {
        "trigger": "the cameras that Aravis plays have no trigger line",
        "latch": "the cameras that Aravis plays cannot latch their clock",
    }

    def __init__(self) -> None:
        self._cameras = {arm: GigeCamera(arm) for arm in ARMS}
        for camera in self._cameras.values():
            camera.start()

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        arm = {"roi": {"width": WIDTH, "height": HEIGHT}, "exposure_us": 500}
        vis = arm if vis_serial is None else {**arm, "serial": vis_serial}
        return open_backend(gige_profile(nir=arm, vis=vis, trigger={"rate_hz": RATE_HZ}))

    def unplug(self, arm: Arm) -> None:
        self._cameras[arm].kill()

    def plug_in(self, arm: Arm) -> None:
        self._cameras[arm].start()

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.kill()


def make(folder: Path) -> Bench:
    reason = missing()
    if reason:
        pytest.skip(reason)
    return AravisBench()
