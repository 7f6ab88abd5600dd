"""Open the cameras of a rig where no signal can tear it in two, and give them back when nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from nirvis_capture.camera import Arm, Backend, Camera
from nirvis_capture.patience import ANSWER_PATIENCE_S, answer_of, within_patience
from nirvis_capture.profile import Profile

PAINTING_PATIENCE_S = 180.0
"""A simulated rig paints its street when it is opened, which takes a busy computer a while."""


def cameras_of(profile: Profile, backend: Backend) -> Mapping[Arm, Camera]:
    """The open cameras of a driver.

    Ctrl-C and signals that end a command are raised in the main thread; the driver works in another one, and is told to
    close once it is through. Raises `CameraError` when it fails or does not answer; no camera stays open then.
    """
    given_up = threading.Event()

    def wanted() -> Mapping[Arm, Camera]:
        cameras = {} if given_up.is_set() else backend.open()
        if given_up.is_set():
            backend.close()
        return cameras

    try:
        return answer_of("open the cameras", wanted, _patience_s(profile))
    except BaseException:
        given_up.set()
        within_patience("release the cameras", backend.close)
        raise


def _patience_s(profile: Profile) -> float:
    return PAINTING_PATIENCE_S if profile.nir.backend == "simulated" else ANSWER_PATIENCE_S
