"""The simulated street: what the arms see of it, and whether optics and sensor tell the truth about themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, Raw
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import ArmSettings, Profile, load_profile
from nirvis_capture.raw import demosaic
from nirvis_capture.truth import true_homography
from nirvis_capture.twin import spectra
from nirvis_capture.twin.imager import street_imagers
from nirvis_capture.twin.optics import RigOptics, misalignment
from nirvis_capture.twin.scene import paint_street
from nirvis_capture.twin.sensor import FULL_WELL_E, READ_NOISE_E, Sensor
from nirvis_capture.twin.spectra import Bands, response

PATCH_PX = 96


def profile(
    mode: str = "day",
    size: tuple[int, int] = (464, 344),
    nir: dict[str, Any] | None = None,
    vis: dict[str, Any] | None = None,
    **twin: Any,
) -> Profile:
    sensor = {"sensor": {"width_px": size[0], "height_px": size[1]}, "roi": {"width": size[0], "height": size[1]}}
    changes = {"nir": {**sensor, **(nir or {})}, "vis": {**sensor, **(vis or {})}}
    return load_profile(f"twin_{mode}").edited({**changes, "twin": {"pacing": "fast", **twin}})


def seen(settings: Profile, pulse: int = 0) -> dict[Arm, Raw]:
    return {arm: imager.capture(pulse) for arm, imager in street_imagers(settings).items()}


@cache
def rgb(mode: str, arm: Arm, scene_seed: int = 1, pulse: int = 0) -> NDArray[np.float32]:
    """RGB of an arm in raw geometry, 0 to 255."""
    settings = profile(mode, scene_seed=scene_seed)
    raw = seen(settings, pulse)[arm]
    return demosaic(raw, settings.arm(arm).cfa, settings.arm(arm).black_level_dn).astype(np.float32)


def edges(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(picture[..., 1], (0, 0), 0.8)
    strength = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(np.sqrt(strength), np.float32)


def disagreement_px(nir: NDArray[np.float32], vis_warped: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far the edges of patches all over the field are apart: ``(n, 2)``."""
    window = cv2.createHanningWindow((PATCH_PX, PATCH_PX), cv2.CV_32F)
    first, second = edges(nir), edges(vis_warped)
    shifts = []
    for y in range(20, nir.shape[0] - PATCH_PX - 20, PATCH_PX // 2):
        for x in range(20, nir.shape[1] - PATCH_PX - 20, PATCH_PX // 2):
            box = slice(y, y + PATCH_PX), slice(x, x + PATCH_PX)
            shift, peak = cv2.phaseCorrelate(first[box], second[box], window)
            if peak > 0.3:
                shifts.append(shift)
    return np.array(shifts)


ROI = {"roi": {"width": 440, "height": 330, "offset_x": 60, "offset_y": 34}}


@pytest.mark.parametrize(
    ("mode", "rig"),
    [
        pytest.param("day", {}, id="vis-mirrored"),
        pytest.param("day", {"vis": {"mirror": False}}, id="no-mirror"),
        pytest.param("day", {"nir": {"mirror": True}, "vis": {"mirror": False}}, id="nir-mirrored"),
        pytest.param("day", {"vis": {"pixel_format": "BayerGB8"}, "rig_seed": 5}, id="other-rig-and-pattern"),
        pytest.param("day", {"size": (520, 400), "vis": ROI, "nir": ROI}, id="region-of-interest"),
        pytest.param("night", {"size": (692, 516)}, id="night"),
    ],
)
def test_the_true_homography_lays_vis_onto_nir(mode: str, rig: dict[str, Any]) -> None:
    settings = profile(mode, **rig)
    raws = seen(settings, pulse=11)
    nir, vis = (
        demosaic(raws[arm], settings.arm(arm).cfa, settings.arm(arm).black_level_dn).astype(np.float32)
        for arm in ("nir", "vis")
    )
    warped = cv2.warpPerspective(vis, true_homography(settings), nir.shape[1::-1], flags=cv2.INTER_CUBIC)
    shifts = disagreement_px(nir, np.asarray(warped, np.float32))
    assert len(shifts) >= 12
    assert np.linalg.norm(np.median(shifts, axis=0)) < 0.1
    assert np.median(np.linalg.norm(shifts, axis=1)) < 0.2


@pytest.mark.parametrize("rig_seed", range(12))
def test_corners_disagree_by_no_more_than_was_set(rig_seed: int) -> None:
    corners = np.array([[[0, 0], [1383, 0], [1383, 1031], [0, 1031]]], np.float64)
    moved = cv2.perspectiveTransform(corners, misalignment(rig_seed, 12.0, 1384, 1032))
    furthest = np.linalg.norm(moved - corners, axis=2).max()
    assert 0.6 * 12 - 0.01 <= furthest <= 12.01


def test_a_rig_stays_while_scenes_change() -> None:
    assert np.array_equal(true_homography(profile(scene_seed=1)), true_homography(profile(scene_seed=2)))
    assert not np.allclose(true_homography(profile(rig_seed=1)), true_homography(profile(rig_seed=2)))


@pytest.mark.parametrize("arm", ["nir", "vis"])
@pytest.mark.parametrize("rig_seed", range(6))
def test_the_canvas_reaches_beyond_what_both_arms_see(arm: Arm, rig_seed: int) -> None:
    settings = profile(rig_seed=rig_seed, corner_shift_px=30)
    optics = RigOptics(settings)
    width, height = settings.arm(arm).roi.width, settings.arm(arm).roi.height
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], np.float64)
    x, y = cv2.perspectiveTransform(corners, np.linalg.inv(optics.canvas_to_raw(arm)))[0].T
    assert min(x.min(), y.min()) > 4
    assert x.max() < optics.canvas_width_px - 5
    assert y.max() < optics.canvas_height_px - 5


