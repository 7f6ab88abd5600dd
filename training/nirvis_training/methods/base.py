"""What a training method is to the loop: networks, phases, and the loss terms of each phase."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from nirvis_datasets.pairs import PairSample

Losses = dict[str, Tensor]
"""Scalar terms by name, weighted already; their sum is what is minimised."""
MakeOptimiser = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class PairBatch:
    """Registered pairs, side by side."""

    source: Tensor
    """RGB in [0, 1], ``(N, 3, H, W)``."""
    target: Tensor
    """As `source`."""
    valid: Tensor
    """1 where the target was seen, ``(N, 1, H, W)``."""

    @classmethod
    def of(cls, sample: PairSample, device: torch.device, memory_format: torch.memory_format) -> PairBatch:
        """From what torch's default collation makes of several samples."""
        return cls(
            source=sample["source"].to(device, non_blocking=True, memory_format=memory_format),
            target=sample["target"].to(device, non_blocking=True, memory_format=memory_format),
            valid=sample["valid"].to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Phase:
    """One optimiser step of a training step: an adversarial method has two, most others one."""

    name: str
    networks: tuple[str, ...]
    """Attributes of the method whose parameters are trained; the others stay as they are during the phase."""
    optimiser: MakeOptimiser


def adam(learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> MakeOptimiser:
    return partial(Adam, lr=learning_rate, betas=betas)


class Method(nn.Module, ABC):
    """One published system.

    It is a module, so that everything it keeps between steps (networks, image pools, schedules) is in its
    ``state_dict``. It never steps an optimiser: the loop does backward and step, the same for all methods.
    """

    phases: tuple[Phase, ...]
    multiple_of: int = 1
    """What the networks need height and width to be multiples of; `predict` takes any size."""

    @abstractmethod
    def losses(self, phase: Phase, batch: PairBatch) -> Losses:
        """The terms of one phase, with gradients."""

    @abstractmethod
    def forward(self, source: Tensor) -> Tensor:
        """Visible colour: RGB in [0, 1] ``(N, 3, H, W)`` → RGB in [0, 1], H and W multiples of `multiple_of`."""

    def predict(self, source: Tensor) -> Tensor:
        """Visible colour of pictures of any size, without gradients: RGB in [0, 1] ``(N, 3, H, W)`` → the same."""
        height, width = source.shape[-2:]
        low, right = -height % self.multiple_of, -width % self.multiple_of
        with torch.inference_mode():
            padded = nn.functional.pad(source, (0, right, 0, low), mode="reflect") if low or right else source
            predicted: Tensor = self(padded)
            return predicted[..., :height, :width]
