"""The recorders that run: whoever launched them may be gone, and only one program can open a camera."""

from __future__ import annotations

from collections.abc import Iterator

from nirvis_capture.camera import ARMS
from nirvis_capture.cameras.genicam_configuration import is_triggered
from nirvis_capture.client import RecorderClient
from nirvis_capture.doctor.finding import Finding, Level
from nirvis_capture.doctor.reception import reception
from nirvis_capture.errors import RecorderError
from nirvis_capture.messages import RecorderStatus
from nirvis_capture.profile import Profile
from nirvis_capture.recorder_lock import rigs_held
from nirvis_capture.runtime import log_path

_ANSWER_S = 3.0
"""A recorder tells its status whatever its cameras and its disk do."""


def recorders(profile: Profile | None) -> Iterator[Finding]:
    """What each recorder of this user does, and whether anybody is there to use it."""
    held = rigs_held()
    for rig, process in held.items():
        mine = profile if profile is not None and profile.rig == rig else None
        status = _status(rig)
        yield _recorder(rig, process, status, mine is not None)
        yield from () if status is None else _receptions(status, mine)
    if not held:
        yield Finding("recorder", "ok", "none runs")


def _recorder(rig: str, process: int, status: RecorderStatus | None, wanted: bool) -> Finding:
    if status is None:
        level: Level = "stop" if wanted else "warning"
        found = f"{rig}: process {process} has the cameras and does not answer; its log is {log_path(rig)}"
        remedy = f"kill -9 {process}; then rescue the clip that it may have left: nirvis recover FOLDER"
        return Finding("recorder", level, found, remedy)
    # This question is a client, too.
    clients = status.clients - 1
    found = f"{rig}: {status.doing}, used by {clients or 'no'} program{'' if clients == 1 else 's'}, process {process}"
    if clients or not status.holds_cameras:
        return Finding("recorder", "ok", found)
    return Finding("recorder", "warning", found, "nirvis record --stop --profile PROFILE, with a profile of that rig")


def _receptions(status: RecorderStatus, profile: Profile | None) -> Iterator[Finding]:
    """Whether everything arrives that its cameras send; which of them waits for pulses only a profile says."""
    for arm in ARMS:
        has_to_send = status.pairs > 0 or (profile is not None and not is_triggered(profile, arm))
        found = reception(arm, status.health.get(arm, {}), has_to_send)
        if found is not None:
            yield found


def _status(rig: str) -> RecorderStatus | None:
    try:
        client = RecorderClient.find(rig, _ANSWER_S)
        if client is None:
            return None
        with client:
            return client.status()
    except RecorderError:
        return None
