"""Let there be Color!: local features that know the picture they are in (Iizuka et al. 2016)."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adadelta

from nirvis_training.colour import denormalise_lab, lab_to_rgb, normalise_lab, rgb_to_lab
from nirvis_training.errors import TrainingError
from nirvis_training.method_settings import IizukaSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase
from nirvis_training.networks.iizuka import MULTIPLE_OF, IizukaNetwork

_MODES = ("day", "night")


class Iizuka(Method):
    """Colour of grey pictures from local and global features (Iizuka et al. 2016, "Let there be color!").

    The loss is ‖ab - predicted ab‖² at half the resolution, a* and b* in [0, 1], plus α · cross entropy of the class,
    where classes are learnt at all. For near infrared lightness is regressed beside them, unless `lightness` is
    ``source``.

    settings
        Width, classes, and where lightness comes from.
    learning_rate
        Of AdaDelta; 1, because it finds its own.
    """

    multiple_of = MULTIPLE_OF

    def __init__(self, settings: IizukaSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = (Phase("colour", networks=("generator",), optimiser=partial(Adadelta, lr=learning_rate)),)
        classes = len(_MODES) if settings.classify else 0
        self.generator = IizukaNetwork(settings.width, classes, settings.lightness == "regressed")

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        if len(batch.source) == 1:
            raise TrainingError(
                "iizuka normalises one vector per picture over the batch: batch_size has to be 2 at least."
            )
        colours, lightness, classes = self.generator(rgb_to_lab(batch.source)[:, :1] / 100)
        target = normalise_lab(rgb_to_lab(batch.target))
        seen = (F.avg_pool2d(batch.valid, 2) == 1).float()
        terms = {"colour": ((colours - F.avg_pool2d(target[:, 1:], 2)).square() * seen).mean()}
        if self.settings.lightness == "regressed":
            error = (lightness - target[:, :1]).square() * batch.valid
            terms["lightness"] = self.settings.lightness_weight * error.mean()
        if classes is not None and batch.modes:
            kinds = torch.tensor([_MODES.index(mode) for mode in batch.modes], device=classes.device)
            terms["class"] = self.settings.class_weight * F.cross_entropy(classes, kinds)
        return terms

    def forward(self, source: Tensor) -> Tensor:
        colours, lightness, _ = self.generator(rgb_to_lab(source)[:, :1] / 100)
        enlarged = F.interpolate(colours, scale_factor=2.0)
        return lab_to_rgb(denormalise_lab(torch.cat((lightness, enlarged), dim=1)))
