"""Register clips: one, or all of a folder, without doing anything twice."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import SUFFIX as CLIP_SUFFIX
from nirvis_capture.corrected_clip import corrected_by, open_corrected
from nirvis_capture.errors import NirvisError
from nirvis_registration.clip_pairs import align_clip, write_pairs
from nirvis_registration.clip_report import clip_report
from nirvis_registration.errors import (
    FolderNotWritable,
    NotAPairsFile,
    PairsFileError,
    PairsFileTaken,
    RegistrationRefused,
)
from nirvis_registration.pair_file import SUFFIX, PairsFile
from nirvis_registration.quality import verdict
from nirvis_registration.rig_calibration import Calibrations, Rig, RigCalibration, rig_of, waves
from nirvis_registration.settings import RegistrationSettings
from nirvis_registration.workers import spread

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with what is done and the total."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip."""

    clip: Path
    status: Literal["registered", "up to date", "refused", "failed"]
    reason: str = ""
    """One line, for a clip without pairs."""
    path: Path | None = None
    pairs: int = 0
    inliers: int = 0
    error_px: float = float("nan")
    corner_sigma_px: float = float("nan")
    residual_px: float = float("nan")
    """Median over the pairs."""
    drift_px: float = float("nan")
    """Largest distance of a corner from where the calibration of the rig has it; NaN without one."""
    rig: str = ""
    start_time: datetime | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.path is not None

    @property
    def verdict(self) -> str:
        """What is to be thought of the pairs; empty where there are none."""
        return verdict(self.residual_px, self.corner_sigma_px) if self.ok else ""


def register_clip(
    clip_path: Path,
    out_dir: Path,
    settings: RegistrationSettings | None = None,
    progress: Progress | None = None,
    calibrations: Calibrations | None = None,
) -> Path:
    """Register one clip and write its pairs; nothing is done when the same settings gave them before.

    calibrations
        Those of `out_dir` when not given.

    Raises `RegistrationRefused`, `ClipError`, `PairsFileTaken`, `RigCalibrationError`, and `CalibrationError` for dark
    or flat frames that the profile of the clip names and that are missing or do not fit.
    """
    settings = settings or RegistrationSettings()
    calibrations = calibrations or Calibrations(out_dir)
    with open_corrected(clip_path) if settings.dark_and_flat else Clip.open(clip_path) as clip:
        path = pairs_path(clip_path, out_dir)
        calibration = calibrations.of(Rig.of(clip))
        if not is_current(path, clip, settings, calibration):
            view, found = align_clip(clip, settings, calibration)
            write_pairs(path, clip, view, found, settings, calibration, progress)
            calibrations.keep(clip, found)
    return path


def register_clips(
    paths: Sequence[Path],
    out_dir: Path,
    settings: RegistrationSettings | None = None,
    progress: Progress | None = None,
    pair_progress: Progress | None = None,
    processes: int = 1,
    calibrations: Calibrations | None = None,
    scheduler: str | None = None,
    with_reports: bool = False,
) -> list[Outcome]:
    """Register clips and the clips of folders; one that cannot be registered does not stop the others.

    progress
        Over clips.
    pair_progress
        Over the pairs of the current clip; with one process of this machine only.
    calibrations
        Those of `out_dir` when not given.
    scheduler
        Address of a dask scheduler, whose workers do the work instead of processes of this machine.
    with_reports
        Write a page beside each pairs file that is written.
    Raises like `find_clips`, and `FolderNotWritable`, before any work is done.
    """
    settings = settings or RegistrationSettings()
    calibrations = calibrations or Calibrations(out_dir)
    clips = find_clips(paths)
    _check_writable(out_dir)
    alone = processes == 1 and scheduler is None
    work = partial(
        _outcome,
        out_dir=out_dir,
        settings=settings,
        pair_progress=pair_progress if alone else None,
        calibrations=calibrations,
        with_report=with_reports,
    )
    outcomes: dict[Path, Outcome] = {}
    for wave in [clips] if alone else waves(clips, calibrations):
        for clip, outcome in spread(work, wave, processes, scheduler):
            outcomes[clip] = outcome or Outcome(clip, "failed", "its process was killed, perhaps for want of memory")
            if progress is not None:
                progress(len(outcomes), len(clips))
    return [outcomes[clip] for clip in clips]


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """Clips among files and, at any depth, in folders; hidden ones and repetitions left out.

    Raises `NirvisError` where a path leads nowhere, or there is no clip at all.
    """
    nowhere = [str(path) for path in paths if not path.exists()]
    if nowhere:
        raise NirvisError(f"There is nothing at {', '.join(nowhere)}. Name clips (*{CLIP_SUFFIX}), or folders of them.")
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob(f"*{CLIP_SUFFIX}"))
            found |= dict.fromkeys(p for p in inside if not any(n.startswith(".") for n in p.relative_to(path).parts))
        else:
            found[path] = None
    if not found:
        if not paths:
            raise NirvisError(f"No clip was named. Name clips (*{CLIP_SUFFIX}), or folders that hold some.")
        looked = ", ".join(str(path) for path in paths)
        raise NirvisError(f"There is no clip (*{CLIP_SUFFIX}) in folder {looked} – record one with `nirvis record`.")
    return list(found)


