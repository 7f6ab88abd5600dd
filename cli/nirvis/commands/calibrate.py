"""``nirvis calibrate``: dark and flat frames of a rig."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.free_rig import refuse_taken
from nirvis.profile_copy import check_target, write_profile
from nirvis.progress import progress_bar
from nirvis_capture.calibrate import FRAMES, record_calibration
from nirvis_capture.calibration import SUFFIX, Kind
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.profile import load_profile


def calibrate(
    kind: Annotated[Kind, Parameter(help="dark: the lenses are capped. flat: they see an even surface.")],
    profile: Annotated[str, Parameter(help="Hardware profile: a shipped name such as twin_day, or a .toml file.")],
    *,
    out: Path = Path("calibration"),
    arm: Arm | None = None,
    frames: Annotated[int, Parameter(validator=Number(gte=1, lte=4096))] = FRAMES,
    write: Path | None = None,
) -> None:
    """Record dark or flat frames with the exposures and gains of a profile.

    Cap both lenses first (dark), or point them at an even, evenly lit surface, out of focus (flat). What is neither is
    refused. Name the files in the profile, and the live view and registration apply them; clips stay raw.

    Parameters
    ----------
    out
        Folder of the files.
    arm
        Only this arm.
    frames
        How many are averaged.
    write
        Copy of the profile that names the files.
    """
    settings = load_profile(profile)
    if write is not None:
        check_target(write, profile)
    refuse_taken(settings)
    arms = ARMS if arm is None else (arm,)
    with progress_bar(f"{kind} frames", "pair", leave=False) as show:
        recorded = record_calibration(kind, settings, frames, arms, progress=show)
    paths = {}
    for name, calibration in recorded.items():
        # Dated, so that the frames of older clips are never overwritten by newer ones.
        file = f"{settings.rig}-{name}-{kind}-{calibration.taken:%Y%m%dT%H%M%S}{SUFFIX}"
        paths[name] = calibration.save(out.absolute() / file)
        print(paths[name])
    if write is None:
        names = " and ".join(f"{name}.{kind}" for name in paths)
        print(f"applied once a profile names them as {names}; --write makes a copy of the profile that does")
    else:
        print(write_profile(settings.edited({f"{name}.{kind}": str(path) for name, path in paths.items()}), write))
