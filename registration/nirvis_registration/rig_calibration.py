"""The calibration of a rig: where its arms were found to lie on each other, kept between clips.

A rigid rig has one homography. The first clip that gives it surely becomes the calibration; later clips begin there, so
that no features have to be found, and are refused when they contradict it. It is never changed by later clips: what a
clip gives depends on the clip, the settings and the calibration, not on the order of the clips.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Mode, Profile
from nirvis_registration.distortion import NO_DISTORTION, Distortion
from nirvis_registration.errors import RegistrationRefused, RigCalibrationError
from nirvis_registration.geometry import Matrix, Size, corner_distances, with_mirrors
from nirvis_registration.homography import Estimate

SUFFIX = ".rig.json"
MAX_DRIFT_PX = 5.0
"""Most that warming and handling move a corner in a rig that is screwed together; more is another mount."""
SURE_SIGMA_PX = 0.1
"""An estimate that is less sure than this is no calibration."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mount(_Frozen):
    """What fixes the pixels of an arm."""

    serial: str
    mirror: bool
    width: int
    height: int
    offset_x: int
    offset_y: int


class Rig(_Frozen):
    """What has to be the same for a homography to be the same."""

    name: str
    mode: Mode
    """Filters shift and scale the picture."""
    nir: Mount
    vis: Mount
    unreal: str = ""
    """What tells a simulated rig, or what is replayed as one, from others of its name; empty for real cameras."""

    @staticmethod
    def of(clip: Clip) -> Rig:
        nir, vis = _mount(clip, "nir"), _mount(clip, "vis")
        return Rig(name=clip.profile.rig, mode=clip.mode, nir=nir, vis=vis, unreal=_unreal(clip.profile))

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]
        return f"{self.name}-{self.mode}-{digest}{SUFFIX}"


def _unreal(profile: Profile) -> str:
    """Pictures that are replayed were taken by anybody, each pair its own way."""
    if profile.nir.backend == "simulated":
        return f"twin {profile.twin.rig_seed}, {profile.twin.corner_shift_px:g} px"
    if profile.nir.backend == "replay" and profile.replay is not None:
        return profile.replay.model_dump_json(exclude={"pacing", "repeat", "noise_dn"})
    return ""


def _mount(clip: Clip, arm: Arm) -> Mount:
    settings, track = clip.profile.arm(arm), clip.arms[arm]
    return Mount(
        serial=track.serial,
        mirror=settings.mirror,
        width=track.shape[1],
        height=track.shape[0],
        offset_x=settings.roi.offset_x,
        offset_y=settings.roi.offset_y,
    )


class SourceClip(_Frozen):
    name: str
    sha256: str


