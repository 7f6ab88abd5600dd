"""What the window starts with, and the recorder that it asks for."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.client import RecorderClient
from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Profile, load_profile
from nirvis_gui.memory import USUAL_PROFILE, preferences_path
from nirvis_gui.preferences import Preferences, Theme, read_preferences


@dataclass(frozen=True)
class Beginning:
    """How a window starts."""

    profile_name: str
    profile: Profile
    preferences: Preferences
    memory: Path
    """Where the preferences are kept."""
    broken: str = ""
    """Why the file of the preferences could not be read."""
    unusable: str = ""
    """Why the profile of the last time could not be used, and the usual one is."""


def begin(name: str | None, look: Theme | None = None) -> Beginning:
    """Read what is remembered, and the profile. Raises `ProfileError` when the one of that name cannot be used."""
    memory = preferences_path()
    preferences, broken = read_preferences(memory)
    unusable = ""
    if name is None:
        preferences, unusable = _with_usable_profile(preferences)
    if look is not None:
        preferences = preferences.model_copy(update={"look": look})
    chosen = name or preferences.profile
    return Beginning(chosen, load_profile(chosen), preferences, memory, broken, unusable)


def call_recorder(profile: Profile) -> None:
    """Launch the recorder of a rig, in a thread; what goes wrong is told to the window when it attaches."""

    def call() -> None:
        with contextlib.suppress(NirvisError, OSError):
            RecorderClient.start(profile).close()

    threading.Thread(target=call, name="recorder-call", daemon=True).start()


def _with_usable_profile(preferences: Preferences) -> tuple[Preferences, str]:
    """The profile of the last time may be gone or broken by now: with the usual one then, and what was wrong."""
    try:
        load_profile(preferences.profile)
    except NirvisError as error:
        return preferences.model_copy(update={"profile": USUAL_PROFILE}), str(error)
    return preferences, ""
