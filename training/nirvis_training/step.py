"""One training step: losses, gradients and optimisers of every phase, in whatever precision and however divided."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.errors import Diverged
from nirvis_training.losses.steadiness import random_motion, repeatable, temporal_consistency
from nirvis_training.methods.base import Batch, Losses, Method, Phase


class Stepper:
    """The optimisers of a method, and how they step.

    A step is the same, up to rounding, however its batch is divided: into parts, over processes, or not at all; losses
    and gradients are means over all of them. Layers and losses that look at a batch as a whole (BatchNorm, say) see
    their part of it.
    """

    def __init__(self, method: Method, config: TrainingConfig, team: Team) -> None:
        self._method = method
        self._config = config
        self._team = team
        self.optimisers = {phase.name: _optimiser(method, phase) for phase in method.phases}

    def step(self, parts: Sequence[Batch], samples: int) -> dict[str, float]:
        """Every phase steps once; returns all loss terms.

        parts
            This process's share of the batch, in parts of equal size.
        samples
            Seen before this step.

        Raises `Diverged` before the optimiser steps when a term or a gradient is no number.
        """
        torch.manual_seed(_seed(self._config.seed, samples // self._config.batch_size, self._team.rank))
        values: dict[str, float] = {}
        for phase in self._method.phases:
            train_only(self._method, phase)
            optimiser = self.optimisers[phase.name]
            optimiser.zero_grad()
            values |= self._checked(phase, self._backward(phase, parts), samples)
            self._team.average_gradients(_parameters(self._method, phase))
            self._let_step(optimiser, samples)
        return values

    def _backward(self, phase: Phase, parts: Sequence[Batch]) -> Losses:
        """Add up the gradients of all parts; returns the mean of each term."""
        sums: Losses = {}
        for part in parts:
            losses = self.losses(phase, part)
            torch.autograd.backward(torch.stack(list(losses.values())).sum() / len(parts))
            for name, loss in losses.items():
                share = loss.detach() / len(parts)
                sums[name] = sums[name] + share if name in sums else share
        return sums

    def losses(self, phase: Phase, part: Batch) -> Losses:
        """The method's terms of a phase, and the regulariser's where the configuration asks for it."""
        return self._method.losses(phase, part) | self._steadiness(phase, part)

    def _steadiness(self, phase: Phase, part: Batch) -> Losses:
        """The temporal regulariser, in the phase that trains what predicts."""
        settings = self._config.temporal
        predicting = self._method.predicts_with or phase.networks
        if settings is None or not set(predicting) & set(phase.networks):
            return {}
        source = part.source.flatten(0, 1) if part.source.dim() == 5 else part.source
        predict = repeatable(self._method)
        term = temporal_consistency(predict, source, predict(source), random_motion(settings, source))
        return {"temporal_regulariser": settings.weight * term}

    def _checked(self, phase: Phase, losses: Losses, samples: int) -> dict[str, float]:
        """The mean of each term over all processes, once terms and gradients are known to be numbers in all of them."""
        gradients = [p.grad for p in _parameters(self._method, phase) if p.grad is not None]
        largest = nn.utils.get_total_norm(gradients, norm_type=math.inf)
        # One transfer for all of them: each makes a GPU wait.
        found = torch.stack([*losses.values(), largest.to(next(iter(losses.values())))])
        *means, gradient = self._team.mean(found.tolist())
        values = dict(zip(losses, means, strict=True))
        broken = [f"loss term {name}" for name, value in values.items() if not math.isfinite(value)]
        if not broken and not math.isfinite(gradient):
            broken = [f"gradient of {', '.join(phase.networks)}"]
        if broken:
            raise Diverged(broken, samples, self._config.learning_rate)
        return values

    def _let_step(self, optimiser: Optimizer, samples: int) -> None:
        factor = self._config.schedule.factor(samples, self._config.samples)
        for group in optimiser.param_groups:
            group["lr"] = factor * group["initial_lr"]
        optimiser.step()


def train_only(method: Method, phase: Phase) -> None:
    """Let only the networks of a phase require gradients, so that the others cost none."""
    for name, network in method.named_children():
        network.requires_grad_(name in phase.networks)


def _optimiser(method: Method, phase: Phase) -> Optimizer:
    optimiser = phase.optimiser(_parameters(method, phase))
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]
    return optimiser


def _parameters(method: Method, phase: Phase) -> list[nn.Parameter]:
    return [parameter for name in phase.networks for parameter in method.get_submodule(name).parameters()]


def _seed(*of: int) -> int:
    """One number of 64 bits for several: two different steps or ranks have nothing in common."""
    return int(np.random.SeedSequence(of).generate_state(1, np.uint64)[0])


def buffers_of(method: Method) -> dict[str, Tensor]:
    """What a process keeps between steps and does not share with others: running statistics, image pools, priors."""
    parameters = {name for name, _ in method.named_parameters()}
    return {name: tensor.cpu() for name, tensor in method.state_dict().items() if name not in parameters}
