"""A white balance makes a grey grey, and is refused where there is none to be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nirvis_capture.camera import ARMS, Raw
from nirvis_capture.exposure import exposures_of
from nirvis_capture.light_meter import meter, rule_for
from nirvis_capture.profile import Metering, Profile, load_profile
from nirvis_capture.raw import demosaic, mosaic
from nirvis_capture.white_balance import NoGrey, grey_balance

BLACK_DN = 64.0


def tinted(shape: tuple[int, int] = (120, 160), seed: int = 2) -> Raw:
    """12 bit counts of a scene that is grey on average, under light with half as much red and a quarter more blue."""
    rng = np.random.default_rng(seed)
    scene = rng.uniform(300, 2600, (*shape, 3)) * [0.5, 1.0, 1.25]
    return mosaic((scene + BLACK_DN).astype(np.uint16), "GBRG")


def test_a_world_that_is_grey_on_average_tells_the_light() -> None:
    found = grey_balance(tinted(), "GBRG", BLACK_DN, 12)
    assert (found.red, found.blue) == (pytest.approx(2.0, rel=0.02), pytest.approx(0.8, rel=0.02))


def test_a_grey_patch_in_a_green_world_is_grey_afterwards() -> None:
    rgb = np.broadcast_to(np.array([30, 160, 40], np.uint8), (120, 160, 3)).copy()
    rgb[41:81, 51:91] = (60, 100, 140)
    raw = mosaic(rgb, "RGGB")
    found = grey_balance(raw, "RGGB", 4.0, 8, patch=(53, 43, 36, 36))
    red, green, blue = demosaic(raw, "RGGB", 4.0, 8, (found.red, 1.0, found.blue))[60, 70].astype(int)
    assert max(red, green, blue) - min(red, green, blue) <= 1


def test_saturated_sites_do_not_vote() -> None:
    raw = tinted()
    raw[:40] = 4095
    assert grey_balance(raw, "GBRG", BLACK_DN, 12).red == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize(
    ("raw", "patch", "reason"),
    [
        pytest.param(np.zeros((120, 160), np.uint16), None, "Only 0 sites of the picture", id="dark"),
        pytest.param(np.full((120, 160), 4095, np.uint16), None, "Only 0 sites of the picture", id="saturated"),
        pytest.param(tinted(), (0, 0, 4, 4), "Only 4 sites of the patch", id="patch-too-small"),
        pytest.param(tinted(), (400, 0, 40, 40), "does not lie within 160×120 px", id="patch-outside"),
    ],
)
def test_where_there_is_no_grey_the_reason_is_told(
    raw: Raw, patch: tuple[int, int, int, int] | None, reason: str
) -> None:
    with pytest.raises(NoGrey, match=reason):
        grey_balance(raw, "GBRG", BLACK_DN, 12, patch)


class TestMeter:
    @pytest.fixture
    def profile(self, small_profile: Callable[..., Profile]) -> Profile:
        """A small rig before a wall, far too dark, with half of the exposure for vis."""
        exposures = {"nir.exposure_us": 400, "vis.exposure_us": 200, "trigger.rate_hz": 40}
        return small_profile().edited({"twin.content": "even", **exposures})

    def test_the_twin_is_exposed_brightly_with_its_ratio_kept(self, profile: Profile) -> None:
        found = meter(profile, rule_for(profile, Metering(bright=0.7, centred=True)))
        exposures = exposures_of(found.profile)
        assert found.settled
        assert exposures["vis"].amount / exposures["nir"].amount == pytest.approx(0.5, rel=0.01)
        assert max(found.seen[arm].bright for arm in ARMS) == pytest.approx(0.7, rel=0.1)
        half_us = (exposures["nir"].exposure_us - exposures["vis"].exposure_us) / 2
        assert found.profile.trigger.delay_us == pytest.approx(half_us, abs=0.1)

    def test_an_exposure_never_grows_beyond_what_the_rate_and_the_user_leave(self) -> None:
        profile = load_profile("twin_day").edited({"vis.exposure_us": 3000, "trigger.delay_us": 1500})
        rule = rule_for(profile, Metering(centred=True))
        assert rule.ranges["nir"].longest_us == pytest.approx(0.95 * 1e6 / 45)
        assert rule.ranges["vis"].longest_us > rule_for(profile).ranges["vis"].longest_us
        assert {r.longest_us for r in rule_for(profile, Metering(longest_us=2000)).ranges.values()} == {2000}
