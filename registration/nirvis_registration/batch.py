"""Register clips: one, or all of a folder, without doing anything twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import SUFFIX as CLIP_SUFFIX
from nirvis_capture.corrected_clip import corrected_by, open_corrected
from nirvis_capture.errors import NirvisError
from nirvis_registration.errors import NotAPairsFile, PairsFileError, PairsFileTaken, RegistrationRefused
from nirvis_registration.frames import chosen_frames, grey_pairs
from nirvis_registration.geometry import Size, SourceGeometry, common_crop, with_mirrors
from nirvis_registration.homography import Estimate, estimate
from nirvis_registration.pair_file import SUFFIX, PairsFile, PairsHeader, PairsWriter
from nirvis_registration.quality import pair_quality
from nirvis_registration.views import PairView

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with what is done and the total."""
PROCEDURE = 1
"""Raised when the same settings would give other pairs than before."""


class RegistrationSettings(BaseModel):
    """How clips become registered pairs; the defaults are those of the VSIAD paper."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int] = (640, 480)
    """Width and height of the pairs."""
    crop: tuple[int, int] = (1200, 900)
    """Width and height of what is cut out of the common area; less where that is smaller."""
    frames: int = Field(default=8, ge=1, le=256)
    """Most frames whose matches are pooled."""
    every: int = Field(default=1, ge=1)
    """Write every n-th pair."""
    features: int = Field(default=4000, ge=100, le=100_000)
    """Most features of one picture, of each kind."""
    compression: Literal["none", "gzip"] = "none"
    dark_and_flat: bool = True
    """Take off darkness and shading, where the profile of a clip names dark and flat frames."""

    def fingerprint(self, corrected_by: str = "") -> str:
        """Equal for settings that give equal files.

        corrected_by
            Identity of the dark and flat frames that were applied.
        """
        settings = self.model_dump_json(exclude={"dark_and_flat"})
        correction = f',"corrected_by":"{corrected_by}"' if corrected_by else ""
        return f'{{"procedure":{PROCEDURE},"settings":{settings}{correction}}}'


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
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.path is not None


def register_clip(
    clip_path: Path, out_dir: Path, settings: RegistrationSettings | None = None, progress: Progress | None = None
) -> Path:
    """Register one clip and write its pairs; nothing is done when the same settings gave them before.

    Raises `RegistrationRefused`, `ClipError`, `PairsFileTaken`, and `CalibrationError` for dark or flat frames that the
    profile of the clip names and that are missing or do not fit.
    """
    settings = settings or RegistrationSettings()
    with open_corrected(clip_path) if settings.dark_and_flat else Clip.open(clip_path) as clip:
        path = pairs_path(clip_path, out_dir)
        if not is_current(path, clip, settings):
            view, found = align_clip(clip, settings)
            _write_pairs(path, clip, view, found, settings, progress)
    return path


def register_clips(
    paths: Sequence[Path],
    out_dir: Path,
    settings: RegistrationSettings | None = None,
    progress: Progress | None = None,
    pair_progress: Progress | None = None,
    processes: int = 1,
) -> list[Outcome]:
    """Register clips and the clips of folders; one that cannot be registered does not stop the others.

    progress
        Over clips.
    pair_progress
        Over the pairs of the current clip; with one process only.
    Raises `NirvisError` when there is no clip at all.
    """
    settings = settings or RegistrationSettings()
    clips = find_clips(paths)
    outcomes: dict[Path, Outcome] = {}
    for outcome in _outcomes(clips, out_dir, settings, pair_progress, processes):
        outcomes[outcome.clip] = outcome
        if progress is not None:
            progress(len(outcomes), len(clips))
    return [outcomes[clip] for clip in clips]


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """Clips among files and, at any depth, in folders; hidden ones and repetitions left out."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob(f"*{CLIP_SUFFIX}"))
            found |= dict.fromkeys(p for p in inside if not any(n.startswith(".") for n in p.relative_to(path).parts))
        else:
            found[path] = None
    if not found:
        looked = ", ".join(str(path) for path in paths) or "nothing"
        raise NirvisError(f"There is no clip (*{CLIP_SUFFIX}) in {looked}. Record one with `nirvis record`.")
    return list(found)


def pairs_path(clip_path: Path, out_dir: Path) -> Path:
    return out_dir / (clip_path.name.removesuffix(CLIP_SUFFIX) + SUFFIX)


