"""The simulated rig before its street: what the arms see, what moves, what the clean picture is, what a loop shows."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import Arm
from nirvis_capture.cameras import open_backend
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.raw import demosaic, mosaic
from nirvis_capture.truth import true_homography
from nirvis_capture.twin.imaging.arm_view import ArmView
from nirvis_capture.twin.imaging.clean import CleanView
from nirvis_capture.twin.imaging.imager import StreetImager, street_imagers
from nirvis_capture.twin.imaging.loop import LOOP_BYTES, loop_length, shown_pulse
from nirvis_capture.twin.imaging.movers import Movers
from nirvis_capture.twin.imaging.optics import RigOptics
from nirvis_capture.twin.imaging.raster import Raster
from nirvis_capture.twin.imaging.shading import shading
from nirvis_capture.twin.scenery.scene import Scene, paint_street
from nirvis_capture.twin.scenery.traffic import Traffic

SIZE = {"sensor": {"width_px": 464, "height_px": 344}, "roi": {"width": 464, "height": 344}}
street = cache(paint_street)


def profile(mode: str = "day", **twin: Any) -> Profile:
    return load_profile(f"twin_{mode}").edited({"nir": SIZE, "vis": SIZE, "twin": {"pacing": "fast", **twin}})


def rig(settings: Profile) -> tuple[Scene, RigOptics]:
    """Streets of one size are painted once for all tests."""
    optics = RigOptics(settings)
    weather = settings.twin.weather
    return street(settings.twin.scene_seed, optics.canvas_width_px, optics.canvas_height_px, weather), optics


def imager(settings: Profile, arm: Arm) -> StreetImager:
    return StreetImager(settings, arm, *rig(settings))


def clean_picture(settings: Profile, pulse: int) -> NDArray[np.float32]:
    return ArmView(settings, "vis", *rig(settings), cfa=None).picture(pulse)


def rgb(mode: str, arm: Arm, pulse: int = 0, **twin: Any) -> NDArray[np.float32]:
    """RGB of an arm in raw geometry, 0 to 255."""
    settings = profile(mode, **twin)
    raw = imager(settings, arm).capture(pulse)
    return demosaic(raw, settings.arm(arm).cfa, settings.arm(arm).black_level_dn).astype(np.float32)


@pytest.mark.parametrize(
    "twin", [{}, {"weather": "rain"}, {"drift_px_per_min": 60}, {"pan_deg": 4}], ids=["still", "rain", "drift", "pan"]
)
def test_frames_do_not_depend_on_what_was_captured_before(twin: dict[str, Any]) -> None:
    fresh, used = (imager(profile(**twin), "vis") for _ in range(2))
    for pulse in (3, 90, 4):
        used.capture(pulse)
    assert np.array_equal(fresh.capture(50), used.capture(50))


def test_two_exposures_differ_where_something_moved() -> None:
    change = np.abs(cv2.GaussianBlur(rgb("day", "vis") - rgb("day", "vis", 45), (0, 0), 2)).max(axis=2)
    assert 0.001 < np.mean(change > 10) < 0.5


def test_the_three_channels_nearly_agree_at_850_nm_but_not_quite() -> None:
    channels = np.sort(rgb("night", "nir").reshape(-1, 3).mean(0))
    assert 1.01 * channels[0] < channels[2] < 1.4 * channels[0]


def saturation(picture: NDArray[np.float32]) -> float:
    top, bottom = picture.max(axis=2), picture.min(axis=2)
    return float(np.median((top - bottom)[top > 20] / top[top > 20]))


def test_open_silicon_sees_reddish_and_paler_colours_than_the_eye() -> None:
    vnir, vis = rgb("day", "nir"), rgb("day", "vis")
    balanced = vnir * (vnir.mean() / vnir.reshape(-1, 3).mean(0))
    assert vnir[..., 0].mean() > 1.2 * vnir[..., 1].mean()
    assert saturation(balanced) < saturation(vis)


def test_dusk_is_darker_than_day_and_overexposure_is_bright() -> None:
    day, dusk = rgb("day", "vis").mean(), rgb("day", "vis", light="dusk").mean()
    over = rgb("day", "vis", brightness_ev=2.0)
    assert dusk < 0.9 * day
    assert over.mean() > 2 * day
    assert np.mean(over > 250) > 0.1


def test_under_the_led_nir_sees_the_street_and_vis_has_no_target() -> None:
    nir, vis = rgb("night", "nir", light="led_night"), rgb("night", "vis", light="led_night")
    assert np.median(nir) > 8
    assert np.median(vis) < 3


def test_a_longer_exposure_blurs_what_moves_and_nothing_else() -> None:
    short = profile().edited({"vis.exposure_us": 1000.0, "vis.gain_db": 20 * np.log10(20)})
    long = profile().edited({"vis.exposure_us": 20_000.0})
    sharp, blurred = clean_picture(short, 80), clean_picture(long, 80)
    moving = cv2.dilate(np.abs(sharp - clean_picture(short, 170)).max(axis=2), np.ones((5, 9))) > 0.02
    edges = [np.square(np.diff(picture.mean(axis=2), axis=1)) for picture in (sharp, blurred)]
    assert edges[1][moving[:, 1:]].sum() < 0.9 * edges[0][moving[:, 1:]].sum()
    assert np.mean(np.abs(sharp - blurred)[~moving] < 1e-4) > 0.97


def test_what_the_rig_follows_stays_sharp() -> None:
    scene, optics = rig(profile())
    to_raw = optics.canvas_to_raw("nir")
    movers = Movers(shading(profile(), "nir", scene.background), Raster((464, 344), "RGGB"), blur_px=0.5)
    passer_by = replace(scene.movers(1.0)[0], x=200.0, y=200.0, speed_px_s=400.0)
    followed, passing = (movers.within_sight([passer_by], to_raw, 0.02, pan_px_s)[0].look for pan_px_s in (400.0, 0.0))
    assert passing.left_px == followed.left_px - 4
    assert passing.planes.shape[2] == followed.planes.shape[2] + 8


@pytest.mark.parametrize(
    "twin", [{}, {"weather": "rain"}, {"pan_deg": 6, "pan_period_s": 3}], ids=["still", "rain", "fast-pan"]
)
def test_the_clean_picture_is_what_vis_counts_on_average(twin: dict[str, Any]) -> None:
    settings = profile(**twin, prnu=0.0, dsnu_e=0.0)
    counts = imager(settings, "vis").capture(33).astype(np.float64)
    clean = mosaic(clean_picture(settings, 33), settings.vis.cfa)
    error = counts - np.minimum(settings.vis.black_level_dn + 255 * clean, 255)
    electrons = clean * 18_000 + 9.0**2
    spread = error / np.sqrt(electrons * (255 / 18_000) ** 2 + 1 / 12)
    assert abs(spread.mean()) < 0.02
    assert spread.std() == pytest.approx(1, abs=0.02)
    assert np.abs(spread).max() < 7


def test_the_clean_picture_lies_on_nir() -> None:
    settings = profile(drift_px_per_min=60)
    clean = CleanView(settings)
    laid, seen = clean.in_nir(120), clean.picture(120)
    to_nir = true_homography(settings, 120)
    back = cv2.warpPerspective(laid, to_nir, (464, 344), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC)
    assert laid.dtype == np.float32
    assert np.abs(back - seen)[30:-30, 30:-30].mean() < 0.01
    assert np.array_equal(seen, clean_picture(settings, 120))


def test_highlights_of_the_clean_picture_go_beyond_full_scale() -> None:
    assert clean_picture(profile(brightness_ev=3.0), 0).max() > 2


def test_a_loop_shows_rendered_frames_there_and_back() -> None:
    settings = profile(content="loop", loop_seconds=4 / 45)
    assert [shown_pulse(settings, pulse) for pulse in range(10)] == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    rendered = imager(settings, "nir")
    cameras = open_backend(settings).open()
    cameras["nir"].arm()
    for pulse in range(6):
        frame = cameras["nir"].next_frame(10.0)
        assert frame is not None
        assert np.array_equal(frame.pixels, rendered.capture(shown_pulse(settings, pulse)))
        frame.pixels[:] = 0


def test_a_loop_never_needs_more_memory_than_it_says() -> None:
    settings = load_profile("twin_day").edited({"twin": {"content": "loop", "loop_seconds": 10.0}})
    assert loop_length(settings) * 1384 * 1032 <= LOOP_BYTES
    assert loop_length(settings.edited({"twin.loop_seconds": 0.001})) == 1
    assert shown_pulse(settings.edited({"twin.loop_seconds": 0.001}), 7) == 0


def test_a_program_waits_for_the_painter_whoever_opened_the_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is cut off within OpenCV aborts the program, and threads inherit being one."""
    daemons: list[bool] = []
    monkeypatch.setattr(Traffic, "paint_ahead", lambda *_: daemons.append(threading.current_thread().daemon))
    opening = threading.Thread(target=street_imagers, args=(profile(),), daemon=True)
    opening.start()
    opening.join()
    for painter in threading.enumerate():
        if painter.name == "paint ahead":
            painter.join()
    assert daemons == [False]