class RigCalibration(_Frozen):
    """Homography of a rig with its uncertainty and where it comes from."""

    format: Literal["nirvis-rig-calibration"] = "nirvis-rig-calibration"
    version: Literal[1] = 1
    rig: Rig
    homography_vis_to_nir: tuple[tuple[float, float, float], ...]
    """Raw pixels to raw pixels."""
    corner_covariance: tuple[tuple[float, ...], ...]
    """``(8, 8)`` px²; see `homography.Estimate`."""
    distortion_vis: tuple[float, float] = NO_DISTORTION
    """k1 and k2 of vis before the homography, see `distortion`; later clips take them as they are."""
    date: datetime
    """Start of the clip that it comes from."""
    source_clips: tuple[SourceClip, ...]

    @staticmethod
    def from_clip(clip: Clip, found: Estimate) -> RigCalibration:
        rig = Rig.of(clip)
        raw = with_mirrors(found.homography_vis_to_nir, *_mirrors(rig))
        return RigCalibration(
            rig=rig,
            homography_vis_to_nir=tuple((float(row[0]), float(row[1]), float(row[2])) for row in raw),
            corner_covariance=tuple(tuple(row) for row in found.corner_covariance.tolist()),
            distortion_vis=found.distortion,
            date=clip.start_time,
            source_clips=(SourceClip(name=clip.path.name, sha256=clip.sha256),),
        )

    @staticmethod
    def read(path: Path) -> RigCalibration:
        """Raises `RigCalibrationError` when the file is none."""
        try:
            return RigCalibration.model_validate_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RigCalibrationError(path, error.strerror or str(error)) from None
        except (ValidationError, UnicodeDecodeError) as error:
            raise RigCalibrationError(path, " ".join(str(error).split())[:200]) from None

    @property
    def identity(self) -> str:
        """Equal for calibrations of equal effect."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def scene_homography_vis_to_nir(self) -> Matrix:
        """Between scene-handed pictures."""
        return with_mirrors(np.array(self.homography_vis_to_nir), *_mirrors(self.rig))

    @property
    def distortion(self) -> Distortion:
        return Distortion(*self.distortion_vis)

    @property
    def vis_size(self) -> Size:
        return self.rig.vis.width, self.rig.vis.height

    @property
    def corner_sigma_px(self) -> float:
        return float(np.sqrt(np.trace(np.array(self.corner_covariance)) / 4))

    def drift_px(self, raw_homography_vis_to_nir: Matrix) -> float:
        """How far a homography (raw to raw) moves that corner of vis which it moves most."""
        apart = corner_distances(raw_homography_vis_to_nir, np.array(self.homography_vis_to_nir), self.vis_size)
        return float(apart.max())

    def check(self, found: Estimate) -> None:
        """Raises `RegistrationRefused` when an estimate moves a corner further than a rigid rig can."""
        apart_px = self.drift_px(with_mirrors(found.homography_vis_to_nir, *_mirrors(self.rig)))
        unsure_px = 3 * float(np.hypot(found.corner_sigma_px, self.corner_sigma_px))
        if apart_px > MAX_DRIFT_PX + unsure_px:
            raise RegistrationRefused(
                f"the arms lie {apart_px:.1f} px off the calibration of this rig ({self.source_clips[0].name}, "
                f"{self.date:%Y-%m-%d}), more than the {MAX_DRIFT_PX:g} ± {unsure_px:.1f} px of a rigid rig: a camera "
                "or the splitter was moved; register clips of before and after into different folders"
            )


def _mirrors(rig: Rig) -> tuple[int | None, int | None]:
    nir, vis = rig.nir, rig.vis
    return nir.width if nir.mirror else None, vis.width if vis.mirror else None


@dataclass(frozen=True, slots=True)
class Calibrations:
    """Where the calibrations of rigs are kept."""

    folder: Path | None
    """None: they are neither used nor kept."""
    file: Path | None = None
    """The calibration of one rig, instead of what the folder has for it."""

    def of(self, rig: Rig) -> RigCalibration | None:
        """The calibration of a rig, where there is one. Raises `RigCalibrationError` for a file that is none."""
        given = None if self.file is None else RigCalibration.read(self.file)
        if given is not None and given.rig == rig:
            return given
        path = self._path(rig)
        return RigCalibration.read(path) if path is not None and path.exists() else None

    def keep(self, clip: Clip, found: Estimate) -> None:
        """Make the estimate of a clip the calibration of its rig, where that has none and the estimate is sure."""
        path = self._path(Rig.of(clip))
        sure = found.aligned_frames > 0 and found.corner_sigma_px < SURE_SIGMA_PX
        if path is None or path.exists() or not sure:
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        draft.write_text(RigCalibration.from_clip(clip, found).model_dump_json(indent=1) + "\n", encoding="utf-8")
        os.replace(draft, path)

    def settled(self, rig: Rig | None) -> bool:
        """Whether the clips of a rig need not wait for one of them to become the calibration."""
        if rig is None or self.folder is None:
            return True
        try:
            return self.of(rig) is not None
        except RigCalibrationError:
            return True

    def _path(self, rig: Rig) -> Path | None:
        return None if self.folder is None else self.folder / re.sub(r"[^\w.-]", "_", rig.file_name)


def rig_of(clip: Path) -> Rig | None:
    """The rig of a clip; None where the clip cannot be read."""
    try:
        with Clip.open(clip) as opened:
            return Rig.of(opened)
    except (NirvisError, OSError):
        return None


def waves(clips: Sequence[Path], calibrations: Calibrations) -> Iterator[list[Path]]:
    """Clips that may be registered at the same time: of a rig without calibration one, which may become it.

    The next wave is looked for when the one before is done, so that the same clip becomes the calibration, however many
    are registered at the same time.
    """
    rigs = {clip: rig_of(clip) for clip in clips}
    while rigs:
        settled = {rig for rig in set(rigs.values()) if calibrations.settled(rig)}
        first = {rig: clip for clip, rig in reversed(rigs.items())}
        wave = [clip for clip, rig in rigs.items() if rig in settled or first[rig] == clip]
        yield wave
        for clip in wave:
            del rigs[clip]
