"""From light to counts: exposure, gain, shot and read noise, fixed pattern, black level, saturation, bit depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, Raw
from nirvis_capture.errors import ProfileError
from nirvis_capture.raw import full_scale_dn
from nirvis_capture.twin.imaging.lens import Box

if TYPE_CHECKING:
    from nirvis_capture.profile import ArmSettings
    from nirvis_capture.twin.settings import TwinSettings

Plane = NDArray[np.float32]

REFERENCE_EXPOSURE_US = 6000.0
"""At this exposure, without gain and behind half of the light, a white wall in the noon sun just fills the pixels."""
_WHOLE: Box = (slice(None), slice(None))
_BANK_WINDOWS = 1 << 20


@dataclass(frozen=True)
class SensorModel:
    """What a data sheet says of the noise of a sensor, at no gain."""

    full_well_e: float
    """Electrons at the largest count."""
    read_noise_e: float
    row_noise_e: float = 0.0
    """Read noise that all pixels of a row share."""


SENSORS: Mapping[str, SensorModel] = {
    "ICX285": SensorModel(full_well_e=18_000, read_noise_e=9.0),
    "IMX178": SensorModel(full_well_e=15_000, read_noise_e=2.3, row_noise_e=0.35),
}
"""Round figures of what makers and users of machine-vision cameras measure by EMVA 1288: the interline CCD (Sony, 2/3",
6.45 um) at 8 to 10 electrons of read noise, the back-illuminated CMOS (Sony, 1/1.8", 2.4 um) at 2 to 2.5."""


def sensor_model(name: str) -> SensorModel:
    """Raises `ProfileError` for a sensor that the simulated rig does not know."""
    if name not in SENSORS:
        known = ", ".join(sorted(SENSORS))
        raise ProfileError("the simulated rig", [f"sensor.name: the simulated rig knows {known}, and not {name!r}"])
    return SENSORS[name]


def analogue_gain(settings: ArmSettings) -> float:
    return float(10 ** (settings.gain_db / 20))


def responsivity(settings: ArmSettings) -> float:
    """Share of the full scale that a radiance of one gives."""
    return analogue_gain(settings) * settings.exposure_us / REFERENCE_EXPOSURE_US


@dataclass(frozen=True, eq=False)
class Exposed:
    """A part of a frame before noise: counts above black on average, and their standard deviation, ``(H, W)``."""

    expected: Plane
    deviation: Plane
    """Shot noise of the electrons, and read noise."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of one exposure."""

    pixels: Plane
    """Unit normal deviates ``(H, W)``."""
    rows_dn: Plane | None
    """Counts that all pixels of a row share, ``(H, 1)``."""

    def part(self, box: Box) -> Noise:
        return Noise(self.pixels[box], None if self.rows_dn is None else self.rows_dn[box[0]])


class Sensor:
    """One sensor with its settings."""

    def __init__(self, arm: Arm, settings: ArmSettings, twin: TwinSettings) -> None:
        model = sensor_model(settings.sensor.name)
        self._depth = cv2.CV_8U if settings.sensor.bit_depth == 8 else cv2.CV_16U
        self._full_dn = full_scale_dn(settings.sensor.bit_depth)
        self._black_dn = settings.black_level_dn
        self.dn_per_electron = analogue_gain(settings) * self._full_dn / model.full_well_e
        self._read_noise_dn = model.read_noise_e * self.dn_per_electron
        self._row_noise_dn = model.row_noise_e * self.dn_per_electron
        self._seed = twin.scene_seed, twin.rig_seed, int(arm == "vis")
        self._size = settings.roi.height, settings.roi.width
        pixels = _pixel_deviates((twin.rig_seed, int(arm == "vis")), settings)
        self._response_dn = np.asarray(self._full_dn * (1 + twin.prnu * pixels[0]), np.float32)
        self._dark_dn = np.asarray(twin.dsnu_e * self.dn_per_electron * pixels[1], np.float32)
        rng = np.random.default_rng([*self._seed, 0])
        self._bank = rng.standard_normal(self._size[0] * self._size[1] + _BANK_WINDOWS, np.float32)

    def exposed(self, light: Plane, box: Box = _WHOLE) -> Exposed:
        """Light ``(H, W)`` on a part of the frame, as a share of the full scale, seen by its pixels."""
        expected = cv2.add(cv2.multiply(light, self._response_dn[box]), self._dark_dn[box])
        variance = cv2.addWeighted(expected, self.dn_per_electron, expected, 0.0, self._read_noise_dn**2)
        deviation = cv2.sqrt(np.maximum(variance, 0))
        return Exposed(np.asarray(expected, np.float32), np.asarray(deviation, np.float32))

    def noise(self, pulse: int) -> Noise:
        """Of one exposure: one of a million windows of a bank of deviates, so that it costs nothing."""
        rng = np.random.default_rng([*self._seed, 1, pulse])
        start = int(rng.integers(_BANK_WINDOWS))
        pixels = self._bank[start : start + self._size[0] * self._size[1]].reshape(self._size)
        rows_dn = rng.standard_normal((self._size[0], 1), np.float32) * np.float32(self._row_noise_dn)
        return Noise(pixels, rows_dn if self._row_noise_dn else None)

    def counts(self, exposed: Exposed, noise: Noise) -> Raw:
        """Add the noise, digitise, saturate."""
        noisy = np.asarray(cv2.multiply(noise.pixels, exposed.deviation), np.float32)
        if noise.rows_dn is not None:
            noisy += noise.rows_dn
        counts = cast(Raw, cv2.addWeighted(exposed.expected, 1.0, noisy, 1.0, self._black_dn, dtype=self._depth))
        return np.minimum(counts, self._full_dn, out=counts) if self._depth == cv2.CV_16U else counts


def _pixel_deviates(seed: tuple[int, ...], settings: ArmSettings) -> Plane:
    """Unit deviates of response and dark signal of the pixels within the region of interest, ``(2, H, W)``."""
    sensor, roi = settings.sensor, settings.roi
    rng = np.random.default_rng([*seed, 4])
    whole = rng.standard_normal((2, sensor.height_px, sensor.width_px), np.float32)
    return whole[:, roi.offset_y : roi.offset_y + roi.height, roi.offset_x : roi.offset_x + roi.width]