def _check_writable(folder: Path) -> None:
    """Write into the folder, or where it will be made: whoever writes the first pairs makes it."""
    present = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        raise FolderNotWritable(folder, error.strerror or str(error)) from None


def pairs_path(clip_path: Path, out_dir: Path) -> Path:
    return out_dir / (clip_path.name.removesuffix(CLIP_SUFFIX) + SUFFIX)


def is_current(
    path: Path, clip: Clip, settings: RegistrationSettings, calibration: RigCalibration | None = None
) -> bool:
    """Whether a pairs file holds what these settings make of this clip.

    What began at no calibration, as the clip did that became the calibration, stays current whichever there is.
    Raises `PairsFileTaken` when it holds the pairs of another clip.
    """
    if not path.exists():
        return False
    try:
        with PairsFile.open(path) as pairs:
            if (pairs.recording_id, pairs.part) != (clip.recording_id, clip.part):
                raise PairsFileTaken(path, f"recording {pairs.recording_id}, part {pairs.part}")
            began_at = {"", calibration.identity if calibration else ""}
            same_settings = pairs.settings == settings.fingerprint(corrected_by(clip))
            return pairs.clip_sha256 == clip.sha256 and same_settings and pairs.calibration in began_at
    except NotAPairsFile as error:
        raise PairsFileTaken(path, "a file that is none of ours") from error
    except PairsFileTaken:
        raise
    except PairsFileError as error:
        logger.warning("%s It is written anew.", error)
        return False


def _outcome(
    clip: Path,
    out_dir: Path,
    settings: RegistrationSettings,
    pair_progress: Progress | None,
    calibrations: Calibrations,
    with_report: bool,
) -> Outcome:
    began = time.perf_counter()
    path = pairs_path(clip, out_dir)
    stamp = _stamp(path)
    try:
        register_clip(clip, out_dir, settings, pair_progress, calibrations)
        if with_report and _stamp(path) != stamp:
            clip_report(path)
    except RegistrationRefused as refusal:
        return Outcome(clip, "refused", refusal.reason, seconds=time.perf_counter() - began)
    except (NirvisError, OSError) as error:
        return Outcome(clip, "failed", " ".join(str(error).split()), seconds=time.perf_counter() - began)
    with PairsFile.open(path) as pairs:
        residuals = pairs.table["residual_px"]
        return Outcome(
            clip,
            "up to date" if _stamp(path) == stamp else "registered",
            path=path,
            pairs=len(pairs),
            inliers=pairs.inliers,
            error_px=pairs.error_px,
            corner_sigma_px=pairs.header.corner_sigma_px,
            residual_px=float(np.nanmedian(residuals)) if np.isfinite(residuals).any() else float("nan"),
            drift_px=_drift_px(clip, pairs, calibrations),
            rig=f"{pairs.profile.rig} by {pairs.mode}",
            start_time=pairs.start_time,
            seconds=time.perf_counter() - began,
        )


def _drift_px(clip: Path, pairs: PairsFile, calibrations: Calibrations) -> float:
    rig = rig_of(clip)
    calibration = calibrations.of(rig) if rig else None
    return calibration.drift_px(pairs.homography_vis_to_nir) if calibration else float("nan")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells a file from the one that replaces it."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None
