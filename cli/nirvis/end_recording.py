"""``nirvis record --stop``: end what a recorder does, whoever began it, and be sure that its cameras are free."""

from __future__ import annotations

from pathlib import Path

from nirvis.certificate_line import say_clip
from nirvis_capture.client import RecorderClient
from nirvis_capture.errors import RecorderError
from nirvis_capture.messages import RecorderStatus


def end_recording(rig: str, as_json: bool) -> None:
    """End the recording of a rig, also one that waits for its cameras, and name its clip.

    A recorder that nobody else uses ends as well. Raises `RecorderError` where there is nothing to end, or the
    recording had no frame.
    """
    running = RecorderClient.find(rig)
    if running is None:
        raise RecorderError(f"Nothing is recorded on rig {rig}: no recorder of it is running.")
    with running:
        before = running.status()
        clip = _ended(running, before)
        after = running.status()
        if after.clients == 1:
            running.shutdown()
    if clip is None:
        print(after.model_dump_json() if as_json else _why_no_clip(rig, before))
    elif as_json:
        print(after.model_copy(update={"clip": clip}).model_dump_json())
    else:
        say_clip(clip)


def _ended(running: RecorderClient, before: RecorderStatus) -> Path | None:
    """The clip of the recording that was ended; None when none had begun."""
    if before.state not in ("recording", "finalising") and before.opening != "recording":
        if before.clients > 1:
            raise RecorderError(
                f"Nothing is recorded on rig {before.rig}: its recorder is used by another program ({before.doing}). "
                "Disarm the cameras there, or close its window."
            )
        return None
    clip = running.stop()
    if before.opening and running.status().recording_id == before.recording_id:
        return None
    if clip is None:
        raise RecorderError(f"The recording of rig {before.rig} had no frame, so no clip was written.")
    return clip


def _why_no_clip(rig: str, before: RecorderStatus) -> str:
    if before.opening:
        return f"The recording of rig {rig} was called off before its first exposure; no clip was written."
    return f"Nothing was recorded on rig {rig} ({before.doing}). Its recorder is ended, and its cameras are free."
