"""Four pairs that every supervised method has to learn by heart, and how well it has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from nirvis_training.methods.base import Batch, Method
from nirvis_training.metrics import psnr

SIDE = 32


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
def learnt_psnr_db(four_pairs: Batch) -> Callable[[Method, int], float]:
    """``learnt_psnr_db(method, steps)``: mean PSNR on the four pairs after so many steps on nothing else."""

    def learn(method: Method, steps: int) -> float:
        torch.manual_seed(0)
        method.study([four_pairs])
        method.train()
        optimisers = {
            phase.name: phase.optimiser(p for name in phase.networks for p in method.get_submodule(name).parameters())
            for phase in method.phases
        }
        for _ in range(steps):
            for phase in method.phases:
                optimisers[phase.name].zero_grad()
                torch.stack(list(method.losses(phase, four_pairs).values())).sum().backward()
                optimisers[phase.name].step()
        return float(psnr(method.eval().predict(four_pairs.source), four_pairs.target).mean())

    return learn
