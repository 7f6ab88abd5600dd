"""How well a registration agrees with the simulated rig that it registered, and what its targets should have shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.clip import Clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.raw import full_scale_dn, gains
from nirvis_capture.truth_file import Truth
from nirvis_capture.wording import counted
from nirvis_registration.distortion import mapped
from nirvis_registration.geometry import Matrix, corners, project, with_mirrors
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.views import PairView
from nirvis_registration.warp import resample


@dataclass(frozen=True, eq=False)
class RegistrationScore:
    """The registration of one clip beside its truth."""

    corner_error_px: NDArray[np.float64]
    """``(N,)``: mean distance of the four corners of vis from where they truly fall, for every pair, in raw pixels."""

    @property
    def median_px(self) -> float:
        return float(np.median(self.corner_error_px))

    @property
    def worst_px(self) -> float:
        return float(self.corner_error_px.max())

    def __str__(self) -> str:
        figures = f"{self.median_px:.3f} px median, {self.worst_px:.3f} px worst"
        return f"corner error {figures} of {counted(len(self.corner_error_px), 'pair')}"


def score_registration(pairs: PairsFile, clip: Clip, truth: Truth) -> RegistrationScore:
    """Compare the homography of a pairs file with the true one at the pulse of every pair.

    Raises `NoTruth` when clip, pairs and truth do not belong together.
    """
    _check(pairs, clip, truth)
    height, width = clip.arms["vis"].shape
    true = truth.homography_vis_to_nir
    square = corners((width, height))
    found = mapped(pairs.homography_vis_to_nir, pairs.distortion, square, (width, height))
    errors = [
        np.linalg.norm(found - project(true[row], square), axis=1).mean() for row in _truth_rows(pairs, clip, truth)
    ]
    return RegistrationScore(np.array(errors))


def clean_targets(pairs: PairsFile, clip: Clip, truth: Truth) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """What the targets should have shown: number of the pair, and RGB ``(height, width, 3)``, 0 to 1, linear.

    The clean picture of vis through the true homography, white-balanced and clipped as the target is, without noise,
    mosaic and misregistration; for the pairs whose pulse has a clean picture.

    Raises `NoTruth` when clip, pairs and truth do not belong together.
    """
    _check(pairs, clip, truth)
    profile, kept = clip.profile, {int(pulse): k for k, pulse in enumerate(truth.clean_pulse)}
    nir_mirror = clip.arms["nir"].shape[1] if profile.nir.mirror else None
    vis_mirror = clip.arms["vis"].shape[1] if profile.vis.mirror else None
    height, width = clip.arms["vis"].shape
    full_dn = full_scale_dn(profile.vis.sensor.bit_depth)
    balance = np.array(gains(profile.vis), np.float32) * np.float32(full_dn / (full_dn - profile.vis.black_level_dn))
    for number, row in enumerate(_truth_rows(pairs, clip, truth)):
        if int(truth.pulse[row]) in kept:
            onto: Matrix = with_mirrors(truth.homography_vis_to_nir[row], nir_mirror, vis_mirror)
            view = PairView(profile.nir, profile.vis, pairs.geometry, onto, (width, height))
            clean = np.clip(truth.clean[kept[int(truth.pulse[row])]].astype(np.float32) * balance, 0, 1)
            upright = cv2.flip(clean, 1) if profile.vis.mirror else clean
            yield number, np.clip(resample(upright, view.vis_from_output, pairs.geometry.size), 0, 1)


def _truth_rows(pairs: PairsFile, clip: Clip, truth: Truth) -> list[int]:
    """Row of the truth's tables for every pair."""
    nir_index = clip.complete[pairs.table["clip_index"], 0]
    return [truth.row(int(pulse)) for pulse in truth.frame_pulse["nir"][nir_index]]


def _check(pairs: PairsFile, clip: Clip, truth: Truth) -> None:
    if not clip.sha256 == pairs.clip_sha256 == truth.clip_sha256:
        raise NoTruth(f"{clip.path.name}, {pairs.path.name} and the truth of {truth.clip} do not belong together")
