"""What the clock of one arm shows when that of the other shows a time: the anchor, and a running fit from there."""

from __future__ import annotations

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import Arm
from nirvis_capture.clock_fit import WANDER_PPM, ClockFit

TRUSTED_NS = 1_000_000
"""One pair moves the fit by no more than this, however far off it is."""


class ArmClocks:
    """Both camera clocks, from the anchor on."""

    __slots__ = ("_fit_ns", "fit", "nir0_ns", "vis0_ns")

    def __init__(self, anchor: Anchor | None) -> None:
        self.nir0_ns, self.vis0_ns = (anchor.nir_ns, anchor.vis_ns) if anchor else (0, 0)
        self.fit = ClockFit(anchor.rate_ppm, anchor.rate_sigma_ppm) if anchor else ClockFit(0.0, 1.0)
        self._fit_ns = 0
        """The newest pair of the fit, on the vis clock since the anchor."""

    def residual_ns(self, nir_ns: int, vis_ns: int) -> int:
        """How far two exposures are apart on the nir clock: nir minus vis."""
        vis_ns -= self.vis0_ns
        return nir_ns - self.nir0_ns - vis_ns - self.fit.offset_ns(vis_ns)

    def on_other(self, arm: Arm, timestamp_ns: int) -> int:
        """What the clock of the other arm shows when that of `arm` shows this."""
        if arm == "vis":
            vis_ns = timestamp_ns - self.vis0_ns
            return self.nir0_ns + vis_ns + self.fit.offset_ns(vis_ns)
        nir_ns = timestamp_ns - self.nir0_ns
        return self.vis0_ns + nir_ns - self.fit.offset_ns(nir_ns - self.fit.offset_ns(nir_ns))

    def reach(self, vis_ns: int, period_ns: int) -> bool:
        """False after a silence that the fit cannot bridge without mistaking one pulse for another."""
        silence_ns = vis_ns - self.vis0_ns - self._fit_ns
        return silence_ns <= 2 * period_ns or silence_ns <= self.fit.reach_ns(period_ns // 4)

    def take(self, vis_ns: int, residual_ns: int, period_ns: int) -> None:
        """Learn from a pair."""
        bound_ns = min(period_ns // 8, TRUSTED_NS)
        self._fit_ns = vis_ns - self.vis0_ns
        self.fit.add(self._fit_ns, self.fit.offset_ns(self._fit_ns) + max(-bound_ns, min(bound_ns, residual_ns)))

    def begin_anew(self, nir_ns: int, vis_ns: int) -> None:
        """A clock jumped: from here, these two times are one moment. What is known of the rates stays."""
        self.nir0_ns, self.vis0_ns, self._fit_ns = nir_ns, vis_ns, 0
        self.fit = ClockFit(self.fit.rate_ppm, self.fit.rate_sigma_ppm + WANDER_PPM)
