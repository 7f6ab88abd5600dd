"""Wavelengths, and how a picture keeps a reflectance spectrum for every pixel.

Lights, filters, dyes and silicon are curves at every 10 nm. A painted scene keeps eight numbers per pixel, the values
of its reflectance at eight knots, linear in between: enough for materials, whose curves are smooth, and still linear,
so that whatever light, filter and sensor do to a scene is one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

WAVELENGTHS_NM: NDArray[np.float64] = np.arange(400.0, 1001.0, 10.0)
"""``(61,)``: where every curve is sampled."""
STEP_NM = 10.0

Spectrum = NDArray[np.float64]
"""``(61,)``: one value at each of `WAVELENGTHS_NM`."""

Bands = tuple[float, float, float, float, float, float, float, float]
"""Reflectance at `KNOTS_NM`, 0 to 1."""

KNOTS_NM = (440.0, 495.0, 550.0, 620.0, 680.0, 735.0, 800.0, 880.0)
"""Four knots for what the eye sees, four from the red edge on; beyond the outer ones a curve is level."""


def _hats() -> NDArray[np.float64]:
    corners = np.eye(len(KNOTS_NM))
    return np.stack([np.interp(WAVELENGTHS_NM, KNOTS_NM, corner) for corner in corners])


HATS: NDArray[np.float64] = _hats()
"""``(8, 61)``: each knot's share in the curve; they sum to one at every wavelength."""


def spectrum_of(bands: Bands) -> Spectrum:
    """The curve that eight coefficients stand for."""
    return np.asarray(np.array(bands) @ HATS, np.float64)


def bands_of(spectrum: Spectrum) -> Bands:
    """The eight coefficients that come nearest to a reflectance, in least squares, each within 0 to 1."""
    nearest = np.clip(np.linalg.lstsq(HATS.T, spectrum, rcond=None)[0], 0.0, 1.0)
    a, b, c, d, e, f, g, h = (float(value) for value in nearest)
    return a, b, c, d, e, f, g, h


def curve(points: Mapping[int, float]) -> Spectrum:
    """Straight lines through (wavelength in nm: value), level outside."""
    return np.interp(WAVELENGTHS_NM, list(points), list(points.values()))


def step(centre_nm: float, width_nm: float) -> Spectrum:
    """A smooth rise from 0 to 1, half way at the centre; four fifths of it within ±`width_nm` × 2.2."""
    return np.asarray(1 / (1 + np.exp(-(WAVELENGTHS_NM - centre_nm) / width_nm)), np.float64)


def peak(centre_nm: float, sigma_nm: float) -> Spectrum:
    """A Gaussian of height 1."""
    return np.asarray(np.exp(-0.5 * ((WAVELENGTHS_NM - centre_nm) / sigma_nm) ** 2), np.float64)


def flat(value: float) -> Spectrum:
    return np.full(len(WAVELENGTHS_NM), value)


def mean_between(spectrum: Spectrum, low_nm: float, high_nm: float) -> float:
    """Mean of a curve over a range of wavelengths, both ends included."""
    return float(spectrum[(low_nm <= WAVELENGTHS_NM) & (high_nm >= WAVELENGTHS_NM)].mean())
