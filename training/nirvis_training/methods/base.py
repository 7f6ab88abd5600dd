"""What a training method is to the loop: networks, phases, and the loss terms of each phase."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from nirvis_training.fast_convolutions import FastConvolutions

Losses = dict[str, Tensor]
"""Scalar terms by name, weighted already; their sum is what is minimised."""
MakeOptimiser = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Batch:
    """What one step, or one part of an accumulated step, learns from.

    Methods that see windows get T consecutive frames of both sides, ``(N, T, 3, H, W)``; in an unpaired batch source
    and target come from different recordings.
    """

    source: Tensor
    """RGB in [0, 1], ``(N, 3, H, W)``."""
    target: Tensor
    """As `source`."""
    valid: Tensor
    """1 where the target was seen, ``(N, 1, H, W)``."""
    modes: tuple[str, ...] = ()
    """Filter mode of each sample, ``day`` or ``night``; empty where nobody says."""
    kept: dict[str, Tensor] = field(default_factory=dict)
    """What an earlier phase of the same step left for a later one, such as fakes for the discriminator; keep detached
    tensors unless the later phase shall reach through them."""

    @classmethod
    def of(cls, sample: Mapping[str, Any], device: torch.device, memory_format: torch.memory_format) -> Batch:
        """From what torch's default collation makes of several samples."""

        def placed(side: str) -> Tensor:
            tensor: Tensor = sample[side].to(device, non_blocking=True)
            if tensor.shape[-3] == 1:  # a grey source
                tensor = tensor.expand(*tensor.shape[:-3], 3, -1, -1)
            return tensor.contiguous(memory_format=memory_format) if tensor.dim() == 4 else tensor

        valid = sample["valid"].to(device, non_blocking=True)
        return cls(placed("source"), placed("target"), valid, tuple(sample.get("mode", ())))


@dataclass(frozen=True)
class Phase:
    """One optimiser step of a training step: an adversarial method has two or three, most others one."""

    name: str
    networks: tuple[str, ...]
    """Attributes of the method whose parameters are trained; the others stay as they are during the phase."""
    optimiser: MakeOptimiser


def adam(learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> MakeOptimiser:
    return partial(Adam, lr=learning_rate, betas=betas, fused=True)


class Method(nn.Module, ABC):
    """One published system.

    It is a module, so that everything it keeps between steps (networks, image pools, schedules) is in its
    ``state_dict``: as networks, or as buffers. It never steps an optimiser: the loop does backward and step, the same
    for all methods. Networks are children by attribute; before a phase the loop lets only those of the phase require
    gradients. Random choices come from torch's global generator, which the loop seeds by (seed, step, rank) before
    every step, so that they are resumed exactly.
    """

    phases: tuple[Phase, ...]
    multiple_of: int = 1
    """What the networks need height and width to be multiples of; `predict` takes any size."""
    predicts_with: tuple[str, ...] = ()
    """Networks that `forward` needs, such as the generator of one direction: the best weights hold no others. All when
    empty."""
    teachers: Sequence[Method] = ()
    """Methods of other runs that this one learns from, and that are no part of its state."""

    @abstractmethod
    def losses(self, phase: Phase, batch: Batch) -> Losses:
        """The terms of one phase, with gradients; phases come in their order, with the same batch."""

    def study(self, batches: Iterable[Batch]) -> None:
        """Look at the training set once before the first step, for methods that weigh by its statistics.

        What is found has to go into buffers. Most methods need nothing, and read nothing.
        """

    @abstractmethod
    def forward(self, source: Tensor) -> Tensor:
        """Visible colour: RGB in [0, 1] ``(N, 3, H, W)`` → RGB in [0, 1], H and W multiples of `multiple_of`."""

    def predicts(self, name: str) -> bool:
        """Whether an entry of the state, such as ``generator.stem.0.weight``, belongs to what `forward` needs."""
        return not self.predicts_with or name.split(".")[0] in self.predicts_with

    def predict(self, source: Tensor) -> Tensor:
        """Visible colour of pictures of any size, without gradients: RGB in [0, 1] ``(N, 3, H, W)`` → the same."""
        height, width = source.shape[-2:]
        low, right = -height % self.multiple_of, -width % self.multiple_of
        with torch.inference_mode(), FastConvolutions():
            # Reflection needs more pixels than it adds.
            mode = "reflect" if low < height and right < width else "replicate"
            padded = nn.functional.pad(source, (0, right, 0, low), mode=mode) if low or right else source
            predicted: Tensor = self(padded)
            return predicted[..., :height, :width]
