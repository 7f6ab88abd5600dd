"""Profiles that commands write: the text that was read, with other values and its comments kept."""

from __future__ import annotations

import os
from pathlib import Path

from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile


def write_profile(profile: Profile, path: Path) -> Path:
    """Write the text of a profile, complete or not at all. Raises `ProfileError` when it cannot be written."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(profile.text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise ProfileError(str(path), [f"cannot be written: {error.strerror}; name another file"]) from None
    return path
