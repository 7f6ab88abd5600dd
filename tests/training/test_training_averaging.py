"""The moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nirvis_training.averaging import Averaged
from nirvis_training.methods.base import Batch, Losses, Method, Phase


class _OneWeight(Method):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.0))

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        return {"none": self.weight}

    def forward(self, source: Tensor) -> Tensor:
        return source


def test_the_first_steps_forget_where_the_weights_began() -> None:
    method = _OneWeight()
    averaged = Averaged(method, 0.99)
    with torch.no_grad():
        method.weight.fill_(1.0)
    averaged.update(method, steps=0)
    assert averaged.method.get_parameter("weight").item() == torch.tensor(0.9).item()


def test_later_steps_keep_the_decay_and_leave_the_trained_weights_alone() -> None:
    method = _OneWeight()
    averaged = Averaged(method, 0.5)
    with torch.no_grad():
        method.weight.fill_(1.0)
    averaged.update(method, steps=1000)
    assert averaged.method.get_parameter("weight").item() == 0.5
    assert method.weight.item() == 1.0
    assert method.weight.requires_grad
    assert not averaged.method.get_parameter("weight").requires_grad
