"""What a clip is called, and where it is put."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile

CLIP_SUFFIX = ".clip.h5"
_FIELDS = "start, mode, place, recording_id"


def new_recording_id() -> str:
    """Twelve hexadecimal digits: among 10⁵ recordings, two agree with a chance of 2 in 100 000."""
    return uuid.uuid4().hex[:12]


def clip_path(profile: Profile, folder: Path, start: datetime, place: str, recording_id: str) -> Path:
    """Path of a new clip by ``recording.naming``; a number is added rather than to overwrite anything.

    Raises `ProfileError` when the pattern cannot be filled in.
    """
    return _free_path(folder, _name(profile, start, place, recording_id))


def part_path(path: Path, part: int) -> Path:
    """Path of a part of the recording that would be `path` if it were one clip; parts sort in their order."""
    return _free_path(path.parent, f"{path.name.removesuffix(CLIP_SUFFIX)}-part{part:03d}")


def _free_path(folder: Path, name: str) -> Path:
    candidates = (folder / f"{name}{suffix}{CLIP_SUFFIX}" for suffix in _suffixes())
    return next(path for path in candidates if not path.exists() and not path.with_name(path.name + ".part").exists())


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in itertools.count(2))


def _name(profile: Profile, start: datetime, place: str, recording_id: str) -> str:
    pattern = profile.recording.naming
    fields = {"start": start, "mode": profile.mode, "place": _plain(place), "recording_id": recording_id}
    try:
        name = pattern.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        reason = f"cannot be filled in ({error}), got {pattern!r}; it may use {_FIELDS}"
        raise ProfileError(profile.rig, [f"recording.naming: {reason}"]) from None
    return _plain(name) or recording_id


def _plain(text: str) -> str:
    """Letters, digits, dot, dash and underscore only: what every file system and shell takes as it is."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")
