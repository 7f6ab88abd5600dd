"""The live view gives way before the recording does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from nirvis_capture.pairing import Event
from nirvis_capture.preview import Preview
from nirvis_capture.profile import Profile
from nirvis_capture.rig import Rig
from nirvis_capture.slot import Slot
from waiting import wait_for


class Counting:
    """A slot that counts what is put into it."""

    def __init__(self) -> None:
        self.pictures = 0

    def publish(self, *_: Any) -> None:
        self.pictures += 1


def test_fewer_pictures_while_the_disk_falls_behind(small_profile: Callable[..., Profile]) -> None:
    profile = small_profile("real", rate_hz=150)
    rig = Rig(profile, on_lost=lambda _: None)
    rig.open()
    rig.arm()
    shown = {}
    for fill in (0.4, 0.6):
        slot = Counting()
        until = rig.counts.get(Event.PAIR, 0) + 120
        preview = Preview(profile, rig.infos, rig.stream, cast(Slot, slot), lambda fill=fill: fill)
        wait_for(lambda until=until: rig.counts.get(Event.PAIR, 0) >= until)
        preview.stop()
        shown[fill] = slot.pictures
    rig.close()
    assert 0 < 2 * shown[0.6] <= shown[0.4]
