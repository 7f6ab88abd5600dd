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
        status = running.status()
    if status.holds_cameras:
        raise RecorderError(
            f"The recorder of rig {profile.rig} holds its cameras ({status.doing}). Disarm them in the window, or end "
            "it with: nirvis record --stop --profile PROFILE"
        )
