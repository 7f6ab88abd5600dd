"""What adversarial methods have in common: pictures in [-1, 1], a generator that predicts, one kind of Adam."""

from __future__ import annotations

from torch import Tensor, nn

from nirvis_training.losses.adversarial import signed, unsigned
from nirvis_training.methods.base import MakeOptimiser, Method, Phase, adam

_BETAS = (0.5, 0.999)


class Translator(Method):
    """`generator` leads from source to target, both in [-1, 1]; it alone predicts."""

    multiple_of = 4
    predicts_with = ("generator",)
    generator: nn.Module

    def forward(self, source: Tensor) -> Tensor:
        translated: Tensor = self.generator(signed(source))
        return unsigned(translated)


def adversarial_adam(learning_rate: float) -> MakeOptimiser:
    """Adam with β = (0.5, 0.999), as all adversarial methods here have it."""
    return adam(learning_rate, _BETAS)


def adversarial_phases(
    learning_rate: float,
    generating: tuple[str, ...] = ("generator",),
    judging: tuple[str, ...] = ("discriminator",),
) -> tuple[Phase, Phase]:
    """What generates steps first, so that its pictures serve what judges them as well; each with `adversarial_adam`."""
    optimiser = adversarial_adam(learning_rate)
    return Phase("translation", generating, optimiser), Phase("discrimination", judging, optimiser)
