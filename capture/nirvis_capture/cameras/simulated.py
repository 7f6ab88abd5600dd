"""Cameras of the simulated rig."""

from __future__ import annotations

from collections.abc import Mapping

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.errors import CameraNotFound
from nirvis_capture.profile import Profile
from nirvis_capture.twin.electronics import Imager, TwinCamera
from nirvis_capture.twin.imager import street_imagers
from nirvis_capture.twin.sensor import noise_loop
from nirvis_capture.twin.timing import trigger_line

SERIALS = ("TWIN-NIR", "TWIN-VIS")
"""The two cameras that are always connected."""


class SimulatedBackend:
    """The driver of the simulated rig: a street before a beam splitter, or noise at line rate."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._cameras: dict[Arm, TwinCamera] = {}

    def serials(self) -> list[str]:
        return list(SERIALS)

    def open(self) -> Mapping[Arm, TwinCamera]:
        for arm in ARMS:
            if self._profile.arm(arm).serial not in SERIALS:
                raise CameraNotFound(self._profile.arm(arm).serial, self.serials())
        self.close()
        line = trigger_line(self._profile, self._profile.twin.pacing)
        imagers = _imagers(self._profile)
        self._cameras = {arm: TwinCamera(arm, self._profile, imagers[arm], line) for arm in ARMS}
        return dict(self._cameras)

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        self._cameras = {}


class NoiseImager:
    """A short loop of noise: costs one copy per frame."""

    def __init__(self, frames: list[Raw]) -> None:
        self._frames = frames

    def capture(self, pulse: int) -> Raw:
        counts: Raw = self._frames[pulse % len(self._frames)].copy()
        return counts


def _imagers(profile: Profile) -> Mapping[Arm, Imager]:
    if profile.twin.content == "street":
        return street_imagers(profile)
    seed = profile.twin.scene_seed
    return {arm: NoiseImager(noise_loop(profile.arm(arm), 2 * seed + (arm == "vis"))) for arm in ARMS}
