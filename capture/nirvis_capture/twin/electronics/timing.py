"""Everything of a simulated rig that takes time: clocks, the cable that carries the pulses, the way to the host."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ClockLatch
from nirvis_capture.twin.settings import Clock

Pacing = Literal["real", "fast"]

FAST_LEAD = 32
"""In fast pacing, how many pulses the primary may be ahead of the secondary."""

_SIMULATED_EPOCH_NS = 10_000_000_000
_START_DELAY_NS = 5_000_000
_LATCH_UNCERTAINTY_NS = 50_000


@dataclass(frozen=True)
class CameraClock:
    """The clock of one camera against that of the host."""

    settings: Clock
    power_up_ns: int
    """Host time at which the camera counted zero (before its offset)."""

    def read(self, host_ns: int, jump_ns: int = 0) -> int:
        """Count of the camera at a host time, in ns, in whole ticks; `jump_ns` more after it jumped."""
        elapsed = host_ns - self.power_up_ns
        drift = round(elapsed * self.settings.drift_ppm * 1e-6)
        count = round(self.settings.offset_ms * 1e6) + elapsed + drift + jump_ns
        return count - count % self.settings.resolution_ns

    def latch(self, host_ns: int, errors: np.random.Generator, jump_ns: int = 0) -> ClockLatch:
        """Read it together with the clock of the host, not quite at one moment."""
        late_ns = int(errors.integers(-_LATCH_UNCERTAINTY_NS, _LATCH_UNCERTAINTY_NS + 1))
        return ClockLatch(self.read(host_ns + late_ns, jump_ns), host_ns, _LATCH_UNCERTAINTY_NS)


class TriggerLine:
    """The cable between the arms, and the timeline that they share.

    ``real`` pacing follows the monotonic clock of the host. ``fast`` pacing has a timeline of its own that moves on as
    quickly as the primary is read; it always begins at the same moment, so that two runs are equal to the nanosecond.
    """

    def __init__(self, period_ns: int, pacing: Pacing) -> None:
        self.changed = threading.Condition()
        """Guards the line and both cameras; notified whenever a frame may have become available."""
        self.fast = pacing == "fast"
        self.sessions = 0
        """How often the primary was armed; pulses are counted anew in each."""
        self.made = 0
        """Fast pacing: pulses that the primary was asked for in this session."""
        self.secondary_at: int | None = None
        """Fast pacing: next pulse of the secondary; None while it is not armed, and nobody has to wait for it."""
        self.ends_at: int | None = None
        """The pulse at which the primary loses its power; None: never."""
        self._period_ns = period_ns
        self._first_ns = _SIMULATED_EPOCH_NS
        self._stopped_at: int | None = 0

    def now_ns(self) -> int:
        """Host time; the simulated one in fast pacing."""
        return self.pulse_ns(self.made) if self.fast else time.monotonic_ns()

    def pulse_ns(self, pulse: int) -> int:
        return self._first_ns + pulse * self._period_ns

    def pulses(self) -> int:
        """How many pulses were sent until now, in this session."""
        if self._stopped_at is not None:
            return self._stopped_at
        if self.fast:
            return self.made
        sent = max(0, (self.now_ns() - self._first_ns) // self._period_ns + 1)
        return sent if self.ends_at is None else min(sent, self.ends_at)

    def has_sent_or_will(self, pulse: int) -> bool:
        """Whether that pulse lies before the end of the session, as far as it is known."""
        if self._stopped_at is not None:
            return pulse < self._stopped_at
        return self.ends_at is None or pulse < self.ends_at

    def primary_may_go_on(self) -> bool:
        """Fast pacing: whether the next pulse can be sent without running away from the secondary."""
        return self._stopped_at is None and (self.secondary_at is None or self.made < self.secondary_at + FAST_LEAD)

    def start(self) -> None:
        """Begin a session: pulse 0 follows shortly."""
        self._first_ns = self.now_ns() + _START_DELAY_NS
        self._stopped_at = None
        self.made = 0
        self.secondary_at = None if self.secondary_at is None else 0
        self.sessions += 1
        self.changed.notify_all()

    def stop(self) -> None:
        """No pulse from now on; those that were sent remain."""
        self._stopped_at = self.pulses()
        self.changed.notify_all()


def host_latencies_ns(mean_ms: float, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Times from the end of an exposure to its arrival: a fixed part, an exponential tail, and rare bursts."""
    rng = np.random.default_rng(seed)
    mean_ns = mean_ms * 1e6
    tail = rng.exponential(0.3 * mean_ns, 4096)
    burst = np.where(rng.random(4096) < 0.002, rng.exponential(5 * mean_ns, 4096), 0.0)
    return np.round(0.7 * mean_ns + tail + burst).astype(np.int64)
