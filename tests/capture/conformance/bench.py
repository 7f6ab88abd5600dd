"""What the conformance suite knows of a backend: two connected cameras, and what they cannot do.

A backend joins the suite by a subclass of `Bench` and one row in ``conformance/benches.py``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Generic, Literal, TypeVar

import pytest

from nirvis_capture.camera import ARMS, Arm, Backend, Camera, Frame, other
from nirvis_capture.errors import CameraError

Ability = Literal["trigger", "latch", "clock", "host_times", "serials", "exclusive", "unplug", "ranges"]
"""
trigger
    The secondary exposes upon pulses of the primary only.
latch
    `Camera.latch_clock` gives a reading.
clock
    Time stamps rise.
host_times
    `Frame.host_ns` is on the monotonic clock of this host.
serials
    Cameras are found by their serial numbers, and one that is not there is an error.
exclusive
    A camera that is open cannot be opened by another driver.
unplug
    A plug can be pulled out and put back.
ranges
    A camera tells which values its settings may have.
"""

Lacks = Mapping[Ability, str]
"""Why each ability that is missing is missing."""

DEADLINE_S = 30.0
"""Far beyond what anything here takes; only a hang reaches it."""

_Result = TypeVar("_Result")


class Bench:
    """One backend with two cameras connected to it. Frames come at 20 to 200 Hz and are small."""

    lacks: ClassVar[Lacks] = {}
    primary: Arm = "nir"

    def connect(self, vis_serial: str | None = None, plug: Arm | None = None) -> Backend:
        """A new driver for the two cameras; nothing is open yet.

        vis_serial
            Ask for this camera instead of the one that is connected.
        plug
            The suite is going to call `unplug` for that arm: for benches that have to plan it.
        """
        raise NotImplementedError

    def unplug(self, arm: Arm) -> None:
        """Pull the plug of a camera that is streaming; it must fall silent within seconds."""

    def plug_in(self, arm: Arm) -> None:
        """Put it back; a new driver finds the camera again."""

    def close(self) -> None:
        """Take the bench apart."""

    def needs(self, *abilities: Ability) -> None:
        """Skip the test with the reason where the bench lacks one of these."""
        for ability in abilities:
            if ability in self.lacks:
                pytest.skip(f"no {ability}: {self.lacks[ability]}")


class OpenRig:
    """Both cameras of a bench, open."""

    def __init__(self, backend: Backend, primary: Arm) -> None:
        self.backend = backend
        self.cameras: dict[Arm, Camera] = dict(backend.open())
        self.primary = self.cameras[primary]
        self.secondary = self.cameras[other(primary)]

    def arm(self) -> None:
        """As the rig does: secondary first."""
        self.secondary.arm()
        self.primary.arm()

    def disarm(self) -> None:
        """As the rig does: primary first."""
        self.primary.disarm()
        self.secondary.disarm()

    def take(self, frames: int) -> dict[Arm, list[Frame]]:
        """So many frames of each arm, in turn."""
        taken: dict[Arm, list[Frame]] = {arm: [] for arm in ARMS}
        for _ in range(frames):
            for arm in ARMS:
                taken[arm].append(next_frame(self.cameras[arm]))
        return taken


@contextmanager
def opened(bench: Bench, plug: Arm | None = None) -> Iterator[OpenRig]:
    backend = bench.connect(plug=plug)
    try:
        yield OpenRig(backend, bench.primary)
    finally:
        backend.close()


def next_frame(camera: Camera) -> Frame:
    """The next frame; the test fails when there is none."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        frame = camera.next_frame(DEADLINE_S)
        if frame is not None:
            return frame
    raise AssertionError(f"camera {camera.info.serial} sent no frame")


def fell_silent(camera: Camera, patience_s: float) -> bool:
    """Read until no frame came for that long, or the driver says what happened."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if _frame_or_none(camera, patience_s) is None:
            return True
    return False


def _frame_or_none(camera: Camera, timeout_s: float) -> Frame | None:
    try:
        return camera.next_frame(timeout_s)
    except CameraError:
        return None


class Waiting(Generic[_Result]):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], _Result]) -> None:
        self._call = call
        self._results: list[_Result] = []
        self.error: CameraError | None = None
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._began.wait(DEADLINE_S)

    def _run(self) -> None:
        self._began.set()
        try:
            self._results.append(self._call())
        except CameraError as error:
            self.error = error

    def result(self) -> _Result | None:
        """What it returned; None when it ended with a `CameraError`. Fails when it hangs."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the call hangs"
        return self._results[0] if self._results else None
