"""Pairs of whole armings of the simulated rig, judged against its ledger: hours of frames without a camera."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirvis_capture.anchor import anchor
from nirvis_capture.camera import ARMS, Arm, ClockLatch
from nirvis_capture.clip import PAIR_DTYPE
from nirvis_capture.pair_score import PairingScore, score_pairs
from nirvis_capture.pair_table import Stamp, numbers
from nirvis_capture.pairing import Pairer
from nirvis_capture.profile import Profile
from nirvis_capture.trigger import apart
from nirvis_capture.twin.settings import Clock, Counter, Fault, RandomFault, TwinSettings
from nirvis_capture.twin.stamps import Arming, arming
from small_rig import fault, play, profile

BASE = profile()
RATES_HZ = (1.0, 5.0, 22.5, 45.0, 90.0, 180.0)
RESOLUTIONS_NS = (1, 1000, 125_000)
UNTOLD: Mapping[Arm, ClockLatch | None] = {"nir": None, "vis": None}
CASES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def rig(rate_hz: float = 45, delay: float = 0, primary: Arm = "nir", **twin: Any) -> Profile:
    """Quicker than editing the text of a profile; `delay` of the secondary in periods."""
    period_us = 1e6 / rate_hz
    trigger = {"rate_hz": rate_hz, "delay_us": delay * period_us, "primary": primary}
    arms = {arm: BASE.arm(arm).model_copy(update={"exposure_us": min(6000, 0.3 * period_us)}) for arm in ARMS}
    return BASE.model_copy(
        update={
            "trigger": BASE.trigger.model_copy(update=trigger),
            "twin": TwinSettings(content="noise", pacing="fast", **twin),
            **arms,
        }
    )


def paired(
    frames: Arming, latches: Mapping[Arm, ClockLatch | None] | None = None
) -> tuple[PairingScore, Pairer[Stamp]]:
    """Pair an arming as the recorder does, in the order of arrival."""
    trigger = frames.profile.trigger
    firsts = frames.stamps["nir"][0], frames.stamps["vis"][0]
    latches = frames.latches if latches is None else latches
    pairer: Pairer[Stamp] = Pairer(
        anchor(*firsts, latches, trigger.period_ns, True, apart(frames.profile)), trigger.period_ns, trigger.primary
    )
    arrivals = sorted((stamp.host_ns, arm, stamp) for arm in ARMS for stamp in frames.stamps[arm])
    rows = [row for _, arm, stamp in arrivals for row in pairer.feed(arm, stamp)] + pairer.finish()
    return score_pairs(np.array([numbers(row) for row in rows], PAIR_DTYPE), frames), pairer


@st.composite
def mixes(draw: st.DrawFn, extra: bool = True, slow: bool = True) -> tuple[Profile, int]:
    """A rig with any mix of faults, and how many pulses it runs."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rate_hz = draw(st.sampled_from(RATES_HZ))
    pulses = draw(st.integers(20, 250))
    shares = {
        kind: draw(st.sampled_from([0, 0.01, 0.05])) for kind in ("transfer_drop", "missed_trigger", "incomplete")
    }
    shares |= {
        "extra_frame": 0.01 * draw(st.integers(0, 1)) * extra,
        "slow_host": 0.005 * draw(st.integers(0, 1)) * slow,
    }
    drawn = [
        RandomFault(
            kind=kind, arm=arm, probability=share, count=rng.choice([1, 1, 2, 4]) * (5 if kind == "slow_host" else 1)
        )
        for kind, share in shares.items()
        for arm in ARMS
        if share
    ]
    scripted = []
    first_lost = draw(st.sampled_from([None, *ARMS]))
    if first_lost is not None:
        kind = rng.choice(["transfer_drop", "missed_trigger"])
        scripted.append(Fault(kind=kind, arm=first_lost, at=0, count=rng.choice([1, 2, 7])))
    if draw(st.booleans()):
        scripted.append(Fault(kind="counter_wrap", arm=rng.choice(ARMS), at=rng.randrange(1, pulses)))
    if draw(st.integers(0, 3)) == 0:
        kind, count = rng.choice([("half_rate", 10), ("half_rate", 1000), ("trigger_cable_off", 5)])
        scripted.append(Fault(kind=kind, arm="vis", at=rng.randrange(pulses), count=count))
    clocks = {
        f"{arm}_clock": Clock(
            offset_ms=rng.uniform(-1e6, 1e6), drift_ppm=rng.uniform(-50, 50), resolution_ns=rng.choice(RESOLUTIONS_NS)
        )
        for arm in ARMS
    }
    counters = {f"{arm}_counter": Counter(ahead=rng.choice([0, 1, 65_500])) for arm in ARMS}
    settings = rig(
        rate_hz,
        rng.choice([0, 0, 0.1, 0.3]),
        rng.choice(ARMS),
        rig_seed=rng.randrange(2**31),
        latency_ms=rng.choice([0.5, 4.0]),
        faults=tuple(scripted),
        random_faults=tuple(drawn),
        **clocks,
        **counters,
    )
    return settings, pulses


