"""From reflectances to what reaches the sites of one arm: every light of the scene through filter, dye and silicon."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm
from nirvis_capture.profile import Profile
from nirvis_capture.twin.imaging.sensor import responsivity
from nirvis_capture.twin.light.camera_spectra import aperture, response
from nirvis_capture.twin.light.illumination import LED_REFERENCE_M, Illumination, illumination, iris
from nirvis_capture.twin.light.spectra import Bands, Spectrum
from nirvis_capture.twin.scenery.paint import AIR, COVER, LAMP, SUN, Canvas

Colours = NDArray[np.float32]
"""``(3, H, W)``: red, green and blue; the full scale of the arm is 1, and light goes beyond."""

_STRIP_ROWS = 64
_METERED = 0.30
"""Mean of a picture, as a share of the noon wall, below which the iris opens."""
_METER_RANGE = 4.0
_METER_PX = 16
_BY_SKY, _BY_SUN, _BY_LAMP, _BY_LED, _OF_AIR = (slice(3 * i, 3 * i + 3) for i in range(5))


@dataclass(frozen=True, eq=False)
class Shading:
    """How one arm sees what is painted."""

    matrix: NDArray[np.float32]
    """``(15, 8)``: red, green and blue under sky, full sun, full lamp, near LED, and of the sky itself, out of
    coefficients of 0 to 255."""
    sun_share: NDArray[np.float32]
    """``(3,)``: what the direct sun has in the light of a white wall."""

    def light(self, canvas: Canvas, distance_m: NDArray[np.float32] | float) -> Colours:
        """What comes from the canvas itself, of things premultiplied with their cover.

        distance_m
            From the camera, ``(H, W)`` or the same for all: how much of the LED arrives.
        """
        seen = np.zeros((3, *canvas.light.shape[:2]), np.float32)
        led = np.square(np.float32(LED_REFERENCE_M) / np.asarray(distance_m, np.float32))
        for top in range(0, seen.shape[1], _STRIP_ROWS):
            rows = slice(top, top + _STRIP_ROWS)
            if canvas.light[rows, :, COVER].any():
                near = led[rows] if led.ndim else led
                seen[:, rows] = self._strip(canvas.visible[rows], canvas.infrared[rows], canvas.light[rows], near)
        return seen

    def kept(self, canvas: Canvas) -> Colours:
        """Share of the light behind that comes through, ``(3, H, W)``: things cover it, their shadows fall on it."""
        free = 1 - canvas.light[..., COVER] / np.float32(255)
        shaded = 1 - canvas.light[..., SUN] / np.float32(255)
        kept = np.empty((3, *free.shape), np.float32)
        for plane, share in zip(kept, self.sun_share, strict=True):
            np.multiply(free, 1 - share * shaded, out=plane)
        return kept

    def under_the_sky(self, bands: Bands) -> NDArray[np.float32]:
        """Red, green and blue ``(3,)`` of something that only the sky lights."""
        return np.asarray(self.matrix[_BY_SKY] @ (255 * np.array(bands)), np.float32)

    def _strip(
        self, visible: NDArray[np.uint8], infrared: NDArray[np.uint8], light: NDArray[np.uint8], led: Colours
    ) -> Colours:
        reflectance = np.empty((len(light), 8, light.shape[1]), np.float32)
        for knot, plane in enumerate((*cv2.split(visible), *cv2.split(infrared))):
            reflectance[:, knot] = plane

        def seen(source: slice) -> Colours:
            # Row by row: products as small as these are done by one thread, and long rows quicker than short ones.
            return np.asarray(self.matrix[source] @ reflectance, np.float32)

        lit = seen(_BY_SKY)
        lit += seen(_BY_SUN) * _share(light[..., SUN])
        if self.matrix[_BY_LED].any():
            lit += seen(_BY_LED) * (led[:, None] if led.ndim else led)
        if light[..., LAMP].any():
            lit += seen(_BY_LAMP) * np.square(_share(light[..., LAMP]))
        if light[..., AIR].any():
            lit += (seen(_OF_AIR) - lit) * _share(light[..., AIR])
        return np.swapaxes(lit, 0, 1)


def _share(channel: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of 255, for each colour of a row: ``(h, 1, w)``."""
    share: NDArray[np.float32] = channel[:, None] / np.float32(255)
    return share


def metered(street: Canvas, light: Illumination) -> float:
    """By how much an iris opens for a street that is darker than most, because of shade or of what it is built of."""
    every = slice(None, None, _METER_PX)
    reflectance = np.concatenate([street.visible[every, every], street.infrared[every, every]], axis=2).mean(axis=2)
    sun_share = float(light.sun.sum() / light.daylight.sum())
    shade = 1 - sun_share * (1 - street.light[every, every, SUN] / 255.0)
    lit = np.where(street.light[every, every, AIR] > 127, 1.0, shade) * reflectance / 255.0
    return float(np.clip(_METERED / lit.mean(), 1.0, _METER_RANGE))


def shading(profile: Profile, arm: Arm, street: Canvas) -> Shading:
    """Light, splitter, filter, iris and exposure of one arm before a street.

    Raises `ProfileError` for an unknown sensor.
    """
    settings, twin = profile.arm(arm), profile.twin
    light = illumination(twin)
    share = 1 - profile.splitter_ratio if settings.mirror else profile.splitter_ratio
    opened = iris(light) * metered(street, light) * 2**twin.brightness_ev
    exposed = 2 * share * aperture(settings) * opened * responsivity(settings)
    sources: tuple[Spectrum, ...] = (light.sky, light.sun, light.lamps, light.led, light.air)
    matrices = [response(settings, source) for source in sources]
    sun, daylight = matrices[1].sum(axis=1), response(settings, light.daylight).sum(axis=1)
    return Shading(
        matrix=np.asarray(exposed / 255 * np.concatenate(matrices), np.float32),
        sun_share=np.asarray(sun / daylight, np.float32),
    )
