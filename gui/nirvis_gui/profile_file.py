"""The profile in use as a file, for commands that are given one; they run in threads of their own."""

from __future__ import annotations

import os
from pathlib import Path

from nirvis_capture.client import RecorderClient
from nirvis_capture.profile import Profile
from nirvis_capture.runtime import runtime_folder


def written_profile(profile: Profile) -> Path:
    """Where the exact text of a profile can be read, changed or not. Raises `OSError`."""
    path = runtime_folder() / f"{profile.rig}.window.toml"
    part = path.with_suffix(".part")
    part.write_text(profile.text, encoding="utf-8")
    os.replace(part, path)
    return path


def free_rig(profile: Profile) -> Path:
    """Let the recorder release the cameras, and write the profile. Raises `NirvisError` and `OSError`."""
    client = RecorderClient.find(profile.rig)
    if client is not None:
        with client:
            client.disarm()
    return written_profile(profile)
