"""Whether the optics of the simulated rig tell the truth about themselves: geometry, drift, panning, ghost, blur."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.raw import demosaic
from nirvis_capture.truth import true_homography
from nirvis_capture.twin.imaging.arm_view import ArmView
from nirvis_capture.twin.imaging.imager import StreetImager
from nirvis_capture.twin.imaging.lens import Ghost, falloff, smear, smear_kernel
from nirvis_capture.twin.imaging.optics import DRIFT_REACH_PX, RigOptics, misalignment, panning
from nirvis_capture.twin.scenery.scene import Scene, paint_street
from nirvis_capture.twin.scenery.view import choose_view

PATCH_PX = 96
street = cache(paint_street)


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


def rig(settings: Profile) -> tuple[Scene, RigOptics]:
    """Streets of one size are painted once for all tests."""
    optics = RigOptics(settings)
    return street(settings.twin.scene_seed, optics.canvas_width_px, optics.canvas_height_px), optics


def seen(settings: Profile, pulse: int) -> dict[Arm, NDArray[np.float32]]:
    """RGB of both arms in raw geometry, 0 to 255."""
    scene, optics = rig(settings)
    raws: dict[Arm, Raw] = {arm: StreetImager(settings, arm, scene, optics).capture(pulse) for arm in ARMS}
    return {
        arm: demosaic(raws[arm], settings.arm(arm).cfa, settings.arm(arm).black_level_dn).astype(np.float32)
        for arm in ARMS
    }


def edges(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(picture[..., 1], (0, 0), 0.8)
    strength = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(np.sqrt(strength), np.float32)


def shifts_px(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far the edges of patches all over the field are apart: ``(n, 2)``."""
    window = cv2.createHanningWindow((PATCH_PX, PATCH_PX), cv2.CV_32F)
    before, after = edges(first), edges(second)
    shifts = []
    for y in range(20, first.shape[0] - PATCH_PX - 20, PATCH_PX // 2):
        for x in range(20, first.shape[1] - PATCH_PX - 20, PATCH_PX // 2):
            box = slice(y, y + PATCH_PX), slice(x, x + PATCH_PX)
            shift, peak = cv2.phaseCorrelate(before[box], after[box], window)
            if peak > 0.3:
                shifts.append(shift)
    return np.array(shifts)


ROI = {"roi": {"width": 440, "height": 330, "offset_x": 60, "offset_y": 34}}
DRIFT = {"drift_px_per_min": 60.0}
PAN = {"pan_deg": 5.0, "pan_period_s": 6.0}


@pytest.mark.parametrize(
    ("mode", "rig", "pulse"),
    [
        pytest.param("day", {}, 11, id="vis-mirrored"),
        pytest.param("day", {"vis": {"mirror": False}}, 11, id="no-mirror"),
        pytest.param("day", {"nir": {"mirror": True}, "vis": {"mirror": False}}, 11, id="nir-mirrored"),
        pytest.param("day", {"vis": {"pixel_format": "BayerGB8"}, "rig_seed": 5}, 11, id="other-rig-and-pattern"),
        pytest.param("day", {"size": (520, 400), "vis": ROI, "nir": ROI}, 11, id="region-of-interest"),
        pytest.param("night", {"size": (692, 516)}, 11, id="night"),
        pytest.param("day", DRIFT, 300, id="drifted"),
        pytest.param("day", PAN, 40, id="panned"),
        pytest.param("day", {**DRIFT, **PAN, "rig_seed": 3}, 200, id="drifted-and-panned"),
    ],
)
def test_the_true_homography_lays_vis_onto_nir(mode: str, rig: dict[str, Any], pulse: int) -> None:
    settings = profile(mode, **rig)
    pictures = seen(settings, pulse)
    nir = pictures["nir"]
    warped = cv2.warpPerspective(
        pictures["vis"], true_homography(settings, pulse), nir.shape[1::-1], flags=cv2.INTER_CUBIC
    )
    shifts = shifts_px(nir, np.asarray(warped, np.float32))
    assert len(shifts) >= 12
    assert np.linalg.norm(np.median(shifts, axis=0)) < 0.15
    assert np.median(np.linalg.norm(shifts, axis=1)) < 0.25


@pytest.mark.parametrize("rig_seed", range(12))
def test_corners_disagree_by_no_more_than_was_set(rig_seed: int) -> None:
    corners = np.array([[[0, 0], [1383, 0], [1383, 1031], [0, 1031]]], np.float64)
    moved = cv2.perspectiveTransform(corners, misalignment(rig_seed, 12.0, 1384, 1032))
    furthest = np.linalg.norm(moved - corners, axis=2).max()
    assert 0.6 * 12 - 0.01 <= furthest <= 12.01


def test_a_rig_stays_while_scenes_change() -> None:
    assert np.array_equal(true_homography(profile(scene_seed=1)), true_homography(profile(scene_seed=2)))
    assert not np.allclose(true_homography(profile(rig_seed=1)), true_homography(profile(rig_seed=2)))


def corner_way_px(settings: Profile, pulse: int) -> float:
    """How far the corner that moves most has gone since pulse 0."""
    corners = np.array([[[0, 0], [463, 0], [463, 343], [0, 343]]], np.float64)
    before, after = (cv2.perspectiveTransform(corners, true_homography(settings, n)) for n in (0, pulse))
    return float(np.linalg.norm(after - before, axis=2).max())


def test_drift_is_as_fast_as_set_and_never_runs_away() -> None:
    settings = profile(drift_px_per_min=3.0)
    assert corner_way_px(settings, 45 * 20) == pytest.approx(1.0, abs=0.1)
    ways = [corner_way_px(settings, 45 * 30 * n) for n in range(60)]
    assert DRIFT_REACH_PX - 0.5 < max(ways) < DRIFT_REACH_PX + 0.5
    assert corner_way_px(profile(), 45 * 600) == 0


def test_panning_turns_both_arms_alike() -> None:
    settings = profile(pan_deg=8.0)
    assert np.array_equal(true_homography(settings, 0), true_homography(settings, 225))
    optics = RigOptics(settings)
    assert np.degrees(optics.pan_rad(225)) == pytest.approx(8.0)


def test_what_is_panned_by_an_angle_moves_by_its_tangent() -> None:
    view = choose_view(np.random.default_rng(0), 600, 450)
    axis = np.array([view.width / 2, view.horizon_px, 1.0])
    moved = panning(view, np.radians(6)) @ axis
    assert moved[:2] / moved[2] == pytest.approx([axis[0] - view.focal_px * np.tan(np.radians(6)), axis[1]])


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("pan_deg", [0.0, 5.0, 15.0])
@pytest.mark.parametrize("seed", range(6))
def test_the_canvas_reaches_beyond_what_both_arms_see(arm: Arm, pan_deg: float, seed: int) -> None:
    settings = profile(rig_seed=seed, corner_shift_px=30, drift_px_per_min=10, pan_deg=pan_deg)
    optics = RigOptics(settings)
    view = choose_view(np.random.default_rng([seed, 0]), optics.canvas_width_px, optics.canvas_height_px)
    width, height = settings.arm(arm).roi.width, settings.arm(arm).roi.height
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], np.float64)
    for angle in (-pan_deg, pan_deg):
        to_raw = optics.canvas_to_raw(arm, pulse=45 * 60) @ panning(view, np.radians(angle))
        x, y = cv2.perspectiveTransform(corners, np.linalg.inv(to_raw))[0].T
        assert min(x.min(), y.min()) > 3
        assert x.max() < optics.canvas_width_px - 4
        assert y.max() < optics.canvas_height_px - 4


