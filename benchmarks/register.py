"""Accuracy and speed of registration, beside what others do, on the same pictures in the same run.

    python benchmarks/register.py [--json FILE] [--clips N] [--data FOLDER] [--plot FILE]

Twin: fresh streets and rigs, day and night, mirrored and not, each with a fresh random homography (rotation ±2°, shift
±20 px, scale ±2 %, corners ±3 px) applied to the vis pictures, against the true one. Real: the EPFL pairs of
NIRVIS_REAL_DATA whose homography ten estimators agree on, moved by a random known homography; CWFID, one rig over many
pictures, against the median of the other pictures; VSIAD, what is left after the authors and after nirvis. Left out
where the data is absent.
Errors are mean distances of the four corners of the vis picture, in px at native size.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import h5py
import numpy as np
from bars import Bar, report
from numpy.typing import NDArray
from register_peers import Method, available, nirvis
from register_self_assessment import measure_self_assessment, rank_correlation, scatter_svg

import nirvis_profiles
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.truth import true_homography
from nirvis_registration.batch import register_clip
from nirvis_registration.clip_pairs import align_clip
from nirvis_registration.distortion import mapped
from nirvis_registration.features import Grey, grey, relative_gradient
from nirvis_registration.frames import chosen_frames, grey_pairs
from nirvis_registration.geometry import (
    Matrix,
    Size,
    corner_distances,
    corners,
    from_corners,
    normalised,
    project,
    with_mirrors,
)
from nirvis_registration.homography import Estimate, estimate
from nirvis_registration.rig_calibration import RigCalibration
from nirvis_registration.settings import RegistrationSettings
from nirvis_registration.views import scene_picture

MARGIN_PX = 60
FAILED_PX = 1000.0
PAIRS_PER_CLIP = 60
CWFID_SIZE = (1296, 966)


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


@dataclass
class Scores:
    """Errors in px and times in ms of each method, case by case."""

    error_px: dict[str, list[float]] = field(default_factory=dict)
    ms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, error_px: float, ms: float) -> None:
        self.error_px.setdefault(name, []).append(error_px)
        self.ms.setdefault(name, []).append(ms)

    def table(self, title: str) -> None:
        print(f"{title:24} {'cases':>5} {'<1 px':>6} {'<3 px':>6} {'<5 px':>6} {'median':>8} {'p95':>8} {'ms':>7}")
        for name, errors in self.error_px.items():
            wrong = np.array(errors)
            shares = " ".join(f"{(wrong < limit).mean():>6.0%}" for limit in (1, 3, 5))
            figures = f"{np.median(wrong):>8.3f} {np.percentile(wrong, 95):>8.2f} {np.median(self.ms[name]):>7.0f}"
            print(f"  {name:22} {len(wrong):>5} {shares} {figures}", flush=True)


def judge(cases: Iterable[Case], methods: dict[str, Method], scores: Scores) -> None:
    """Every method on every case, in turn from the other end so that none has the cache."""
    for name in methods:
        scores.error_px.setdefault(name, [])
        scores.ms.setdefault(name, [])
    for i, case in enumerate(cases):
        for name in methods if i % 2 else reversed(methods):
            found, ms = _timed(methods[name], case.nir, case.vis)
            wrong = FAILED_PX if found is None else corner_distances(found, case.truth, case.vis_size).mean()
            scores.add(name, min(FAILED_PX, float(wrong)), ms)
        print(case.name, *(f"{name} {errors[-1]:.2f}" for name, errors in scores.error_px.items()), flush=True)


def _timed(method: Method, nir: Grey, vis: Grey) -> tuple[Matrix | None, float]:
    began = time.perf_counter()
    found = method(nir, vis)
    return found, (time.perf_counter() - began) * 1e3


def random_homography(random: np.random.Generator, size: Size) -> Matrix:
    """Rotation ±2°, shift ±20 px, scale ±2 %, corners ±3 px."""
    before = corners(size)
    angle, scale = np.deg2rad(random.uniform(-2, 2)), 1 + random.uniform(-0.02, 0.02)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = before.mean(axis=0)
    after = (before - middle) @ turn.T + middle + random.uniform(-20, 20, 2) + random.uniform(-3, 3, (4, 2))
    return from_corners(before, after)


def nirscene_cases(folder: Path, seed: int) -> Iterator[Case]:
    references = json.loads((folder / "reference.json").read_text())
    random = np.random.default_rng(seed)
    for name, reference in references.items():
        if not reference["consensus"]:
            continue
        stem = name.replace("/", "_")
        nir, vis = (_read(folder / f"{stem}_{side}.jpg") for side in ("nir", "rgb"))
        size = (vis.shape[1], vis.shape[0])
        known = random_homography(random, size)
        moved = np.asarray(cv2.warpPerspective(vis, known, size, flags=cv2.INTER_CUBIC), np.uint8)
        inner = moved[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
        yield Case(name, grey(nir), grey(inner), onto_inner(np.array(reference["H_vc_to_nir"]), known))


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


def onto_inner(truth: Matrix, known: Matrix) -> Matrix:
    """The truth of a vis picture that was moved, and lost its margin."""
    into = np.array([[1.0, 0.0, MARGIN_PX], [0.0, 1.0, MARGIN_PX], [0.0, 0.0, 1.0]])
    return normalised(truth @ np.linalg.inv(known) @ into)


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


def measure_nirscene(folder: Path, seed: int, methods: dict[str, Method]) -> list[Bar]:
    scores = Scores()
    judge(nirscene_cases(folder, seed), methods, scores)
    scores.table("nirscene, moved at random")
    mine, theirs = np.array(scores.error_px["nirvis"]), np.array(scores.error_px["SIFT + RANSAC"])
    return [
        Bar("register.real_median_px", float(np.median(mine)), "px"),
        Bar("register.real_success_3px", float((mine < 3).mean()), "share"),
        Bar("register.real_share_1px", float((mine < 1).mean()), "share"),
        Bar("register.sift_success_3px", float((theirs < 3).mean()), "share"),
        Bar("register.vs_sift_error", float(np.median(mine) / np.median(theirs)), "ratio"),
    ]


def measure_cwfid(folder: Path, methods: dict[str, Method]) -> list[Bar]:
    """One prism rig: how far each picture, and each half of the pictures, is from what the others say."""
    frames = [_prism(path) for path in sorted(folder.glob("*_image.png"))]
    scores = Scores()
    for name, method in methods.items():
        found = [_timed(method, *frame) for frame in frames]
        mapped = np.array([project(np.eye(3) if h is None else h, corners(CWFID_SIZE)) for h, _ in found])
        for i, (homography, ms) in enumerate(found):
            others = np.median(np.delete(mapped, i, axis=0), axis=0)
            wrong = float(np.linalg.norm(mapped[i] - others, axis=1).mean())
            scores.add(name, FAILED_PX if homography is None else wrong, ms)
    scores.table("CWFID, repeatability")
    halves = [estimate(frames[k::2]).homography_vis_to_nir for k in (0, 1)]
    pooled_px = float(corner_distances(halves[0], halves[1], CWFID_SIZE).mean())
    return [
        Bar("register.cwfid_px", float(np.median(scores.error_px["nirvis"])), "px"),
        Bar("register.cwfid_pooled_px", pooled_px, "px"),
        Bar("register.cwfid_sift_px", float(np.median(scores.error_px["SIFT + RANSAC"])), "px"),
    ]


def _prism(path: Path) -> tuple[Grey, Grey]:
    picture = _read(path)
    nir, red = (grey(np.repeat(picture[..., [channel]], 3, axis=2)) for channel in (1, 0))
    return nir, red


def measure_vsiad(folder: Path) -> list[Bar]:
    """What is left of misregistration in tiles that took no part in the fit, after the authors and after nirvis."""
    authors, ours = [], []
    for source in sorted(folder.glob("*_src.png")):
        nir, vis = grey(_read(source)), grey(_read(source.with_name(source.name.replace("_src", "_vc"))))
        found = nirvis(_veiled(nir), _veiled(vis))
        if found is None:
            continue
        moved = np.asarray(
            cv2.warpPerspective(vis, found, (vis.shape[1], vis.shape[0]), flags=cv2.INTER_CUBIC), np.uint8
        )
        authors.append(_held_out_px(nir, vis))
        ours.append(_held_out_px(nir, moved))
        print(f"VSIAD {source.stem}: authors {authors[-1]:.2f} px, nirvis {ours[-1]:.2f} px", flush=True)
    return [
        Bar("register.vsiad_authors_px", float(np.mean(authors)), "px"),
        Bar("register.vsiad_px", float(np.mean(ours)), "px"),
    ]


def _held_out(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """A third of the tiles of 80 px, spread evenly."""
    rows, columns = shape[0] // 80, shape[1] // 80
    return [
        (slice(80 * r, 80 * r + 80), slice(80 * c, 80 * c + 80))
        for r in range(rows)
        for c in range(columns)
        if (r + c) % 3 == 0
    ]


def _veiled(picture: Grey) -> Grey:
    """The picture with nothing to see in the tiles that are held out, and no edge around them."""
    veil = np.zeros(picture.shape, np.float32)
    for tile in _held_out(picture.shape):
        veil[tile] = 1.0
    veil = np.asarray(cv2.GaussianBlur(veil, (0, 0), 6), np.float32)
    flat = np.float32(picture.mean())
    return np.asarray(picture * (1 - veil) + flat * veil, np.uint8)


def _held_out_px(nir: Grey, vis: Grey) -> float:
    """Mean displacement of the tiles that were held out, by correlation of gradient magnitudes, to a sub-pixel."""
    moves = []
    first, second = relative_gradient(nir), relative_gradient(vis)
    for rows, columns in _held_out(nir.shape):
        template = second[rows.start + 12 : rows.stop - 12, columns.start + 12 : columns.stop - 12]
        likeness = cv2.matchTemplate(first[rows, columns], template, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(likeness)
        if best > 0.5 and 0 < x < likeness.shape[1] - 1 and 0 < y < likeness.shape[0] - 1:
            across, down = _peak(likeness[y, x - 1 : x + 2]), _peak(likeness[y - 1 : y + 2, x])
            moves.append((x - 12 + across, y - 12 + down))
    return float(np.linalg.norm(np.array(moves), axis=1).mean()) if moves else float("nan")


def _peak(three: cv2.typing.MatLike) -> float:
    """Where between -1 and 1 a parabola through three values is highest."""
    left, middle, right = (float(value) for value in three)
    return 0.5 * (left - right) / min(left - 2 * middle + right, -1e-9)


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=8, help="clips of the simulated rig")
    parser.add_argument("--data", type=Path, default=os.environ.get("NIRVIS_REAL_DATA"), help="real recordings")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--plot", type=Path, help="residual against true error, as SVG")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    methods = available()
    bars = measure_twin(arguments.clips, arguments.seed, methods, arguments.plot) if arguments.clips else []
    data = Path(arguments.data or "/nonexistent")
    if (data / "nirscene").is_dir():
        bars += measure_nirscene(data / "nirscene", arguments.seed, methods)
        bars += measure_cwfid(data / "cwfid", methods)
        bars += measure_vsiad(data / "vsiad")
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
