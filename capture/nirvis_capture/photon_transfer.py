"""Gain, read noise and fixed pattern of a camera from flat pictures of it: the photon-transfer method of EMVA 1288."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nirvis_capture.camera import Raw

_QUANTISATION_DN2 = 1 / 12
"""Variance of rounding to whole counts."""


@dataclass(frozen=True)
class PhotonTransfer:
    """What the noise of flat pictures says of a camera."""

    gain_dn_per_e: float
    """Counts per electron."""
    read_noise_e: float

    @property
    def read_noise_dn(self) -> float:
        return self.read_noise_e * self.gain_dn_per_e


def temporal_variance_dn2(first: Raw, second: Raw) -> float:
    """Noise of one pixel in time: of two pictures of the same, half the variance of their difference.

    What differs from pixel to pixel but not from picture to picture drops out (EMVA 1288 release 3.1, section 6.6).
    """
    return float(np.var(first.astype(np.float64) - second) / 2)


def photon_transfer(pairs: Sequence[tuple[Raw, Raw]]) -> PhotonTransfer:
    """Fit of the photon-transfer curve: variance against mean is a line whose slope is the gain.

    pairs
        Two pictures each of an evenly lit surface at several levels, none saturated; the first pair in the dark.

    Raises `ValueError` for fewer than three pairs.
    """
    if len(pairs) < 3:
        raise ValueError(f"a photon-transfer curve needs a dark pair and two lit ones at least, got {len(pairs)} pairs")
    means = np.array([(float(first.mean()) + float(second.mean())) / 2 for first, second in pairs])
    variances = np.array([temporal_variance_dn2(first, second) for first, second in pairs])
    above_dark, noise = means - means[0], variances - variances[0]
    gain = float(above_dark @ noise / (above_dark @ above_dark))
    return PhotonTransfer(gain, float(np.sqrt(max(variances[0] - _QUANTISATION_DN2, 0.0))) / gain)


def response_nonuniformity(lit: Sequence[Raw], dark: Sequence[Raw]) -> float:
    """PRNU: relative standard deviation of the response of the pixels (EMVA 1288 release 3.1, section 8).

    lit, dark
        Several pictures each, at about half of saturation and without light; their mean leaves a little noise of time,
        which is subtracted.
    """
    mean_lit, mean_dark = np.mean(lit, axis=0), np.mean(dark, axis=0)
    spatial = [
        float(np.var(mean) - np.mean(np.var(stack, axis=0, ddof=1)) / len(stack))
        for mean, stack in ((mean_lit, lit), (mean_dark, dark))
    ]
    return float(np.sqrt(max(spatial[0] - spatial[1], 0.0)) / (mean_lit.mean() - mean_dark.mean()))
