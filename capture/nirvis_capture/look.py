"""A look through both arms without recording: for setting exposures, and for dark and flat frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nirvis_capture.camera import ARMS, Arm, Backend, Frame, FrameStatus
from nirvis_capture.errors import CameraError
from nirvis_capture.profile import Profile
from nirvis_capture.rig import Rig
from nirvis_capture.row import Row

Pair = dict[Arm, Frame]
_WAIT_S = 0.2


class Look:
    """The newest pairs of an armed rig, as many as are taken; those that come faster are skipped."""

    def __init__(self, rig: Rig, lost: Sequence[CameraError]) -> None:
        self._rig = rig
        self._lost = lost

    def __iter__(self) -> Iterator[Pair]:
        """Never ends. Raises `CameraError` when a camera is lost."""
        shown: Row | None = None
        while True:
            row = self._rig.stream.wait_for_pair(shown, _WAIT_S)
            if self._lost:
                raise self._lost[0]
            if row is None:
                continue
            shown = row
            if row.nir is not None and row.vis is not None:
                pair: Pair = {"nir": row.nir, "vis": row.vis}
                if all(pair[arm].status is FrameStatus.COMPLETE for arm in ARMS):
                    yield pair

    def temperature_c(self, arm: Arm) -> float | None:
        """Of the sensor; None where the camera does not tell."""
        return self._rig.health.get(arm, {}).get("temperature_c")


@contextmanager
def looking(profile: Profile, backend: Backend | None = None) -> Iterator[Look]:
    """Arm the rig of a profile for the time of a block. Raises `CameraError`."""
    lost: list[CameraError] = []
    rig = Rig(profile, lost.append, backend)
    try:
        rig.open()
        rig.arm()
        yield Look(rig, lost)
    finally:
        rig.close()
