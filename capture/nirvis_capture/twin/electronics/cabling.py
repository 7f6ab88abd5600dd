"""The cables of the simulated rig, and its cameras between one opening and the next: some are away for a while."""

from __future__ import annotations

from collections.abc import Mapping

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.profile import Profile
from nirvis_capture.twin.electronics.cameras import Imager, TwinCamera
from nirvis_capture.twin.electronics.faults import FaultPlan
from nirvis_capture.twin.electronics.ledger import drives
from nirvis_capture.twin.electronics.timing import CameraClock, Pacing, TriggerLine


class Cabling:
    """What stays while a driver opens and closes its cameras: pulse lines, clocks, and who is unplugged.

    A camera whose plug was pulled out is silent and cannot be armed. It is back after the ``count`` pulses of its
    fault (in fast pacing at once), with its clock begun anew, for whoever opens it then; it is pulled out only once.
    """

    def __init__(self, profile: Profile, pacing: Pacing) -> None:
        self._profile = profile
        self._lines = _lines(profile, pacing)
        clocks = {"nir": profile.twin.nir_clock, "vis": profile.twin.vis_clock}
        self._clocks = {arm: CameraClock(clocks[arm], self._lines[arm].now_ns()) for arm in ARMS}
        self._cameras: Mapping[Arm, TwinCamera] = {}
        self._returned: set[Arm] = set()

    def connected(self) -> list[Arm]:
        """The arms that could be opened now."""
        return [arm for arm in ARMS if self._back_ns(arm) <= self._lines[arm].now_ns()]

    def open(self, imagers: Mapping[Arm, Imager]) -> Mapping[Arm, TwinCamera]:
        """New cameras for both arms, which have to be `connected`."""
        for arm in ARMS:
            self._restart(arm)
        self._cut_power()
        self._cameras = {
            arm: TwinCamera(arm, self._profile, imagers[arm], self._lines[arm], self._clocks[arm], self._returned)
            for arm in ARMS
        }
        return dict(self._cameras)

    def close(self) -> None:
        """Close the cameras. Safe to call twice."""
        for camera in self._cameras.values():
            camera.close()

    def _back_ns(self, arm: Arm) -> int:
        """Host time from which a camera is there; 0 for one that was not away."""
        camera = self._cameras.get(arm)
        fault = FaultPlan(self._profile.twin, arm).first("unplug")
        if camera is None or camera.unplugged_ns is None or fault is None or self._lines[arm].fast:
            return 0
        return camera.unplugged_ns + fault.count * self._profile.trigger.period_ns

    def _restart(self, arm: Arm) -> None:
        """A camera that was away counts time from its return."""
        camera = self._cameras.get(arm)
        if camera is None or camera.unplugged_ns is None:
            return
        powered_ns = max(self._back_ns(arm), camera.unplugged_ns)
        self._clocks[arm] = CameraClock(self._clocks[arm].settings.model_copy(update={"offset_ms": 0.0}), powered_ns)
        self._returned.add(arm)

    def _cut_power(self) -> None:
        """Plan when the line of each camera that makes pulses ends."""
        for arm in ARMS:
            if drives(self._profile, arm):
                pulled_at = FaultPlan(self._profile.twin, arm).unplugged_at
                self._lines[arm].ends_at = None if arm in self._returned else pulled_at


def _lines(profile: Profile, pacing: Pacing) -> dict[Arm, TriggerLine]:
    """One line for both arms; one each where they do not hear each other."""
    shared = TriggerLine(profile.trigger.period_ns, pacing)
    if drives(profile, profile.trigger.primary) and not drives(profile, profile.trigger.secondary):
        return dict.fromkeys(ARMS, shared)
    return {profile.trigger.primary: shared, profile.trigger.secondary: TriggerLine(profile.trigger.period_ns, pacing)}
