"""Whether the simulated sensor tells the truth about itself: gain, noise, fixed pattern, saturation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.errors import ProfileError
from nirvis_capture.photon_transfer import photon_transfer, response_nonuniformity, temporal_variance_dn2
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.twin.imaging.sensor import SENSORS, Sensor, responsivity, sensor_model
from nirvis_capture.twin.light.camera_spectra import quantum_efficiency

SIDE = 256
BLACK_DN = 2000.0


def profile(
    sensor: str = "ICX285",
    bit_depth: int = 16,
    exposure_us: float = 6000.0,
    gain_db: float = 0.0,
    black_level_dn: float = BLACK_DN,
    offset: int = 0,
    **twin: Any,
) -> Profile:
    changes: dict[str, Any] = {
        "pixel_format": "BayerRG8" if bit_depth == 8 else "BayerRG16",
        "sensor": {"name": sensor, "width_px": SIDE + 64, "height_px": SIDE, "bit_depth": bit_depth},
        "roi": {"width": SIDE, "height": SIDE, "offset_x": offset},
        "exposure_us": exposure_us,
        "gain_db": gain_db,
        "black_level_dn": black_level_dn,
    }
    return load_profile("twin_day").edited({"nir": changes, "twin": twin})


def sensor_of(settings: Profile) -> Sensor:
    return Sensor("nir", settings.nir, settings.twin)


def flat(sensor: Sensor, light: float, pulse: int) -> Raw:
    """A frame of an evenly lit surface; light as a share of the full scale."""
    exposed = sensor.exposed(np.full((SIDE, SIDE), light, np.float32))
    return sensor.counts(exposed, sensor.noise(pulse))


def stack(sensor: Sensor, light: float, count: int) -> NDArray[np.float64]:
    return np.stack([flat(sensor, light, pulse).astype(np.float64) for pulse in range(count)])


@pytest.mark.parametrize("name", ["ICX285", "IMX178"])
@pytest.mark.parametrize("gain_db", [0.0, 18.0])
def test_the_photon_transfer_curve_gives_back_gain_and_read_noise(name: str, gain_db: float) -> None:
    sensor, model = sensor_of(profile(name, gain_db=gain_db)), sensor_model(name)
    levels = [0.0, 0.1, 0.2, 0.4, 0.6, 0.8]
    pairs = [(flat(sensor, light, 2 * n), flat(sensor, light, 2 * n + 1)) for n, light in enumerate(levels)]
    measured = photon_transfer(pairs)
    assert measured.gain_dn_per_e == pytest.approx(10 ** (gain_db / 20) * 65535 / model.full_well_e, rel=0.02)
    assert measured.read_noise_e == pytest.approx(np.hypot(model.read_noise_e, model.row_noise_e), rel=0.03)


@pytest.mark.parametrize("prnu", [0.0, 0.008, 0.02])
def test_the_fixed_pattern_is_as_strong_as_set_and_stays(prnu: float) -> None:
    sensor = sensor_of(profile(prnu=prnu, dsnu_e=4.0))
    lit, dark = stack(sensor, 0.5, 16), stack(sensor, 0.0, 16)
    assert response_nonuniformity(list(lit), list(dark)) == pytest.approx(prnu, rel=0.05, abs=3e-4)
    noise_e2 = (lit.var(axis=0, ddof=1).mean() - dark.var(axis=0, ddof=1).mean()) / sensor.dn_per_electron**2
    assert noise_e2 == pytest.approx(0.5 * 18_000, rel=0.03)


def test_the_dark_signal_of_the_pixels_differs_as_set() -> None:
    dark = stack(sensor_of(profile(dsnu_e=6.0)), 0.0, 24)
    left_e2 = 9.0**2 / 24
    assert dark.mean(axis=0).std() / (65535 / 18_000) == pytest.approx(np.sqrt(6.0**2 + left_e2), rel=0.03)


def test_a_pixel_keeps_its_pattern_in_another_region_of_interest_and_another_scene() -> None:
    whole = stack(sensor_of(profile(prnu=0.05)), 0.5, 16).mean(axis=0)
    moved = stack(sensor_of(profile(prnu=0.05, offset=64, scene_seed=9)), 0.5, 16).mean(axis=0)
    other = stack(sensor_of(profile(prnu=0.05, rig_seed=2)), 0.5, 16).mean(axis=0)
    assert np.corrcoef(whole[:, 64:].ravel(), moved[:, :-64].ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(whole.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_is_fresh_at_every_pulse() -> None:
    """Windows of one bank: no two frames of an hour's worth of draws agree, in place or beside it."""
    frames = stack(sensor_of(profile(prnu=0.0, dsnu_e=0.0)), 0.4, 40)
    noise = frames - frames.mean()
    variance = float(noise.var())
    assert temporal_variance_dn2(frames[0], frames[1]) == pytest.approx(variance, rel=0.03)
    together = noise.reshape(len(noise), -1) @ noise.reshape(len(noise), -1).T / noise[0].size / variance
    assert np.abs(together - np.eye(len(noise))).max() < 0.03
    assert noise.mean(axis=0).var() == pytest.approx(variance / len(noise), rel=0.05)
    beside = np.mean(noise[:, :, 1:] * noise[:, :, :-1]) / variance
    assert abs(beside) < 0.01


def test_rows_of_a_cmos_sensor_share_a_little_noise() -> None:
    rows = {name: stack(sensor_of(profile(name, gain_db=24)), 0.0, 12) for name in SENSORS}
    shared = {name: (frames - frames.mean(axis=0)).mean(axis=2).std() for name, frames in rows.items()}
    alone = {name: (frames - frames.mean(axis=0)).std() / SIDE**0.5 for name, frames in rows.items()}
    assert shared["ICX285"] < 1.2 * alone["ICX285"]
    assert shared["IMX178"] > 2 * alone["IMX178"]


def test_twice_the_exposure_gives_twice_the_light_and_six_decibels_too() -> None:
    assert responsivity(profile(exposure_us=12_000).nir) == pytest.approx(2 * responsivity(profile().nir))
    assert responsivity(profile(gain_db=6.0206).nir) == pytest.approx(2 * responsivity(profile().nir))


@pytest.mark.parametrize(("bit_depth", "top"), [(8, 255), (12, 4095), (16, 65535)])
def test_counts_saturate_at_the_top_and_rest_on_the_black_level(bit_depth: int, top: int) -> None:
    black_dn = 10 * top / 255
    sensor = sensor_of(profile(bit_depth=bit_depth, black_level_dn=black_dn))
    bright, dark = flat(sensor, 2.0, 0), flat(sensor, 0.0, 0)
    assert (bright == top).all()
    assert dark.mean() == pytest.approx(black_dn, rel=0.02)
    assert bright.dtype == (np.uint8 if bit_depth == 8 else np.uint16)


def test_an_unknown_sensor_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ProfileError, match=r"knows ICX285, IMX178, and not 'IMX999'"):
        sensor_of(profile("IMX999"))


@pytest.mark.parametrize("name", SENSORS)
def test_every_sensor_has_its_spectral_response(name: str) -> None:
    assert quantum_efficiency(name).shape == (3, 61)


def test_a_curve_of_two_points_is_no_curve() -> None:
    frame = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="got 1 pairs"):
        photon_transfer([(frame, frame)])
