"""The trigger doctor names the one thing that is wrong, from what two cameras send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nirvis_capture.cameras import open_backend
from nirvis_capture.doctor.trigger import Cause, Observation, Watched, diagnose, observe
from nirvis_capture.profile import Profile

SmallProfile = Callable[..., Profile]
PERIOD_NS = 20_000_000


def pulses(which: list[int] | range, jitter_ns: int = 0) -> Watched:
    """Exposures at these pulses of 50 Hz, as a camera stamps them."""
    rng = np.random.default_rng(5)
    stamps = np.array(which, np.int64) * PERIOD_NS + 7_000_000_000
    return Watched(stamps + rng.integers(-jitter_ns, jitter_ns + 1, len(stamps)))


SILENT = pulses([])
STEADY = pulses(range(50), jitter_ns=125_000)
EVERY_SECOND = pulses(range(0, 50, 2))
PATCHY = pulses([p for p in range(50) if np.random.default_rng(p).random() < 0.6])


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        pytest.param(Observation(9, 0, STEADY, STEADY), "none", id="healthy"),
        pytest.param(Observation(9, 0, STEADY, EVERY_SECOND), "half rate", id="every-second-pulse"),
        pytest.param(Observation(9, 0, EVERY_SECOND, EVERY_SECOND), "half rate", id="the-primary-itself-is-slow"),
        pytest.param(Observation(9, 0, STEADY, PATCHY), "missing pull-up", id="pulses-missed-at-random"),
        pytest.param(Observation(9, 0, STEADY, pulses(range(50), 6_000_000)), "missing pull-up", id="strange-edges"),
        pytest.param(Observation(9, 0, STEADY, SILENT, swapped=SILENT), "not wired", id="silent-either-way"),
        pytest.param(Observation(9, 0, STEADY, SILENT, swapped=STEADY), "swapped roles", id="cable-the-other-way"),
        pytest.param(Observation(0, 9, STEADY, STEADY), "swapped roles", id="secondary-makes-the-pulses"),
        pytest.param(Observation(0, 0, SILENT, SILENT, swapped=SILENT), "no trigger", id="primary-is-silent"),
        pytest.param(Observation(9, 9, STEADY, STEADY), "free-running secondary", id="frames-in-the-pause"),
    ],
)
def test_each_picture_of_the_cameras_has_one_cause(
    seen: Observation, cause: Cause, small_profile: SmallProfile
) -> None:
    found = diagnose(seen, small_profile(rate_hz=50))
    assert found.cause == cause
    assert bool(found.remedy) == (cause != "none")


def test_a_silent_secondary_behind_an_output_that_only_pulls_down_wants_a_pull_up(small_profile: SmallProfile) -> None:
    profile = small_profile(rate_hz=50).edited({"trigger.primary_line": "Line1"})
    found = diagnose(Observation(9, 0, STEADY, SILENT, swapped=SILENT), profile)
    assert found.cause == "missing pull-up"
    assert "3.3 V" in found.remedy


def test_half_rate_at_too_high_a_rate_names_the_exposure_that_fits(small_profile: SmallProfile) -> None:
    profile = small_profile(rate_hz=50).edited({"twin.content": "street", "vis.exposure_us": 19_900})
    found = diagnose(Observation(9, 0, STEADY, EVERY_SECOND), profile)
    assert found.cause == "half rate"
    assert "vis.exposure_us to" in found.remedy


@pytest.mark.parametrize(
    ("faults", "cause"),
    [
        pytest.param({}, "none", id="healthy"),
        pytest.param(
            {"kind": "trigger_cable_off", "arm": "vis", "at": 0, "count": 10_000}, "not wired", id="cable-off"
        ),
        pytest.param({"kind": "roles_swapped", "arm": "vis", "at": 0}, "swapped roles", id="roles-swapped"),
        pytest.param({"kind": "half_rate", "arm": "vis", "at": 0, "count": 10_000}, "half rate", id="half-rate"),
    ],
)
def test_the_twin_with_a_fault_of_its_trigger_is_seen_through(
    faults: dict[str, Any], cause: Cause, small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nirvis_capture.doctor.trigger.WATCH_S", 0.3)
    profile = small_profile("real", rate_hz=100).edited({"twin.faults": [faults] if faults else []})
    assert diagnose(observe(profile), profile).cause == cause


def test_a_twin_whose_secondary_misses_triggers_at_random_has_unsteady_edges(
    small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nirvis_capture.doctor.trigger.WATCH_S", 0.5)
    drawn = [{"kind": "missed_trigger", "arm": "vis", "probability": 0.3}]
    profile = small_profile("real", rate_hz=100).edited({"twin.random_faults": drawn})
    assert diagnose(observe(profile), profile).cause == "missing pull-up"


def test_a_twin_whose_secondary_runs_by_itself_is_named(
    small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nirvis_capture.doctor.trigger.WATCH_S", 0.3)
    profile = small_profile("real", rate_hz=100)
    seen = observe(profile, lambda p: open_backend(p.edited({"trigger.source": "free"})))
    assert diagnose(seen, profile).cause == "free-running secondary"
