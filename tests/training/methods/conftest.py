"""Four pairs with known values, and four that every supervised method has to learn by heart, and how well it has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from nirvis_training.methods.base import Batch, Method
from nirvis_training.metrics import psnr

SIDE = 32
NOTHING_LEARNT_DB = 11.0
"""More than what four negatives give for the input itself, and for the mean colour of each of their pictures."""


@pytest.fixture
def four_pairs() -> Batch:
    """Smooth patches of colour, and a near infrared that is a mixture of their channels, ``(4, 3, 32, 32)``."""
    random = torch.Generator().manual_seed(7)
    coarse = torch.rand(4, 3, 5, 5, generator=random)
    target = F.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=True).clamp(0.05, 0.95)
    mixture = torch.tensor([[0.6, 0.4, 0.0], [0.3, 0.4, 0.3], [0.0, 0.4, 0.6]])
    source = torch.einsum("ij,njhw->nihw", mixture, target)
    return Batch(source, target, torch.ones(4, 1, SIDE, SIDE))


@pytest.fixture
def four_negatives() -> Batch:
    """Strong colours, and sources nothing like them: negatives of mixtures of the channels in another order."""
    coarse = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(7)).round()
    target = 0.9 * F.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=True) + 0.05
    mixture = torch.tensor([[0.6, 0.4, 0.0], [0.3, 0.4, 0.3], [0.0, 0.4, 0.6]])
    source = 1 - torch.einsum("ij,njhw->nihw", mixture, target[:, [1, 2, 0]])
    for idle in (source, target.mean((2, 3), keepdim=True).expand_as(target)):
        assert psnr(idle, target).mean() < NOTHING_LEARNT_DB
    return Batch(source, target, torch.ones(4, 1, SIDE, SIDE))


@pytest.fixture
def gained_db(four_negatives: Batch) -> Callable[..., float]:
    """``gained_db(method, steps, copies=1)``: what so many steps on four pairs alone bring over the input and the mean
    colour, in dB; in each batch there are so many copies of each pair.
    """

    def learn(method: Method, steps: int, copies: int = 1) -> float:
        torch.manual_seed(0)
        planes = (four_negatives.source, four_negatives.target, four_negatives.valid)
        batch = Batch(*(each.repeat(copies, 1, 1, 1) for each in planes))
        method.study([batch])
        method.train()
        optimisers = {
            phase.name: phase.optimiser(p for name in phase.networks for p in method.get_submodule(name).parameters())
            for phase in method.phases
        }
        for _ in range(steps):
            for phase in method.phases:
                optimisers[phase.name].zero_grad()
                torch.stack(list(method.losses(phase, batch).values())).sum().backward()
                optimisers[phase.name].step()
        predicted = method.eval().predict(four_negatives.source)
        return float(psnr(predicted, four_negatives.target).mean()) - NOTHING_LEARNT_DB

    return learn
