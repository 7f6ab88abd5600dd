"""Colour as a choice among bins: Zhang et al. 2016, and Yao & Xia 2018 for surveillance."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam

from nirvis_training.colour import lab_to_rgb, rgb_to_lab
from nirvis_training.colour_bins import annealed_mean, colour_bins, soft_encoding, squared_distances
from nirvis_training.method_settings import ColourBinsSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase
from nirvis_training.networks.zhang import MULTIPLE_OF, REDUCTION, ZhangNetwork
from nirvis_training.rebalancing import Rebalancing, gradient_magnitude


class ColourBins(Method):
    """A distribution over 313 colours for each place, learnt by cross entropy and answered by its annealed mean.

    Zhang et al. 2016 ("Colorful image colorization", eq. 2-5) weigh a pixel by the rarity of its colour; Yao & Xia
    2018 ("Deep colorization for surveillance images") by the rarity of its gradient: `rebalancing` is all that differs.
    Both colour grey visible pictures, whose lightness is the answer's. For near infrared a head corrects lightness
    with a gain and an offset for each place, unless `lightness` is ``source``.

    settings
        Of either method.
    learning_rate
        Of Adam with β = (0.9, 0.99) and weight decay; 3e-5 in Zhang et al.
    """

    multiple_of = MULTIPLE_OF
    bins: Tensor

    def __init__(self, settings: ColourBinsSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        optimiser = partial(Adam, lr=learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay)
        self.phases = (Phase("colour", networks=("generator",), optimiser=optimiser),)
        self.register_buffer("bins", colour_bins(), persistent=False)
        self.generator = ZhangNetwork(settings.width, len(self.bins), settings.lightness == "regressed")
        self.rebalancing = Rebalancing(
            settings.rebalancing,
            self.bins,
            settings.uniform_share,
            settings.colour_sigma,
            settings.gradient_bins,
            settings.gradient_sigma_bins,
        )

    def study(self, batches: Iterable[Batch]) -> None:
        """Count how often each gradient and each colour occurs; needed unless rebalancing is ``none``."""
        if self.settings.rebalancing == "none":
            return
        for batch in batches:
            lab = rgb_to_lab(batch.target)
            colours = squared_distances(_reduced(lab[:, 1:]), self.bins).argmin(dim=-1)
            self.rebalancing.count(self._gradients(lab), colours, _reduced(batch.valid)[:, 0])

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        target = rgb_to_lab(batch.target)
        logits, lightness = self.generator(rgb_to_lab(batch.source)[:, :1] / 100)
        terms = {"colour": self._cross_entropy(logits, target, batch.valid)}
        if self.settings.lightness == "regressed":
            distance = (lightness - target[:, :1] / 100).abs()
            terms["lightness"] = self.settings.lightness_weight * (distance * batch.valid).mean()
        return terms

    def forward(self, source: Tensor) -> Tensor:
        logits, lightness = self.generator(rgb_to_lab(source)[:, :1] / 100)
        colours = annealed_mean(logits, self.bins, self.settings.temperature)
        enlarged = F.interpolate(colours, scale_factor=float(REDUCTION), mode="bilinear", align_corners=False)
        return lab_to_rgb(torch.cat((100 * lightness, enlarged), dim=1))

    def _cross_entropy(self, logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Weighted cross entropy against the soft encoding, a mean over pixels that were seen (eq. 2)."""
        colours = _reduced(target[:, 1:])
        wanted = soft_encoding(colours, self.bins, self.settings.neighbours, self.settings.colour_sigma)
        entropy = -(wanted * torch.log_softmax(logits, dim=1)).sum(dim=1)
        weights = self.rebalancing(self._gradients(target), wanted.argmax(dim=1))
        colourful = colours.abs().amax(dim=(1, 2, 3)) > self.settings.grey_below
        seen = _reduced(valid)[:, 0]
        weighted: Tensor = entropy * weights * seen * colourful[:, None, None]
        return weighted.sum() / seen.sum().clamp(min=1)

    def _gradients(self, lab: Tensor) -> Tensor:
        return _reduced(gradient_magnitude(lab[:, :1]))[:, 0]


def _reduced(picture: Tensor) -> Tensor:
    """Every fourth pixel, as the code of Zhang et al. takes its targets."""
    return picture[..., ::REDUCTION, ::REDUCTION]
