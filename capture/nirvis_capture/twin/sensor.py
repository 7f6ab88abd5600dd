"""From light to counts: exposure, gain, shot and read noise, black level, saturation, bit depth."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.profile import ArmSettings
from nirvis_capture.raw import full_scale_dn

Plane = NDArray[np.float32]
Box = tuple[slice, slice]

FULL_WELL_E = 18_000
"""Electrons that fill a pixel at no gain (ICX285 data sheet)."""
READ_NOISE_E = 9.0
REFERENCE_EXPOSURE_US = 6000.0
"""At this exposure, without gain and behind half of the light, a white wall in the sun just fills the pixels."""
_SPARE_PX = 64


class Sensor:
    """One sensor with its settings. `Plane` values are signals in counts above black, before noise."""

    def __init__(self, settings: ArmSettings, seed: tuple[int, ...]) -> None:
        self._depth = cv2.CV_8U if settings.sensor.bit_depth == 8 else cv2.CV_16U
        self._full_dn = full_scale_dn(settings.sensor.bit_depth)
        self._black_dn = settings.black_level_dn
        gain = 10 ** (settings.gain_db / 20)
        self.responsivity_dn = self._full_dn * gain * settings.exposure_us / REFERENCE_EXPOSURE_US
        """Counts above black for a radiance of one."""
        self._dn_per_electron = gain * self._full_dn / FULL_WELL_E
        self._read_noise_dn = READ_NOISE_E * self._dn_per_electron
        self._seed = seed
        height, width = settings.roi.height, settings.roi.width
        bank = np.random.default_rng([*seed, 0]).standard_normal((height + _SPARE_PX, width + _SPARE_PX), np.float32)
        self._bank = bank
        self._size = height, width

    def noise(self, pulse: int) -> Plane:
        """Unit normal deviates ``(H, W)`` of one exposure: another window of a bank for every pulse."""
        y, x = np.random.default_rng([*self._seed, 1, pulse]).integers(0, _SPARE_PX, 2)
        return self._bank[y : y + self._size[0], x : x + self._size[1]]

    def deviation(self, signal: Plane) -> Plane:
        """Standard deviation of the counts at that signal: shot noise of the electrons, and read noise."""
        variance = cv2.addWeighted(signal, self._dn_per_electron, signal, 0.0, self._read_noise_dn**2)
        return np.asarray(cv2.sqrt(variance), np.float32)

    def counts(self, signal: Plane, deviation: Plane, noise: Plane) -> Raw:
        """Add the noise, digitise, saturate."""
        noisy = cv2.multiply(noise, deviation)
        counts = cast(Raw, cv2.addWeighted(signal, 1.0, noisy, 1.0, self._black_dn, dtype=self._depth))
        return np.minimum(counts, self._full_dn, out=counts) if self._depth == cv2.CV_16U else counts


def noise_loop(settings: ArmSettings, seed: int, length: int = 8) -> list[Raw]:
    """Frames of incompressible noise over the whole range, for driving the capture path."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if settings.sensor.bit_depth == 8 else np.uint16
    top = full_scale_dn(settings.sensor.bit_depth)
    shape = (length, settings.roi.height, settings.roi.width)
    return list(rng.integers(0, top, shape, dtype, endpoint=True))
