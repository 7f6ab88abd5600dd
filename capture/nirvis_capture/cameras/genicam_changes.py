"""What nirvis changed in a camera, and the way back.

A value is remembered together with the state of its selectors and switches, and put back in reverse order: each step
back leads to a state that the camera was in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from nirvis_capture.cameras.genicam import BELONGS_TO, SPELLINGS, Features, Refused, Value, look_up
from nirvis_capture.errors import CameraError
from nirvis_capture.trigger import NodeSetting

log = logging.getLogger(__name__)

_Place = tuple[str, tuple[tuple[str, Value], ...]]
"""A feature, and the state of the others that its value belongs to."""

_MOVED_BY_OTHERS = ("AcquisitionFrameRate", *SPELLINGS["ExposureTime"])
"""Cameras change these by themselves when another one leaves them no room, so they are read before anything else."""

_BINDING = frozenset(
    {
        "AcquisitionMode",
        "TriggerMode",
        "OffsetX",
        "OffsetY",
        "ExposureAuto",
        "AcquisitionFrameRateAuto",
        "AcquisitionFrameRateEnable",
        "GainAuto",
        "Gain",
    }
)
"""Needed by whoever has them: a camera that keeps another value would not do what the profile says."""


class Changes:
    """Everything that is written to one camera goes through here, from the moment that it is open."""

    def __init__(self, features: Features, serial: str) -> None:
        self.features = features
        self._serial = serial
        self._before: dict[_Place, Value] = {}
        for name in _MOVED_BY_OTHERS:
            value = features.read(name)
            if value is not None and features.is_writable(name):
                self._before[self._place(name)] = value

    def apply(self, settings: Iterable[NodeSetting]) -> list[NodeSetting]:
        """Write what differs, in this order; gives the settings that the camera has now.

        What a camera may lack is passed over, and so is what belongs to a selector that did not move. Raises
        `CameraError` when a needed feature is missing or its value is refused.
        """
        refused: set[str] = set()
        held: list[NodeSetting] = []
        for setting in settings:
            found = look_up(self.features, setting.node)
            if found is None and setting.needed:
                raise CameraError(
                    f"Camera {self._serial} has no {' nor '.join(SPELLINGS.get(setting.node, (setting.node,)))} that "
                    f"could be set to {setting.value}; the profile does not fit this camera."
                )
            astray = not setting.needed and not refused.isdisjoint(BELONGS_TO.get(setting.node, ()))
            if found is None or astray:
                continue
            if self._holds(setting, *found):
                held.append(setting)
                refused.discard(setting.node)
            else:
                log.debug("camera %s keeps %s = %s", self._serial, *found)
                refused.add(setting.node)
        return held

    def restore(self) -> list[str]:
        """Put back what was there; gives the names of the features that refused. Safe to call twice.

        Limits depend on each other (exposure on rate, offset on width), so it is tried as long as that gets further.
        """
        left = len(self._before)
        try:
            while True:
                refused = [place[0] for place, value in reversed(self._before.items()) if not self._undo(place, value)]
                if len(refused) in (0, left):
                    return sorted(set(refused))
                left = len(refused)
        finally:
            self._before.clear()

    def _holds(self, setting: NodeSetting, name: str, before: Value) -> bool:
        """Write one setting; False when the camera keeps another value and may do so."""
        if before == setting.value:
            return True
        place = self._place(name)
        try:
            self.features.write(name, setting.value)
        except Refused:
            if setting.needed or setting.node in _BINDING:
                raise
            return False
        except CameraError:
            # Written or not, nobody knows.
            self._before.setdefault(place, before)
            raise
        self._before.setdefault(place, before)
        return True

    def _place(self, name: str) -> _Place:
        around = ((other, self.features.read(other)) for other in BELONGS_TO.get(name, ()))
        return name, tuple((other, state) for other, state in around if state is not None)

    def _undo(self, place: _Place, value: Value) -> bool:
        name, around = place
        try:
            for feature, wanted in (*around, (name, value)):
                if self.features.read(feature) != wanted:
                    self.features.write(feature, wanted)
        except CameraError:
            return False
        return True
