"""CycleGAN: unpaired translation that has to find its way back (Zhu et al. 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirvis_training.method_settings import CycleGanSettings
from nirvis_training.methods.base import Batch, Losses
from nirvis_training.methods.two_way import TwoWay


class CycleGan(TwoWay):
    """Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks".

    With G from source x to target y and F back: LSGAN for both (eq. 1), λ · |F(G(x)) - x| + λ · |G(F(y)) - y| (eq. 2),
    and the identity term |G(y) - y| + |F(x) - x| of section 5.2. The systems of Mehri & Sappa and of Nyberg et al. are
    this method with other settings.
    """

    def __init__(self, settings: CycleGanSettings, learning_rate: float) -> None:
        super().__init__(settings, learning_rate)
        self.settings = settings

    def translation(self, source: Tensor, target: Tensor, batch: Batch) -> Losses:
        fake_target, fake_source = self.generator(source), self.generator_back(target)
        self.keep(batch, fake_source, fake_target)
        weight = self.settings.cycle_weight
        return self.deceived(fake_source, fake_target) | {
            "cycle_source": weight * F.l1_loss(self.generator_back(fake_target), source),
            "cycle_target": weight * F.l1_loss(self.generator(fake_source), target),
        }
