"""Where the recorders of this user are found; nothing is imported here that takes time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nirvis_capture.errors import RecorderError

RIG_PATTERN = r"^[A-Za-z0-9_.-]+$"
"""What the name of a rig is made of, as files bear it."""
_SOCKET_PATH_LIMIT = 107
"""Bytes of a socket's path that Linux allows (sun_path)."""


def private_folder(path: Path) -> Path:
    """Make a folder that only this user can enter.

    Raises `RecorderError` when somebody else put something of that name there.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.getuid():
        raise RecorderError(f"{path} belongs to another user, so nothing is put there. Remove it, or ask its owner to.")
    path.chmod(0o700)
    return path


def runtime_folder() -> Path:
    """Folder of this user for sockets and logs of recorders: in XDG_RUNTIME_DIR, else in the temporary folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK | os.X_OK):
        return private_folder(Path(runtime) / "nirvis")
    return private_folder(Path(tempfile.gettempdir()) / f"nirvis-{os.getuid()}")


def socket_path(rig: str) -> Path:
    """Where the recorder of a rig listens. Raises `RecorderError` when the system allows no path that long."""
    path = runtime_folder() / f"{rig}.socket"
    if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
        raise RecorderError(
            f"{path} is too long for a socket ({_SOCKET_PATH_LIMIT} bytes at most). "
            "Set XDG_RUNTIME_DIR to a shorter folder, or give the rig a shorter name in its profile."
        )
    return path


def log_path(rig: str) -> Path:
    return runtime_folder() / f"{rig}.log"
