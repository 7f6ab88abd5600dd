"""One clip: where its arms lie on each other, and its pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.corrected_clip import corrected_by
from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.frames import chosen_frames, grey_pairs
from nirvis_registration.geometry import Size, SourceGeometry, common_crop, with_mirrors
from nirvis_registration.homography import Estimate, estimate, estimate_from
from nirvis_registration.pair_file import PairsHeader
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import pair_quality
from nirvis_registration.rig_calibration import RigCalibration
from nirvis_registration.settings import RegistrationSettings
from nirvis_registration.views import PairView

CALIBRATED_FRAMES = 2
"""Frames that are aligned where a calibration says where to begin."""


def align_clip(
    clip: Clip, settings: RegistrationSettings, calibration: RigCalibration | None = None
) -> tuple[PairView, Estimate]:
    """Estimate the homography of a clip, and how its frames become pairs.

    With a calibration it begins there, and searches anew only where that does not fit.
    Raises `RegistrationRefused`, also where the estimate contradicts the calibration.
    """
    if not len(clip):
        rows = len(clip.pairs)
        raise RegistrationRefused(f"no complete pair among its {rows} rows: not anchored, or one arm delivered nothing")
    found = None
    if calibration is not None:
        few = chosen_frames(clip, min(settings.frames, CALIBRATED_FRAMES))
        found = estimate_from(calibration.scene_homography_vis_to_nir, grey_pairs(clip, few), calibration.distortion)
    if found is None:
        found = estimate(grey_pairs(clip, chosen_frames(clip, settings.frames)), settings.features)
    if calibration is not None:
        calibration.check(found)
    nir_frame, vis_frame = _frame_size(clip, "nir"), _frame_size(clip, "vis")
    ratio = settings.size[0] / settings.size[1]
    crop = common_crop(found.homography_vis_to_nir, nir_frame, vis_frame, settings.crop, ratio)
    geometry = SourceGeometry(frame=nir_frame, crop=crop, size=settings.size)
    view = PairView(
        clip.profile.nir, clip.profile.vis, geometry, found.homography_vis_to_nir, vis_frame, found.distortion
    )
    return view, found


def _frame_size(clip: Clip, arm: Arm) -> Size:
    height, width = clip.arms[arm].shape
    return width, height


def write_pairs(
    path: Path,
    clip: Clip,
    view: PairView,
    found: Estimate,
    settings: RegistrationSettings,
    calibration: RigCalibration | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the pairs file of a clip. `progress` is called with the pairs that are done and their total."""
    header = _header(clip, view, found, settings, calibration)
    indices = range(0, len(clip), settings.every)
    compression = None if settings.compression == "none" else settings.compression
    with PairsWriter(path, header, view.valid(), len(indices), compression) as writer:
        for done, index in enumerate(indices, start=1):
            nir, vis = clip.pair(index)
            source, target = view.source(nir), view.target(vis)
            writer.write(index, source, target, pair_quality(source, target), int(clip.trigger_index[index]))
            if progress is not None:
                progress(done, len(indices))


def _header(
    clip: Clip, view: PairView, found: Estimate, settings: RegistrationSettings, calibration: RigCalibration | None
) -> PairsHeader:
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
        calibration=calibration.identity if calibration else "",
        distortion=found.distortion,
    )
