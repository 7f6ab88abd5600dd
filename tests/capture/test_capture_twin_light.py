"""Light, filters, sensors and materials of the simulated rig, from 400 to 1000 nm."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import Arm
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Filter, load_profile
from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.camera_spectra import aperture, quantum_efficiency, response, transmission
from nirvis_capture.twin.light.illumination import DAY_ELEVATION_DEG, air_mass, iris, lamp_spectrum, lit, planck
from nirvis_capture.twin.light.spectra import (
    HATS,
    KNOTS_NM,
    STEP_NM,
    WAVELENGTHS_NM,
    Bands,
    Spectrum,
    bands_of,
    flat,
    mean_between,
    peak,
    spectrum_of,
)

real = os.environ.get("NIRVIS_REAL_DATA")
needs_spectra = pytest.mark.skipif(
    not real or not (Path(real) / "spectral").is_dir(), reason="NIRVIS_REAL_DATA/spectral: measured curves"
)
CURVES: dict[str, Spectrum] = {
    "leaf": materials.leaf(0.135, 0.57, 715),
    "blue dye": materials.dyed(0.68, (640, 68, 0.93), (570, 40, 0.75)),
    "red pigment": materials.cut_on(0.76, 596),
    "brick": materials.warm(0.13, 0.46, 582, 19, 0.52, iron=0.10),
    "black textile": materials.dyed(0.62, (470, 130, 0.93), (650, 90, 0.92), ends_nm=750, width_nm=18),
}


@cache
def seen(bands: Bands, mode: str, arm: Arm) -> NDArray[np.float64]:
    """Red, green and blue of a material beside white, in the noon sun."""
    settings = load_profile(f"twin_{mode}").arm(arm)
    matrix = response(settings, lit(DAY_ELEVATION_DEG).daylight)
    return np.asarray(matrix @ np.array(bands) / matrix.sum(axis=1))


def measured(path: str, column: str, smooth_nm: float = 0) -> Spectrum:
    """A measured curve, averaged over ± `smooth_nm`."""
    table = np.genfromtxt(Path(str(real)) / "spectral" / path, delimiter=",", names=True)
    at, values = table[table.dtype.names[0]], table[column]
    shifts = np.linspace(-smooth_nm, smooth_nm, 31)
    return np.asarray(np.mean([np.interp(WAVELENGTHS_NM + shift, at, values) for shift in shifts], axis=0))


def test_hats_share_every_wavelength() -> None:
    assert HATS.sum(axis=0) == pytest.approx(1)
    assert bands_of(spectrum_of((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))) == pytest.approx(np.arange(1, 9) / 10)
    assert len(KNOTS_NM) == len(HATS)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(("mode", "arm"), [("day", "nir"), ("day", "vis"), ("night", "nir")])
def test_eight_coefficients_give_what_the_whole_spectrum_would(name: str, mode: str, arm: Arm) -> None:
    settings, light = load_profile(f"twin_{mode}").arm(arm), lit(DAY_ELEVATION_DEG).daylight
    weight = quantum_efficiency(settings.sensor.name) * transmission(settings.filter) * light * WAVELENGTHS_NM / 550
    exact = weight @ CURVES[name] * STEP_NM
    kept = response(settings, light) @ np.array(bands_of(CURVES[name]))
    assert np.abs(kept - exact).max() < 0.03 * weight.sum(axis=1).max() * STEP_NM


def test_the_noon_wall_is_the_unit_of_light() -> None:
    noon = lit(DAY_ELEVATION_DEG)
    assert mean_between(noon.daylight, 400, 700) == pytest.approx(1)
    assert iris(noon) == pytest.approx(1)


def test_the_sun_reddens_and_fades_as_it_sets() -> None:
    suns = [lit(elevation).sun for elevation in (60, 42, 20, 8, 3)]
    redness = [mean_between(sun, 600, 700) / mean_between(sun, 430, 500) for sun in suns]
    assert redness == sorted(redness)
    levels = [lit(elevation).daylight.mean() for elevation in (60, 42, 20, 8, 0, -3, -6, -18)]
    assert levels == sorted(levels, reverse=True)


def test_the_sky_is_bluer_than_the_sun_and_dark_in_the_infrared() -> None:
    noon = lit(DAY_ELEVATION_DEG)
    for low, high in ((430, 490), (600, 680)):
        share = mean_between(noon.sky, low, high) / mean_between(noon.sun, low, high)
        assert share > 1.3 * mean_between(noon.sky, 800, 900) / mean_between(noon.sun, 800, 900)


def test_clouds_take_the_shadows_and_leave_a_softer_light() -> None:
    clear, overcast = lit(DAY_ELEVATION_DEG), lit(DAY_ELEVATION_DEG, clouded=1.0)
    assert overcast.sun.max() == 0
    assert 0.2 < overcast.daylight.mean() / clear.daylight.mean() < 0.6


def test_lamps_are_nothing_by_day_and_everything_at_night() -> None:
    noon, night = lit(DAY_ELEVATION_DEG), lit(-30)
    assert noon.lamps.mean() < 0.02 * noon.daylight.mean()
    assert night.lamps.mean() > 1000 * night.daylight.mean()
    assert mean_between(lamp_spectrum(), 400, 700) == pytest.approx(1)


def test_the_led_reaches_the_nir_arm_and_not_the_visible_one() -> None:
    profile, led = load_profile("twin_night"), lit(-30, with_led=True).led
    nir, vis = (response(profile.arm(arm), led).sum() * aperture(profile.arm(arm)) for arm in ("nir", "vis"))
    assert nir > 500 * vis
    assert lit(-30).led.max() == 0


def test_the_air_mass_is_one_overhead_and_two_at_thirty_degrees() -> None:
    assert air_mass(90) == pytest.approx(1, abs=0.001)
    assert air_mass(30) == pytest.approx(2, abs=0.01)
    assert air_mass(-5) == air_mass(0) == pytest.approx(38, abs=0.5)


def test_a_hotter_body_is_bluer() -> None:
    assert planck(6500)[0] > planck(3000)[0]
    assert planck(5000)[WAVELENGTHS_NM == 560] == pytest.approx(1)


def test_the_band_pass_is_as_wide_as_the_profile_says() -> None:
    fine = transmission(Filter(name="850", passband_nm=(825, 875), fwhm_nm=50))
    half = WAVELENGTHS_NM[fine >= 0.5 * fine.max()]
    assert (half.min(), half.max()) == (830, 870)
    assert fine[WAVELENGTHS_NM < 780].max() < 0.001


@pytest.mark.parametrize("sensor", ["ICX285", "IMX178"])
def test_bayer_channels_nearly_agree_at_850_nm_but_not_quite(sensor: str) -> None:
    red, green, blue = quantum_efficiency(sensor)[:, WAVELENGTHS_NM == 850].ravel()
    assert green < blue < red < 1.1 * green


def test_an_unknown_sensor_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="knows ICX285, IMX178, and not 'XYZ'"):
        quantum_efficiency("XYZ")


def test_a_white_wall_at_noon_fills_the_strongest_channel_of_each_arm() -> None:
    for mode in ("day", "night"):
        profile = load_profile(f"twin_{mode}")
        for arm in ("nir", "vis"):
            settings = profile.arm(arm)
            white = aperture(settings) * response(settings, lit(DAY_ELEVATION_DEG).daylight).sum(axis=1)
            assert white.max() == pytest.approx(1)


def test_leaves_are_dark_to_the_eye_and_bright_in_the_infrared() -> None:
    leaves, wall = materials.LEAVES[0], materials.CONCRETE
    assert seen(leaves, "night", "vis").mean() < 0.5 * seen(wall, "night", "vis").mean()
    assert seen(leaves, "night", "nir").mean() > 1.1 * seen(wall, "night", "nir").mean()
    assert seen(leaves, "day", "nir").mean() > 2.5 * seen(leaves, "day", "vis").mean()


@pytest.mark.parametrize("dye", ["SIGN_BLUE", "SIGN_GREEN", "SIGN_RED", "SIGN_YELLOW"])
def test_dyes_lose_their_contrast_to_white_at_850_nm(dye: str) -> None:
    bands: Bands = getattr(materials, dye)
    assert np.abs(seen(bands, "night", "nir") - seen(materials.WHITE_PAINT, "night", "nir")).max() < 0.2
    assert np.abs(seen(bands, "night", "vis") - seen(materials.WHITE_PAINT, "night", "vis")).max() > 0.4


def saturation(rgb: NDArray[np.float64]) -> float:
    return float((rgb.max() - rgb.min()) / rgb.max())


@pytest.mark.parametrize("dye", ["SIGN_BLUE", "SIGN_GREEN", "SIGN_RED", "SIGN_YELLOW", "BRICK", "SKIN"])
def test_open_silicon_sees_paler_colours_than_the_eye(dye: str) -> None:
    bands: Bands = getattr(materials, dye)
    assert saturation(seen(bands, "night", "nir")) < 0.1
    assert saturation(seen(bands, "day", "nir")) < 0.8 * saturation(seen(bands, "day", "vis"))


def test_reflectances_lie_between_nothing_and_all() -> None:
    for curve in CURVES.values():
        assert 0 <= curve.min() <= curve.max() <= 1


@needs_spectra
def test_the_day_is_that_of_the_standard_atmosphere() -> None:
    """ASTM G173 holds for air mass 1.5 (41.8°); water vapour beyond 900 nm is left out of the comparison."""
    ours, theirs = lit(DAY_ELEVATION_DEG).daylight, measured("astm_g173_380_1100.csv", "global", 15)
    dry = (WAVELENGTHS_NM < 900) & (np.abs(WAVELENGTHS_NM - 760) > 15)
    ratio = (ours / ours[dry].mean() / (theirs / theirs[dry].mean()))[dry]
    assert ratio.std() < 0.08
    assert np.abs(ratio - 1).max() < 0.25


@needs_spectra
@pytest.mark.parametrize("channel", ["R", "G", "B"])
def test_the_infrared_side_of_the_dyes_is_that_of_a_real_bayer_sensor(channel: str) -> None:
    theirs = measured("nir2rgb_cccyz/CSS_15S5C_NoIRCut_700_10_1100.csv", channel)
    infrared = WAVELENGTHS_NM >= 700
    reference = measured("nir2rgb_cccyz/CSS_15S5C_NoIRCut_700_10_1100.csv", "R")
    ours = quantum_efficiency("ICX285")
    number = "RGB".index(channel)
    assert (ours[number] / ours[0])[infrared] == pytest.approx((theirs / reference)[infrared], abs=0.09)


@needs_spectra
def test_leaves_are_those_of_a_spectral_library() -> None:
    theirs = measured("materials_reflectance_ecostress.csv", "decidous")
    ours = spectrum_of(materials.LEAVES[0])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97
    assert np.abs(ours - theirs).mean() < 0.05
    assert flat(0.0).shape == peak(850, 10).shape == theirs.shape
