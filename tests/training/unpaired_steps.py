"""Whole small trainings of methods, as the loop does them, and which networks a loss reaches."""

from __future__ import annotations

import torch

from nirvis_training.methods.base import Batch, Method, Phase


def reached(method: Method, phase: Phase, batch: Batch) -> set[str]:
    """Which networks get a gradient in all of their parameters, when only those of the phase require one."""
    method.zero_grad()
    require_gradients(method, phase)
    torch.stack(list(method.losses(phase, batch).values())).sum().backward()
    return {
        name
        for name, network in method.named_children()
        if list(network.parameters()) and all(p.grad is not None for p in network.parameters())
    }


def require_gradients(method: Method, phase: Phase) -> None:
    for name, network in method.named_children():
        network.requires_grad_(name in phase.networks)


def train_for(method: Method, batch: Batch, steps: int) -> None:
    """One optimiser step of each phase at a time, with only its networks requiring gradients."""
    optimisers = {
        phase.name: phase.optimiser([p for name in phase.networks for p in method.get_submodule(name).parameters()])
        for phase in method.phases
    }
    torch.manual_seed(11)
    for _ in range(steps):
        batch.kept.clear()
        for phase in method.phases:
            require_gradients(method, phase)
            losses = method.losses(phase, batch)
            optimisers[phase.name].zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimisers[phase.name].step()
    for network in method.children():
        network.requires_grad_(True)