def is_current(path: Path, clip: Clip, settings: RegistrationSettings) -> bool:
    """Whether a pairs file holds what these settings make of this clip.

    Raises `PairsFileTaken` when it holds the pairs of another clip.
    """
    if not path.exists():
        return False
    try:
        with PairsFile.open(path) as pairs:
            if (pairs.recording_id, pairs.part) != (clip.recording_id, clip.part):
                raise PairsFileTaken(path, f"recording {pairs.recording_id}, part {pairs.part}")
            return pairs.clip_sha256 == clip.sha256 and pairs.settings == settings.fingerprint(corrected_by(clip))
    except NotAPairsFile as error:
        raise PairsFileTaken(path, "a file that is none of ours") from error
    except PairsFileTaken:
        raise
    except PairsFileError as error:
        logger.warning("%s It is written anew.", error)
        return False


def align_clip(clip: Clip, settings: RegistrationSettings) -> tuple[PairView, Estimate]:
    """Estimate the homography of a clip, and how its frames become pairs. Raises `RegistrationRefused`."""
    if not len(clip):
        rows = len(clip.pairs)
        raise RegistrationRefused(f"no complete pair among its {rows} rows: not anchored, or one arm delivered nothing")
    found = estimate(grey_pairs(clip, chosen_frames(clip, settings.frames)), settings.features)
    nir_frame, vis_frame = _frame_size(clip, "nir"), _frame_size(clip, "vis")
    ratio = settings.size[0] / settings.size[1]
    crop = common_crop(found.homography_vis_to_nir, nir_frame, vis_frame, settings.crop, ratio)
    geometry = SourceGeometry(frame=nir_frame, crop=crop, size=settings.size)
    return PairView(clip.profile.nir, clip.profile.vis, geometry, found.homography_vis_to_nir, vis_frame), found


def _frame_size(clip: Clip, arm: Arm) -> Size:
    height, width = clip.arms[arm].shape
    return width, height


def _write_pairs(
    path: Path, clip: Clip, view: PairView, found: Estimate, settings: RegistrationSettings, progress: Progress | None
) -> None:
    indices = range(0, len(clip), settings.every)
    compression = None if settings.compression == "none" else settings.compression
    with PairsWriter(path, _header(clip, view, found, settings), view.valid(), len(indices), compression) as writer:
        for done, index in enumerate(indices, start=1):
            nir, vis = clip.pair(index)
            source, target = view.source(nir), view.target(vis)
            writer.write(index, source, target, pair_quality(source, target))
            if progress is not None:
                progress(done, len(indices))


def _header(clip: Clip, view: PairView, found: Estimate, settings: RegistrationSettings) -> PairsHeader:
    nir, vis = view.nir, view.vis
    return PairsHeader(
        recording_id=clip.recording_id,
        part=clip.part,
        mode=clip.mode,
        light=clip.light,
        place=clip.place,
        start_time=clip.start_time,
        clip_name=clip.path.name,
        clip_sha256=clip.sha256,
        profile_text=clip.profile.text,
        geometry=view.geometry,
        homography_vis_to_nir=with_mirrors(
            found.homography_vis_to_nir,
            view.geometry.frame[0] if nir.mirror else None,
            view.vis_frame[0] if vis.mirror else None,
        ),
        corner_covariance=found.corner_covariance,
        inliers=found.inliers,
        matches=found.matches,
        error_px=found.reprojection_error_px,
        corner_sigma_px=found.corner_sigma_px,
        frames_pooled=found.frames,
        bit_depth=nir.sensor.bit_depth,
        settings=settings.fingerprint(corrected_by(clip)),
    )


def _outcomes(
    clips: list[Path], out_dir: Path, settings: RegistrationSettings, pair_progress: Progress | None, processes: int
) -> Iterator[Outcome]:
    if processes == 1 or len(clips) == 1:
        yield from (_outcome(clip, out_dir, settings, pair_progress) for clip in clips)
        return
    # spawn: a fork would copy locks of OpenCV and HDF5 that other threads hold
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_one_thread) as pool:
        waiting = {pool.submit(_outcome, clip, out_dir, settings): clip for clip in clips}
        for future in as_completed(waiting):
            yield _result(future, waiting[future])


def _result(future: Future[Outcome], clip: Path) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        return Outcome(clip, "failed", "its process was killed, perhaps for want of memory")


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _outcome(
    clip: Path, out_dir: Path, settings: RegistrationSettings, pair_progress: Progress | None = None
) -> Outcome:
    began = time.perf_counter()
    path = pairs_path(clip, out_dir)
    stamp = _stamp(path)
    try:
        register_clip(clip, out_dir, settings, pair_progress)
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
            seconds=time.perf_counter() - began,
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells a file from the one that replaces it."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None
