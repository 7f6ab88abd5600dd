"""Frame counters of cameras that begin and wrap as their maker liked, made into ids that only rise.

The counters of both GenICam dialects are assumptions that the hardware checklist has to confirm. Here they are chosen
as hard as they may be: GigE Vision counts 16 bits from 1 and leaves out 0, which at 45 Hz wraps every 24 minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Bits = Literal[16, 32, 64]


@dataclass(frozen=True, slots=True)
class CounterRule:
    """How a camera counts its frames."""

    bits: Bits
    first: int = 0
    """Value of the first frame after arming."""
    after_wrap: Literal[0, 1] = 0
    """What follows the highest value; 1: zero is left out, as in GigE Vision."""

    @property
    def span(self) -> int:
        """How many values there are."""
        return (1 << self.bits) - self.after_wrap

    def raw(self, frame_id: int) -> int:
        """What the counter of the camera shows for an unwrapped id."""
        return (frame_id - self.after_wrap) % self.span + self.after_wrap


class FrameCounter:
    """Unwraps the counter of one camera, from arming on.

    start
        Value at which the counter is known to begin; where it is not, the first frame says.
    """

    def __init__(self, rule: CounterRule, start: int | None = None) -> None:
        self._span = rule.span
        self._last = start

    def unwrap(self, raw: int) -> int:
        """The id of the next frame. Up to half of the counter's values may be missing before it.

        A step back (a frame delivered late, a counter that began anew) stays a step back. A counter that in truth has
        more bits than its rule says comes out right as well.
        """
        if self._last is None:
            self._last = raw
            return raw
        step = (raw - self._last) % self._span
        self._last += step - self._span if step > self._span // 2 else step
        return self._last


COUNTERS: Mapping[str, CounterRule] = {
    "GS3": CounterRule(bits=16, first=1, after_wrap=1),
    "BFS": CounterRule(bits=64),
}
"""By the family that begins the model name."""


def counter_rule(model: str) -> CounterRule:
    """How a camera of that model counts; an unknown one is taken to be as USB3 Vision has it: 64 bits from 0."""
    return COUNTERS.get(model.partition("-")[0], CounterRule(bits=64))
