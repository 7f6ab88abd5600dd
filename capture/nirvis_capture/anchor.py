"""The anchor of a recording: two timestamps that are known to belong to one and the same trigger pulse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from nirvis_capture.beat import follows, has_beat, off_beat_ns
from nirvis_capture.camera import ARMS, Arm, ClockLatch
from nirvis_capture.host_delay import HOST_JITTER_NS, LEAST_FRAMES, level_ns
from nirvis_capture.wording import counted

CRYSTAL_PPM = 100.0
"""How far the rates of two camera clocks may differ, one sigma, before anything is known of them."""

_LISTENING_FRAMES = 16

Evidence = Literal["pause", "pause+latch", "host", "none"]


class Stamped(Protocol):
    """What pairing reads of a frame; `nirvis_capture.camera.Frame` offers it."""

    @property
    def frame_id(self) -> int: ...
    @property
    def timestamp_ns(self) -> int: ...
    @property
    def host_ns(self) -> int: ...
    @property
    def status(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Apart:
    """How far apart both frames of one pulse are by the settings of the cameras: nir minus vis."""

    begin_ns: int = 0
    """The beginnings of the exposures."""
    arrival_ns: int = 0
    """The arrivals on the host, but for its jitter."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The first pulse that a `Pairer` is to see, on both camera clocks."""

    nir_ns: int
    vis_ns: int
    evidence: Evidence
    """``pause``: first frames after a silent pause, and host times do not contradict; ``pause+latch``: and the clocks,
    read at one moment, agree; ``host``: host times say which frames belong together; ``none``: not anchored."""
    note: str = ""
    """What the witnesses said, for the certificate."""
    nir_id: int | None = None
    """Frame id of the pulse, where it is known: tells a transfer drop from a missed trigger before the first frame."""
    vis_id: int | None = None
    rate_ppm: float = 0.0
    """How much faster the nir clock is known to run than the vis clock."""
    rate_sigma_ppm: Annotated[float, Field(gt=0)] = CRYSTAL_PPM
    nir_delay_ns: int | None = None
    """Host time minus camera time of the quickest frames so far; None where nobody has looked."""
    vis_delay_ns: int | None = None
    arrivals_agree: bool = True
    """False: the first frames took too long, or all too different times; those that follow have to confirm it."""

    @property
    def holds(self) -> bool:
        return self.evidence != "none"


def listening_frames(period_ns: int) -> int:
    """How many first frames of each arm tell how long their way to the host is, against the period of the trigger."""
    return LEAST_FRAMES if period_ns >= 4 * HOST_JITTER_NS else _LISTENING_FRAMES


def anchor(
    nir: Sequence[Stamped],
    vis: Sequence[Stamped],
    latches: Mapping[Arm, ClockLatch | None],
    period_ns: int,
    silent_pause: bool,
    apart: Apart = Apart(),
) -> Anchor:
    """Anchor a recording on the first frames after the trigger pause.

    The arms were armed secondary first, with the trigger paused. When both clocks were latched, their relation says
    whether the first frames are of one pulse; where they are not, one arm lost its first frames, and the anchor is
    moved by that whole number of periods. A clock that jumped since it was latched would say that, too: the arrivals
    on the host must not contradict. Without latches, or where frames would have arrived before they were exposed,
    arrivals have to do; they decide only where a quarter of the period exceeds their jitter, or where they agree
    within half a period.

    nir, vis
        The first `listening_frames` of each arm; at least one.
    silent_pause
        True when neither arm sent a frame while the trigger was paused; a camera that did runs freely.
    apart
        What is no sign of a lost frame. The anchor takes it in, so that residuals are about zero all the same.
    """
    if not silent_pause:
        return _none(nir[0], vis[0], "frames came while the trigger was paused: a camera runs freely")
    first = _first_pulse(nir, period_ns), _first_pulse(vis, period_ns)
    ways = _way(nir, period_ns), _way(vis, period_ns)
    nir_latch, vis_latch = latches.get("nir"), latches.get("vis")
    if nir_latch is not None and vis_latch is not None:
        found = _by_latches(first, ways, (nir_latch, vis_latch), period_ns, apart)
        if found is not None:
            return found
    return _by_host(first, ways, period_ns, apart.arrival_ns)


def _first_pulse(stamps: Sequence[Stamped], period_ns: int) -> Stamped:
    """The first frame that has the beat of most others; one before it was exposed between two pulses."""
    times_ns = [stamp.timestamp_ns for stamp in stamps]
    return next((stamp for stamp in stamps if has_beat(times_ns, stamp.timestamp_ns, period_ns)), stamps[0])


class _Way(NamedTuple):
    """How long frames take to the host: host time minus camera time."""

    delay_ns: int
    """Of the quickest before the first gap, after which the clock may have jumped."""
    is_sure: bool
    """Enough of them agree."""


def _way(stamps: Sequence[Stamped], period_ns: int) -> _Way:
    delays_ns = [stamp.host_ns - stamp.timestamp_ns for stamp in stamps]
    unbroken = next((index for index, pair in enumerate(pairwise(stamps), 1) if not _follows(*pair, period_ns)), None)
    own_ns = delays_ns[:unbroken]
    if len(stamps) < LEAST_FRAMES or len(own_ns) >= LEAST_FRAMES:
        return _Way(min(own_ns), len(stamps) < LEAST_FRAMES or level_ns(own_ns, period_ns) is not None)
    return _Way(min(own_ns), (min(own_ns) - min(delays_ns)) * 4 < period_ns)


