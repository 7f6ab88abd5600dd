"""Overlays and the live figure of how the arms lie on each other, against arms that were moved by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nirvis_capture.look import looking
from nirvis_capture.profile import Mode, Profile, load_profile
from nirvis_gui.alignment import FLICKER_PERIOD_S, OVERLAY_KINDS, measured, overlay
from nirvis_gui.arm_picture import Picture, arm_picture
from nirvis_gui.filters import FiltersSeen, filters_seen


@pytest.fixture(scope="module")
def street() -> dict[str, Picture]:
    return seen(twin())


def twin(mode: Mode = "day", nir_nm: tuple[int, int] | None = None, vis_nm: tuple[int, int] | None = None) -> Profile:
    """A simulated rig with the filters of its mode or others."""
    filters = {f"{arm}.filter.passband_nm": list(nm) for arm, nm in (("nir", nir_nm), ("vis", vis_nm)) if nm}
    return load_profile(f"twin_{mode}").edited({**filters, "twin.scene_seed": 3})


def seen(profile: Profile) -> dict[str, Picture]:
    with looking(profile) as look:
        pair = next(iter(look))
    pictures = {}
    for arm in ("nir", "vis"):
        settings = profile.arm(arm)
        meta = {
            "cfa": settings.cfa,
            "mirror": settings.mirror,
            "black_level_dn": settings.black_level_dn,
            "bit_depth": 8,
            "white_balance": (1.0, 1.0, 1.0),
        }
        pictures[arm] = arm_picture(pair[arm].pixels, meta, full=False).picture
    return pictures


def moved(picture: Picture, right: float, down: float, turn_deg: float = 0.0, scale: float = 1.0) -> Picture:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn_deg, scale)
    matrix[:, 2] += (right, down)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(("right", "down"), [(3.0, -2.0), (-6.5, 4.0), (0.0, 0.0)])
def test_residual_is_how_far_the_arms_were_moved(street: dict[str, Picture], right: float, down: float) -> None:
    vis = moved(street["nir"], right, down)
    found = measured(street["nir"], vis, px=2.0)
    assert found is not None
    assert found.shift_px == pytest.approx((2 * right, 2 * down), abs=0.15)
    assert found.rms_px == pytest.approx(2 * np.hypot(right, down), abs=0.2)
    assert found.remaining_px < 0.2


def test_turn_and_scale_are_told_apart_from_the_shift(street: dict[str, Picture]) -> None:
    found = measured(street["nir"], moved(street["nir"], 2.0, 1.0, turn_deg=0.4, scale=1.01), px=1.0)
    assert found is not None
    assert found.rotation_deg == pytest.approx(0.4, abs=0.05)
    assert found.scale == pytest.approx(1.01, abs=0.001)
    assert found.shift_px == pytest.approx((2.0, 1.0), abs=0.2)
    assert found.rms_px > found.remaining_px


def test_across_the_spectral_gap_it_sees_what_the_mirror_does(street: dict[str, Picture]) -> None:
    before = measured(street["nir"], street["vis"], px=1.0)
    after = measured(street["nir"], moved(street["vis"], 5.0, 0.0), px=1.0)
    assert before is not None
    assert after is not None
    assert after.shift_px[0] - before.shift_px[0] == pytest.approx(5.0, abs=0.3)


def test_nothing_is_said_where_there_is_nothing_to_see() -> None:
    wall = np.full((120, 160, 3), 90, np.uint8)
    assert measured(wall, wall, px=1.0) is None


@pytest.mark.parametrize("kind", OVERLAY_KINDS)
def test_every_overlay_has_the_size_of_nir_and_shows_both_arms(street: dict[str, Picture], kind: str) -> None:
    nir, vis = street["nir"], np.ascontiguousarray(street["vis"][::2, ::2])
    shown = [overlay(kind, nir, vis, now_s) for now_s in (0.0, FLICKER_PERIOD_S)]  # type: ignore[arg-type]
    assert all(picture.shape == nir.shape and picture.dtype == np.uint8 for picture in shown)
    if kind == "flicker":
        assert (shown[0] == nir).all()
        assert (shown[1] != nir).any()
    else:
        assert (shown[0] == shown[1]).all()
        other = np.full_like(vis, 128)
        assert (overlay(kind, nir, other, 0.0) != shown[0]).any()  # type: ignore[arg-type]


def test_difference_of_equal_arms_is_even_grey(street: dict[str, Picture]) -> None:
    assert np.ptp(overlay("difference", street["nir"], street["nir"], 0.0)) == 0


def test_edges_are_told_apart_without_red_and_green(street: dict[str, Picture]) -> None:
    edges = overlay("edges", street["nir"], street["vis"], 0.0)
    assert (edges[..., 1] == edges[..., 2]).all()


@pytest.mark.parametrize(
    ("profile", "mode", "nir", "vis"),
    [
        pytest.param(twin("day"), "day", "as the profile says", "as the profile says", id="day"),
        pytest.param(twin("night"), "night", "as the profile says", "cannot tell", id="night"),
        pytest.param(twin("day", nir_nm=(825, 875)), "day", "wrong", "cannot tell", id="band-pass-left-on"),
        pytest.param(twin("night", nir_nm=(400, 1000)), "night", "wrong", "as the profile says", id="no-band-pass"),
        pytest.param(twin("day", vis_nm=(400, 1000)), "day", "as the profile says", "wrong", id="no-nir-cut"),
    ],
)
def test_pictures_tell_whether_the_filters_were_changed(profile: Profile, mode: Mode, nir: str, vis: str) -> None:
    pictures = seen(profile)
    found = filters_seen(pictures["nir"], pictures["vis"])
    assert (found.nir(mode), found.vis()) == (nir, vis)
    assert found.settled(mode) is (nir == "as the profile says" and vis != "wrong")


@pytest.mark.parametrize(
    ("ratio", "vis"),
    [(0.95, "wrong"), (1.2, "cannot tell"), (1.8, "as the profile says")],
    ids=["washed-out", "street-of-bricks", "colours"],
)
def test_filter_is_called_wrong_only_where_the_colours_say_so(ratio: float, vis: str) -> None:
    found = FiltersSeen(nir_colour=0.15, vis_colour=0.15 * ratio, dark=False)
    assert found.vis() == vis
    assert found.settled("day") is (vis == "as the profile says")


def test_in_the_dark_nobody_can_tell() -> None:
    dark = np.full((120, 160, 3), 4, np.uint8)
    assert filters_seen(dark, dark).nir("day") == "cannot tell"
