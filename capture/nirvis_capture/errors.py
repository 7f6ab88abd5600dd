"""The errors of nirvis, as one tree.

NirvisError
├── ProfileError            a hardware profile with mistakes (exit status 2)
├── WrongOption             an option that asks for what cannot be, whatever the machine (exit status 2)
├── CameraError
│   ├── CameraNotFound      no camera with that serial
│   ├── BackendUnavailable  a driver that is not installed here
│   ├── CameraClosed        a camera that was closed is asked to start
│   ├── CameraLost          no frame for max(1 s, 3 periods): unplugged, no power, no trigger
│   ├── TriggerTooFast      the secondary could not follow at that rate and exposure
│   └── FreeRunning         frames came while the trigger was paused: nothing can be anchored
├── PictureError            a folder, picture or video that cannot be replayed
│   └── PictureUnusable     a picture file that is missing, truncated, foreign or of an odd kind
├── NoTruth                 nobody knows what really happened: no simulated rig, or no such file
├── ClipError
│   ├── NotAClip            another format, or no HDF5 file at all
│   ├── NewerClip           written by a later version of nirvis
│   ├── DamagedClip         truncated, unfinished or altered
│   ├── ClipNotWritten      the disk refused, or the name is taken
│   ├── DiskFull            no more fits; the clip can still be closed
│   └── NotRecovered        an unfinished clip that cannot be rescued, or need not be
└── RecorderError           the recorder process refused, failed, or went away

Registration, datasets and training add their own leaves below `NirvisError`. The command line prints the message of a
`NirvisError` in one line and ends with its `exit_status`; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nirvis_capture.wording import counted


class NirvisError(Exception):
    """Something that the user can mend; the message says what, which value, what it means, what to do."""

    exit_status = 1


class ProfileError(NirvisError):
    """A hardware profile with mistakes; `mistakes` holds every one, each begins with its path (``nir.roi.width``)."""

    exit_status = 2

    def __init__(self, origin: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = counted(len(self.mistakes), "mistake")
        super().__init__("\n".join([f"{origin}: {count} in the hardware profile", *(f"  {m}" for m in self.mistakes)]))


class WrongOption(NirvisError):
    """An option of the command line that asks for what cannot be, on any machine."""

    exit_status = 2


class CameraError(NirvisError):
    """A camera or its driver did not do what was asked."""


class CameraNotFound(CameraError):
    def __init__(self, serial: str, found: Sequence[str]) -> None:
        super().__init__(
            f"No camera with serial {serial}; found {', '.join(found) or 'none'}. "
            "Check the serial in the profile and the cable, and close SpinView: only one program can open a camera."
        )


class BackendUnavailable(CameraError):
    """The driver that a profile asks for is not part of this installation."""


class CameraClosed(CameraError):
    def __init__(self, serial: str) -> None:
        super().__init__(f"Camera {serial} was closed and cannot start; open the cameras of the rig again.")


class CameraLost(CameraError):
    def __init__(self, serial: str, waited_s: float) -> None:
        super().__init__(
            f"Camera {serial} sent no frame for {waited_s:.1f} s: unplugged, without power, or without a trigger. "
            "What was recorded until then is kept; check the cables, then arm again."
        )


class TriggerTooFast(CameraError):
    """Rate and exposure at which the secondary would miss triggers."""


class FreeRunning(CameraError):
    def __init__(self, serial: str, frames: int) -> None:
        super().__init__(
            f"Camera {serial} sent {counted(frames, 'frame')} while the trigger was paused: it runs freely, and its "
            "frames cannot be paired with proof. Check its trigger mode, and that the cable comes from the primary "
            "camera."
        )


class PictureError(NirvisError):
    """A folder of pictures, a picture or a video file that cannot be replayed as two cameras."""


class PictureUnusable(PictureError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} {reason}. Mend the file, or take it away.")


class NoTruth(NirvisError):
    """What really happened is not known: no simulated rig, another clip, or no truth file."""


class ClipError(NirvisError):
    """A clip that cannot be used."""


class NotAClip(ClipError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a nirvis clip: {reason}.")


class NewerClip(ClipError):
    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} has clip version {version}, this nirvis reads up to version {known}. Update nirvis to read it."
        )


class DamagedClip(ClipError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}.")


class ClipNotWritten(ClipError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be written: {reason}.")


class DiskFull(ClipError):
    """No further frame fits. What was written is whole, and the clip can still be closed with its certificate."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk of {path} is full, so the recording ended; its clip holds everything until then. "
            "Free some space, or record to another folder."
        )


class NotRecovered(ClipError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was not recovered: {reason}.")


class RecorderError(NirvisError):
    """The recorder process refused a command, failed, or went away."""
