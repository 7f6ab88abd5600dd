"""The running relation of two camera clocks.

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
