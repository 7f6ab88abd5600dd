"""Look at the pictures of a set once, and score what every contestant makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_datasets.entry import Entry
from nirvis_training import metrics
from nirvis_training.backbones.cache import Backbones
from nirvis_training.backbones.lpips import LEAST_PX
from nirvis_training.judged_pictures import Judged, JudgedPictures, ReferencePictures
from nirvis_training.judgement import TARGET, TITLES, Contestant, EvaluationError
from nirvis_training.protocol import Metric, Protocol
from nirvis_training.temporal import Motion, Picture, estimate_motion, flicker, warp_error

Predict = Callable[[Tensor], Tensor]
"""RGB ``(N, 3, H, W)`` in [0, 1] to the same."""
Progress = Callable[[int, int], None]
Vector = NDArray[np.float64]
"""Features of one picture."""

EQUAL_PSNR_DB = 100.0
"""What equal pictures count as, so that means stay finite."""
WITHOUT_MOTION = ("grey_world", "mean_colour")
"""Answers whose steadiness and place among real pictures say nothing that the input does not."""


@dataclass(frozen=True, slots=True)
class PictureScores:
    """What every contestant reached on one picture."""

    name: str
    clip: Entry
    row: int
    rig: str
    scored: bool
    """False of a picture that was only looked at for its change."""
    scores: Mapping[Contestant, Mapping[Metric, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Featured:
    """One picture in the features that collections are compared by."""

    clip: Entry
    rig: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Findings:
    """Scores of pictures, and their features for the distances between collections."""

    rows: list[PictureScores] = field(default_factory=list)
    features: dict[Contestant, list[Featured]] = field(default_factory=dict)
    """Of every contestant and of the reference, under `TARGET`."""


class Scorer:
    """Scores pictures by one protocol.

    device
        Where the backbones are and metrics are computed.
    """

    def __init__(self, protocol: Protocol, backbones: Backbones, device: torch.device | None = None) -> None:
        self.protocol = protocol
        self.backbones = backbones
        self.device = device or torch.device("cpu")

    def look(
        self, pictures: JudgedPictures, contestants: Mapping[Contestant, Predict], progress: Progress | None = None
    ) -> Findings:
        """Score every contestant on every picture, two pictures in memory at a time.

        Raises `EvaluationError` when a contestant makes of one what no picture holds.
        """
        found = Findings()
        before: tuple[dict[Contestant, Picture], Picture] | None = None
        for done, judged in enumerate(pictures, start=1):
            shown, source, valid = self._shown(judged, contestants)
            scores = {name: self.score(picture, judged) for name, picture in shown.items()}
            rows, witness = {name: to_picture(picture) for name, picture in shown.items()}, to_picture(source)
            if judged.target is not None:
                rows[TARGET], scores[TARGET] = to_picture(judged.target), {}
            if judged.follows and before is not None:
                motion = estimate_motion(before[1], witness)
                for name in rows.keys() - set(WITHOUT_MOTION):
                    pair = (before[0][name], rows[name])
                    scores[name] |= _steadiness(pair, (before[1], witness), motion, valid)
            before = rows, witness
            found.rows.append(PictureScores(judged.name, judged.entry, judged.row, judged.rig, judged.scored, scores))
            self._remember(found, judged, shown)
            if progress is not None:
                progress(done, len(pictures))
        return found

    def look_at_reference(self, found: Findings, pictures: ReferencePictures) -> None:
        """Add the features of the visible pictures that collections are compared with."""
        if self.backbones.inception is not None:
            for entry, rig, rgb in pictures:
                self._add_features(found, TARGET, entry, rig, rgb.to(self.device))

    def score(self, shown: Tensor, judged: Judged) -> dict[Metric, float]:
        """Every metric of one picture ``(1, 3, H, W)`` that has a partner and is scored; only what is a number."""
        if judged.target is None or not judged.scored:
            return {}
        target, valid = judged.target.to(self.device), judged.valid.to(self.device)
        ssim, ms_ssim = metrics.structural_similarities(shown, target, valid)
        psnr_lab, ciede2000 = metrics.lab_differences(shown, target, valid)
        values: dict[Metric, float] = {
            "psnr_rgb_db": capped_db(metrics.psnr(shown, target, valid)),
            "psnr_lab_db": capped_db(psnr_lab),
            "ssim_rgb": float(ssim),
            "ms_ssim_rgb": float(ms_ssim),
            "ciede2000": float(ciede2000),
        }
        if self.backbones.lpips is not None and min(shown.shape[-2:]) >= LEAST_PX and valid.any():
            with torch.no_grad():
                values["lpips_alex_v0_1"] = float(self.backbones.lpips(_where_seen(shown, target, valid), target))
        return {metric: value for metric, value in values.items() if math.isfinite(value)}

    def _shown(
        self, judged: Judged, contestants: Mapping[Contestant, Predict]
    ) -> tuple[dict[Contestant, Tensor], Tensor, NDArray[np.bool_]]:
        source = judged.source.to(self.device)
        predicted = {name: predict(source) for name, predict in contestants.items()}
        broken = [name for name, picture in predicted.items() if not picture.isfinite().all()]
        if broken:
            raise EvaluationError(
                f"what {TITLES.get(broken[0], broken[0])} makes of {judged.name} holds values that are no numbers: its "
                "weights are broken, and no figure would mean anything. Train it anew, or from an older checkpoint"
            )
        shown = {name: metrics.quantised(picture, self.protocol.quantise) for name, picture in predicted.items()}
        return shown, source, judged.valid[0, 0].numpy() > 0.5

    def _remember(self, found: Findings, judged: Judged, shown: Mapping[Contestant, Tensor]) -> None:
        """Features of the pictures that are scored; what the target did not see shows what the target shows."""
        if self.backbones.inception is None or not judged.scored:
            return
        for name in shown.keys() - set(WITHOUT_MOTION):
            rgb = shown[name]
            if judged.target is not None:
                rgb = _where_seen(rgb, judged.target.to(self.device), judged.valid.to(self.device))
            self._add_features(found, name, judged.entry, judged.rig, rgb)

    def _add_features(self, found: Findings, name: Contestant, clip: Entry, rig: str, rgb: Tensor) -> None:
        if self.backbones.inception is not None:
            with torch.no_grad():
                features = self.backbones.inception(rgb)[0].double().cpu().numpy()
            found.features.setdefault(name, []).append(Featured(clip, rig, features))


def _steadiness(
    pair: tuple[Picture, Picture], witness: tuple[Picture, Picture], motion: Motion, valid: NDArray[np.bool_]
) -> dict[Metric, float]:
    values: dict[Metric, float] = {
        "flicker_dn": flicker(pair, witness, valid),
        "warp_error": warp_error(*pair, motion, valid),
    }
    return {metric: value for metric, value in values.items() if math.isfinite(value)}


def _where_seen(shown: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    return torch.where(valid > 0.5, shown, target)


def capped_db(psnr: Tensor) -> float:
    """PSNR of one picture ``(1,)``, so that means stay finite where pictures are equal; NaN stays NaN."""
    return float(psnr.clamp(max=EQUAL_PSNR_DB))


def to_picture(shown: Tensor) -> Picture:
    """``(1, 3, H, W)`` in [0, 1] → RGB ``(H, W, 3)`` u8, rounded."""
    picture: Picture = (shown[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    return picture
