"""A camera can be open in one program only: commands that open the rig themselves make sure that no recorder has it."""

from __future__ import annotations

from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile


def refuse_taken(profile: Profile) -> None:
    """Raise `RecorderError` while a recorder process holds the cameras of this rig."""
    from nirvis_capture.client import RecorderClient

    running = RecorderClient.find(profile.rig)
    if running is None:
        return
    with running:
        state = running.status().state
    if state != "idle":
        raise RecorderError(
            f"The recorder of rig {profile.rig} holds its cameras: it is {state}. End its recording, and disarm the "
            "cameras in the window; then ask again."
        )
