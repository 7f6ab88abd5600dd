"""What a street is made of, as reflectance from 400 to 1000 nm.

Dyes and pigments that tell things apart for the eye are nearly transparent beyond 750 nm, and what they colour shows
its white ground there; metal, glass, rubber, water and carbon black stay as they are; living leaves leap up at 700 nm.
Each curve is a small model of the material, with the levels that spectral libraries give for its kind.
"""

from __future__ import annotations

import numpy as np

from nirvis_capture.twin.light.spectra import WAVELENGTHS_NM, Bands, Spectrum, bands_of, curve, flat, peak, step


def leaf(green: float, infrared: float, edge_nm: float = 712.0) -> Spectrum:
    """A living leaf: chlorophyll takes blue and red, leaves a green peak, ends at the red edge; water dips at 970."""
    pigment = 0.045 + (green - 0.045) * peak(552, 28) + 0.25 * green * step(590, 14) * (1 - peak(674, 16))
    plateau = infrared * (1 - 0.07 * peak(970, 22))
    edge = step(edge_nm, 11)
    return np.asarray(pigment * (1 - edge) + plateau * edge, np.float64)


def dyed(
    ground: float, *absorptions: tuple[float, float, float], ends_nm: float = 735.0, width_nm: float = 13.0
) -> Spectrum:
    """A light ground under dyes that absorb (centre, sigma in nm, share), and are gone beyond `ends_nm`."""
    left = flat(1.0)
    for centre_nm, sigma_nm, share in absorptions:
        left = left * (1 - share * peak(centre_nm, sigma_nm))
    gone = step(ends_nm, width_nm)
    return np.asarray(ground * (left * (1 - gone) + gone), np.float64)


def cut_on(ground: float, edge_nm: float, share: float = 0.93, width_nm: float = 7.0) -> Spectrum:
    """A light ground under a yellow, orange or red pigment: dark below its edge, without any absorption above."""
    return np.asarray(ground * (1 - share * (1 - step(edge_nm, width_nm))), np.float64)


def warm(low: float, high: float, centre_nm: float, width_nm: float, infrared: float, iron: float = 0.0) -> Spectrum:
    """Earth and stone: a rise from blue to red, a level infrared, and the dip of iron oxide at 870 nm."""
    rise = low + (high - low) * step(centre_nm, width_nm)
    share = step(760, 45)
    return np.asarray((rise * (1 - share) + infrared * share) * (1 - iron * peak(870, 50)), np.float64)


def mixed(first: Spectrum, second: Spectrum, share: float) -> Bands:
    """Two curves one beside the other; `share` of the second."""
    return bands_of((1 - share) * first + share * second)


def _blue_sky(strength: float) -> Spectrum:
    """Scattered light beside the white of a cloud: as the inverse fourth power of the wavelength, and some haze."""
    scattered = (WAVELENGTHS_NM / 450.0) ** -4.0
    return np.asarray(strength * scattered + 0.06, np.float64)


def _skin() -> Spectrum:
    """Skin: melanin falls towards the red, blood takes 415, 542 and 577 nm."""
    melanin = curve({400: 0.22, 500: 0.34, 600: 0.52, 700: 0.63, 800: 0.68, 900: 0.67, 960: 0.58, 1000: 0.62})
    return np.asarray(melanin * (1 - 0.18 * peak(542, 14) - 0.18 * peak(577, 12) - 0.2 * peak(415, 20)), np.float64)