def _follows(one: Stamped, next_one: Stamped, period_ns: int) -> bool:
    return follows(next_one.timestamp_ns - one.timestamp_ns, next_one.frame_id - one.frame_id, period_ns)


def _doubt_ns(first: Stamped, latch: ClockLatch) -> float:
    return latch.uncertainty_ns + abs(first.timestamp_ns - latch.camera_ns) * CRYSTAL_PPM * 1e-6


def _by_latches(
    first: tuple[Stamped, Stamped],
    ways: tuple[_Way, _Way],
    latches: tuple[ClockLatch, ClockLatch],
    period_ns: int,
    apart: Apart,
) -> Anchor | None:
    """Anchor where both clocks were read; None where that was too vague, or where frames came before their exposure."""
    (nir, vis), behind_ns = first, [latch.host_ns - latch.camera_ns for latch in latches]
    doubt_ns = sum(map(_doubt_ns, first, latches))
    expected_ns = behind_ns[0] + apart.arrival_ns - apart.begin_ns, behind_ns[1]
    longer_ns = [way.delay_ns - expected for way, expected in zip(ways, expected_ns, strict=True)]
    if doubt_ns >= period_ns / 4 or min(longer_ns) < -doubt_ns:
        return None
    # A way that is longer by periods is none: the host is late, or that clock jumped. The pairing will see which.
    later_ns = [longer - min(longer_ns) for longer in longer_ns]
    is_late = [4 * later > 3 * period_ns for later in later_ns]
    nir_delay_ns, vis_delay_ns = (
        way.delay_ns if way.is_sure and not late else way.delay_ns - later
        for way, later, late in zip(ways, later_ns, is_late, strict=True)
    )
    apart_ns = nir.timestamp_ns + behind_ns[0] - vis.timestamp_ns - behind_ns[1] - apart.begin_ns
    said = f"clock latches put the pulses of the first frames {apart_ns / 1e6:.3f} ms apart, ± {doubt_ns / 1e6:.3f} ms"
    if off_beat_ns(apart_ns, period_ns) > period_ns / 8 + doubt_ns:
        return _none(nir, vis, f"{said}, which is no whole number of periods")
    found = _moved(nir, vis, round(apart_ns / period_ns), period_ns, "pause+latch", said)
    note = "".join(
        f"; but then frames of {arm} arrive {later / 1e6:.3f} ms late, as after a jump of its clock"
        for arm, later, late in zip(ARMS, later_ns, is_late, strict=True)
        if late
    )
    agree = all(way.is_sure for way in ways) and not any(is_late)
    return replace(
        found, note=found.note + note, nir_delay_ns=nir_delay_ns, vis_delay_ns=vis_delay_ns, arrivals_agree=agree
    )


def _by_host(first: tuple[Stamped, Stamped], ways: tuple[_Way, _Way], period_ns: int, expected_ns: int) -> Anchor:
    """Anchor by arrivals: when the first frames of both arms would have arrived, had they been quick."""
    nir, vis = first
    if not all(way.is_sure for way in ways):
        return _none(nir, vis, "no usable clock latches, and no one way of the first frames to the host")
    arrivals_ns = [stamp.timestamp_ns + way.delay_ns for stamp, way in zip(first, ways, strict=True)]
    apart_ns = arrivals_ns[0] - arrivals_ns[1] - expected_ns
    said = f"no usable clock latches; arrivals put the pulses of the first frames {apart_ns / 1e6:.3f} ms apart"
    is_sharp = period_ns >= 4 * HOST_JITTER_NS
    periods = round(apart_ns / period_ns) if is_sharp else 0
    if abs(apart_ns - periods * period_ns) > period_ns / (4 if is_sharp else 2.5):
        return _none(nir, vis, f"{said}, which leaves open whether one arm lost its first frame")
    found = _moved(nir, vis, periods, period_ns, "host" if periods else "pause", said)
    return replace(found, nir_delay_ns=ways[0].delay_ns, vis_delay_ns=ways[1].delay_ns)


def _moved(nir: Stamped, vis: Stamped, periods: int, period_ns: int, evidence: Evidence, said: str) -> Anchor:
    """Anchor on the earlier of both first frames; the other arm lost `periods` frames before its own first one."""
    late: Arm = "nir" if periods > 0 else "vis"
    lost = abs(periods)
    if lost:
        said += f": {late} lost its first {counted(lost, 'frame')}"
    nir_lost, vis_lost = (lost, 0) if late == "nir" else (0, lost)
    return Anchor(
        nir_ns=nir.timestamp_ns - nir_lost * period_ns,
        vis_ns=vis.timestamp_ns - vis_lost * period_ns,
        evidence=evidence,
        note=said,
        # Counters need not start together, so nobody knows which id the arm that lost its first frames had then.
        nir_id=None if nir_lost else nir.frame_id,
        vis_id=None if vis_lost else vis.frame_id,
    )


def _none(nir: Stamped, vis: Stamped, said: str) -> Anchor:
    return Anchor(nir.timestamp_ns, vis.timestamp_ns, "none", said, nir.frame_id, vis.frame_id)
