"""The joint exposure settles bright and unsaturated, keeps the ratio of the arms, and holds within every pair."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirvis.certificate_line import certificate_line
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.certificate import Certificate
from nirvis_capture.exposure import (
    Exposure,
    Range,
    Rule,
    Step,
    centring,
    exposure_changes,
    exposures_of,
    joint_exposure,
    pairs_off_ratio,
)
from nirvis_capture.optics import Figures
from nirvis_capture.profile import Profile
from nirvis_capture.verify import verify

SmallProfile = Callable[..., Profile]
RULE = Rule({"nir": Range(30, 20_000, 24), "vis": Range(30, 20_000, 24)})


def seen_at(exposure: Exposure, light: float) -> Figures:
    """What an arm shows of a scene whose bright sites reach full scale at an amount of ``1e4 / light`` µs."""
    level = light * exposure.amount / 1e4
    over = 0.02 if level > 1 else 0.0
    return Figures(0.0, (0.0, over, over, 0.0), min(1.0, level) / 3, min(1.0, level), np.zeros((3, 256)))


def settle(start: Mapping[Arm, Exposure], light: Mapping[Arm, float], rule: Rule = RULE) -> Step:
    now = start
    for _ in range(20):
        step = joint_exposure(now, {arm: seen_at(now[arm], light[arm]) for arm in ARMS}, rule)
        if step.settled:
            return step
        now = step.exposures
    raise AssertionError("did not settle in 20 steps")


@given(
    start_us=st.floats(50, 15_000),
    ratio=st.floats(0.3, 3),
    nir_light=st.floats(0.5, 50),
    vis_light=st.floats(0.5, 50),
)
def test_it_settles_keeps_the_ratio_and_saturates_neither(
    start_us: float, ratio: float, nir_light: float, vis_light: float
) -> None:
    start = {"nir": Exposure(start_us, 0.0), "vis": Exposure(start_us * ratio, 0.0)}
    light: dict[Arm, float] = {"nir": nir_light, "vis": vis_light}
    end = settle(start, light)  # type: ignore[arg-type]
    assert end.exposures["vis"].amount / end.exposures["nir"].amount == pytest.approx(ratio, rel=0.01)
    bright = {arm: light[arm] * end.exposures[arm].amount / 1e4 for arm in ARMS}
    assert max(bright.values()) < 1
    assert end.note or max(bright.values()) == pytest.approx(0.8, rel=0.08)


def test_gain_is_used_only_where_time_has_run_out() -> None:
    end = settle({"nir": Exposure(5000, 0), "vis": Exposure(5000, 0)}, {"nir": 0.1, "vis": 0.1})
    for arm in ARMS:
        assert end.exposures[arm].exposure_us == 20_000
        assert end.exposures[arm].gain_db == pytest.approx(20 * math.log10(4), abs=0.6)


def test_where_one_arm_can_go_no_further_the_other_waits_and_the_reason_is_named() -> None:
    rule = Rule({"nir": Range(30, 2_000, 0), "vis": Range(30, 20_000, 24)})
    end = settle({"nir": Exposure(1000, 0), "vis": Exposure(1000, 0)}, {"nir": 0.1, "vis": 0.1}, rule)
    assert [end.exposures[arm].exposure_us for arm in ARMS] == [2000, 2000]
    assert "nir is at its longest exposure of 2000 µs" in end.note


def test_light_that_no_exposure_can_hold_is_said() -> None:
    end = settle({"nir": Exposure(100, 0), "vis": Exposure(100, 0)}, {"nir": 1000.0, "vis": 1.0})
    assert end.exposures["nir"].exposure_us == 30
    assert "still saturates" in end.note


class TestCentring:
    @given(primary_us=st.floats(30, 30_000), secondary_us=st.floats(30, 30_000))
    def test_the_middles_coincide_within_what_is_said_to_remain(self, primary_us: float, secondary_us: float) -> None:
        delay_us, off_us = centring(primary_us, secondary_us)
        assert delay_us >= 0
        assert abs(delay_us + secondary_us / 2 - primary_us / 2) == pytest.approx(off_us, abs=1e-6)

    def test_a_short_secondary_lies_within_the_exposure_of_the_primary(self) -> None:
        assert centring(20_000, 2_000) == (9_000, 0)

    def test_a_long_secondary_cannot_be_centred(self) -> None:
        assert centring(2_000, 20_000) == (0, 9_000)

    def test_the_simulated_secondary_starts_that_much_later(self, small_profile: SmallProfile) -> None:
        from nirvis_capture.look import looking

        profile = small_profile(rate_hz=40)
        clocks = {"twin.nir_clock": {"offset_ms": 0.0}, "twin.vis_clock": {"offset_ms": 0.0}}
        exposures = {"nir": Exposure(20_000, 0), "vis": Exposure(2_000, 0)}
        profile = profile.edited({**clocks, **exposure_changes(profile, exposures, centred=True)})  # type: ignore[arg-type]
        assert profile.trigger.delay_us == 9_000
        with looking(profile) as look:
            pair = next(iter(look))
        middles = [pair[arm].timestamp_ns + pair[arm].exposure_us * 500 for arm in ARMS]
        assert abs(middles[0] - middles[1]) < 100_000


class TestWithinAPair:
    def test_a_profile_sets_both_exposures_before_the_first_pulse_so_no_pair_holds_two(
        self, small_profile: SmallProfile, tmp_path: Path
    ) -> None:
        from nirvis_capture.clip import Clip
        from nirvis_capture.clip_recording import record_clip

        profile = small_profile()
        for amount in (1000, 4000):
            exposures = {"nir": Exposure(amount, 0), "vis": Exposure(amount / 2, 0)}
            changed = profile.edited(exposure_changes(profile, exposures))  # type: ignore[arg-type]
            assert exposures_of(changed) == exposures
            with Clip.open(record_clip(changed, tmp_path, pairs=12)) as clip:
                rows = {arm: clip.complete[:, i] for i, arm in enumerate(ARMS)}
                exposed = {arm: clip.arms[arm].exposure_us[rows[arm]] for arm in ARMS}
                gains = {arm: clip.arms[arm].gain_db[rows[arm]] for arm in ARMS}
                assert set(exposed["nir"]) == {amount}
                assert not len(pairs_off_ratio(exposed, gains, ratio=0.5))
                stated = clip.certificate.exposures
            assert stated is not None
            assert stated.exposure_us == {"nir": (amount, amount), "vis": (amount / 2, amount / 2)}
            assert (stated.set_ratio, stated.pairs_off_ratio) == (0.5, 0)

    def test_a_change_that_reached_one_arm_first_is_found(self) -> None:
        exposed = {"nir": np.array([4000.0, 4000.0, 8000.0, 8000.0]), "vis": np.array([2000.0, 4000.0, 4000.0, 4000.0])}
        gains = {arm: np.zeros(4) for arm in ARMS}
        assert pairs_off_ratio(exposed, gains, ratio=0.5).tolist() == [1]  # type: ignore[arg-type]


class TestInTheCertificate:
    """A clip says of itself whether its pairs kept the ratio that its profile sets, and ``nirvis verify`` proves it."""

    @pytest.fixture
    def clip(self, write_clip: Callable[..., Path]) -> Path:
        """Pair 3 was exposed with another gain; 7 within the tolerance; of pulse 5 vis has no frame."""
        return write_clip(vis_gain_db={3: 7.5, 7: 1.55})

    def test_pairs_off_the_ratio_are_counted_and_said(self, clip: Path) -> None:
        verdict = verify(clip)
        stated = verdict.certificate.exposures
        assert verdict.ok
        assert stated is not None
        assert (stated.gain_db, stated.set_ratio) == ({"nir": (1.5, 1.5), "vis": (1.5, 7.5)}, 1.0)
        assert stated.pairs_off_ratio == 1
        assert "1 transfer drop, 1 pair off the set ratio of exposures" in certificate_line(verdict.certificate)

    def test_a_certificate_that_states_others_is_refused(self, clip: Path) -> None:
        with h5py.File(clip, "r+") as file:
            stated = Certificate.model_validate_json(file["entry/certificate"][()])
            assert stated.exposures is not None
            kept = stated.exposures.model_copy(update={"pairs_off_ratio": 0})
            file["entry/certificate"][()] = stated.model_copy(update={"exposures": kept}).sealed().model_dump_json()
        assert verify(clip).findings == ("certificate: its exposures differ from what the frames say",)
