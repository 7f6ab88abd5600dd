"""Registration of clips of the simulated rig, whose true homography is known."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import h5py
import numpy as np
from bars import Bar
from register_peers import Method
from register_scores import MARGIN_PX, Case, Scores, judge, onto_inner, random_homography
from register_self_assessment import measure_self_assessment, rank_correlation, scatter_svg

import nirvis_profiles
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.truth import true_homography
from nirvis_registration.batch import register_clip
from nirvis_registration.clip_pairs import align_clip
from nirvis_registration.distortion import mapped
from nirvis_registration.features import Grey
from nirvis_registration.frames import chosen_frames, grey_pairs
from nirvis_registration.geometry import (
    Matrix,
    corner_distances,
    corners,
    project,
    with_mirrors,
)
from nirvis_registration.homography import Estimate, estimate
from nirvis_registration.rig_calibration import RigCalibration
from nirvis_registration.settings import RegistrationSettings
from nirvis_registration.views import scene_picture

PAIRS_PER_CLIP = 60


def twin_profile(mode: str, seed: int, mirrored: bool = True) -> Profile:
    text = nirvis_profiles.text(f"twin_{mode}")
    text = text if mirrored else text.replace("mirror = true", "mirror = false")
    text = text.replace("scene_seed = 1", f'scene_seed = {seed}\npacing = "fast"')
    return parse_profile(text.replace("rig_seed = 1", f"rig_seed = {seed}"))


@dataclass
class TwinFigures:
    """One entry per clip of the simulated rig."""

    ours_px: list[float] = field(default_factory=list)
    moved_px: list[float] = field(default_factory=list)
    """With a random homography applied to vis."""
    estimate_s: list[float] = field(default_factory=list)
    calibrated_px: list[float] = field(default_factory=list)
    calibrated_s: list[float] = field(default_factory=list)
    pairs_per_s: list[float] = field(default_factory=list)
    plain_pairs_per_s: list[float] = field(default_factory=list)
    residual: list[tuple[float, float]] = field(default_factory=list)
    """True error and residual of registrations that were spoilt on purpose, in px of a pair."""


def measure_clip(
    clip_path: Path, folder: Path, methods: dict[str, Method], figures: TwinFigures, scores: Scores, seed: int
) -> None:
    with Clip.open(clip_path) as clip:
        nir, vis = clip.profile.nir, clip.profile.vis
        size = (vis.roi.width, vis.roi.height)
        truth = with_mirrors(
            true_homography(clip.profile), nir.roi.width if nir.mirror else None, vis.roi.width if vis.mirror else None
        )
        began = time.perf_counter()
        view, found = align_clip(clip, RegistrationSettings())
        figures.estimate_s.append(time.perf_counter() - began)
        figures.ours_px.append(float(corner_distances(found.homography_vis_to_nir, truth, size).mean()))
        calibration = RigCalibration.from_clip(clip, found)
        began = time.perf_counter()
        _, again = align_clip(clip, RegistrationSettings(), calibration)
        figures.calibrated_s.append(time.perf_counter() - began)
        figures.calibrated_px.append(float(corner_distances(again.homography_vis_to_nir, truth, size).mean()))
        moved, onto = moved_pairs(list(grey_pairs(clip, chosen_frames(clip, 8))), truth, seed)
        found_again = estimate(moved)
        figures.moved_px.append(moved_error_px(found_again, onto, moved[0][1]))
        judge([Case(clip_path.name, *moved[0], onto)], methods, scores)
        figures.residual += measure_self_assessment(clip, view, truth)
        figures.plain_pairs_per_s.append(plain_pairs_per_s(clip, found.homography_vis_to_nir, folder / "plain.h5"))
    written: list[float] = []
    register_clip(clip_path, folder, RegistrationSettings(), lambda _, __: written.append(time.perf_counter()))
    figures.pairs_per_s.append((len(written) - 1) / (written[-1] - written[0]))


def moved_pairs(pairs: list[tuple[Grey, Grey]], truth: Matrix, seed: int) -> tuple[list[tuple[Grey, Grey]], Matrix]:
    """Pairs whose vis pictures were moved by one random homography, without what that left black, and their truth."""
    size = (pairs[0][1].shape[1], pairs[0][1].shape[0])
    known = random_homography(np.random.default_rng(seed), size)
    inner = (slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX))
    moved = [
        (nir, np.asarray(cv2.warpPerspective(vis, known, size, flags=cv2.INTER_CUBIC), np.uint8)[inner])
        for nir, vis in pairs
    ]
    return moved, onto_inner(truth, known)


def moved_error_px(found: Estimate, truth: Matrix, vis: Grey) -> float:
    size = (vis.shape[1], vis.shape[0])
    square = corners(size)
    there = mapped(found.homography_vis_to_nir, found.distortion, square, size)
    return float(np.linalg.norm(there - project(truth, square), axis=1).mean())


def plain_pairs_per_s(clip: Clip, homography_vis_to_nir: Matrix, path: Path) -> float:
    """The paper's way with OpenCV: demosaic, warp the whole picture, crop, average down, write; no quality figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (clip.arms["nir"].shape[1], clip.arms["nir"].shape[0])
    crop = (slice(size[1] // 2 - 450, size[1] // 2 + 450), slice(size[0] // 2 - 600, size[0] // 2 + 600))
    began = time.perf_counter()
    with h5py.File(path, "w") as file:
        frames = [file.create_dataset(arm, (len(clip), 480, 640, 3), np.uint8, chunks=(1, 480, 640, 3)) for arm in "nv"]
        for k in range(len(clip)):
            nir, vis = (
                scene_picture(raw, settings)
                for raw, settings in zip(clip.pair(k), (clip.profile.nir, clip.profile.vis), strict=True)
            )
            warped = cv2.warpPerspective(vis, homography_vis_to_nir, size, flags=cv2.INTER_CUBIC)
            for stored, picture in zip(frames, (nir, warped), strict=True):
                stored[k] = cv2.resize(picture[crop], (640, 480), interpolation=cv2.INTER_AREA)
    return len(clip) / (time.perf_counter() - began)


def measure_twin(clips: int, seed: int, methods: dict[str, Method], plot: Path | None) -> list[Bar]:
    figures, scores = TwinFigures(), Scores()
    for i in range(clips):
        with tempfile.TemporaryDirectory() as folder:
            profile = twin_profile(("day", "night")[i % 2], seed + i, mirrored=i % 4 < 2)
            clip = record_clip(profile, Path(folder), pairs=PAIRS_PER_CLIP)
            measure_clip(clip, Path(folder) / "pairs", methods, figures, scores, seed + i)
        print(
            f"twin {profile.mode:5} {'mirrored' if profile.vis.mirror else 'plain'} seed {seed + i}: "
            f"moved {figures.moved_px[-1]:.3f} px, as it is {figures.ours_px[-1]:.3f} px in "
            f"{figures.estimate_s[-1]:.1f} s, from the calibration {figures.calibrated_px[-1]:.3f} px in "
            f"{figures.calibrated_s[-1]:.1f} s, "
            f"{figures.pairs_per_s[-1]:.0f} pairs/s (plain {figures.plain_pairs_per_s[-1]:.0f})",
            flush=True,
        )
    scores.table("twin, one frame")
    print_whole_clip(figures, scores)
    return [
        Bar("register.twin_median_px", float(np.median(figures.moved_px)), "px"),
        Bar("register.twin_p95_px", float(np.percentile(figures.moved_px, 95)), "px"),
        Bar("register.twin_as_it_is_median_px", float(np.median(figures.ours_px)), "px"),
        Bar("register.twin_calibrated_median_px", float(np.median(figures.calibrated_px)), "px"),
        Bar("register.twin_sift_median_px", float(np.median(scores.error_px["SIFT + RANSAC"])), "px"),
        Bar("register.estimate_s", float(np.median(figures.estimate_s)), "s"),
        Bar("register.estimate_calibrated_s", float(np.median(figures.calibrated_s)), "s"),
        Bar("register.pairs_per_s_per_core", float(np.median(figures.pairs_per_s)), "1/s"),
        Bar("register.plain_pairs_per_s_per_core", float(np.median(figures.plain_pairs_per_s)), "1/s"),
        self_assessment_bar(figures.residual, plot),
    ]


def print_whole_clip(figures: TwinFigures, scores: Scores, pairs: int = 450) -> None:
    """Pairs/s of each method for ten seconds of recording: the others estimate every pair, then warp it plainly."""
    print(f"whole clip of {pairs} pairs, pairs/s")
    for name, ms in scores.ms.items():
        seconds = pairs * (float(np.median(ms)) / 1e3 + 1 / float(np.median(figures.plain_pairs_per_s)))
        if name == "nirvis":
            seconds = float(np.median(figures.estimate_s)) + pairs / float(np.median(figures.pairs_per_s))
        print(f"  {name:22} {pairs / seconds:>8.1f}", flush=True)


def self_assessment_bar(points: list[tuple[float, float]], plot: Path | None) -> Bar:
    if plot is not None:
        plot.write_text(scatter_svg(points), encoding="utf-8")
    return Bar("register.residual_rank_correlation", rank_correlation(points), "")
