"""A clip whose frames are read without the darkness and shading of sensor and lens; the file stays raw."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nirvis_capture.calibration import CalibrationError, Correction, correction_for, found_file, named_files
from nirvis_capture.camera import ARMS, Raw
from nirvis_capture.clip import Clip, Track
from nirvis_capture.clip_layout import Group, arm_path


class CorrectedTrack(Track):
    """The frames of one arm, corrected as they are read."""

    def __init__(self, path: Path, group: Group, correction: Correction) -> None:
        super().__init__(path, group)
        self._correction = correction

    def frame(self, index: int) -> Raw:
        return self._correction.apply(super().frame(index))


def open_corrected(path: Path | str) -> Clip:
    """Open a clip with the dark and flat frames that its profile names; as it is, where it names none.

    They are looked for beside the clip, where the recording kept a copy, then where the profile has them.
    Raises what `Clip.open` does, and `CalibrationError` when they are missing, damaged, or were taken with other
    settings.
    """
    clip = Clip.open(path)
    try:
        for arm in ARMS:
            warmth = clip.arms[arm].temperature_c
            correction = correction_for(clip.profile.arm(arm), beside=clip.path.parent, temperature_c=warmth)
            if correction is not None:
                clip.arms[arm] = CorrectedTrack(clip.path, clip.file[arm_path(arm)], correction)
    except CalibrationError as error:
        clip.close()
        raise CalibrationError(
            f"{clip.path} was recorded with a profile that names dark or flat frames. {error} Put them back, or beside "
            "the clip, or register it as it is with --no-dark-flat."
        ) from None
    return clip


def corrected_by(clip: Clip) -> str:
    """Identity of the dark and flat frames that the frames of a clip are corrected by; empty when they are raw."""
    digest, any_named = hashlib.sha256(), False
    for arm in ARMS:
        if isinstance(clip.arms[arm], CorrectedTrack):
            for path in named_files(clip.profile.arm(arm)):
                digest.update(found_file(path, clip.path.parent).read_bytes())
                any_named = True
    return digest.hexdigest() if any_named else ""
