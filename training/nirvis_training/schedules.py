"""How the learning rate changes over a run, in samples; no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nirvis_capture.settings import Settings


class Constant(Settings):
    """The same learning rate from beginning to end."""

    name: Literal["constant"] = "constant"

    def factor(self, samples: int, total: int) -> float:
        """Of the learning rate, for the step after `samples` of a run of `total`."""
        del samples, total
        return 1.0


class LinearDecay(Settings):
    """Constant at first, then a straight line to zero at the end of the run."""

    name: Literal["linear"]
    from_samples: int = Field(ge=0)
    """Where the line begins."""

    def factor(self, samples: int, total: int) -> float:
        """Of the learning rate, for the step after `samples` of a run of `total`."""
        if samples <= self.from_samples:
            return 1.0
        return max(0.0, (total - samples) / (total - self.from_samples))


class Steps(Settings):
    """A lower learning rate from certain samples on."""

    name: Literal["steps"]
    at_samples: tuple[int, ...] = Field(min_length=1)
    times: float = Field(default=0.1, gt=0, lt=1)
    """What the learning rate is multiplied with at each of them."""

    def factor(self, samples: int, total: int) -> float:
        """Of the learning rate, for the step after `samples` of a run of `total`."""
        del total
        return self.times ** sum(samples >= at for at in self.at_samples)


Schedule = Annotated[Constant | LinearDecay | Steps, Field(discriminator="name")]
