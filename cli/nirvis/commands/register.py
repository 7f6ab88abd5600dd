"""``nirvis register``: raw clips to registered pairs."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from cyclopts.validators import Path as PathValidator
from tqdm import tqdm

from nirvis_capture.errors import NirvisError
from nirvis_registration.batch import Outcome, find_clips, register_clips
from nirvis_registration.batch_report import batch_report
from nirvis_registration.export import export_json as export_json_file
from nirvis_registration.rig_calibration import Calibrations
from nirvis_registration.settings import RegistrationSettings


def _is_size(_: object, value: str) -> None:
    if not re.fullmatch(r"\d{2,5}[x×]\d{2,5}", value) or min(_size(value)) < 16:
        raise ValueError(f"a size is written WIDTHxHEIGHT in pixels, such as 640x480, not {value!r}")


def _size(text: str) -> tuple[int, int]:
    width, height = re.split("[x×]", text)
    return int(width), int(height)


Size = Annotated[str, Parameter(validator=_is_size)]
ExistingFile = Annotated[Path, Parameter(validator=PathValidator(exists=True, dir_okay=False))]
AtLeastOne = Parameter(validator=Number(gte=1))


def register(
    *clips: Path,
    out: Path,
    size: Size = "640x480",
    crop: Size = "1200x900",
    frames: Annotated[int, AtLeastOne] = 8,
    every: Annotated[int, AtLeastOne] = 1,
    processes: Annotated[int, AtLeastOne] = 1,
    compress: bool = False,
    dark_flat: bool = True,
    calibration: ExistingFile | None = None,
    no_calibration: Annotated[bool, Parameter(negative="")] = False,
    scheduler: str | None = None,
    export_json: Annotated[bool, Parameter(negative="")] = False,
    report: bool = True,
) -> None:
    """Bring the two arms of clips together and write registered pairs.

    The first clip that shows surely how the arms of a rig lie on each other becomes the calibration of the rig, a file
    in the output folder: the next ones begin there, and are refused where they contradict it. What was registered with
    the same settings before is left as it is. A clip whose arms cannot be brought together
    reliably is refused with the reason, and the exit status is 1.

    Parameters
    ----------
    clips
        Clips, or folders with clips at any depth.
    out
        Folder for the pairs files.
    size
        Width and height of the pairs, in pixels.
    crop
        What is cut out of the middle of the area that both arms see, in pixels of the nir sensor.
    frames
        Most frames of a clip whose features are pooled.
    every
        Write every n-th pair.
    processes
        Clips registered at the same time.
    compress
        Compress the pairs with gzip: smaller, and slower to write and read.
    dark_flat
        Apply the dark and flat frames that the profile of a clip names.
    calibration
        Calibration of a rig (.rig.json) from elsewhere, instead of the one in the output folder.
    no_calibration
        Estimate every clip alone, and keep no calibration.
    scheduler
        Address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers do the work; see docs/cluster.md.
    export_json
        Write homographies, crop and sizes beside each pairs file as JSON, for other tools.
    report
        Write registration.html, and a page for each clip that was registered, into the output folder.
    """
    settings = RegistrationSettings(
        size=_size(size),
        crop=_size(crop),
        frames=frames,
        every=every,
        compression="gzip" if compress else "none",
        dark_and_flat=dark_flat,
    )
    found = find_clips(clips)
    calibrations = Calibrations(None if no_calibration else out, calibration)
    outcomes = _registered(found, out, settings, processes, calibrations, scheduler, report)
    print("\n".join(table(outcomes)))
    try:
        _write_beside(outcomes, out, export_json, report)
    except OSError as error:
        raise NirvisError(
            f"The reports could not be written ({error}). Make room in {out} and register again."
        ) from None
    if not all(outcome.ok for outcome in outcomes):
        sys.exit(1)


def _write_beside(outcomes: Sequence[Outcome], out: Path, as_json: bool, report: bool) -> None:
    for outcome in outcomes:
        if outcome.path is not None and as_json:
            export_json_file(outcome.path)
    if report:
        print(batch_report(outcomes, out))


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each clip, then how many ended how."""
    names = [outcome.clip.name.removesuffix(".clip.h5") for outcome in outcomes]
    width = max(4, *(len(name) for name in names))
    head = f"{'clip':{width}}  {'pairs':>6} {'inliers':>8} {'error px':>9} {'± px':>6} {'drift px':>9} "
    head += f"{'residual px':>12} {'s':>6}"
    lines = [f"{name:{width}}  {_row(outcome)}" for name, outcome in zip(names, outcomes, strict=True)]
    statuses = [outcome.status for outcome in outcomes]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    return [f"{head}  status", *lines, counts]


def _row(outcome: Outcome) -> str:
    if not outcome.ok:
        return f"{'':>55} {outcome.seconds:>6.1f}  {outcome.status}: {outcome.reason}"
    return (
        f"{outcome.pairs:>6} {outcome.inliers or '–':>8} {_px(outcome.error_px):>9} {outcome.corner_sigma_px:>6.2f} "
        f"{_px(outcome.drift_px):>9} {_px(outcome.residual_px):>12} {outcome.seconds:>6.1f}  "
        f"{outcome.status}, {outcome.verdict}"
    )


def _px(figure: float) -> str:
    return "–" if math.isnan(figure) else f"{figure:.2f}"


def _registered(
    clips: list[Path],
    out: Path,
    settings: RegistrationSettings,
    processes: int,
    calibrations: Calibrations,
    scheduler: str | None,
    report: bool,
) -> list[Outcome]:
    many = processes > 1 or scheduler is not None
    with (
        tqdm(total=len(clips), desc="register", unit="clip", disable=None) as over_clips,
        tqdm(desc="pairs", unit="pair", leave=False, disable=True if many else None) as over_pairs,
    ):

        def show_pairs(done: int, total: int) -> None:
            if done == 1:
                over_pairs.reset(total)
            over_pairs.update(done - over_pairs.n)

        def show_clips(done: int, _: int) -> None:
            over_clips.update(done - over_clips.n)

        return register_clips(clips, out, settings, show_clips, show_pairs, processes, calibrations, scheduler, report)
