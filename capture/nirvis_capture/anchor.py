"""The anchor of a recording: two timestamps that are known to belong to one and the same trigger pulse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol

from pydantic import Field

from nirvis_capture.camera import Arm, ClockLatch

CRYSTAL_PPM = 100.0
"""How far the rates of two camera clocks may differ, one sigma, before anything is known of them."""
HOST_JITTER_NS = 20_000_000
"""How much the way of two frames to the host may differ. Host times decide nothing finer than this."""

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

    @property
    def holds(self) -> bool:
        return self.evidence != "none"


def listening_frames(period_ns: int) -> int:
    """How many first frames of each arm tell how long their way to the host is, against the period of the trigger."""
    return 1 if period_ns >= 4 * HOST_JITTER_NS else _LISTENING_FRAMES


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
    on the host must not contradict. Without latches they have to do; they decide only where a quarter of the period
    exceeds their jitter, or where they agree within half a period.

    nir, vis
        The first `listening_frames` of each arm; at least one.
    silent_pause
        True when neither arm sent a frame while the trigger was paused; a camera that did runs freely.
    apart
        What is no sign of a lost frame. The anchor takes it in, so that residuals are about zero all the same.
    """
    first_nir, first_vis = nir[0], vis[0]
    if not silent_pause:
        return _none(first_nir, first_vis, "frames came while the trigger was paused: a camera runs freely")
    nir_latch, vis_latch = latches.get("nir"), latches.get("vis")
    if nir_latch is not None and vis_latch is not None:
        doubt_ns = _doubt_ns(first_nir, nir_latch) + _doubt_ns(first_vis, vis_latch)
        if doubt_ns < period_ns / 4:
            begin_ns, late_ns = _begin_ns(first_nir, nir_latch), _late_ns(nir, nir_latch)
            apart_ns = begin_ns - _begin_ns(first_vis, vis_latch) - apart.begin_ns
            by_latches = _by_latches(first_nir, first_vis, apart_ns, doubt_ns, period_ns)
            later_ns = [one - two for one, two in zip(late_ns, _late_ns(vis, vis_latch), strict=True)]
            return _unless_late(by_latches, later_ns, apart.arrival_ns - apart.begin_ns, period_ns)
    return _by_host(first_nir, first_vis, first_nir.host_ns - first_vis.host_ns - apart.arrival_ns, period_ns)


def _begin_ns(stamp: Stamped, latch: ClockLatch) -> int:
    """The beginning of an exposure in host time."""
    return stamp.timestamp_ns - latch.camera_ns + latch.host_ns


def _late_ns(stamps: Sequence[Stamped], latch: ClockLatch) -> tuple[int, int]:
    """How long the quickest frame took to the host, of the first half of them and of the second."""
    late_ns = [stamp.host_ns - _begin_ns(stamp, latch) for stamp in stamps]
    half = len(late_ns) // 2
    return min(late_ns[: half or 1]), min(late_ns[half:])


def _unless_late(found: Anchor, later_ns: Sequence[int], expected_ns: int, period_ns: int) -> Anchor:
    """Frames of one arm that seem to arrive a period later than those of the other: the clocks do not tell the truth.

    later_ns
        nir later than vis, at several moments.
    """
    worst_ns = max((later - expected_ns for later in later_ns), key=abs)
    if not found.holds or abs(worst_ns) * 4 <= 3 * period_ns:
        return found
    said = f"{found.note}; but then nir arrives {worst_ns / 1e6:.3f} ms later than vis, as after a jump of a clock"
    return replace(found, evidence="none", note=said)


def _doubt_ns(first: Stamped, latch: ClockLatch) -> float:
    return latch.uncertainty_ns + abs(first.timestamp_ns - latch.camera_ns) * CRYSTAL_PPM * 1e-6


def _by_latches(nir: Stamped, vis: Stamped, apart_ns: int, doubt_ns: float, period_ns: int) -> Anchor:
    periods = round(apart_ns / period_ns)
    off_beat_ns = apart_ns - periods * period_ns
    said = f"clock latches put the pulses of the first frames {apart_ns / 1e6:.3f} ms apart, ± {doubt_ns / 1e6:.3f} ms"
    if abs(off_beat_ns) > period_ns / 4:
        return _none(nir, vis, f"{said}, which is no whole number of periods")
    return _moved(nir, vis, periods, period_ns, "pause+latch", said)


def _by_host(nir: Stamped, vis: Stamped, apart_ns: int, period_ns: int) -> Anchor:
    said = f"no usable clock latches; arrivals put the pulses of the first frames {apart_ns / 1e6:.3f} ms apart"
    if abs(apart_ns) <= period_ns / 2:
        return _moved(nir, vis, 0, period_ns, "pause", said)
    periods = round(apart_ns / period_ns)
    if period_ns / 4 < HOST_JITTER_NS or abs(apart_ns - periods * period_ns) > period_ns / 4:
        return _none(nir, vis, f"{said}, which leaves open whether one arm lost its first frame")
    return _moved(nir, vis, periods, period_ns, "host", said)


def _moved(nir: Stamped, vis: Stamped, periods: int, period_ns: int, evidence: Evidence, said: str) -> Anchor:
    """Anchor on the earlier of both first frames; the other arm lost `periods` frames before its own first one."""
    late: Arm = "nir" if periods > 0 else "vis"
    lost = abs(periods)
    if lost:
        said += f": {late} lost its first {lost} frame{'s' if lost > 1 else ''}"
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
