"""A time-lapse of a street: the sun goes its way, the lamps show when it is gone, and the LED is switched on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nirvis_capture.camera import ARMS
from nirvis_capture.profile import Profile
from nirvis_capture.raw import Rgb8, picture
from nirvis_capture.twin.imaging.imager import StreetImager, rig_before_street

LATITUDE_DEG = 48.0
DECLINATION_DEG = 10.0
"""A day in April or August."""
LED_BELOW_DEG = 0.0
"""Solar elevation at which a twilight switch turns the LED on."""
STEP_S = 2.0
"""How far traffic moves on between two pictures."""


def solar_elevation_deg(hour: float) -> float:
    """Height of the sun at an hour of solar time, 0 to 24, at `LATITUDE_DEG`."""
    latitude, declination = np.radians((LATITUDE_DEG, DECLINATION_DEG))
    turn = np.radians(15.0 * (hour - 12.0))
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(turn)
    return float(np.degrees(np.arcsin(sine)))


def lapse(profile: Profile, start_hour: float, end_hour: float, frames: int) -> Iterator[tuple[Rgb8, Rgb8]]:
    """Pictures of nir and vis, each ``(H, W, 3)`` u8, evenly spaced from one hour to another.

    profile
        Of the simulated rig; its street is painted once, its sun is not looked at.
    """
    optics, scene = rig_before_street(profile)
    step = max(1, round(STEP_S * profile.trigger.rate_hz))
    for number, hour in enumerate(np.linspace(start_hour, end_hour, frames)):
        lit = under_the_sun(profile, solar_elevation_deg(float(hour)))
        nir, vis = (picture(StreetImager(lit, arm, scene, optics).capture(number * step), lit.arm(arm)) for arm in ARMS)
        yield nir, vis


def under_the_sun(profile: Profile, elevation_deg: float) -> Profile:
    """The profile at that height of the sun, its LED on when it is dark."""
    dark = elevation_deg < LED_BELOW_DEG
    return profile.edited(
        {"twin.sun_elevation_deg": round(elevation_deg, 3), "twin.light": "led_night" if dark else "day"}
    )
