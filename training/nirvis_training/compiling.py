"""torch.compile, tried before a run begins: it fails in the first step, minutes into it, or not at all."""

from __future__ import annotations

import copy
import logging
from contextlib import closing

import torch

from nirvis_training.batches import training_batches
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.material import Material
from nirvis_training.memory import explained
from nirvis_training.methods.base import Batch, Method
from nirvis_training.processor import memory_format_of, placed, quicken, torch_set_up
from nirvis_training.step import Stepper, train_only

logger = logging.getLogger(__name__)


def try_compiled(method: Method, config: TrainingConfig, material: Material, device: torch.device, team: Team) -> None:
    """Find the losses and gradients of a step with a copy of the method, where any network is to be compiled.

    What torch translated is not translated again in the first step of the run.

    Raises `TrainingError` when a network cannot be translated, or there is no C++ compiler; `OutOfMemory`.
    """
    if not config.compile:
        return
    logger.info("torch.compile translates %s, which may take minutes", ", ".join(config.compile))
    memory_format = memory_format_of(config, device, method)
    tried = placed(copy.deepcopy(method), device, memory_format).train()
    quicken(tried, config, device)
    stepper = Stepper(tried, config, team)
    # Without workers, which would be started for a single batch.
    with closing(training_batches(material.train, config.model_copy(update={"workers": 0}), 0, team)) as batches:
        part = Batch.of(next(batches)[0], device, memory_format)
    with torch_set_up(config, device), explained(config):
        for phase in tried.phases:
            train_only(tried, phase)
            torch.autograd.backward(torch.stack(list(stepper.losses(phase, part).values())).sum())
