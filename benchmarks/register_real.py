"""Registration of real pictures: EPFL pairs moved at random, CWFID's one rig, and what VSIAD's authors left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from bars import Bar
from numpy.typing import NDArray
from register_peers import Method, nirvis
from register_scores import FAILED_PX, MARGIN_PX, Case, Scores, judge, onto_inner, random_homography, timed

from nirvis_registration.features import Grey, grey, relative_gradient
from nirvis_registration.geometry import (
    corner_distances,
    corners,
    project,
)
from nirvis_registration.homography import estimate

CWFID_SIZE = (1296, 966)


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
        found = [timed(method, *frame) for frame in frames]
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
