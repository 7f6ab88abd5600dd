"""The two arms of the simulated rig before a street: what reaches them, turned into counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.profile import Profile
from nirvis_capture.twin.imaging.arm_view import ArmView
from nirvis_capture.twin.imaging.optics import RigOptics
from nirvis_capture.twin.imaging.sensor import Exposed, Sensor
from nirvis_capture.twin.imaging.still import Still
from nirvis_capture.twin.scenery.scene import Scene, paint_street


def street_imagers(profile: Profile) -> Mapping[Arm, StreetImager]:
    """Both arms before the street of the profile's seed. Raises `ProfileError` for an unknown sensor."""
    with ThreadPoolExecutor(len(ARMS) + 1) as painters:
        sensors = [painters.submit(Sensor, arm, profile.arm(arm), profile.twin) for arm in ARMS]
        optics, scene = rig_before_street(profile)
        first = painters.submit(scene.movers, 0.0)
        arms = [
            painters.submit(StreetImager, profile, arm, scene, optics, sensor.result())
            for arm, sensor in zip(ARMS, sensors, strict=True)
        ]
        first.result()
        imagers = {arm: imager.result() for arm, imager in zip(ARMS, arms, strict=True)}
    # Their next steps are painted beside the first frames, so that none of those waits for many at once. The program
    # waits for this thread, which ends with it: cut off within OpenCV, it would abort the program.
    threading.Thread(target=scene.traffic.paint_ahead, args=(0.0,), name="paint ahead", daemon=False).start()
    return imagers


class StreetImager:
    """One arm. What stands still is exposed once; each frame adds what moves, and noise."""

    def __init__(
        self, profile: Profile, arm: Arm, scene: Scene, optics: RigOptics, sensor: Sensor | None = None
    ) -> None:
        """sensor: where there is one already."""
        self._sensor = sensor or Sensor(arm, profile.arm(arm), profile.twin)
        self._view = ArmView(profile, arm, scene, optics, profile.arm(arm).cfa)
        self._still: Still | None = None
        self._street: Exposed | None = None
        # Whoever is in sight is painted now, so that the first pulse finds a rig that keeps up.
        self.capture(0)

    def capture(self, pulse: int) -> Raw:
        noise = self._sensor.noise(pulse)
        if self._view.restless:
            return self._sensor.counts(self._sensor.exposed(self._view.picture(pulse)), noise)
        still = self._view.still(pulse)
        if self._street is None or still is not self._still:
            self._still, self._street = still, self._sensor.exposed(self._view.street(still))
        counts = self._sensor.counts(self._street, noise)
        for box, light in self._view.traffic(still, pulse):
            counts[box] = self._sensor.counts(self._sensor.exposed(light, box), noise.part(box))
        return counts


def rig_before_street(profile: Profile) -> tuple[RigOptics, Scene]:
    """The optics of a rig, and the street of its seed on a canvas that they fill."""
    optics, twin = RigOptics(profile), profile.twin
    return optics, paint_street(twin.scene_seed, optics.canvas_width_px, optics.canvas_height_px, twin.weather)
