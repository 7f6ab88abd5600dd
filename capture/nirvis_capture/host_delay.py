"""How long frames take to the host by the clock of their camera: what tells a clock that jumped from frames that lack.

No frame arrives before it was exposed, and the quickest of some frames in a row is about as quick as ever. Where even
the quickest are early or late by whole periods, the clock of the camera jumped, or the host is late for good.
"""

from __future__ import annotations

from collections.abc import Sequence

HOST_JITTER_NS = 20_000_000
"""How much the way of two frames to the host may differ. Single arrivals decide nothing finer than this."""
LEVEL_S = 0.25
"""Seconds of frames of which the quickest tells how long the way is."""
LEAST_FRAMES = 3
"""Frames that tell it at least; enough where the period is long against the jitter."""
DRIFT = 1 / 5000
"""The clocks of camera and host run apart by no more than this share of a silence."""


def level_frames(period_ns: int) -> int:
    """How many frames in a row tell how long the way to the host is."""
    if period_ns >= 4 * HOST_JITTER_NS:
        return LEAST_FRAMES
    return min(64, max(8, round(LEVEL_S * 1e9 / period_ns)))


def level_ns(delays_ns: Sequence[int], period_ns: int) -> int | None:
    """The delay of the quickest frame; None where the first half and the second do not agree on it.

    They do not while a busy host hands out what waited: each of those frames is less late than the one before. Of a few
    frames, all have to agree.
    """
    half = len(delays_ns) // 2
    if half == 0:
        return None
    quickest_ns = min(delays_ns)
    slower_ns = max(delays_ns) if half < LEAST_FRAMES else max(min(delays_ns[:half]), min(delays_ns[half:]))
    return quickest_ns if (slower_ns - quickest_ns) * 4 <= period_ns else None


class HostFloor:
    """Host time minus camera time of the quickest frame of the last 5 to 10 s; at a slow trigger, of 16 to 32 frames.

    Frames that are late by half a period or more tell nothing about the way, and are left out.

    told_ns
        What is known of it before the first frame; None: the first frames have to tell.
    """

    __slots__ = ("_began_ns", "_earlier_ns", "_heard_ns", "_held", "_near_ns", "_now_ns", "known", "ns")

    BUCKET_NS = 5_000_000_000
    BUCKET_FRAMES = 16

    def __init__(self, told_ns: int | None, period_ns: int) -> None:
        self._near_ns = period_ns // 2
        self.known = told_ns is not None
        """False until there were enough frames to tell."""
        self.ns = self._earlier_ns = self._now_ns = told_ns or 0
        self._began_ns: int | None = None
        self._heard_ns: int | None = None
        self._held = 0

    def add(self, timestamp_ns: int, host_ns: int) -> None:
        delay_ns = host_ns - timestamp_ns
        if self._began_ns is None:
            self._began_ns = host_ns
            if not self.known:
                self.ns = self._earlier_ns = self._now_ns = delay_ns
        if self.known and delay_ns - self.ns >= self._near_ns:
            return
        self._heard_ns = host_ns
        self._held += 1
        if self._held > self.BUCKET_FRAMES and host_ns - self._began_ns > self.BUCKET_NS:
            self._earlier_ns, self._now_ns, self._began_ns, self._held = self._now_ns, delay_ns, host_ns, 1
            self.ns = min(self._earlier_ns, delay_ns)
        elif delay_ns < self._now_ns:
            self._now_ns = delay_ns
            self.ns = min(self.ns, delay_ns)
        self.known = self.known or self._held >= self.BUCKET_FRAMES

    def is_stale(self, host_ns: int, period_ns: int) -> bool:
        """So much later, the clocks may have run apart by more than whole periods can be told from."""
        return self._heard_ns is not None and (host_ns - self._heard_ns) * DRIFT * 8 > period_ns

    def shift(self, by_ns: int) -> None:
        """Frames take `by_ns` longer from now on: the clock of the camera jumped, or the host is late for good."""
        self.ns += by_ns
        self._earlier_ns += by_ns
        self._now_ns += by_ns
