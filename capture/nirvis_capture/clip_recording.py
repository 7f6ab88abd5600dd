"""One clip, recorded within this process: preflight, rendered streets, demo and tests need no recorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from nirvis_capture.disk import prepare_folder
from nirvis_capture.errors import CameraError
from nirvis_capture.naming import clip_path
from nirvis_capture.profile import Light, Profile
from nirvis_capture.recording import Limits, Recording, new_header
from nirvis_capture.rig import Rig

_LOOK_S = 0.1


def record_clip(
    profile: Profile,
    folder: Path,
    seconds: float | None = None,
    pairs: int | None = None,
    place: str = "",
    light: Light = "day",
    notes: str = "",
    operator: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Record one clip within this process, from the first pulse on; `seconds` or `pairs` says how long.

    A clip of so many `pairs` has some more where the pairing still held frames of later pulses.
    Cameras with fast pacing are slowed down to what the disk takes; they lose nothing.
    Raises `NirvisError` when the cameras or the disk fail; what was recorded until then is kept.
    """
    prepare_folder(profile, folder)
    lost: list[CameraError] = []
    limits = Limits.lasting(profile, seconds, pairs)
    header = new_header(place, light, notes, operator)
    path = clip_path(profile, folder, header.start_time, place, header.recording_id)
    with closing(Rig(profile, lost.append)) as rig:
        rig.open()
        recording = Recording(path, header, profile, rig.infos_now(), limits)
        try:
            rig.arm(recording)
            _watch(recording, lost, limits, progress)
        finally:
            for error in lost:
                recording.note(str(error))
            rig.disarm()
            recording.cancel()
            recording.wait()
    clip = recording.result()
    if lost:
        raise lost[0]
    return clip


def _watch(
    recording: Recording,
    lost: Sequence[CameraError],
    limits: Limits,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Wait until the recording has its length, or a camera is lost."""
    total = limits.pairs or limits.pulses or 0
    while not lost and not recording.wait(_LOOK_S):
        if progress is not None:
            progress(min(total, recording.pairs if limits.pairs else recording.pulses), total)
    if progress is not None and not lost:
        progress(total, total)
