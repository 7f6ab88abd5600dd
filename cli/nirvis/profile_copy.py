"""Profiles that commands write: the text that was read, with other values and its comments kept."""

from __future__ import annotations

import os
from pathlib import Path

from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile


def check_target(path: Path, source: str) -> None:
    """Refuse to write a profile over another one than it was read from. Raises `ProfileError`."""
    if path.suffix != ".toml":
        raise ProfileError(str(path), ["a profile is a .toml file; name one, such as street.toml"])
    if path.exists() and not (Path(source).exists() and path.samefile(source)):
        raise ProfileError(
            str(path),
            [f"exists already, and was not read from: its values would be lost; begin from it instead of {source}"],
        )


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
