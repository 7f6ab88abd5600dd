"""The errors of registration.

NirvisError
├── RegistrationRefused     a clip whose arms cannot be brought together; nothing is written
├── RigCalibrationError     a file that is no calibration of a rig, or cannot be read
├── FolderNotWritable       nothing can be written where the pairs are to go
├── WrongPicture            a picture whose size is not the one that a geometry was made for
└── PairsFileError
    ├── NotAPairsFile       another format, or no HDF5 file at all
    ├── NewerPairsFile      written by a later version of nirvis
    ├── DamagedPairsFile    truncated or altered
    ├── PairsDiskFull       the disk is full; what was begun is taken away again
    └── PairsFileTaken      the name belongs to the pairs of another clip
"""

from __future__ import annotations

from pathlib import Path

from nirvis_capture.errors import NirvisError


class RegistrationRefused(NirvisError):
    """The arms of a clip cannot be brought together reliably; `reason` is one line."""

    def __init__(self, reason: str, clip: Path | None = None) -> None:
        self.reason = reason
        super().__init__(reason if clip is None else f"{clip}: {reason}")


class RigCalibrationError(NirvisError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is no calibration of a rig: {reason}. Delete it, and the next clip makes it anew, or register "
            "with --no-calibration."
        )


class FolderNotWritable(NirvisError):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Nothing can be written into {folder} ({reason}): no clip was registered. Choose another one."
        )


class WrongPicture(NirvisError):
    def __init__(self, found: tuple[int, int], expected: tuple[int, int]) -> None:
        super().__init__(
            f"The picture has {found[0]}×{found[1]} px, but the geometry was made for {expected[0]}×{expected[1]} px: "
            "another camera or region of interest than in training. Use the profile that the model was trained with."
        )


class PairsFileError(NirvisError):
    """A file of registered pairs that cannot be used."""


class NotAPairsFile(PairsFileError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a file of registered pairs: {reason}. `nirvis register CLIP` writes one.")


class NewerPairsFile(PairsFileError):
    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} has pairs version {version}, this nirvis reads up to version {known}. Update nirvis to read it."
        )


class DamagedPairsFile(PairsFileError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}. Register the clip, or import the pictures, again.")


class PairsDiskFull(PairsFileError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk of {path} is full: no pairs of this clip were kept. Free some space and register again; what is "
            "done stays as it is."
        )


class PairsFileTaken(PairsFileError):
    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(
            f"{path} already holds the pairs of another clip ({owner}) of the same name. Register into another folder."
        )
