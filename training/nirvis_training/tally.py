"""What training measured since its last line of metrics."""

from __future__ import annotations

from collections.abc import Mapping


class Tally:
    """Sums over steps; they travel in checkpoints, so that a resumed run writes the very same lines.

    sums
        As `sums` gave them before.
    """

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, losses: Mapping[str, float], samples: int, waited_s: float, whole_s: float) -> None:
        """Count one step: its loss terms, its samples, how long it waited for them and how long it took in all."""
        terms = {f"loss_{name}": value for name, value in losses.items()}
        step = {"loss": sum(losses.values()), **terms, "steps": 1, "samples": samples}
        for name, value in {**step, "waited_s": waited_s, "whole_s": whole_s}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """Mean loss terms, speed, and the share of time spent waiting for pairs; then begin anew."""
        sums, self.sums = self.sums, {}
        if not sums:
            return {}
        means = {name: value / sums["steps"] for name, value in sums.items() if name.startswith("loss")}
        whole_s = max(sums["whole_s"], 1e-9)
        return {
            **means,
            "samples_per_s": round(sums["samples"] / whole_s, 3),
            "data_wait_share": round(sums["waited_s"] / whole_s, 4),
        }
