"""Cameras of the simulated rig."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.errors import CameraNotFound
from nirvis_capture.profile import Profile
from nirvis_capture.twin.electronics.cabling import Cabling
from nirvis_capture.twin.electronics.cameras import Imager, TwinCamera
from nirvis_capture.twin.imaging.even import even_imagers
from nirvis_capture.twin.imaging.imager import street_imagers
from nirvis_capture.twin.imaging.loop import noise_loop, rendered_loop

SERIALS = ("TWIN-NIR", "TWIN-VIS")
"""The two cameras that are connected while nobody pulls a plug."""
_painting = threading.Lock()


class SimulatedBackend:
    """The driver of the simulated rig: a street before a beam splitter, rendered or as a loop, or noise."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._cabling = Cabling(profile, profile.twin.pacing)

    def serials(self) -> list[str]:
        connected = self._cabling.connected()
        away = [self._profile.arm(arm).serial for arm in ARMS if arm not in connected]
        return [serial for serial in SERIALS if serial not in away]

    def open(self) -> Mapping[Arm, TwinCamera]:
        self.close()
        for arm in ARMS:
            if self._profile.arm(arm).serial not in self.serials():
                raise CameraNotFound(self._profile.arm(arm).serial, self.serials())
        return self._cabling.open(painted(self._profile))

    def close(self) -> None:
        self._cabling.close()


def painted(profile: Profile) -> Mapping[Arm, Imager]:
    """What both arms see; that of the last profile is kept, so that arming again costs nothing.

    Whoever opens a rig that is just being painted waits until it is.
    """
    with _painting:
        return _imagers(profile)


@lru_cache(maxsize=1)
def _imagers(profile: Profile) -> Mapping[Arm, Imager]:
    if profile.twin.content == "noise":
        seed = profile.twin.scene_seed
        return {arm: noise_loop(profile.arm(arm), 2 * seed + (arm == "vis")) for arm in ARMS}
    if profile.twin.content in ("dark", "even"):
        return even_imagers(profile)
    rendered = street_imagers(profile)
    if profile.twin.content == "street":
        return rendered
    return {arm: rendered_loop(profile, rendered[arm]) for arm in ARMS}
