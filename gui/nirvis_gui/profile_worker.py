"""Checks and saves edited profiles in a thread of its own: reading TOML takes longer than a picture may wait."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import pyqtSignal

from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Profile
from nirvis_capture.settings import Changes
from nirvis_gui.workers import Worker


@dataclass(frozen=True)
class Checked:
    """What became of a check."""

    changes: Changes
    mistakes: tuple[str, ...]


class ProfileWorker(Worker):
    """Does what the profile page asks for."""

    checked = pyqtSignal(object)
    """`Checked`."""
    saved = pyqtSignal(object)
    """Path of the file that was written."""

    def check(self, profile: Profile, changes: Changes) -> None:
        self.post("check", lambda: self.checked.emit(Checked(changes, _mistakes(profile, changes))))

    def save(self, path: Path, profile: Profile, changes: Changes) -> None:
        """Write the profile with its changes; nothing is written where it has a mistake."""
        self.post("save", lambda: self._save(path, profile.edited(changes).text))

    def _save(self, path: Path, text: str) -> None:
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
        self.saved.emit(path)


def _mistakes(profile: Profile, changes: Changes) -> tuple[str, ...]:
    try:
        profile.edited(changes)
    except ProfileError as error:
        return error.mistakes
    return ()