SKY_TOP: Bands = bands_of(_blue_sky(0.70))
SKY_LOW: Bands = mixed(_blue_sky(0.50), flat(0.95), 0.50)
CLOUD: Bands = bands_of(curve({400: 0.95, 700: 0.92, 1000: 0.80}))
LEAVES: tuple[Bands, ...] = (
    bands_of(leaf(0.135, 0.57, 715)),
    bands_of(leaf(0.115, 0.50, 718)),
    bands_of(leaf(0.175, 0.64, 711)),
)
DRY_LEAVES: Bands = bands_of(warm(0.07, 0.40, 590, 32, 0.55))
BARK: Bands = bands_of(warm(0.09, 0.22, 600, 50, 0.36))
BRICK: Bands = bands_of(warm(0.13, 0.46, 582, 19, 0.52, iron=0.10))
TILE: Bands = bands_of(warm(0.25, 0.58, 545, 32, 0.62, iron=0.05))
STONE: Bands = bands_of(warm(0.40, 0.55, 530, 60, 0.57))
CONCRETE: Bands = bands_of(curve({400: 0.36, 500: 0.43, 600: 0.47, 800: 0.48, 1000: 0.47}))
PLASTER: tuple[Bands, ...] = (
    bands_of(warm(0.42, 0.72, 510, 30, 0.75)),
    bands_of(curve({400: 0.58, 450: 0.66, 550: 0.69, 700: 0.71, 1000: 0.72})),
    bands_of(warm(0.40, 0.62, 545, 28, 0.68, iron=0.05)),
)
GLASS: Bands = bands_of(curve({400: 0.16, 520: 0.14, 650: 0.10, 850: 0.06, 1000: 0.05}))
GLASS_SKY: Bands = bands_of(curve({400: 0.58, 470: 0.52, 550: 0.43, 640: 0.33, 750: 0.22, 900: 0.14, 1000: 0.12}))
CURTAIN: Bands = bands_of(curve({400: 0.42, 500: 0.48, 650: 0.53, 850: 0.62, 1000: 0.62}))
ASPHALT: Bands = bands_of(curve({400: 0.14, 500: 0.165, 600: 0.185, 800: 0.20, 1000: 0.21}))
PAVING: Bands = bands_of(curve({400: 0.35, 500: 0.41, 600: 0.45, 850: 0.45, 1000: 0.44}))
KERB: Bands = bands_of(curve({400: 0.48, 500: 0.55, 650: 0.58, 850: 0.57, 1000: 0.56}))
WHITE_PAINT: Bands = bands_of(curve({400: 0.62, 430: 0.82, 550: 0.86, 850: 0.81, 1000: 0.76}))
IRON: Bands = bands_of(curve({400: 0.06, 700: 0.065, 1000: 0.09}))
STEEL: Bands = bands_of(curve({400: 0.50, 550: 0.54, 700: 0.53, 850: 0.47, 1000: 0.50}))
RUBBER: Bands = bands_of(flat(0.046))
WATER: Bands = bands_of(curve({400: 0.05, 600: 0.04, 750: 0.025, 1000: 0.015}))
SIGN_BLUE: Bands = bands_of(dyed(0.68, (640, 68, 0.93), (570, 40, 0.75)))
SIGN_GREEN: Bands = bands_of(dyed(0.66, (660, 55, 0.92), (430, 38, 0.85), (600, 30, 0.55)))
SIGN_RED: Bands = bands_of(cut_on(0.76, 596))
SIGN_YELLOW: Bands = bands_of(cut_on(0.84, 512))
SKIN: Bands = bands_of(_skin())
HAIR: Bands = bands_of(curve({400: 0.035, 600: 0.05, 700: 0.08, 850: 0.18, 1000: 0.26}))
TEXTILES: tuple[Bands, ...] = (
    bands_of(curve({400: 0.70, 450: 0.82, 850: 0.84, 1000: 0.80})),
    bands_of(dyed(0.62, (470, 130, 0.93), (650, 90, 0.92), ends_nm=750, width_nm=18)),
    bands_of(dyed(0.64, (600, 80, 0.92), (500, 45, 0.70), ends_nm=745)),
    bands_of(dyed(0.64, (480, 150, 0.45), (650, 90, 0.42), ends_nm=750, width_nm=20)),
    bands_of(cut_on(0.74, 600, 0.88, 10)),
    bands_of(warm(0.38, 0.63, 540, 40, 0.74)),
    bands_of(dyed(0.70, (630, 72, 0.78), (550, 40, 0.45))),
    bands_of(dyed(0.62, (650, 60, 0.80), (430, 45, 0.72), (590, 40, 0.55))),
)
CAR_PAINTS: tuple[Bands, ...] = (
    WHITE_PAINT,
    bands_of(flat(0.047)),
    bands_of(curve({400: 0.56, 600: 0.59, 800: 0.53, 1000: 0.50})),
    bands_of(curve({400: 0.30, 550: 0.28, 850: 0.24, 1000: 0.23})),
    bands_of(dyed(0.40, (640, 75, 0.82), (560, 40, 0.55))),
    bands_of(cut_on(0.62, 598)),
)
TAIL_LAMP: Bands = bands_of(cut_on(0.70, 604, 0.95))
HEAD_LAMP: Bands = bands_of(curve({400: 0.82, 500: 0.88, 700: 0.86, 850: 0.66, 1000: 0.55}))
SIGNAL_RED: Bands = bands_of(0.02 + 0.95 * peak(625, 22))
SIGNAL_GREEN: Bands = bands_of(0.02 + 0.95 * peak(508, 24))
"""Lamps of traffic lights are narrow; they show their colour by their own light."""
