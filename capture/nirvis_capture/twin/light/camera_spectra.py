"""What filter, colour dyes and silicon make of light: from a spectrum to the red, green and blue sites of a sensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import ProfileError
from nirvis_capture.twin.light.illumination import DAY_ELEVATION_DEG, lit
from nirvis_capture.twin.light.spectra import HATS, STEP_NM, WAVELENGTHS_NM, Spectrum, curve, flat, peak, step

if TYPE_CHECKING:
    from nirvis_capture.profile import ArmSettings, Filter

Response = NDArray[np.float64]
"""``(3, 8)``: signal of the red, green and blue sites for the eight coefficients of a reflectance."""

_EDGE_NM = 4.0
"""How steep the edges of an interference filter are."""
_OUT_OF_BAND = 0.0005
"""What it lets through where it should not."""

_SILICON: Mapping[str, Spectrum] = {
    "ICX285": curve(
        {400: 0.40, 450: 0.52, 500: 0.60, 550: 0.63, 600: 0.60, 650: 0.55, 700: 0.47}
        | {750: 0.39, 800: 0.31, 850: 0.225, 900: 0.15, 950: 0.085, 1000: 0.04}
    ),
    "IMX178": curve(
        {400: 0.58, 450: 0.72, 500: 0.79, 550: 0.78, 600: 0.71, 650: 0.62, 700: 0.52}
        | {750: 0.42, 800: 0.33, 850: 0.25, 900: 0.17, 950: 0.10, 1000: 0.055}
    ),
}
"""Quantum efficiency without dyes, from the makers' published diagrams, read to about 0.03."""


def transmission(optical_filter: Filter) -> Spectrum:
    """Share of the light that a filter lets through, by its passband; the lens in front stops below 410 nm."""
    low, high = optical_filter.passband_nm
    passed = flat(0.95)
    if low > WAVELENGTHS_NM[0]:
        passed = passed * step(low, _EDGE_NM)
    if high < WAVELENGTHS_NM[-1]:
        passed = passed * (1 - step(high, _EDGE_NM))
    return np.asarray(_lens() * np.maximum(passed, _OUT_OF_BAND), np.float64)


def quantum_efficiency(sensor_name: str) -> NDArray[np.float64]:
    """Electrons per photon of the red, green and blue sites, ``(3, 61)``.

    Dyes that tell colours apart are open in the infrared: the red one at once, the green one by and by, the blue one
    suddenly near 790 nm; from 850 nm on the three nearly agree, the red sites ahead by a few percent.

    Raises `ProfileError` for a sensor that the simulated rig does not know.
    """
    if sensor_name not in _SILICON:
        known = ", ".join(sorted(_SILICON))
        raise ProfileError(
            "the simulated rig", [f"sensor.name: the simulated rig knows {known}, and not {sensor_name!r}"]
        )
    return np.asarray(_SILICON[sensor_name] * dyes(), np.float64)


def dyes() -> NDArray[np.float64]:
    """Transmission of the red, green and blue dyes of a Bayer array, ``(3, 61)``."""
    red = 0.05 + 0.90 * step(588, 8)
    green = 0.04 + 0.86 * peak(532, 36) + 0.27 * step(668, 9) + 0.64 * step(785, 27)
    blue = 0.03 + 0.82 * peak(458, 32) + 0.88 * step(795, 8)
    return np.stack([red, np.minimum(green, 0.91), np.minimum(blue, 0.915)])


def response(arm: ArmSettings, light: Spectrum) -> Response:
    """Signal per coefficient of a reflectance that is lit by `light`; what a photon counts, not its energy."""
    photons = light * WAVELENGTHS_NM / 550.0
    seen = quantum_efficiency(arm.sensor.name) * transmission(arm.filter) * photons
    return np.asarray(seen @ HATS.T * STEP_NM, np.float64)


def aperture(arm: ArmSettings) -> float:
    """How far the lens of an arm is open: the strongest of its channels is 1 for a white wall in the noon sun.

    Each arm has a lens of its own, set once by day for its filter; so the band-pass before nir costs no counts there.
    """
    white = response(arm, lit(DAY_ELEVATION_DEG).daylight).sum(axis=1)
    return float(1 / white.max())


def _lens() -> Spectrum:
    return np.asarray(step(408, 5) * 0.97, np.float64)
