"""Pairs against a generator of frame stamps that knows the pulse of every frame."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirvis_capture.anchor import listening_frames
from nirvis_capture.camera import ARMS, Arm, ClockLatch
from nirvis_capture.pairing import Anchor, Event, Pairer, PairRow, anchor


@dataclass(frozen=True)
class Stamp:
    frame_id: int
    timestamp_ns: int
    host_ns: int
    status: int
    pulse: int | None
    """The truth; None for an exposure that no pulse asked for."""


@dataclass(frozen=True)
class Clock:
    offset_ns: int = 0
    drift_ppm: float = 0.0
    resolution_ns: int = 1
    jumps: tuple[tuple[int, int], ...] = ()
    """From this pulse on, the clock is ahead by this many ns."""

    def read(self, true_ns: float, pulse: int) -> int:
        ahead_ns = sum(by_ns for at, by_ns in self.jumps if pulse >= at)
        exact = true_ns * (1 + self.drift_ppm * 1e-6) + self.offset_ns + ahead_ns
        return int(exact // self.resolution_ns) * self.resolution_ns


@dataclass(frozen=True)
class Shooting:
    """Pulses, what each arm made of them, and how its frames travelled."""

    rate_hz: float = 45.0
    true_rate: float = 1.0
    """True rate over nominal rate."""
    pulses: int = 400
    seed: int = 0
    clocks: dict[Arm, Clock] = field(default_factory=lambda: {"nir": Clock(150_000_000), "vis": Clock(4_200_000_000)})
    dropped: frozenset[tuple[Arm, int]] = frozenset()
    missed: frozenset[tuple[Arm, int]] = frozenset()
    incomplete: frozenset[tuple[Arm, int]] = frozenset()
    extra: frozenset[tuple[Arm, int]] = frozenset()
    """An exposure half a period after this pulse."""
    jitter_ns: float = 5_000
    latency_ns: float = 4_000_000
    quiet_pulses: int = 0
    """The frames of so many pulses at the end reach the host as quickly as any."""
    held: Mapping[Arm, tuple[int, int]] = field(default_factory=dict)
    """From this pulse on, the frames of an arm take so many ns more to the host."""

    @property
    def period_ns(self) -> int:
        return round(1e9 / self.rate_hz)

    def lost(self, arm: Arm, pulse: int) -> bool:
        return (arm, pulse) in self.dropped or (arm, pulse) in self.missed

    def stamps(self, arm: Arm) -> list[Stamp]:
        rng = random.Random(f"{self.seed} {arm}")
        pulse_rng = random.Random(self.seed)
        taken: list[Stamp] = []
        frame_id = arrived_ns = 0
        for pulse in range(self.pulses):
            begin_ns = pulse * self.period_ns / self.true_rate + pulse_rng.gauss(0, self.jitter_ns)
            for extra in (False, True):
                if extra and (arm, pulse) not in self.extra:
                    continue
                if not extra and (arm, pulse) in self.missed:
                    continue
                true_ns = begin_ns + extra * self.period_ns / 2 + rng.gauss(0, 2000)
                late_ns = 0 if pulse >= self.pulses - self.quiet_pulses else rng.expovariate(1 / self.latency_ns)
                held_from, held_ns = self.held.get(arm, (self.pulses, 0))
                late_ns += held_ns if pulse >= held_from else 0
                arrived_ns = max(arrived_ns, round(7e9 + true_ns + 6e6 + late_ns))
                if extra or (arm, pulse) not in self.dropped:
                    taken.append(
                        Stamp(
                            frame_id,
                            self.clocks[arm].read(true_ns, pulse),
                            arrived_ns,
                            int((arm, pulse) in self.incomplete),
                            None if extra else pulse,
                        )
                    )
                frame_id += 1
        return taken

    def latches(self) -> dict[Arm, ClockLatch | None]:
        return {arm: ClockLatch(self.clocks[arm].read(-1e9, -1), round(6e9), 100_000) for arm in ARMS}

    def anchored(self) -> Anchor:
        nir, vis = (self.stamps(arm)[: listening_frames(self.period_ns)] for arm in ARMS)
        return anchor(nir, vis, self.latches(), self.period_ns, silent_pause=True)


def interleave(shooting: Shooting, seed: int = 0) -> list[tuple[Arm, Stamp]]:
    rng = random.Random(seed)
    waiting = {arm: shooting.stamps(arm)[::-1] for arm in ARMS}
    order: list[tuple[Arm, Stamp]] = []
    while waiting["nir"] or waiting["vis"]:
        arm: Arm = rng.choice(ARMS)
        burst = min(rng.randint(1, 5), len(waiting[arm]))
        order.extend((arm, waiting[arm].pop()) for _ in range(burst))
    return order


def paired(shooting: Shooting, anchored: Anchor | None, seed: int = 0) -> tuple[list[PairRow[Stamp]], Pairer[Stamp]]:
    pairer: Pairer[Stamp] = Pairer(anchored, shooting.period_ns, "nir")
    rows = [row for arm, stamp in interleave(shooting, seed) for row in pairer.feed(arm, stamp)]
    return rows + pairer.finish(), pairer


def both(rows: Iterable[PairRow[Stamp]]) -> list[tuple[Stamp, Stamp]]:
    return [(row.nir, row.vis) for row in rows if row.nir is not None and row.vis is not None]


def wrong(rows: Iterable[PairRow[Stamp]]) -> list[tuple[Stamp, Stamp]]:
    return [(nir, vis) for nir, vis in both(rows) if nir.pulse != vis.pulse or nir.pulse is None]


def recoverable(shooting: Shooting) -> list[int]:
    return [p for p in range(shooting.pulses) if not any(shooting.lost(arm, p) for arm in ARMS)]


def losses_between_frames(shooting: Shooting, lost: frozenset[tuple[Arm, int]]) -> int:
    """How many of these lie between the first and the last frame of their own arm, so that its frame ids can tell."""
    seen = {arm: [stamp.pulse or 0 for stamp in shooting.stamps(arm)] for arm in ARMS}
    return sum(seen[arm][0] < pulse < seen[arm][-1] for arm, pulse in lost)


QUIET_PULSES = 4
"""At the end: what arrives late there, nobody can judge."""


@st.composite
def shootings(draw: st.DrawFn) -> Shooting:
    """Any mix of faults, clocks and rates; the first frame of one arm may be lost as well."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    pulses = draw(st.integers(20, 150))
    shares = [draw(st.sampled_from([0.0, 0.01, 0.1, 0.3])) for _ in range(3)]
    kinds: list[set[tuple[Arm, int]]] = [set(), set(), set()]
    for arm in ARMS:
        for pulse in range(1, pulses - QUIET_PULSES):
            kind = next((k for k, share in zip(kinds, shares, strict=True) if rng.random() < share), None)
            if kind is not None:
                kind.add((arm, pulse))
    first_lost = draw(st.sampled_from([None, *ARMS]))
    if first_lost is not None:
        kinds[draw(st.integers(0, 1))].add((first_lost, 0))
    resolution = st.sampled_from([1, 1000, 125_000])
    return Shooting(
        rate_hz=draw(st.sampled_from([1.0, 5.0, 22.5, 45.0, 90.0, 180.0])),
        true_rate=draw(st.sampled_from([1.0, 0.9999, 1.003, 0.99])),
        pulses=pulses,
        seed=rng.randrange(2**32),
        clocks={
            arm: Clock(draw(st.integers(-(10**12), 10**12)), draw(st.floats(-100, 100)), draw(resolution))
            for arm in ARMS
        },
        dropped=frozenset(kinds[0]),
        missed=frozenset(kinds[1]),
        incomplete=frozenset(kinds[2]),
        jitter_ns=draw(st.sampled_from([0, 5_000, 50_000])),
        quiet_pulses=QUIET_PULSES,
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(shootings())
def test_no_pair_is_wrong_every_pair_is_found_and_every_loss_is_classified(shooting: Shooting) -> None:
    rows, pairer = paired(shooting, shooting.anchored())
    assert not wrong(rows)
    assert sorted(nir.pulse for nir, _ in both(rows) if nir.pulse is not None) == recoverable(shooting)
    assert pairer.counts[Event.TRANSFER_DROP] == losses_between_frames(shooting, shooting.dropped)
    assert pairer.counts[Event.MISSED_TRIGGER] == losses_between_frames(shooting, shooting.missed)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(shootings(), st.integers(0, 2**16))
def test_rows_do_not_depend_on_how_the_arms_interleave(shooting: Shooting, seed: int) -> None:
    anchored = shooting.anchored()
    assert paired(shooting, anchored, seed)[0] == paired(shooting, anchored, seed + 1)[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(shootings(), st.integers(1, 100))
def test_a_recording_that_continues_loses_and_invents_nothing(shooting: Shooting, cut: int) -> None:
    """A new `Pairer` takes over in the middle, from the anchor of the old one and the frames that still wait."""
    first: Pairer[Stamp] = Pairer(shooting.anchored(), shooting.period_ns, "nir")
    frames = interleave(shooting)
    cut = min(cut, len(frames))
    rows = [row for arm, stamp in frames[:cut] for row in first.feed(arm, stamp)]
    then: Pairer[Stamp] = Pairer(first.anchor_now(), shooting.period_ns, "nir")
    rows += [row for arm, stamp in [*first.pending(), *frames[cut:]] for row in then.feed(arm, stamp)]
    rows += then.finish()
    assert not wrong(rows)
    if then.anchored:
        assert len(both(rows)) == len(recoverable(shooting))
        lost = first.counts[Event.TRANSFER_DROP] + then.counts[Event.TRANSFER_DROP]
        assert lost == losses_between_frames(shooting, shooting.dropped)


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(
    ("kind", "event"), [("dropped", Event.TRANSFER_DROP), ("missed", Event.MISSED_TRIGGER)], ids=["drop", "missed"]
)
def test_a_lost_partner_gives_a_row_that_says_why(arm: Arm, kind: str, event: Event) -> None:
    shooting = replace(Shooting(), **{kind: frozenset({(arm, 100)})})
    rows, _ = paired(shooting, shooting.anchored())
    assert [row.event for row in rows if row.event != Event.PAIR] == [event]
    lonely = rows[100].vis if arm == "nir" else rows[100].nir
    assert lonely is not None
    assert lonely.pulse == 100


@pytest.mark.parametrize("arm", ARMS)
def test_an_extra_exposure_shifts_nothing(arm: Arm) -> None:
    shooting = Shooting(extra=frozenset({(arm, 50), (arm, 90)}))
    rows, pairer = paired(shooting, shooting.anchored())
    assert not wrong(rows)
    assert (len(both(rows)), pairer.counts[Event.EXTRA_FRAME]) == (400, 2)


def test_a_frame_delivered_twice_is_extra() -> None:
    shooting = Shooting(pulses=60)
    pairer: Pairer[Stamp] = Pairer(shooting.anchored(), shooting.period_ns, "nir")
    frames = interleave(shooting)
    again = next(i for i, (arm, stamp) in enumerate(frames) if (arm, stamp.pulse) == ("vis", 30))
    frames.insert(again + 1, frames[again])
    rows = [row for arm, stamp in frames for row in pairer.feed(arm, stamp)] + pairer.finish()
    assert (len(both(rows)), pairer.counts[Event.EXTRA_FRAME]) == (60, 1)


def test_incomplete_frames_are_paired_and_marked() -> None:
    shooting = Shooting(incomplete=frozenset({("vis", 20), ("nir", 21)}))
    rows, _ = paired(shooting, shooting.anchored())
    assert [row.event for row in rows[20:22]] == [Event.INCOMPLETE] * 2
    assert not wrong(rows)


def test_pulses_lost_on_both_arms_are_counted_without_a_row() -> None:
    lost = frozenset((arm, pulse) for arm in ARMS for pulse in (100, 101, 102))
    shooting = Shooting(dropped=lost)
    rows, pairer = paired(shooting, shooting.anchored())
    assert (len(rows), pairer.lost_pulses, pairer.counts[Event.TRANSFER_DROP]) == (397, 3, 6)


def test_a_partner_after_the_end_is_edge() -> None:
    shooting = Shooting(pulses=30, missed=frozenset({("vis", 29)}))
    rows, _ = paired(shooting, shooting.anchored())
    assert rows[-1].event == Event.EDGE


@pytest.mark.parametrize("drift_ppm", [-100.0, 100.0])
def test_drift_over_many_minutes_never_slips_a_pair(drift_ppm: float) -> None:
    """100 ppm eat a whole period of 22 ms in 222 s; half of the way vis delivers nothing for 5 s."""
    shooting = Shooting(
        rate_hz=10,
        pulses=6000,
        clocks={"nir": Clock(0), "vis": Clock(10**10, drift_ppm, 125_000)},
        dropped=frozenset(("vis", pulse) for pulse in range(3000, 3050)),
    )
    rows, pairer = paired(shooting, shooting.anchored())
    assert not wrong(rows)
    assert len(both(rows)) == 5950
    assert pairer.summary().rate_ppm == pytest.approx(-drift_ppm, abs=5)


@pytest.mark.parametrize("jump_ms", [-5000.0, -100.0, -88.888, 66.667, 100.0, 40_000.0])
@pytest.mark.parametrize("arm", ARMS)
def test_a_clock_jump_is_anchored_anew_through_host_times(arm: Arm, jump_ms: float) -> None:
    clocks = {**Shooting().clocks, arm: Clock(10**9, 30, 1000, ((200, round(jump_ms * 1e6)),))}
    shooting = Shooting(clocks=clocks, latency_ns=1_000_000)
    rows, pairer = paired(shooting, shooting.anchored())
    assert not wrong(rows)
    assert pairer.counts[Event.CLOCK_JUMP] == 1
    assert len(both(rows)) >= 398


def test_a_clock_jump_that_host_times_cannot_measure_ends_all_claims() -> None:
    """Frames are under way for anything up to periods."""
    clocks = {**Shooting().clocks, "vis": Clock(10**9, 0, 1000, ((14, -(10**8)),))}
    shooting = Shooting(clocks=clocks, latency_ns=300_000_000)
    rows, pairer = paired(shooting, Anchor(15 * 10**7, 10**9, "pause+latch"))
    assert not wrong(rows)
    assert not pairer.anchored
    events = [row.event for row in rows if row.event != Event.PAIR]
    assert events[0] == Event.CLOCK_JUMP
    assert set(events[1:]) == {Event.UNANCHORED}
    assert pairer.anchor_now().evidence == "none"


def hides(arm: Arm, periods: int) -> tuple[Shooting, Shooting]:
    """Two courses of events of which cameras and host see the very same.

    In the first, the clock of an arm jumps back by whole periods at pulse 100, where it misses just as many triggers.
    In the second, nothing happens to it; from pulse 100 on its frames reach the host as many periods later than before,
    and it ends that many pulses earlier. Times, ids and arrivals are equal one by one, and the pairs are others.
    """
    period_ns = Shooting().period_ns
    missed = frozenset((arm, pulse) for pulse in range(100, 100 + periods))
    jumping = Clock(4 * 10**9, 0, 1, ((100, -periods * period_ns),))
    one = Shooting(clocks={**Shooting().clocks, arm: jumping}, missed=missed, jitter_ns=0, latency_ns=1)
    two = replace(
        one,
        clocks={**one.clocks, arm: Clock(4 * 10**9)},
        missed=frozenset((arm, pulse) for pulse in range(400 - periods, 400)),
        held={arm: (100, periods * period_ns)},
    )
    return one, two


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("periods", [1, 2, 3])
def test_what_two_courses_of_events_explain_is_unanchored(arm: Arm, periods: int) -> None:
    one, two = hides(arm, periods)
    seen, seen_too = (
        [(s.frame_id, s.timestamp_ns // 10_000, s.host_ns // 10_000) for s in each.stamps(arm)] for each in (one, two)
    )
    assert [abs(a - b) <= 1 for x, y in zip(seen, seen_too, strict=True) for a, b in zip(x, y, strict=True)] == [
        True
    ] * 3 * len(seen)
    for shooting in (one, two):
        rows, pairer = paired(shooting, shooting.anchored())
        assert [nir.pulse for nir, _ in both(rows)] == list(range(100))
        assert not wrong(rows)
        assert not pairer.anchored
        assert pairer.counts[Event.UNANCHORED] >= 590


@pytest.mark.parametrize("arm", ARMS)
def test_the_claims_come_back_with_frames_on_time(arm: Arm) -> None:
    """The host is late by a period for three seconds, then no more: nothing jumped, and the pairing goes on."""
    shooting = Shooting(held={arm: (100, Shooting().period_ns)}, jitter_ns=0)
    late = shooting.stamps(arm)
    in_time = replace(shooting, held={}).stamps(arm)
    again = [a if (a.pulse or 0) < 235 else b for a, b in zip(late, in_time, strict=True)]
    frames = sorted(
        [(stamp.host_ns, arm, stamp) for stamp in again]
        + [(stamp.host_ns, one, stamp) for one in ARMS if one != arm for stamp in shooting.stamps(one)],
        key=lambda frame: frame[:2],
    )
    pairer: Pairer[Stamp] = Pairer(shooting.anchored(), shooting.period_ns, "nir")
    rows = [row for _, one, stamp in frames for row in pairer.feed(one, stamp)] + pairer.finish()
    assert not wrong(rows)
    assert pairer.anchored
    found = {nir.pulse for nir, _ in both(rows)}
    assert found >= {*range(100), *range(245, 399)}
    assert pairer.counts[Event.UNANCHORED] > 200
    assert Event.CLOCK_JUMP not in [row.event for row in rows]


def test_a_host_that_becomes_slow_for_both_arms_costs_no_pair() -> None:
    later = round(1.2 * Shooting().period_ns)
    shooting = Shooting(held={arm: (100, later) for arm in ARMS}, latency_ns=1_000_000)
    rows, pairer = paired(shooting, shooting.anchored())
    assert (len(both(rows)), wrong(rows), pairer.counts[Event.UNANCHORED]) == (400, [], 0)


def test_frames_that_are_late_when_it_ends_are_claimed_by_no_pair() -> None:
    """The last two pulses came late on both arms: a clock may have jumped back, and no later frame refutes it."""
    later = 2 * Shooting().period_ns
    rows, _ = paired(Shooting(held={arm: (398, later) for arm in ARMS}, jitter_ns=0), Shooting().anchored())
    assert (len(both(rows)), wrong(rows)) == (398, [])
    assert [row.event for row in rows[398:]] == [Event.UNANCHORED] * 4


def test_a_silence_that_the_fit_cannot_bridge_ends_all_claims() -> None:
    """Ten minutes without a frame after one second of fit: a whole period may have slipped."""
    silent = frozenset((arm, pulse) for arm in ARMS for pulse in range(45, 27_000))
    shooting = Shooting(pulses=27_100, dropped=silent)
    rows, pairer = paired(shooting, shooting.anchored())
    assert not wrong(rows)
    assert len(both(rows)) == 45
    assert pairer.counts[Event.UNANCHORED] == 200


@pytest.mark.parametrize("anchored", [None, Anchor(0, 0, "none")], ids=["no-anchor", "evidence-none"])
def test_without_an_anchor_nothing_is_claimed(anchored: Anchor | None) -> None:
    rows, pairer = paired(Shooting(pulses=50), anchored)
    assert not both(rows)
    assert pairer.counts[Event.UNANCHORED] == len(rows) == 100


def test_unanchored_rows_come_at_once_so_that_nothing_piles_up() -> None:
    pairer: Pairer[Stamp] = Pairer(None, 1, "nir")
    stamp = Stamp(0, 0, 0, 0, 0)
    assert [row.event for row in pairer.feed("nir", stamp)] == [Event.UNANCHORED]


def anchor_of(shooting: Shooting, latched: bool = True, silent: bool = True) -> Anchor:
    latches: dict[Arm, ClockLatch | None] = shooting.latches() if latched else {"nir": None, "vis": None}
    nir, vis = (shooting.stamps(arm)[: listening_frames(shooting.period_ns)] for arm in ARMS)
    return anchor(nir, vis, latches, shooting.period_ns, silent)


def test_anchor_is_confirmed_by_clock_latches() -> None:
    assert anchor_of(Shooting()).evidence == "pause+latch"


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("lost", [1, 2, 7])
def test_latches_find_the_lost_first_frames_of_an_arm(arm: Arm, lost: int) -> None:
    shooting = Shooting(dropped=frozenset((arm, pulse) for pulse in range(lost)))
    found = anchor_of(shooting)
    assert f"{arm} lost its first {lost} frame" in found.note
    rows, pairer = paired(shooting, found)
    assert not wrong(rows)
    assert (len(both(rows)), pairer.counts[Event.EDGE]) == (400 - lost, lost)


def test_anchor_without_latches_is_the_pause_alone() -> None:
    shooting = Shooting(latency_ns=100_000)
    assert anchor_of(shooting, latched=False).evidence == "pause"


def test_anchor_without_latches_claims_nothing_when_one_arm_lost_its_first_frames() -> None:
    shooting = Shooting(dropped=frozenset({("vis", 0), ("vis", 1)}), latency_ns=100_000)
    assert anchor_of(shooting, latched=False).evidence == "none"


def test_host_times_anchor_a_slow_trigger() -> None:
    shooting = Shooting(rate_hz=2, pulses=30, dropped=frozenset({("nir", 0)}))
    found = anchor_of(shooting, latched=False)
    assert found.evidence == "host"
    assert not wrong(paired(shooting, found)[0])


def test_frames_during_the_pause_anchor_nothing() -> None:
    assert not anchor_of(Shooting(), silent=False).holds


def test_latches_that_fit_no_whole_period_anchor_nothing() -> None:
    shooting = Shooting()
    latches = shooting.latches()
    latches["vis"] = ClockLatch(shooting.period_ns // 2, 0, 1000)
    latches["nir"] = ClockLatch(0, 0, 1000)
    first = Stamp(0, 10**9, 10**9, 0, 0)
    assert anchor([first], [first], latches, shooting.period_ns, silent_pause=True).evidence == "none"
