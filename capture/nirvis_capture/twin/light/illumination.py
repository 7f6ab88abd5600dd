"""The light of a street: sun, sky, lamps, and the infrared LED beside the camera.

All spectra share one unit: a white wall that faces the sun of `DAY_ELEVATION_DEG` on a clear day sends back 1 on
average over 400 to 700 nm. So a lamp is what it is beside the sun, and nobody has to switch it off by day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nirvis_capture.twin.light.spectra import WAVELENGTHS_NM, Spectrum, flat, mean_between, peak
from nirvis_capture.twin.settings import TwinSettings

DAY_ELEVATION_DEG = 42.0
_ELEVATION_DEG = {"day": DAY_ELEVATION_DEG, "dusk": -1.5, "led_night": -30.0}
_CLOUDED = {"clear": 0.0, "overcast": 0.95, "rain": 1.0}

LED_REFERENCE_M = 8.0
"""Distance at which a wall gets the irradiance `Illumination.led`."""
_LED_LEVEL = 0.008
_LAMP_LEVEL = 0.016
"""A lamp itself, as a share of the noon wall."""
_IRIS_RANGE = 200.0
"""From the smallest to the largest aperture: f/1.4 to f/20."""
_IRIS_SHARE = 0.85
"""An automatic iris follows the light, but not all the way: dusk still looks like dusk."""


@dataclass(frozen=True, eq=False)
class Illumination:
    """What lights a scene; irradiances, save for `air`."""

    sun: Spectrum
    """The direct sun on a surface that faces it."""
    sky: Spectrum
    """The rest of the sky on any surface."""
    air: Spectrum
    """Radiance of a white cloud: what the colour of a painted sky multiplies."""
    lamps: Spectrum
    """What comes from a lamp itself (lamp channel 255)."""
    led: Spectrum
    """The 850 nm LED at `LED_REFERENCE_M`; zero unless it is switched on."""

    @property
    def daylight(self) -> Spectrum:
        """All that a white wall in the open gets from the sky and the sun."""
        return np.asarray(self.sun + self.sky, np.float64)


def illumination(settings: TwinSettings) -> Illumination:
    """The light that the ``[twin]`` table of a profile asks for."""
    elevation_deg = settings.sun_elevation_deg
    if elevation_deg is None:
        elevation_deg = _ELEVATION_DEG[settings.light]
    return lit(elevation_deg, _CLOUDED[settings.weather], with_led=settings.light == "led_night")


def lit(elevation_deg: float, clouded: float = 0.0, with_led: bool = False) -> Illumination:
    """Daylight of a solar elevation, −90 to 90 degrees, with the lamps of a street.

    clouded
        Share of the sun that clouds turn into diffuse light, 0 to 1.
    """
    sun, sky = _clear(elevation_deg)
    veiled = 0.3 * clouded * (sun + sky)
    sun, sky = (1 - clouded) * sun, (1 - clouded) * sky + veiled
    return Illumination(
        sun=sun,
        sky=sky,
        air=np.asarray(sun + 1.2 * sky, np.float64),
        lamps=_LAMP_LEVEL * lamp_spectrum(),
        led=(_LED_LEVEL if with_led else 0.0) * peak(850.0, 15.0),
    )


def iris(light: Illumination) -> float:
    """By how much an automatic iris opens against the noon of `DAY_ELEVATION_DEG`; 1 there, 200 at night."""
    level = mean_between(light.daylight, 400, 1000) / mean_between(_noon().daylight, 400, 1000)
    return float(min(max(level, 1e-9) ** -_IRIS_SHARE, _IRIS_RANGE))


def lamp_spectrum() -> Spectrum:
    """A warm white street lamp or window: phosphor of 3000 K beside some glowing filament; mean 1 in the visible."""
    phosphor = 0.55 * peak(452, 11) + peak(605, 62)
    filament = 0.5 * planck(2700.0) / float(planck(2700.0).max())
    warm = phosphor + filament
    return np.asarray(warm / mean_between(warm, 400, 700), np.float64)


def planck(temperature_k: float) -> Spectrum:
    """Radiance of a black body, 1 at 560 nm."""
    metres, at = WAVELENGTHS_NM * 1e-9, 560e-9
    exponent = 0.0143877688 / temperature_k
    return np.asarray((at / metres) ** 5 * np.expm1(exponent / at) / np.expm1(exponent / metres), np.float64)


def air_mass(elevation_deg: float) -> float:
    """Way through the air against the zenith (Kasten and Young 1989)."""
    above = max(elevation_deg, 0.0)
    return float(1 / (np.sin(np.radians(above)) + 0.50572 * (above + 6.07995) ** -1.6364))


@cache
def _noon() -> Illumination:
    return lit(DAY_ELEVATION_DEG)


def _clear(elevation_deg: float) -> tuple[Spectrum, Spectrum]:
    """Direct sun and diffuse sky under a clear sky, in the unit of this module."""
    sun, sky = _irradiances(elevation_deg)
    noon_sun, noon_sky = _irradiances(DAY_ELEVATION_DEG)
    unit = mean_between(noon_sun + noon_sky, 400, 700)
    return np.asarray(sun / unit, np.float64), np.asarray(sky / unit, np.float64)


def _irradiances(elevation_deg: float) -> tuple[Spectrum, Spectrum]:
    """Direct and diffuse light after scattering and absorption in the air (form after Bird and Riordan 1986).

    Below the horizon the direct sun is gone, and the sky loses a decade for every 2.9 degrees, the blue last.
    """
    mass = air_mass(elevation_deg)
    outside = planck(5778.0)
    rayleigh = _transmitted(0.008735 * (WAVELENGTHS_NM / 1000) ** -4.08, mass)
    aerosol = _transmitted(0.09 * (WAVELENGTHS_NM / 1000) ** -1.3, mass)
    absorbed = _transmitted(_absorption(), mass)
    direct = outside * rayleigh * aerosol * absorbed
    height = max(float(np.sin(np.radians(elevation_deg))), 0.0) + 0.02
    scattered = outside * absorbed * height * (0.5 * (1 - rayleigh**0.95) + 0.8 * rayleigh**1.5 * (1 - aerosol))
    risen = 1 / (1 + np.exp(-elevation_deg / 0.35))
    night = 10 ** (min(elevation_deg, 0.0) / 2.9)
    bluer = (WAVELENGTHS_NM / 500) ** (0.25 * max(min(elevation_deg, 0.0), -6.0))
    return np.asarray(risen * direct, np.float64), np.asarray(scattered * night * bluer, np.float64)


def _transmitted(depth: Spectrum, mass: float) -> Spectrum:
    return np.asarray(np.exp(-depth * mass), np.float64)


def _absorption() -> Spectrum:
    """Optical depth of ozone (Chappuis), oxygen (A band) and water vapour, as broad bands."""
    ozone, oxygen = 0.035 * peak(600, 45), 0.25 * peak(762, 5)
    water = 0.06 * peak(723, 9) + 0.07 * peak(822, 10) + 0.38 * peak(940, 18)
    return np.asarray(flat(0.0) + ozone + oxygen + water, np.float64)
