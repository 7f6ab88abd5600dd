"""Camera drivers behind one protocol; each is imported when a profile asks for it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from nirvis_capture.errors import NirvisError

if TYPE_CHECKING:
    from nirvis_capture.camera import Backend
    from nirvis_capture.profile import Profile


def open_backend(profile: Profile) -> Backend:
    """The driver that the arms of a profile name; its cameras are not open yet."""
    if profile.nir.backend == "replay":
        from nirvis_capture.cameras.replay import open_replay

        return open_replay(profile)
    if profile.nir.backend == "spinnaker":
        from nirvis_capture.cameras.borrowed import Borrowed
        from nirvis_capture.cameras.spinnaker import SpinnakerBackend

        return Borrowed(SpinnakerBackend(profile))
    if profile.nir.backend == "aravis":
        from nirvis_capture.cameras.aravis import AravisBackend
        from nirvis_capture.cameras.borrowed import Borrowed

        return Borrowed(AravisBackend(profile))
    from nirvis_capture.cameras.simulated import SimulatedBackend

    return SimulatedBackend(profile)


def prepare_backend(profile: Profile) -> None:
    """Begin, in a thread, what takes long and needs no camera: a simulated rig paints its street."""
    if profile.nir.backend == "simulated":
        threading.Thread(target=_paint, args=(profile,), name="paint").start()


def _paint(profile: Profile) -> None:
    from nirvis_capture.cameras.simulated import painted

    # What is wrong is told to whoever opens the cameras.
    with contextlib.suppress(NirvisError):
        painted(profile)