def test_sensors_may_differ_in_resolution() -> None:
    fine = {"sensor": {"name": "IMX178", "width_px": 696, "height_px": 516}, "roi": {"width": 696, "height": 516}}
    settings = profile(vis=fine)
    backend = open_backend(settings)
    cameras = backend.open()
    assert (cameras["nir"].info.width, cameras["vis"].info.width) == (464, 696)
    backend.close()
    corner = true_homography(settings) @ np.array([695.0, 0.0, 1.0])
    assert np.abs(corner[:2] / corner[2]).max() < 15


def test_the_corners_of_the_sensor_lack_the_light_that_was_set() -> None:
    whole, part = profile(), profile(size=(520, 400), nir=ROI)
    shares = falloff(whole.nir, 0.3)
    assert shares.max() == pytest.approx(1, abs=1e-4)
    assert shares[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(0.7, abs=2e-3)
    big = falloff(profile(size=(520, 400)).nir, 0.3)
    assert falloff(part.nir, 0.3) == pytest.approx(big[34:364, 60:500])


@pytest.mark.parametrize(("arm", "ratio"), [("nir", 0.5), ("vis", 0.5), ("vis", 0.7), ("nir", 0.7)])
def test_the_ghost_is_a_weak_copy_beside_everything(arm: Arm, ratio: float) -> None:
    """Strengths of a plate: R rho behind the transmitted picture, T squared rho / R behind the reflected one."""
    settings = profile(ghost=0.02, pan_deg=0.0).edited({"splitter_ratio": ratio})
    ghost = Ghost(settings, arm)
    point = np.zeros((8, 64), np.float32)
    point[4, 20] = 1
    seen_twice = ghost.add(point, point, (slice(0, 8), slice(0, 64)))
    expected = 0.02 * (ratio**2 / (1 - ratio) if settings.arm(arm).mirror else 1 - ratio)
    assert seen_twice[4, 20] == 1
    assert seen_twice[4, 20 + ghost.shift_px] == pytest.approx(expected)
    assert np.count_nonzero(seen_twice) == 2
    assert ghost.shift_px % 2 == 0


@pytest.mark.parametrize("pulse", [0, 37, 80, 130])
def test_parts_of_a_picture_are_those_of_the_whole(pulse: int) -> None:
    """Ghosts of traffic reach over the borders of the boxes that are drawn anew."""
    settings = profile(ghost=0.1)
    scene, optics = rig(settings)
    view = ArmView(settings, "vis", scene, optics, settings.vis.cfa)
    drawn = view.street(view.still(pulse))
    for box, part in view.traffic(view.still(pulse), pulse):
        drawn[box] = part
    assert np.abs(drawn - view.picture(pulse)).max() < 1e-5


@pytest.mark.parametrize("length_px", [0.3, 1.0, 2.5, 9.0])
def test_a_moving_point_smears_over_its_way(length_px: float) -> None:
    kernel = smear_kernel(length_px)
    places = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel @ places == pytest.approx(0, abs=1e-4)
    interpolation = 1 / 4
    assert length_px**2 / 12 <= kernel @ places**2 <= length_px**2 / 12 + interpolation
    point = np.zeros((3, 41), np.float32)
    point[1, 20] = 1
    assert smear(point, length_px)[1, 20 - len(kernel) // 2 : 21 + len(kernel) // 2] == pytest.approx(kernel)
