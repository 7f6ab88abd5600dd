"""Which nodes make a primary and a secondary, in which order, and what rate the secondary can follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nirvis_profiles
from nirvis_capture.errors import CameraError, TriggerTooFast
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.rig import Rig
from nirvis_capture.trigger import (
    MARGIN,
    ArmWiring,
    Overlap,
    Pace,
    check_rate,
    readout_us,
    secondary_pace,
    unknown_readout,
    wiring,
)


def rig_of(nir: str, vis: str, **trigger: Any) -> Profile:
    models = {"nir": {"model": nir}, "vis": {"model": vis}}
    return load_profile("twin_day").edited({**models, "trigger": trigger})


def written(arm: ArmWiring) -> list[tuple[str, object]]:
    return [(setting.node, setting.value) for setting in arm.settings]


class TestWiring:
    def test_a_grasshopper_pulses_on_its_line_as_soon_as_that_is_an_output(self) -> None:
        primary = wiring(rig_of("GS3-U3-15S4C", "GS3-U3-15S4C")).primary
        assert (primary.arm, primary.role) == ("nir", "primary")
        assert written(primary) == [
            ("TriggerMode", "Off"),
            ("LineSelector", "Line2"),
            ("LineMode", "Output"),
            ("LineSource", "ExposureActive"),
            ("V3_3Enable", True),
        ]

    def test_a_blackfly_feeds_the_pull_up_of_its_isolated_output(self) -> None:
        primary = wiring(rig_of("BFS-U3-63S4C", "BFS-U3-63S4C", primary_line="Line1")).primary
        assert written(primary)[-3:] == [
            ("LineSource", "ExposureActive"),
            ("LineSelector", "Line2"),
            ("V3_3Enable", True),
        ]

    def test_a_blackfly_on_another_line_needs_no_pull_up(self) -> None:
        primary = wiring(rig_of("BFS-U3-63S4C", "BFS-U3-63S4C", primary_line="Line2")).primary
        assert "V3_3Enable" not in dict(written(primary))

    @pytest.mark.parametrize(
        ("model", "tail"),
        [
            pytest.param("GS3-U3-15S4C", ["TriggerMode", "TriggerOverlap"], id="overlap-needs-the-trigger-on"),
            pytest.param("BFS-U3-63S4C", ["TriggerOverlap", "TriggerMode"], id="trigger-on-last"),
        ],
    )
    def test_the_secondary_of_each_dialect(self, model: str, tail: list[str]) -> None:
        secondary = wiring(rig_of("GS3-U3-15S4C", model)).secondary
        nodes = [setting.node for setting in secondary.settings]
        assert (secondary.arm, secondary.role) == ("vis", "secondary")
        assert nodes[-2:] == tail
        assert written(secondary)[0] == ("TriggerMode", "Off")
        assert nodes.index("TriggerSelector") < nodes.index("TriggerSource") < nodes.index("TriggerActivation")
        values = dict(written(secondary))
        assert (values["TriggerMode"], values["TriggerSource"], values["TriggerOverlap"]) == ("On", "Line3", "ReadOut")

    def test_lines_and_edges_come_from_the_profile(self) -> None:
        secondary = wiring(
            rig_of("BFS-U3-63S4C", "BFS-U3-63S4C", secondary_line="Line0", activation="FallingEdge")
        ).secondary
        values = dict(written(secondary))
        assert (values["TriggerSource"], values["TriggerActivation"]) == ("Line0", "FallingEdge")

    def test_a_delay_is_switched_on_where_the_dialect_has_a_switch(self) -> None:
        for model, switched in (("GS3-U3-15S4C", True), ("BFS-U3-63S4C", None)):
            settings = wiring(rig_of(model, model, delay_us=120.0)).secondary.settings
            delay = {setting.node: setting for setting in settings if "Delay" in setting.node}
            assert (delay["TriggerDelay"].value, delay["TriggerDelay"].needed) == (120.0, True)
            assert ("TriggerDelayEnabled" in delay) is (switched is not None)

    def test_roles_follow_the_profile(self) -> None:
        plan = wiring(rig_of("GS3-U3-15S4C", "BFS-U3-63S4C", primary="vis"))
        assert (plan.primary.arm, plan.arm("nir").role) == ("vis", "secondary")

    def test_cameras_that_run_freely_wait_for_nothing(self) -> None:
        plan = wiring(rig_of("GS3-U3-15S4C", "GS3-U3-15S4C", source="free"))
        assert [written(plan.arm(arm)) for arm in ("nir", "vis")] == [[("TriggerMode", "Off")]] * 2

    def test_a_model_without_known_lines_is_told(self) -> None:
        with pytest.raises(CameraError, match="camera model ORX-10G are not known"):
            wiring(rig_of("GS3-U3-15S4C", "ORX-10G"))


class TestPace:
    def test_without_overlap_readout_follows_exposure(self) -> None:
        assert Pace(5000, 21_000, "Off").max_rate_hz == pytest.approx(1e6 / 26_050)

    @pytest.mark.parametrize(
        ("exposure_us", "period_us"),
        [pytest.param(5000, 21_000, id="readout"), pytest.param(30_000, 30_050, id="exposure")],
    )
    def test_with_overlap_the_longer_one_counts(self, exposure_us: float, period_us: float) -> None:
        assert Pace(exposure_us, 21_000).shortest_period_us == period_us

    def test_a_delay_makes_the_exposure_end_later(self) -> None:
        assert Pace(20_000, 21_000, delay_us=3000).shortest_period_us == 23_050

    @given(
        exposure_us=st.floats(10, 50_000),
        readout_us=st.floats(10, 50_000),
        overlap=st.sampled_from(["Off", "ReadOut"]),
        delay_us=st.floats(0, 2000),
        rate_hz=st.floats(1, 200),
    )
    def test_the_exposure_that_is_advised_fits_and_a_longer_one_does_not(
        self, exposure_us: float, readout_us: float, overlap: Overlap, delay_us: float, rate_hz: float
    ) -> None:
        longest_us = Pace(exposure_us, readout_us, overlap, delay_us).longest_exposure_us(rate_hz)
        if longest_us is None:
            assert Pace(0.0, readout_us, overlap, delay_us).safe_rate_hz < rate_hz * (1 + 1e-9)
        else:
            assert Pace(longest_us * 0.999, readout_us, overlap, delay_us).safe_rate_hz >= rate_hz * (1 - 1e-9)
            assert Pace(longest_us + 1, readout_us, overlap, delay_us).safe_rate_hz < rate_hz

    def test_readout_shrinks_with_the_rows(self) -> None:
        full = load_profile("twin_day").vis
        half = load_profile("twin_day").edited({"vis": {"roi": {"height": 516}}}).vis
        assert readout_us(full) == pytest.approx(21_000)
        assert readout_us(half) == pytest.approx(10_500)
        assert readout_us(full.model_copy(update={"model": "replay"})) is None


class TestCheck:
    @pytest.mark.parametrize("name", nirvis_profiles.names())
    def test_every_shipped_profile_is_slow_enough(self, name: str) -> None:
        check_rate(load_profile(name))

    @pytest.mark.parametrize(("model", "rate_hz"), [("GS3-U3-15S4C", 45), ("BFS-U3-63S4C", 59.6)])
    def test_the_full_rate_of_each_camera_is_allowed_and_a_little_more_is_not(self, model: str, rate_hz: float) -> None:
        sensor = {"width_px": 3072, "height_px": 2048}
        roi = {"width": 3072, "height": 2048 if model.startswith("BFS") else 1032}
        arm = {"model": model, "sensor": sensor, "roi": roi, "exposure_us": 4000}
        base = load_profile("twin_day").edited({"nir": arm, "vis": arm})
        check_rate(base.edited({"trigger": {"rate_hz": rate_hz}}))
        with pytest.raises(TriggerTooFast):
            check_rate(base.edited({"trigger": {"rate_hz": rate_hz * 1.03}}))

    def test_what_would_fit_is_said(self) -> None:
        profile = load_profile("twin_day").edited({"vis": {"exposure_us": 22_000}})
        with pytest.raises(TriggerTooFast, match=r"TWIN-VIS \(vis\) can follow 45\.4 triggers per second") as caught:
            check_rate(profile)
        message = str(caught.value)
        assert "trigger.rate_hz to 43 or less" in message
        assert "vis.exposure_us to 21061 or less" in message
        assert "\n" not in message
        check_rate(profile.edited({"trigger": {"rate_hz": 43}}))
        check_rate(profile.edited({"vis": {"exposure_us": 21061}}))

    def test_where_readout_alone_takes_too_long_no_exposure_is_advised(self) -> None:
        profile = load_profile("twin_day").edited({"trigger": {"overlap": "Off"}})
        with pytest.raises(TriggerTooFast, match="rate_hz to") as caught:
            check_rate(profile.edited({"trigger": {"rate_hz": 46}}))
        assert "exposure_us" not in str(caught.value)

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"twin": {"content": "noise"}}, id="noise-has-no-sensor"),
            pytest.param({"trigger": {"source": "free"}}, id="free-running"),
        ],
    )
    def test_without_a_known_limit_every_rate_is_allowed(self, changes: dict[str, Any]) -> None:
        exposures: dict[str, Any] = {"nir": {"exposure_us": 100}, "vis": {"exposure_us": 100}}
        profile = load_profile("twin_day").edited({**exposures, "trigger": {"rate_hz": 180}})
        assert secondary_pace(profile) is not None
        free = profile.edited(changes)
        assert secondary_pace(free) is None
        check_rate(free)

    def test_of_a_model_whose_readout_is_not_known_the_exposure_bounds_the_rate_and_that_is_said(
        self,
    ) -> None:
        profile = rig_of("BFS-U3-51S5C", "BFS-U3-51S5C").edited(
            {"nir.exposure_us": 4900, "vis.exposure_us": 4900, "trigger.rate_hz": 200}
        )
        with pytest.raises(TriggerTooFast, match=r"readout not known.*vis\.exposure_us to 4700 or less"):
            check_rate(profile)
        fits = profile.edited({"vis.exposure_us": 4690})
        check_rate(fits)
        said = "the readout of BFS-U3-51S5C is not known, so 200 Hz is held against the exposure of vis"
        assert said in unknown_readout(fits)

    def test_the_rig_refuses_before_it_arms(self) -> None:
        roi = {"sensor": {"width_px": 32, "height_px": 16}, "roi": {"width": 32, "height": 16}}
        profile = load_profile("twin_day").edited({"nir": roi, "vis": {**roi, "exposure_us": 22_200}})
        rig = Rig(profile, on_lost=lambda _: None)
        with pytest.raises(TriggerTooFast, match=f"above {MARGIN:.0%}"):
            rig.arm()