def test_a_scene_is_the_same_again_and_another_for_every_seed() -> None:
    first, again, other = (paint_street(seed, 300, 220).background for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.mean(first != other) > 0.5


def test_frames_do_not_depend_on_what_was_captured_before() -> None:
    fresh, used = (street_imagers(profile())["vis"] for _ in range(2))
    for pulse in (3, 90, 4):
        used.capture(pulse)
    assert np.array_equal(fresh.capture(50), used.capture(50))


def test_traffic_moves_a_little_between_pulses_and_passes_behind_what_is_near() -> None:
    scene = paint_street(2, 600, 450)
    before, after = scene.movers(1.0), scene.movers(1.0 + 1 / 45)
    ways = [b.x - a.x for a, b in zip(before, after, strict=True) if abs(b.x - a.x) < 100]
    assert len(ways) >= len(before) - 2
    assert all(0 < abs(way) < 30 for way in ways)
    assert {mover.layer for mover in before} == {0, 1}


def test_two_exposures_differ_where_something_moved() -> None:
    still = rgb("day", "vis", pulse=0)
    change = np.abs(cv2.GaussianBlur(still - rgb("day", "vis", pulse=45), (0, 0), 2)).max(axis=2)
    assert 0.001 < np.mean(change > 15) < 0.5


def brightness(bands: Bands, arm: Arm, mode: str) -> NDArray[np.float32]:
    return np.asarray(response(arm, "day" if mode == "day" else "night", "day") @ np.array(bands, np.float32))


def contrast(a: Bands, b: Bands, arm: Arm, mode: str) -> float:
    first, second = brightness(a, arm, mode), brightness(b, arm, mode)
    return float(np.abs(first - second).max() / max(first.max(), second.max()))


def test_leaves_are_dark_to_the_eye_and_bright_in_the_infrared() -> None:
    leaves, wall = spectra.LEAVES[0], spectra.CONCRETE
    assert brightness(leaves, "vis", "night").mean() < 0.5 * brightness(wall, "vis", "night").mean()
    assert brightness(leaves, "nir", "night").mean() > 1.5 * brightness(wall, "nir", "night").mean()


@pytest.mark.parametrize("dye", [spectra.SIGN_BLUE, spectra.SIGN_RED, spectra.SIGN_GREEN, spectra.SIGN_YELLOW])
def test_dyes_lose_their_contrast_to_white_at_850_nm(dye: Bands) -> None:
    assert contrast(dye, spectra.WHITE_PAINT, "nir", "night") < 0.3
    assert contrast(dye, spectra.WHITE_PAINT, "vis", "night") > 0.6


def test_the_three_channels_nearly_agree_at_850_nm_but_not_quite() -> None:
    red, green, blue = rgb("night", "nir").reshape(-1, 3).mean(0)
    assert green < red < blue < 1.4 * green


def saturation(picture: NDArray[np.float32]) -> float:
    top, bottom = picture.max(axis=2), picture.min(axis=2)
    return float(np.median((top - bottom)[top > 20] / top[top > 20]))


def test_open_silicon_sees_reddish_and_paler_colours_than_the_eye() -> None:
    vnir, vis = rgb("day", "nir"), rgb("day", "vis")
    balanced = vnir * (vnir.mean() / vnir.reshape(-1, 3).mean(0))
    assert vnir[..., 0].mean() > 1.2 * vnir[..., 1].mean()
    assert saturation(balanced) < saturation(vis)


def test_dusk_is_darker_than_day() -> None:
    day, dusk = (seen(profile(light=light))["vis"].mean() for light in ("day", "dusk"))
    assert dusk < 0.6 * day


def arm(
    bit_depth: int = 8, exposure_us: float = 6000.0, gain_db: float = 0.0, black_level_dn: float = 10.0
) -> ArmSettings:
    changes: dict[str, Any] = {
        "pixel_format": "BayerRG8" if bit_depth == 8 else "BayerRG16",
        "sensor": {"width_px": 256, "height_px": 256, "bit_depth": bit_depth},
        "roi": {"width": 256, "height": 256},
        "exposure_us": exposure_us,
        "gain_db": gain_db,
        "black_level_dn": black_level_dn,
    }
    return load_profile("twin_day").edited({"nir": changes}).nir


def exposed(sensor: Sensor, radiance: float, pulse: int = 0) -> Raw:
    signal = np.full((256, 256), radiance * sensor.responsivity_dn, np.float32)
    return sensor.counts(signal, sensor.deviation(signal), sensor.noise(pulse))


def test_the_photon_transfer_curve_gives_back_gain_and_read_noise() -> None:
    sensor = Sensor(arm(bit_depth=16), (1,))
    means, variances = [], []
    for radiance in (0.02, 0.1, 0.3, 0.6):
        pair = [exposed(sensor, radiance, pulse).astype(np.float64) for pulse in (1, 2)]
        means.append((pair[0].mean() + pair[1].mean()) / 2 - 10)
        variances.append(np.var(pair[0] - pair[1]) / 2)
    slope, _ = np.polyfit(means, variances, 1)
    dark = exposed(Sensor(arm(bit_depth=16, gain_db=24), (1,)), 0.05).astype(np.float64)
    dn_per_electron = 65535 / FULL_WELL_E
    assert slope == pytest.approx(dn_per_electron, rel=0.05)
    electrons = 0.05 * FULL_WELL_E
    assert dark.std() / dn_per_electron / 10**1.2 == pytest.approx(np.hypot(READ_NOISE_E, electrons**0.5), rel=0.05)


def test_twice_the_exposure_gives_twice_the_signal_and_six_decibels_too() -> None:
    plain, longer, louder = (
        exposed(Sensor(arm(**changes), (1,)), 0.2).mean() - 10  # type: ignore[arg-type]
        for changes in ({}, {"exposure_us": 12_000.0}, {"gain_db": 6.0206})
    )
    assert longer == pytest.approx(2 * plain, rel=0.01)
    assert louder == pytest.approx(2 * plain, rel=0.01)


@pytest.mark.parametrize(("bit_depth", "top"), [(8, 255), (12, 4095), (16, 65535)])
def test_counts_saturate_at_the_top_and_rest_on_the_black_level(bit_depth: int, top: int) -> None:
    black_dn = 10 * top / 255
    sensor = Sensor(arm(bit_depth, black_level_dn=black_dn), (1,))
    bright, dark = exposed(sensor, 2.0), exposed(sensor, 0.0)
    assert (bright == top).all()
    assert dark.mean() == pytest.approx(black_dn, rel=0.02)
    assert bright.dtype == (np.uint8 if bit_depth == 8 else np.uint16)


def test_noise_changes_from_pulse_to_pulse() -> None:
    sensor = Sensor(arm(), (1,))
    assert np.mean(exposed(sensor, 0.3, 1) != exposed(sensor, 0.3, 2)) > 0.4


def test_sensors_may_differ_in_resolution() -> None:
    fine = {"sensor": {"width_px": 696, "height_px": 516}, "roi": {"width": 696, "height": 516}}
    settings = profile(vis=fine)
    backend = open_backend(settings)
    cameras = backend.open()
    assert (cameras["nir"].info.width, cameras["vis"].info.width) == (464, 696)
    backend.close()
    corner = true_homography(settings) @ np.array([695.0, 0.0, 1.0])
    assert np.abs(corner[:2] / corner[2]).max() < 15
