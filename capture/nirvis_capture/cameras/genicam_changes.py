"""What nirvis changed in a camera, and the way back.

A value is remembered together with the state of its selectors and switches, and put back in reverse order: each step
back leads to a state that the camera was in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from nirvis_capture.cameras.genicam import BELONGS_TO, SPELLINGS, Features, Refused, Value, look_up
from nirvis_capture.cameras.genicam_leftovers import Kept, Leftovers
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
    """Everything that is written to one camera goes through here, from the moment that it is open.

    leftovers
        Where what is changed is written down, and what a killed program left behind is found; it is put back first.
    """

    def __init__(self, features: Features, serial: str, leftovers: Leftovers | None = None) -> None:
        self.features = features
        self._serial = serial
        self._before: dict[_Place, Value] = {}
        self._written: dict[_Place, list[Value | None]] = {}
        self._leftovers = leftovers
        if leftovers is not None:
            self._take_back(leftovers.recall())
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
        self._write_down()
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
                    break
                left = len(refused)
            if self._leftovers is not None and not refused:
                self._leftovers.forget()
            return sorted(set(refused))
        finally:
            self._before.clear()

    def _holds(self, setting: NodeSetting, name: str, before: Value) -> bool:
        """Write one setting; False when the camera keeps another value and may do so."""
        if before == setting.value:
            return True
        place = self._place(name)
        self._intend(place, before, setting.value)
        try:
            self.features.write(name, setting.value)
        except Refused:
            self._written[place] = [before]
            if setting.needed or setting.node in _BINDING:
                raise
            return False
        self._written[place] = [self.features.read(name)]
        return True

    def _intend(self, place: _Place, now: Value, value: Value) -> None:
        """On disk before it is in the camera: whoever is killed between the two leaves a way back."""
        self._before.setdefault(place, now)
        self._written[place] = [now, value]
        self._write_down()

    def _write_down(self) -> None:
        if self._leftovers is not None:
            self._leftovers.keep(
                Kept(name=name, around=list(around), before=before, written=self._written_to((name, around)))
                for (name, around), before in self._before.items()
            )

    def _written_to(self, place: _Place) -> list[Value | None]:
        """What the camera moved by itself was never written."""
        return self._written[place] if place in self._written else [self.features.read(place[0])]

    def _take_back(self, kept: Sequence[Kept]) -> None:
        """Undo what a killed program left behind, and nothing that somebody changed since.

        A camera in which most of it is different lost its power, or was reset: what is equal there is so by chance.
        """
        names = {name for each in kept for name in (each.name, *dict(each.around)) if name.endswith("Selector")}
        selected = {name: self.features.read(name) for name in names}
        changed = [each for each in kept if each.written != [each.before]]
        held = [each for each in changed if self._still_held(each, selected)]
        if 2 * len(held) < len(changed):
            held = []
        if held:
            # The kill may have come before anybody saw what the camera moved by itself.
            moved = [each for each in kept if each not in changed and each.name in _MOVED_BY_OTHERS]
            self._before = {(each.name, tuple(each.around)): each.before for each in (*moved, *held)}
            log.warning("camera %s has %d settings of a program that was killed", self._serial, len(held))
            self.restore()
        for name in names - {each.name for each in held}:
            value = selected[name]
            if value is not None:
                self._undo((name, ()), value)

    def _still_held(self, kept: Kept, selected: Mapping[str, Value | None]) -> bool:
        if kept.name in selected:
            return selected[kept.name] in kept.written
        # Only selectors are moved to have a look; what a switch has become is looked at by itself.
        moved = [self._undo((name, ()), state) for name, state in kept.around if name in selected]
        return all(moved) and self.features.read(kept.name) in kept.written

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
