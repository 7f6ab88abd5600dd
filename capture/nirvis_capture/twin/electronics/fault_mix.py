"""Rigs in which everything goes wrong at once, one for every seed: what pairing is tried on."""

from __future__ import annotations

import random
from typing import Any, Literal, NamedTuple

from nirvis_capture.camera import ARMS
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.twin.settings import Clock, Counter, Fault, RandomFault, TwinSettings

MixKind = Literal["mix", "first", "early", "late", "gentle"]
"""When a clock jumps: never, before the first frame, within the first 40 pulses, later; ``gentle``: later, among single
losses only."""

RATES_HZ = (1.0, 5.0, 22.5, 45.0, 90.0, 180.0)
RESOLUTIONS_NS = (1, 1000, 125_000)
JUMPS = (-3, -2, -1, -1 / 3, 1 / 3, 1, 2, 3, 40)
"""In periods."""
_LEAST_PULSES = 60
_SINGLE_LOSSES = ("transfer_drop", "missed_trigger", "incomplete")


class FaultMix(NamedTuple):
    """A rig, and how many pulses it runs."""

    profile: Profile
    pulses: int


def fault_mix(kind: MixKind, seed: int) -> FaultMix:
    """Any rate, clocks, counters and delay; lost first frames, drops, missed triggers, extra and late frames, a jump.

    The same for the same seed.
    """
    rng = random.Random(f"{kind}{seed}")
    rate_hz, pulses = rng.choice(RATES_HZ), rng.randint(20, 250)
    drawn, scripted = _random_faults(rng), _scripted_faults(rng, pulses)
    if kind == "gentle":
        drawn, scripted = [fault for fault in drawn if fault.kind in _SINGLE_LOSSES and fault.count == 1], []
    if kind != "mix":
        pulses = max(pulses, _LEAST_PULSES)
        scripted.insert(0, _jump(rng, kind, pulses, rate_hz))
    return FaultMix(_rig(rng, rate_hz, tuple(scripted), tuple(drawn)), pulses)


def _random_faults(rng: random.Random) -> list[RandomFault]:
    shares: dict[str, float] = {kind: rng.choice([0, 0.01, 0.05]) for kind in _SINGLE_LOSSES}
    shares |= {"extra_frame": 0.01 * rng.randint(0, 1), "slow_host": 0.005 * rng.randint(0, 1)}
    return [
        RandomFault.model_validate(
            {
                "kind": kind,
                "arm": arm,
                "probability": share,
                "count": rng.choice([1, 1, 2, 4]) * (5 if kind == "slow_host" else 1),
            }
        )
        for kind, share in shares.items()
        for arm in ARMS
        if share
    ]


def _scripted_faults(rng: random.Random, pulses: int) -> list[Fault]:
    faults = []
    first_lost = rng.choice([None, *ARMS])
    if first_lost is not None:
        lost = rng.choice(["transfer_drop", "missed_trigger"])
        faults.append(_fault(lost, first_lost, 0, count=rng.choice([1, 2, 7])))
    if rng.random() < 0.5:
        faults.append(_fault("counter_wrap", rng.choice(ARMS), rng.randrange(1, pulses)))
    if rng.random() < 0.25:
        kind, count = rng.choice([("half_rate", 10), ("half_rate", 1000), ("trigger_cable_off", 5)])
        faults.append(_fault(kind, "vis", rng.randrange(pulses), count=count))
    return faults


def _jump(rng: random.Random, kind: MixKind, pulses: int, rate_hz: float) -> Fault:
    at = 0 if kind == "first" else rng.randrange(1, 40) if kind == "early" else rng.randrange(40, pulses)
    jump_ms = rng.choice(JUMPS) * (1e3 / rate_hz)
    return _fault("clock_jump", rng.choice(ARMS), at, jump_ms=jump_ms)


def _fault(kind: str, arm: str, at: int, **more: float) -> Fault:
    return Fault.model_validate({"kind": kind, "arm": arm, "at": at, **more})


def _rig(
    rng: random.Random, rate_hz: float, faults: tuple[Fault, ...], random_faults: tuple[RandomFault, ...]
) -> Profile:
    clocks = {
        f"{arm}_clock": Clock(
            offset_ms=rng.uniform(-1e6, 1e6), drift_ppm=rng.uniform(-50, 50), resolution_ns=rng.choice(RESOLUTIONS_NS)
        )
        for arm in ARMS
    }
    counters = {f"{arm}_counter": Counter(ahead=rng.choice([0, 1, 65500])) for arm in ARMS}
    delay, primary = rng.choice([0, 0, 0.1, 0.3]), rng.choice(ARMS)
    rig_seed, latency_ms = rng.randrange(2**31), rng.choice([0.5, 4.0])
    settings = {"rig_seed": rig_seed, "latency_ms": latency_ms, "faults": faults, "random_faults": random_faults}
    twin = TwinSettings.model_validate({"content": "noise", "pacing": "fast", **settings, **clocks, **counters})
    base, period_us = load_profile("twin_day"), 1e6 / rate_hz
    trigger = {"rate_hz": rate_hz, "delay_us": delay * period_us, "primary": primary}
    changes: dict[str, Any] = {"trigger": base.trigger.model_copy(update=trigger), "twin": twin}
    for arm in ARMS:
        changes[arm] = base.arm(arm).model_copy(update={"exposure_us": min(6000, 0.3 * period_us)})
    return base.model_copy(update=changes)
