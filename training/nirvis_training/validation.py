"""How good a method is at this moment: whole pictures, always the same ones, shown as `nirvis colorize` shows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_datasets.samples import Sample
from nirvis_training import metrics
from nirvis_training.footage import Colour, Shot, beside, coloured
from nirvis_training.material import Material, fixed_indices
from nirvis_training.methods.base import Method
from nirvis_training.scoring import capped_db, to_picture

__all__ = ["Validated", "colour_of", "film", "fixed_indices", "predicting", "scored", "validate"]

_PICTURES = 4
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Validated:
    """What validation found."""

    scores: Mapping[str, float]
    """psnr_db, ssim, ciede2000 and luma_correlation, means over the pictures that have them, nothing quantised; without
    what no picture has for want of valid pixels, and empty where `finite` is false. Without visible partners only
    luma_correlation, with the inputs."""
    pictures: Mapping[str, Picture]
    """Input | prediction | truth of the first few, RGB ``(H, 3 W, 3)``, by the name of the pair; no truth, no third."""
    finite: bool
    """Whether every value of every prediction is a number; weights that predict others are broken."""


@contextmanager
def predicting(method: Method) -> Iterator[None]:
    """The method in eval mode; afterwards it is in the mode it was in."""
    training = method.training
    method.eval()
    try:
        yield
    finally:
        method.train(training)


def validate(method: Method, material: Material, device: torch.device) -> Validated:
    """Predict every chosen picture; the method has to be in eval mode."""
    rows, pictures, finite = [], {}, True
    for number, index in enumerate(material.indices):
        sample = material.validation[index]
        predicted = method.predict(sample["source"][None].to(device)).cpu()
        finite = finite and bool(predicted.isfinite().all())
        valid = sample["valid"][None]
        if material.partnered:
            rows.append(scored(predicted, sample["target"][None], valid))
        else:
            rows.append({"luma_correlation": float(metrics.luma_correlation(predicted, sample["source"][None], valid))})
        if number < _PICTURES:
            pictures[sample["name"]] = beside(_shot(sample, material.partnered), to_picture(predicted))
    return Validated(_means(rows) if finite else {}, pictures, finite)


def film(method: Method, material: Material, device: torch.device, frames: int) -> Iterator[Picture]:
    """Input | prediction | truth of consecutive pictures, one in memory at a time."""
    shots = (_shot(material.validation[index], material.partnered) for index in material.film(frames))
    return (picture for _, picture in coloured(shots, colour_of(method, device), side_by_side=True))


def colour_of(method: Method, device: torch.device) -> Colour:
    """What a method makes of a picture, computed by torch; exported, a colorizer makes the same of it."""

    def colour(source: Picture) -> Picture:
        planes = torch.from_numpy(source).to(device).permute(2, 0, 1)[None] / 255
        return to_picture(method.predict(planes))

    return colour


def scored(predicted: Tensor, target: Tensor, valid: Tensor) -> dict[str, float]:
    """Every score of one picture ``(1, 3, H, W)``; NaN where nothing can be said."""
    return {
        "psnr_db": capped_db(metrics.psnr(predicted, target, valid)),
        "ssim": float(metrics.ssim(predicted, target, valid)),
        "ciede2000": float(metrics.ciede2000(predicted, target, valid)),
        "luma_correlation": float(metrics.luma_correlation(predicted, target, valid)),
    }


def _shot(sample: Sample, partnered: bool) -> Shot:
    target = to_picture(sample["target"][None]) if partnered else None
    return Shot(sample["name"], to_picture(sample["source"][None]), target)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """A picture without valid pixels has no score, and counts for nothing."""
    names = rows[0] if rows else ()
    found = {name: [row[name] for row in rows if math.isfinite(row[name])] for name in names}
    return {name: fmean(values) for name, values in found.items() if values}
