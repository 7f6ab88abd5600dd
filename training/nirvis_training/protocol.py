"""How pictures are judged: the figures by name, and everything they depend on besides the pictures. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from nirvis_capture.settings import Settings

Metric = Literal[
    "psnr_rgb_db", "psnr_lab_db", "ssim_rgb", "ms_ssim_rgb", "ciede2000", "lpips_alex_v0_1", "flicker_dn", "warp_error"
]
"""Figures of one picture, or of two that follow each other; a mean over pictures and clips makes sense of them."""
METRICS: tuple[Metric, ...] = get_args(Metric)
Distance = Literal["fid", "fid_over_100", "kid_deg3", "kid_deg21"]
"""Figures of two whole collections of pictures."""
DISTANCES: tuple[Distance, ...] = get_args(Distance)
Quantise = Literal["round", "trunc", "none"]


@dataclass(frozen=True, slots=True)
class Figure:
    """How a metric is shown, and what it means."""

    title: str
    digits: int
    higher_is_better: bool
    meaning: str


FIGURES: dict[Metric, Figure] = {
    "psnr_rgb_db": Figure("PSNR dB", 2, True, "of each picture, all pixels and RGB channels (Wu et al. 2020, Table 1)"),
    "psnr_lab_db": Figure("PSNR Lab dB", 2, True, "of normalised Lab, as training logs give it; some 10 dB above RGB"),
    "ssim_rgb": Figure("SSIM", 3, True, "Gaussian window 11×11 inside the picture, mean over RGB (Wang et al. 2004)"),
    "ms_ssim_rgb": Figure("MS-SSIM", 3, True, "five scales, which need 176 px (Wang et al. 2003)"),
    "ciede2000": Figure("CIEDE2000", 2, False, "mean colour difference; 1 is about the least that is seen"),
    "lpips_alex_v0_1": Figure("LPIPS", 3, False, "AlexNet, linear heads of version 0.1 (Zhang et al. 2018)"),
    "flicker_dn": Figure("flicker", 2, False, "mean |Δprediction − Δinput| of pictures that follow each other, of 255"),
    "warp_error": Figure(
        "warp error",
        5,
        False,
        "mean squared difference to the picture before it, warped by the flow of the input (Lai et al. 2018, eq. 10)",
    ),
}
DISTANCE_TITLES: dict[Distance, str] = {
    "fid": "FID",
    "fid_over_100": "FID/100",
    "kid_deg3": "KID degree 3",
    "kid_deg21": "KID degree 21",
}


class Protocol(Settings):
    """What to compute, and how; written into every evaluation."""

    quantise: Quantise = "round"
    """How predictions become 8-bit pictures before anything is computed; trunc is what Wu et al. (2020) did."""
    pairs_per_clip: int | None = Field(default=None, ge=1)
    """Score only so many pictures of each clip, evenly spaced, each with a neighbour for the temporal metrics."""
    seed: int = Field(default=0, ge=0)
    """Of the subsets of KID."""
    reference: Literal["evaluated", "training"] = "evaluated"
    """Whose visible pictures FID and KID compare with: those of the evaluated set, or of the training set."""
    lpips: tuple[Path, Path] | None = None
    """AlexNet as torchvision stores it, and the linear heads of LPIPS (alex.pth of the lpips wheel)."""
    inception: Path | None = None
    """Inception-V3 in the FID variant (pt_inception-2015-12-05 of pytorch-fid)."""
    backbones: Path | None = None
    """Folder in which to look for these files by their published names; ~/.cache/nirvis/backbones by default."""
