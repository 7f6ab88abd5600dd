"""The start of the window: its recorder comes up while everything else is still being imported."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError

import nirvis_profiles
from nirvis_capture.errors import NirvisError
from nirvis_capture.launch import launch_ahead
from nirvis_capture.runtime import RIG_PATTERN
from nirvis_gui.memory import USUAL_PROFILE, preferences_path

if TYPE_CHECKING:
    from nirvis_gui.preferences import Theme


def run(name: str | None, model: Path | None = None, look: Theme | None = None) -> int:
    """Show the window until it is closed; returns the exit status.

    name, look
        A shipped profile or a file, and light or dark; None for those of the last time.

    Raises `ProfileError` when the profile of that name cannot be used.
    """
    # What is wrong is told to whoever reads the same things thoroughly.
    with contextlib.suppress(OSError, UnicodeDecodeError, TOMLKitError, KeyError, NirvisError):
        launch_ahead(_rig_of(name or _profile_of_the_last_time()))
    # It imports what the recorder does.
    from nirvis_gui.beginning import begin, call_recorder

    beginning = begin(name, look)
    call_recorder(beginning.profile)
    # Only now, because it takes as long as the recorder does to come up.
    from nirvis_gui.app import show

    return show(beginning, model)


def _profile_of_the_last_time() -> str:
    path = preferences_path()
    remembered = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else {}
    return str(remembered.get("profile", USUAL_PROFILE))


def _rig_of(profile_name: str) -> str:
    rig = str(tomlkit.parse(nirvis_profiles.read(profile_name))["rig"])
    if not re.fullmatch(RIG_PATTERN, rig):
        raise KeyError(rig)
    return rig
