"""How close a predicted picture is to its target, one number per picture.

Every function takes RGB in [0, 1], ``(N, 3, H, W)``, and an optional `valid` mask ``(N, 1, H, W)`` that is 1 where
pixels count, and gives ``(N,)`` in float64; a picture without a pixel that counts gives NaN. Nothing is quantised
here: whoever compares with numbers of 8-bit files calls `quantised` before.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.colour import luma, normalise_lab, rgb_to_lab
from nirvis_training.protocol import Quantise

MS_SSIM_LEAST_PX = 176
"""Shorter sides leave no window of 11 px in the coarsest of five scales."""
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_SIGMA = 1.5
_BELL = [math.exp(-((position - _WINDOW // 2) ** 2) / (2 * _SIGMA**2)) for position in range(_WINDOW)]
_GAUSSIAN = [height / math.fsum(_BELL) for height in _BELL]
_ROUNDING = 1e-12
"""A single grey deviates from its mean by no more, and a picture with one lighter pixel by far more."""
_C1 = 0.01**2
_C2 = 0.03**2


def quantised(predicted: Tensor, how: Quantise = "round") -> Tensor:
    """The values that remain after a picture was stored in 8 bits, rounded or truncated; ``none`` clips alone."""
    shown = predicted.clamp(0, 1)
    if how == "none":
        return shown
    counts = shown * 255
    return (counts.round() if how == "round" else counts.floor()) / 255


def psnr(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB over all pixels and channels of a picture; equal pictures give infinity."""
    squared_error = (predicted.double() - target.double()).square().mean(dim=1, keepdim=True)
    return -10 * torch.log10(_mean(squared_error, valid))


