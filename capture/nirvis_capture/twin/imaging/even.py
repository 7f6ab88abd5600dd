"""What the simulated rig sees with its lenses capped, or before an evenly lit wall: nothing but its own sensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.profile import Profile
from nirvis_capture.twin.imaging.lens import falloff
from nirvis_capture.twin.imaging.sensor import Sensor, responsivity

WALL_RADIANCE = 0.5
"""Of a white wall in the sun, behind half of the light."""


def even_imagers(profile: Profile) -> Mapping[Arm, EvenImager]:
    """Both arms in the dark, or before a wall, as ``twin.content`` has it."""
    radiance = 0.0 if profile.twin.content == "dark" else WALL_RADIANCE * 2**profile.twin.brightness_ev
    return {arm: EvenImager(profile, arm, radiance) for arm in ARMS}


class EvenImager:
    """One arm before the same radiance everywhere; its lens darkens the corners."""

    def __init__(self, profile: Profile, arm: Arm, radiance: float) -> None:
        settings = profile.arm(arm)
        self._sensor = Sensor(arm, settings, profile.twin)
        light = radiance * responsivity(settings) * falloff(settings, profile.twin.vignetting)
        self._wall = self._sensor.exposed(np.asarray(light, np.float32))

    def capture(self, pulse: int) -> Raw:
        return self._sensor.counts(self._wall, self._sensor.noise(pulse))