@st.composite
def jumps(draw: st.DrawFn) -> tuple[Profile, int]:
    """A rig whose clocks jump in the midst of other faults.

    Left out is what nobody can know: a jump before the first frame of an arm, one together with another fault that
    hides it to the nanosecond.
    """
    rng = random.Random(draw(st.integers(0, 2**32)))
    rate_hz = draw(st.sampled_from(RATES_HZ[1:]))
    pulses = draw(st.integers(60, 250))
    period_ms = 1e3 / rate_hz
    jump_ms = draw(st.sampled_from([-3, -1, -1 / 3, 1 / 3, 1, 2, 40])) * period_ms
    share = draw(st.sampled_from([0, 0.01, 0.05]))
    kinds = ("transfer_drop", "missed_trigger", "incomplete") if share else ()
    drawn = tuple(RandomFault(kind=kind, arm=arm, probability=share) for kind in kinds for arm in ARMS)
    jump = Fault(kind="clock_jump", arm=rng.choice(ARMS), at=rng.randrange(10, pulses), jump_ms=jump_ms)
    clocks = {f"{arm}_clock": Clock(offset_ms=rng.uniform(-1e6, 1e6), drift_ppm=rng.uniform(-50, 50)) for arm in ARMS}
    return rig(
        rate_hz, rig_seed=rng.randrange(2**31), faults=(jump,), random_faults=drawn, **clocks
    ), pulses


def test_an_arming_has_the_very_frames_of_the_cameras() -> None:
    faults = [
        {"kind": kind, "arm": arm, "probability": 0.05}
        for kind in ("transfer_drop", "missed_trigger", "extra_frame", "clock_jump", "slow_host")
        for arm in ARMS
    ]
    settings = profile(random_faults=faults, faults=[fault("counter_wrap", "vis", at=30)])
    frames, taken = arming(settings, 200), play(settings, 200)
    for arm in ARMS:
        assert [(s.frame_id, s.timestamp_ns, s.host_ns, s.status) for s in frames.stamps[arm]] == [
            (f.frame_id, f.timestamp_ns, f.host_ns, f.status) for f in taken[arm]
        ]


@settings(CASES, max_examples=120)
@given(mixes(extra=False, slow=False))
def test_every_pair_is_found_and_every_loss_has_its_cause(mix: tuple[Profile, int]) -> None:
    score, pairer = paired(arming(*mix))
    assert score.faultless
    assert (score.recovered, pairer.anchored) == (score.recoverable, True)


@settings(CASES, max_examples=120)
@given(mixes())
def test_extra_frames_and_a_busy_host_lead_to_no_wrong_pair_and_no_false_cause(mix: tuple[Profile, int]) -> None:
    score, _ = paired(arming(*mix))
    assert score.faultless


@settings(CASES, max_examples=120)
@given(jumps())
def test_after_a_clock_jump_pairs_are_right_or_nothing_is_claimed(jump: tuple[Profile, int]) -> None:
    score, _ = paired(arming(*jump))
    assert score.faultless


@settings(CASES, max_examples=40)
@given(mixes(), st.integers(1, 200))
def test_a_recording_that_goes_on_in_a_new_clip_has_no_wrong_pair(mix: tuple[Profile, int], cut: int) -> None: ...
