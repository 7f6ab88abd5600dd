"""The running relation of two camera clocks, and how late frames reach the host.

Sums are Python integers, so that a fit is exact however long a recording lasts, and the same on every machine.
"""

from __future__ import annotations

from collections import deque

WINDOW_US = 10_000_000
"""Length of the running window, in microseconds of the vis clock."""
MIN_POINTS = 3
"""Points that a slope needs."""
KEPT_POINTS = 8
"""A slow trigger keeps at least as many points, however old."""
NOISE_NS = 100_000
"""Standard deviation assumed for one point: a clock that counts in steps of 125 µs, and the jitter of a trigger."""
WANDER_PPM = 2.0
"""How far the rate of a crystal may wander while nobody looks."""


class ClockFit:
    """Running affine fit from the vis clock to the nir clock, both counted from the anchor.

    A slope from few points is worth less than what crystals promise, so it starts from a prior: rate ± sigma. After a
    few seconds the points outweigh it.
    """

    __slots__ = ("_at_us", "_level_ns", "_points", "_prior_ppm", "_ridge_us2", "_slope", "_sx", "_sxx", "_sxy", "_sy")

    def __init__(self, rate_ppm: float, rate_sigma_ppm: float) -> None:
        self._points: deque[tuple[int, int]] = deque()
        self._prior_ppm = rate_ppm
        self._ridge_us2 = round((NOISE_NS / rate_sigma_ppm) ** 2 * 1e6)
        self._sx = self._sy = self._sxx = self._sxy = 0
        self._at_us = 0.0
        self._level_ns = 0.0
        self._slope = rate_ppm * 1e-3

    def __len__(self) -> int:
        return len(self._points)

    @property
    def rate_ppm(self) -> float:
        """How much faster the nir clock runs than the vis clock, in 1e-6."""
        return self._slope * 1e3

    @property
    def rate_sigma_ppm(self) -> float:
        """Uncertainty of the rate, in 1e-6."""
        n = max(1, len(self._points))
        return float(NOISE_NS / ((self._sxx - self._sx * self._sx / n + self._ridge_us2) ** 0.5) * 1e3)

    def offset_ns(self, vis_ns: int) -> int:
        """nir time minus vis time at `vis_ns`, all counted from the anchor."""
        return round(self._level_ns + self._slope * (vis_ns / 1000 - self._at_us))

    def reach_ns(self, tolerance_ns: int) -> float:
        """How far beyond its last point the fit still predicts within `tolerance_ns`, five sigma."""
        return tolerance_ns / ((5 * self.rate_sigma_ppm + WANDER_PPM) * 1e-6)

    def add(self, vis_ns: int, offset_ns: int) -> None:
        """Take one pair in; `offset_ns` is nir time minus vis time. Costs the same for every pair."""
        x = vis_ns // 1000
        self._count(x, offset_ns, 1)
        points = self._points
        points.append((x, offset_ns))
        while len(points) > KEPT_POINTS and x - points[0][0] > WINDOW_US:
            old_x, old_offset = points.popleft()
            self._count(old_x, old_offset, -1)
        self._solve(len(points))

    def _count(self, x: int, y: int, sign: int) -> None:
        self._sx += sign * x
        self._sy += sign * y
        self._sxx += sign * x * x
        self._sxy += sign * x * y

    def _solve(self, n: int) -> None:
        """Ridge towards the prior: slope = prior + cov(x, y - prior x) / (var(x) + ridge)."""
        self._at_us = self._sx / n
        self._level_ns = self._sy / n
        prior = self._prior_ppm * 1e-3
        if n < MIN_POINTS:
            self._slope = prior
            return
        spread = n * self._sxx - self._sx * self._sx
        self._slope = prior + (n * self._sxy - self._sx * self._sy - prior * spread) / (spread + n * self._ridge_us2)


class HostFloor:
    """The least delay between a camera's timestamp and the arrival of its frame, over the last seconds.

    Delays grow without limit, but no frame arrives before it was exposed: a frame below the floor says that the clock
    of its camera jumped forward.
    """

    __slots__ = ("_began_ns", "_earlier", "_frames", "_held", "_now")

    BUCKET_NS = 5_000_000_000
    BUCKET_FRAMES = 16

    def __init__(self) -> None:
        self._earlier: int | None = None
        self._now: int | None = None
        self._began_ns = 0
        self._frames = 0
        self._held = 0

    @property
    def frames(self) -> int:
        """How many frames it has seen."""
        return self._frames

    @property
    def ns(self) -> int:
        """Host time minus camera time of the quickest frame of the last 5 to 10 s; at a slow trigger, of 16 to 32."""
        known = [floor for floor in (self._earlier, self._now) if floor is not None]
        return min(known)

    def add(self, timestamp_ns: int, host_ns: int) -> None:
        delay = host_ns - timestamp_ns
        self._frames += 1
        self._held += 1
        if self._now is None:
            self._now, self._began_ns = delay, host_ns
        elif host_ns - self._began_ns > self.BUCKET_NS and self._held > self.BUCKET_FRAMES:
            self._earlier, self._now, self._began_ns, self._held = self._now, delay, host_ns, 1
        elif delay < self._now:
            self._now = delay

    def shift(self, by_ns: int) -> None:
        """The clock of the camera jumped; its delay is `by_ns` longer from now on."""
        self._earlier = None if self._earlier is None else self._earlier + by_ns
        self._now = None if self._now is None else self._now + by_ns
