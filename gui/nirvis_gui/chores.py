"""What the window has done by others: files read and written, the colorizer kept running."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from PyQt5.QtCore import QProcess, pyqtSignal

import nirvis_profiles
from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.settings import Changes
from nirvis_capture.slot import slot_folder
from nirvis_gui.preferences import Preferences, write_preferences
from nirvis_gui.texts import tr
from nirvis_gui.workers import Worker

ENDING_MS = 3000


class Chores(Worker):
    """Small jobs on files."""

    profile_loaded = pyqtSignal(str, object)
    """Name or path, and the `Profile`."""
    profiles_found = pyqtSignal(object)

    def find_profiles(self) -> None:
        """List the shipped profiles."""
        self.post("profiles", lambda: self.profiles_found.emit(nirvis_profiles.names()))

    def load_profile(self, name: str) -> None:
        self.post("profile", lambda: self.profile_loaded.emit(name, load_profile(name)))

    def edit_profile(self, name: str, profile: Profile, changes: Changes) -> None:
        """Give the profile with other values, as if it were loaded."""
        self.post("profile", lambda: self.profile_loaded.emit(name, profile.edited(changes)))

    def remember(self, path: Path, preferences: Preferences) -> None:
        """Keep what the window starts with the next time."""
        self.post("remember", lambda: write_preferences(path, preferences))

    def open_folder(self, folder: Path) -> None:
        """Show a folder in the file manager of the desktop."""
        self.post("folder", lambda: _open_folder(folder))


class Colour(Worker):
    """Keeps the colorizer process of this window: at most one, and none when the colour is off."""

    started = pyqtSignal(object)
    """Path of the slot that the colorizer publishes; None when it was stopped."""
    ended = pyqtSignal(str)
    """The colorizer ended by itself, and what it said."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: tuple[Path, Path] | None = None
        self._process: QProcess | None = None
        self._slot: Path | None = None

    def follow(self, model: Path | None, preview: Path | None) -> None:
        """Colour what is published at `preview` with `model`, in place of what ran before; None of either stops."""
        wanted = (model, preview) if model and preview else None
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if wanted:
            self.post("colour", lambda: self._start(*wanted))
        else:
            self.post("colour", self._stop)

    def forget(self) -> None:
        """Start again even with the same model: its file may be another one now."""
        self._wanted = None

    def release(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)
            process.deleteLater()
        if self._slot is not None:
            self._slot.unlink(missing_ok=True)
            self._slot = None

    def _stop(self) -> None:
        self.release()
        self.started.emit(None)

    def _start(self, model: Path, preview: Path) -> None:
        self.release()
        slot = slot_folder() / f"colour-{os.getpid()}.slot"
        process = QProcess(self)
        process.finished.connect(lambda *_: self._on_end(process))
        arguments = ["-m", "nirvis_training.live", "--model", str(model)]
        process.start(sys.executable, [*arguments, "--preview", str(preview), "--out", str(slot)])
        self._process, self._slot = process, slot
        self.started.emit(slot)

    def _on_end(self, process: QProcess) -> None:
        if process is self._process:
            said = _errors(process)
            self.release()
            self.ended.emit(said)


def _errors(process: QProcess) -> str:
    """What a process complained of, without its progress bars; its last lines are the ones that matter."""
    text = bytes(process.readAllStandardError()).decode(errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-6:]).removeprefix("error: ")


def _end(process: QProcess) -> None:
    """Ask a process to end, and end it when it does not."""
    process.terminate()
    if not process.waitForFinished(ENDING_MS):
        process.kill()
        process.waitForFinished(ENDING_MS)


def _open_folder(folder: Path) -> None:
    opener = shutil.which("xdg-open")
    if opener is None:
        text = tr("This desktop has no xdg-open to show folders with. The clip is in {folder}.")
        raise NirvisError(text.format(folder=folder))
    QProcess.startDetached(opener, [str(folder)])
