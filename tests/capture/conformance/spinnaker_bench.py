"""Benches of the spinnaker backend: two cameras of the stand-in, in either dialect."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.bench import Bench
from nirvis_capture.camera import ARMS, Arm, Backend
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import Profile, load_profile
from pyspin_stand_in.device import Device
from pyspin_stand_in.models import Model, bfs, gs3
from pyspin_stand_in.module import World, module, two_cameras

RATE_HZ = 100


def small_profile(model: str, pixel_format: str = "BayerRG8", bit_depth: int = 8) -> Profile:
    """Two cameras of that model with a small picture somewhere on the sensor, at a rate that it never reaches."""
    profile = load_profile("gs3_day" if model.startswith("GS3") else "bfs_day")
    arm = {
        "pixel_format": pixel_format,
        "sensor": {"bit_depth": bit_depth},
        "roi": {"width": 64, "height": 48, "offset_x": 16, "offset_y": 8},
        "exposure_us": 3000,
    }
    return profile.edited(
        {
            "nir": {**arm, "serial": SERIALS["nir"]},
            "vis": {**arm, "serial": SERIALS["vis"]},
            "trigger": {"rate_hz": RATE_HZ},
        }
    )


SERIALS: dict[Arm, str] = {"nir": "14435622", "vis": "21188171"}


class SpinnakerBench(Bench):
    """PySpin in `sys.modules` is the stand-in until `close`."""

    def __init__(self, model: Model, profile: Profile) -> None:
        self.world = World()
        self.profile = profile
        devices = two_cameras(self.world, model)
        self.devices: dict[Arm, Device] = dict(zip(ARMS, devices, strict=True))
        self.found_as = self.settings()
        self._patch = pytest.MonkeyPatch()
        self._patch.setitem(sys.modules, "PySpin", module(self.world))

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        profile = self.profile if vis_serial is None else self.profile.edited({"vis": {"serial": vis_serial}})
        return open_backend(profile)

    def unplug(self, arm: Arm) -> None:
        self.world.unplug(self.devices[arm].serial)

    def plug_in(self, arm: Arm) -> None:
        self.world.plug_in(self.devices[arm])

    def close(self) -> None:
        self._patch.undo()
        self.check()

    def check(self) -> None:
        """Nothing was done that hangs or crashes the real PySpin, nothing is kept, and the cameras are as they were."""
        assert self.world.violations == []
        assert list(self.world.handles) == []
        assert not self.world.held
        assert self.settings() == self.found_as

    def settings(self) -> dict[Arm, object]:
        return {arm: (device.nodes.snapshot(), device.stream.snapshot()) for arm, device in self.devices.items()}


def grasshopper(folder: Path) -> Bench:
    return SpinnakerBench(gs3(), small_profile("GS3"))


def blackfly(folder: Path) -> Bench:
    return SpinnakerBench(bfs(), small_profile("BFS"))
