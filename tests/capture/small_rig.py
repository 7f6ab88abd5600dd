"""A simulated rig of tiny frames, and how to take frames from both of its arms."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nirvis_capture.camera import ARMS, Arm, Camera, Frame
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.twin.electronics.ledger import PulseEvents, events

PERIOD_NS = load_profile("twin_day").trigger.period_ns
FIRST_ID = {"nir": 1, "vis": 2}
"""A GS3 counts from 1, and that of vis is one ahead."""
SHORT_S = 0.02
LONG_S = 20.0


def profile(primary: Arm = "nir", rate_hz: float = 45, **twin: Any) -> Profile:
    """A rig of 32×16 pixels that sends noise, quickly."""
    small = {"sensor": {"width_px": 32, "height_px": 16}, "roi": {"width": 32, "height": 16}, "exposure_us": 500}
    changes = {"nir": small, "vis": small, "trigger": {"primary": primary, "rate_hz": rate_hz}}
    twin = {"pacing": "fast", "content": "noise", **twin}
    return load_profile("twin_day").edited({**changes, "twin": twin})


def fault(kind: str, arm: Arm, at: int = 10, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "arm": arm, "at": at, **more}


@contextmanager
def opened(settings: Profile) -> Iterator[dict[Arm, Camera]]:
    backend = open_backend(settings)
    try:
        yield dict(backend.open())
    finally:
        backend.close()


def take(camera: Camera, count: int) -> list[Frame]:
    frames = [camera.next_frame(LONG_S) for _ in range(count)]
    return [frame for frame in frames if frame is not None]


def record(settings: Profile, count: int) -> dict[Arm, list[Frame]]:
    """Frames of both arms, pulled by one thread each as the recorder does, until the secondary has `count`."""
    primary, secondary = settings.trigger.primary, settings.trigger.secondary
    frames: dict[Arm, list[Frame]] = {"nir": [], "vis": []}
    done = threading.Event()

    def pull(camera: Camera, into: list[Frame]) -> None:
        while not done.is_set() and (frame := camera.next_frame(LONG_S)) is not None:
            into.append(frame)

    with opened(settings) as cameras:
        cameras[secondary].arm()
        cameras[primary].arm()
        puller = threading.Thread(target=pull, args=(cameras[primary], frames[primary]))
        puller.start()
        frames[secondary] = take(cameras[secondary], count)
        done.set()
        cameras[primary].disarm()
        puller.join()
    return frames


def sent_ids(rows: list[PulseEvents], arm: Arm) -> list[int]:
    """The ids of the frames that reach the host, in their order, by the truth."""
    ids = []
    for row in rows:
        frame_id, extra_id = (
            (row.nir_frame_id, row.nir_extra_id) if arm == "nir" else (row.vis_frame_id, row.vis_extra_id)
        )
        lost = (row.nir_flags if arm == "nir" else row.vis_flags).lost
        ids += [each for each in ((-1 if lost else frame_id), extra_id) if each >= 0]
    return ids


def play(settings: Profile, pulses: int) -> dict[Arm, list[Frame]]:
    """All frames that come of so many pulses; some arms may be silent at the end, or altogether."""
    rows = events(settings, pulses)
    wanted = {arm: len(sent_ids(rows, arm)) for arm in ARMS}
    frames: dict[Arm, list[Frame]] = {"nir": [], "vis": []}
    done = threading.Event()

    def pull(camera: Camera, into: list[Frame]) -> None:
        while not done.is_set():
            if (frame := camera.next_frame(SHORT_S)) is not None:
                into.append(frame)

    with opened(settings) as cameras:
        cameras[settings.trigger.secondary].arm()
        cameras[settings.trigger.primary].arm()
        pullers = [threading.Thread(target=pull, args=(cameras[arm], frames[arm])) for arm in ARMS]
        for puller in pullers:
            puller.start()
        deadline = time.monotonic() + LONG_S
        while any(len(frames[arm]) < wanted[arm] for arm in ARMS) and time.monotonic() < deadline:
            time.sleep(0.001)
        done.set()
        for puller in pullers:
            puller.join()
    return {arm: frames[arm][: wanted[arm]] for arm in ARMS}


def ids_of(frames: list[Frame]) -> list[int]:
    return [frame.frame_id for frame in frames]


def steps(values: list[int]) -> list[int]:
    return [int(step) for step in np.diff(values)]
