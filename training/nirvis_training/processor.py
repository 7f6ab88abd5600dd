"""Where and how torch computes during a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.utils.deterministic
from torch import nn

from nirvis_training.config import TrainingConfig
from nirvis_training.errors import TrainingError

AnyModule = TypeVar("AnyModule", bound=nn.Module)
_SAFE_WIDTH = 16


def device_of(config: TrainingConfig) -> torch.device:
    """Raises `TrainingError` when the run wants a GPU and there is none."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError('device = "cuda", but torch finds no GPU here. Choose "auto" or "cpu".')
    return torch.device("cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu")


def memory_format_of(config: TrainingConfig, device: torch.device) -> torch.memory_format:
    """Channels last where it is asked for and safe."""
    # torch 2.13 writes beyond its memory on CPUs when a narrower network goes backwards in channels_last.
    safe = device.type != "cpu" or config.method.width >= _SAFE_WIDTH
    return torch.channels_last if config.channels_last and safe else torch.contiguous_format


def placed(module: AnyModule, device: torch.device, memory_format: torch.memory_format) -> AnyModule:
    """Move a module, and put its weights into that memory order."""
    # The stubs of torch do not know this overload of `to`.
    anything: Any = module.to(device)
    moved: AnyModule = anything.to(memory_format=memory_format)
    return moved


@contextmanager
def torch_set_up(config: TrainingConfig) -> Iterator[None]:
    """Threads, determinism and random state for the time of a training; the caller gets its own back."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic
    filling = settings.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(config.threads or threads)
        # On a GPU some layers have no deterministic form.
        torch.use_deterministic_algorithms(device_of(config).type == "cpu")
        settings.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            settings.fill_uninitialized_memory = filling
