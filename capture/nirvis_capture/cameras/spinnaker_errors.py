"""What the exceptions of Spinnaker mean, and how to get rid of what they hold on to."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

from nirvis_capture.errors import CameraError

_MEANINGS = {
    "ACCESS_DENIED": "it is open in another program: close SpinView, or whatever else uses the camera",
    "IO": "it does not answer: unplugged or without power; check the cable, then open the cameras again",
    "INVALID_HANDLE": "it is gone: unplugged or without power; check the cable, then open the cameras again",
    "NO_SYSTEM_RESOURCES": "the system has no memory for frames: raise usbfs_memory_mb to 1000 or more",
    "RESOURCE_EXHAUSTED": "the system has no memory for frames: raise usbfs_memory_mb to 1000 or more",
    "OUT_OF_MEMORY": "the system has no memory for frames: raise usbfs_memory_mb to 1000 or more",
    "RESOURCE_IN_USE": "something in this program still holds the camera: end the program and start it again",
}
"""By the end of the name of the code in PySpin; numbers change, and -1011 and -2007 are both time-outs."""


class speaking:  # noqa: N801 it is used like a function
    """While this is open, exceptions of Spinnaker become `CameraError`.

    The locals of every frame that an error passed through are cleared, as they may hold the camera or one of its nodes:
    whoever keeps the error would keep the camera, and Spinnaker could not be released.
    """

    def __init__(self, sdk: Any, who: str, doing: str) -> None:
        self._sdk, self._who, self._doing = sdk, who, doing

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            return
        traceback.clear_frames(tb)
        if isinstance(error, self._sdk.SpinnakerException):
            raise CameraError(f"{self._who} could not {self._doing}: {meaning(self._sdk, error)}.") from None


def meaning(sdk: Any, error: Any) -> str:
    """What went wrong, in one line."""
    said = " ".join(str(error.message).split()).rstrip(".")
    for name, text in _MEANINGS.items():
        if error.errorcode == getattr(sdk, f"SPINNAKER_ERR_{name}", None):
            return f"{text} ({said})"
    return said
