"""Accuracy and speed of registration, beside plain SIFT + RANSAC (the VSIAD paper) on the same pictures.

    python benchmarks/register.py [--json FILE] [--clips N] [--data FOLDER]

Twin: fresh streets and rigs, day and night, against the true homography. Real: the EPFL pairs of NIRVIS_REAL_DATA whose
homography ten estimators agree on, moved by a random known homography; left out where the data is absent. Errors are
mean distances of the four corners of the vis picture, in px at native size.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from bars import Bar, report

import nirvis_profiles
from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.rig import record_clip
from nirvis_capture.truth import true_homography
from nirvis_registration.batch import RegistrationSettings, align_clip, register_clip
from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.features import Grey, grey
from nirvis_registration.frames import chosen_frames, grey_pairs
from nirvis_registration.geometry import Matrix, Size, corner_distances, corners, from_corners, normalised, with_mirrors
from nirvis_registration.homography import estimate

MARGIN_PX = 60
FAILED_PX = 1000.0
PAIRS_PER_CLIP = 60


@dataclass(frozen=True, eq=False)
class Case:
    """Pictures with a known homography between them."""

    name: str
    nir: Grey
    vis: Grey
    truth: Matrix

    @property
    def vis_size(self) -> Size:
        return self.vis.shape[1], self.vis.shape[0]


def paper(nir: Grey, vis: Grey) -> Matrix | None:
    """SIFT, ratio test .75, RANSAC 5 px."""
    sift = cv2.SIFT.create(4000)
    (nir_points, nir_descriptors), (vis_points, vis_descriptors) = (
        sift.detectAndCompute(picture, np.full_like(picture, 255)) for picture in (nir, vis)
    )
    pairs = cv2.BFMatcher().knnMatch(vis_descriptors, nir_descriptors, k=2)
    good = [first for first, second in pairs if first.distance < 0.75 * second.distance]
    if len(good) < 4:
        return None
    seen = np.array([vis_points[m.queryIdx].pt for m in good], np.float32)
    found = cv2.findHomography(seen, np.array([nir_points[m.trainIdx].pt for m in good], np.float32), cv2.RANSAC, 5.0)
    return cast("Matrix | None", found[0])


def ours(nir: Grey, vis: Grey) -> Matrix | None:
    try:
        return estimate([(nir, vis)]).homography_vis_to_nir
    except RegistrationRefused:
        return None


def error_px(case: Case, method: Callable[[Grey, Grey], Matrix | None]) -> float:
    found = method(case.nir, case.vis)
    if found is None:
        return FAILED_PX
    return min(FAILED_PX, float(corner_distances(found, case.truth, case.vis_size).mean()))


def random_homography(random: np.random.Generator, size: Size) -> Matrix:
    """Rotation ±2°, shift ±20 px, scale ±2 %, corners ±3 px."""
    before = corners(size)
    angle, scale = np.deg2rad(random.uniform(-2, 2)), 1 + random.uniform(-0.02, 0.02)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = before.mean(axis=0)
    after = (before - middle) @ turn.T + middle + random.uniform(-20, 20, 2) + random.uniform(-3, 3, (4, 2))
    return from_corners(before, after)


def real_cases(folder: Path, seed: int) -> Iterator[Case]:
    references = json.loads((folder / "reference.json").read_text())
    random = np.random.default_rng(seed)
    for name, reference in references.items():
        if not reference["consensus"]:
            continue
        stem = name.replace("/", "_")
        nir, vis = (
            np.asarray(cv2.imread(str(folder / f"{stem}_{side}.jpg"), cv2.IMREAD_COLOR_RGB), np.uint8)
            for side in ("nir", "rgb")
        )
        size = (vis.shape[1], vis.shape[0])
        known = random_homography(random, size)
        moved = np.asarray(cv2.warpPerspective(vis, known, size, flags=cv2.INTER_CUBIC), np.uint8)
        inner = moved[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
        into = np.array([[1.0, 0.0, MARGIN_PX], [0.0, 1.0, MARGIN_PX], [0.0, 0.0, 1.0]])
        truth = normalised(np.array(reference["H_vc_to_nir"]) @ np.linalg.inv(known) @ into)
        yield Case(name, grey(nir), grey(inner), truth)


def twin_profile(mode: str, seed: int) -> Profile:
    text = nirvis_profiles.text(f"twin_{mode}")
    text = text.replace("scene_seed = 1", f'scene_seed = {seed}\npacing = "fast"')
    return parse_profile(text.replace("rig_seed = 1", f"rig_seed = {seed}"))


@dataclass
class TwinFigures:
    """One entry per clip of the simulated rig."""

    ours_px: list[float]
    paper_px: list[float]
    estimate_s: list[float]
    pairs_per_s: list[float]


def measure_clip(clip_path: Path, folder: Path, figures: TwinFigures) -> None:
    with Clip.open(clip_path) as clip:
        nir, vis = clip.profile.nir, clip.profile.vis
        size = (vis.roi.width, vis.roi.height)
        truth = with_mirrors(
            true_homography(clip.profile), nir.roi.width if nir.mirror else None, vis.roi.width if vis.mirror else None
        )
        began = time.perf_counter()
        _, found = align_clip(clip, RegistrationSettings())
        figures.estimate_s.append(time.perf_counter() - began)
        figures.ours_px.append(float(corner_distances(found.homography_vis_to_nir, truth, size).mean()))
        first = next(grey_pairs(clip, chosen_frames(clip, 1)))
        figures.paper_px.append(error_px(Case(clip_path.name, *first, truth), paper))
    written: list[float] = []
    register_clip(clip_path, folder, RegistrationSettings(), lambda _, __: written.append(time.perf_counter()))
    figures.pairs_per_s.append((len(written) - 1) / (written[-1] - written[0]))


def measure_twin(clips: int, seed: int) -> TwinFigures:
    figures = TwinFigures([], [], [], [])
    for i in range(clips):
        with tempfile.TemporaryDirectory() as folder:
            profile = twin_profile(("day", "night")[i % 2], seed + i)
            clip = record_clip(profile, Path(folder), pairs=PAIRS_PER_CLIP)
            measure_clip(clip, Path(folder) / "pairs", figures)
        print(
            f"twin {profile.mode:5} seed {seed + i}: nirvis {figures.ours_px[-1]:.3f} px, one frame by plain SIFT "
            f"{figures.paper_px[-1]:.3f} px, estimate {figures.estimate_s[-1]:.1f} s",
            flush=True,
        )
    return figures


def twin_bars(figures: TwinFigures) -> list[Bar]:
    return [
        Bar("register.twin_median_px", float(np.median(figures.ours_px)), "px"),
        Bar("register.twin_p95_px", float(np.percentile(figures.ours_px, 95)), "px"),
        Bar("register.twin_sift_median_px", float(np.median(figures.paper_px)), "px"),
        Bar("register.estimate_s", float(np.median(figures.estimate_s)), "s"),
        Bar("register.pairs_per_s_per_core", float(np.median(figures.pairs_per_s)), "1/s"),
    ]


def measure_real(folder: Path, seed: int) -> list[Bar]:
    methods: tuple[Callable[[Grey, Grey], Matrix | None], ...] = (ours, paper)
    errors: dict[str, list[float]] = {method.__name__: [] for method in methods}
    for i, case in enumerate(real_cases(folder, seed)):
        for method in methods if i % 2 else reversed(methods):
            errors[method.__name__].append(error_px(case, method))
        print(
            f"real {case.name}: nirvis {errors['ours'][-1]:.2f} px, plain SIFT {errors['paper'][-1]:.2f} px", flush=True
        )
    mine, theirs = np.array(errors["ours"]), np.array(errors["paper"])
    return [
        Bar("register.real_median_px", float(np.median(mine)), "px"),
        Bar("register.real_success_3px", float((mine < 3).mean()), "share"),
        Bar("register.real_share_1px", float((mine < 1).mean()), "share"),
        Bar("register.sift_success_3px", float((theirs < 3).mean()), "share"),
        Bar("register.vs_sift_error", float(np.median(mine) / np.median(theirs)), "ratio"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=8, help="clips of the simulated rig")
    parser.add_argument("--data", type=Path, default=os.environ.get("NIRVIS_REAL_DATA"), help="real recordings")
    parser.add_argument("--seed", type=int, default=100)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    bars = twin_bars(measure_twin(arguments.clips, arguments.seed))
    if arguments.data is not None and (Path(arguments.data) / "nirscene").is_dir():
        bars += measure_real(Path(arguments.data) / "nirscene", arguments.seed)
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
