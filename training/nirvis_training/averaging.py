"""A moving average of a method's weights, beside the weights that are trained."""

from __future__ import annotations

import copy

import torch

from nirvis_training.methods.base import Method


class Averaged:
    """Exponential moving average of parameters and running statistics (Polyak & Juditsky 1992).

    decay
        Share of the old average that every step keeps. The first steps keep less, so that the average forgets the
        random weights it began with: after n steps no more than (1 + n) / (10 + n).
    """

    def __init__(self, method: Method, decay: float) -> None:
        self.method = copy.deepcopy(method).eval().requires_grad_(False)
        self._decay = decay

    def update(self, method: Method, steps: int) -> None:
        """Take in the weights after one training step; `steps` were made before it."""
        keep = min(self._decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            current = method.state_dict()
            for name, old in self.method.state_dict().items():
                new = current[name]
                if old.is_floating_point() and method.predicts(name):
                    old.lerp_(new, 1 - keep)
                else:
                    old.copy_(new)