def psnr_lab(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """PSNR in dB of Lab normalised to [0, 1], as the training logs of Wu et al. (2020) give it; no match for RGB."""
    return lab_differences(predicted, target, valid)[0]


def ssim(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Structural similarity of each RGB channel, then their mean (Wang et al. 2004, eq. 13).

    Gaussian window of 11×11 with σ = 1.5 that lies wholly inside the picture, and wholly on valid pixels; K1 = 0.01,
    K2 = 0.03, data range 1, population covariance. Pictures measure at least 11×11.
    """
    return _mean_of_windows(similarity_map(predicted.double(), target.double()), valid)


def ms_ssim(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Structural similarity over five scales (Wang, Simoncelli & Bovik 2003, eq. 7), channels averaged at each scale.

    Contrast and structure of every scale, luminance of the coarsest; each scale is the 2×2 mean of the one before, and
    negative terms count as 0. Pictures whose shorter side is below 176 px give NaN.
    """
    return structural_similarities(predicted, target, valid)[1]


def structural_similarities(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`ssim` and `ms_ssim` for little more than the price of the former: the finest scale is that of both."""
    first, second = predicted.double(), target.double()
    mask = None if valid is None else (valid > 0.5).double()
    luminance, structure = _similarity_terms(first, second)
    single = _mean_of_windows(luminance * structure, mask)
    if min(first.shape[-2:]) < MS_SSIM_LEAST_PX:
        return single, torch.full_like(single, math.nan)
    product = _mean_of_windows(structure, mask).clamp(min=0) ** _SCALE_WEIGHTS[0]
    for scale, weight in enumerate(_SCALE_WEIGHTS[1:], start=2):
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        mask = None if mask is None else -F.max_pool2d(-mask, 2)
        luminance, structure = _similarity_terms(first, second)
        terms = structure if scale < len(_SCALE_WEIGHTS) else luminance * structure
        product = product * _mean_of_windows(terms, mask).clamp(min=0) ** weight
    return single, product


def ciede2000(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean colour difference ΔE00 of sRGB pictures under D65; 1 is about the least difference that is seen."""
    return lab_differences(predicted, target, valid)[1]


def lab_differences(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`psnr_lab` and `ciede2000` of pictures that are brought to Lab once."""
    found, wanted = (rgb_to_lab(rgb.double()) for rgb in (predicted, target))
    difference = delta_e_2000(found, wanted).unsqueeze(1)
    return psnr(normalise_lab(found), normalise_lab(wanted), valid), _mean(difference, valid)


def luma_correlation(predicted: Tensor, other: Tensor, valid: Tensor | None = None) -> Tensor:
    """Pearson's correlation of the luma of two pictures, in [-1, 1]; 0 where one is of a single grey.

    What is light in the one is light in the other above 0, and dark below: a network that learns without pairs can find
    its way back from a negative as well as from a picture, and its losses do not tell which it makes.
    """
    one, two = (_deviation(luma(picture.double()), valid) for picture in (predicted, other))
    spread = (_mean(one.square(), valid) * _mean(two.square(), valid)).sqrt()
    return torch.where(spread < _ROUNDING, 0 * spread, _mean(one * two, valid) / spread)


def _deviation(values: Tensor, valid: Tensor | None) -> Tensor:
    return values - _mean(values, valid).view(-1, 1, 1, 1)


def similarity_map(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of every window inside the picture, per channel: ``(N, C, H, W)`` twice → ``(N, C, H-10, W-10)``."""
    luminance, structure = _similarity_terms(first, second)
    return luminance * structure


def _similarity_terms(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and the product of contrast and structure, of every window."""
    mean_1, mean_2 = _blur(first), _blur(second)
    variance_1 = _blur(first * first) - mean_1 * mean_1
    variance_2 = _blur(second * second) - mean_2 * mean_2
    covariance = _blur(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + _C1) / (mean_1 * mean_1 + mean_2 * mean_2 + _C1)
    return luminance, (2 * covariance + _C2) / (variance_1 + variance_2 + _C2)


def delta_e_2000(lab_1: Tensor, lab_2: Tensor) -> Tensor:
    """Colour difference ΔE00 of each pixel, with kL = kC = kH = 1 (Sharma, Wu & Dalal 2005, eq. 2-22).

    lab_1, lab_2
        CIE L*a*b* ``(N, 3, …)``, L* in 0 to 100.
    """
    lightness_1, chroma_1, hue_1, lightness_2, chroma_2, hue_2 = _lightness_chroma_hue(lab_1, lab_2)
    grey = chroma_1 * chroma_2 == 0
    hue_step = _wrapped(hue_2 - hue_1).masked_fill(grey, 0)
    # Halfway along the shorter arc; hues of greys are 0 and simply add up.
    hue = torch.where(grey, hue_1 + hue_2, hue_1 + hue_step / 2)
    chroma = (chroma_1 + chroma_2) / 2
    from_middle = ((lightness_1 + lightness_2) / 2 - 50).square()

    lightness_term = (lightness_2 - lightness_1) / (1 + 0.015 * from_middle / torch.sqrt(20 + from_middle))
    chroma_term = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    hue_term = 2 * torch.sqrt(chroma_1 * chroma_2) * torch.sin(hue_step / 2) / (1 + 0.015 * chroma * _hue_weight(hue))
    rotation = _rotation(chroma, hue) * chroma_term * hue_term
    squared = lightness_term.square() + chroma_term.square() + hue_term.square() + rotation
    return torch.sqrt(squared.clamp(min=0))


def _lightness_chroma_hue(lab_1: Tensor, lab_2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """L', C' and h' (radians) of both, with a* stretched by their mean chroma (eq. 2-7)."""
    lightness_1, a_1, b_1 = lab_1.unbind(dim=1)
    lightness_2, a_2, b_2 = lab_2.unbind(dim=1)
    stretch = 1.5 - _vividness((torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2) / 2
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = torch.hypot(a_1, b_1), torch.hypot(a_2, b_2)
    return lightness_1, chroma_1, _hue(a_1, b_1), lightness_2, chroma_2, _hue(a_2, b_2)


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """In [0, 2π], which decides the mean of two hues that lie exactly opposite."""
    return torch.atan2(b, a) % (2 * math.pi)


def _vividness(chroma: Tensor) -> Tensor:
    """√(C⁷ / (C⁷ + 25⁷)), which both a* and the rotation of blue depend on."""
    power = chroma.pow(7)
    return torch.sqrt(power / (power + 25.0**7))


def _hue_weight(hue: Tensor) -> Tensor:
    """T (eq. 15)."""
    return (
        1
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )


def _rotation(chroma: Tensor, hue: Tensor) -> Tensor:
    """R_T (eq. 16, 17 and 21)."""
    degrees = torch.rad2deg(hue % (2 * math.pi))
    angle = math.radians(30) * torch.exp(-((degrees - 275) / 25).square())
    return -torch.sin(2 * angle) * 2 * _vividness(chroma)


def _wrapped(angle: Tensor) -> Tensor:
    """The same direction within ±π; the ends stay where they are, as the standard wants it."""
    turn = 2 * math.pi
    return torch.where(angle > math.pi, angle - turn, torch.where(angle < -math.pi, angle + turn, angle))


def _blur(pictures: Tensor) -> Tensor:
    """Gaussian window of each channel, rows then columns, where it lies inside the picture."""
    return _weighted(_weighted(pictures, dim=-1), dim=-2)


def _weighted(pictures: Tensor, dim: int) -> Tensor:
    """Sum along one side of the window; as shifted pictures it takes a fraction of the time of a convolution."""
    inside = pictures.shape[dim] - _WINDOW + 1
    total = pictures.narrow(dim, 0, inside) * _GAUSSIAN[0]
    for shift, weight in enumerate(_GAUSSIAN[1:], start=1):
        total = total.add_(pictures.narrow(dim, shift, inside), alpha=weight)
    return total


def _mean_of_windows(terms: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over channels and over the windows that lie on valid pixels: ``(N, C, H-10, W-10)`` → ``(N,)``."""
    return _mean(terms.mean(dim=1, keepdim=True), None if valid is None else _whole_windows(valid))


def _whole_windows(valid: Tensor) -> Tensor:
    """1 where every pixel of the window counts."""
    least_of_rows = -F.max_pool2d(-valid.float(), (1, _WINDOW), stride=1)
    return -F.max_pool2d(-least_of_rows, (_WINDOW, 1), stride=1)


def _mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the pixels that count: ``(N, 1, H, W)`` → ``(N,)``."""
    if valid is None:
        return values.flatten(1).mean(dim=1)
    counts = (valid > 0.5).to(values.dtype)
    # A product with 0 would keep the NaN and infinity of pixels that do not count.
    return values.masked_fill(counts == 0, 0).flatten(1).sum(dim=1) / counts.flatten(1).sum(dim=1)
