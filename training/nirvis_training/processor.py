"""Where and how torch computes during a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.utils.deterministic
from torch import nn

from nirvis_training.config import TrainingConfig
from nirvis_training.errors import TrainingError
from nirvis_training.fast_convolutions import FastConvolutions
from nirvis_training.methods.base import Method

AnyModule = TypeVar("AnyModule", bound=nn.Module)
_SAFE_WIDTH = 16
_PICTURES = (1, 2, 3, 6)
"""Channels of lightness, of a* and b*, of a picture, and of two."""


def device_of(config: TrainingConfig, local_rank: int = 0) -> torch.device:
    """The processor, or the GPU of this process. Raises `TrainingError` when the run wants one that is not there."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError('device = "cuda", but torch finds no GPU here. Choose "auto" or "cpu".')
    if config.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise TrainingError(
            f"This is process {local_rank} of this machine (from 0), which has {torch.cuda.device_count()} GPUs. "
            "Start one process for each GPU: torchrun --nproc-per-node."
        )
    return torch.device("cuda", local_rank)


def memory_format_of(config: TrainingConfig, device: torch.device, method: nn.Module) -> torch.memory_format:
    """Channels last where it is asked for and safe."""
    # torch 2.13 writes beyond its memory on CPUs when a narrower network goes backwards in channels_last.
    safe = device.type != "cpu" or narrowest(method) >= _SAFE_WIDTH
    return torch.channels_last if config.channels_last and safe else torch.contiguous_format


def narrowest(method: nn.Module) -> int:
    """Fewest channels between two convolutions; those of one or two pictures at the ends do not count."""
    ends = [
        channels
        for layer in method.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        for channels in (layer.in_channels, layer.out_channels)
    ]
    return min((channels for channels in ends if channels not in _PICTURES), default=_SAFE_WIDTH)


def placed(module: AnyModule, device: torch.device, memory_format: torch.memory_format) -> AnyModule:
    """Move a module, and put its weights into that memory order."""
    # The stubs of torch do not know this overload of `to`.
    anything: Any = module.to(device)
    moved: AnyModule = anything.to(memory_format=memory_format)
    return moved


def quicken(method: Method, config: TrainingConfig, device: torch.device) -> None:
    """Let the networks of a method compute in the precision of the run, and translated by torch.compile, in training.

    A network does everything in `forward`; it takes and gives fp32. Raises `TrainingError` for a network that the
    method does not have.
    """
    networks = {name: network for name, network in method.named_children() if _is_network(network)}
    unknown = set(config.compile) - networks.keys() - {"all"}
    if unknown:
        raise TrainingError(
            f"compile names {', '.join(sorted(unknown))}; {config.method.name} has {', '.join(networks)}, or all."
        )
    for name, network in networks.items():
        compiled = bool({name, "all"} & set(config.compile))
        if compiled or config.precision == "bf16":
            # On the instance, so that names in the state stay as they are.
            vars(network)["forward"] = _quick_forward(network, compiled, config.precision == "bf16", device.type)


def _is_network(child: nn.Module) -> bool:
    """Whether it computes by weights, trained or fixed; image pools and statistics of a training set only remember."""
    computes = type(child).forward is not nn.Module.forward
    return computes and (any(True for _ in child.parameters()) or not child.state_dict())


def _quick_forward(network: nn.Module, compiled: bool, bf16: bool, device_type: str) -> Callable[..., Any]:
    plain = network.forward
    fast = torch.compile(plain, dynamic=False) if compiled else plain

    def forward(*arguments: Any, **named: Any) -> Any:
        if not network.training:
            return plain(*arguments, **named)
        with torch.autocast(device_type, torch.bfloat16, enabled=bf16):
            found = fast(*arguments, **named)
        return _as_float(found) if bf16 else found

    return forward


def _as_float(found: Any) -> Any:
    if isinstance(found, torch.Tensor):
        return found.float() if found.is_floating_point() else found
    if isinstance(found, dict):
        return {name: _as_float(part) for name, part in found.items()}
    return type(found)(_as_float(part) for part in found) if isinstance(found, list | tuple) else found


def convolutions(config: TrainingConfig, device: torch.device) -> AbstractContextManager[object]:
    """What convolutions are computed by inside: torch's own where it knows better, or translates them itself."""
    fast = config.fast_convolutions and device.type != "cuda" and not config.compile
    return FastConvolutions() if fast else nullcontext()


@contextmanager
def torch_set_up(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Threads, determinism, random state and convolutions for the time of a training; the caller gets its own back."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic
    filling = settings.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]), convolutions(config, device):
        torch.set_num_threads(config.threads or threads)
        # On a GPU some layers have no deterministic form.
        torch.use_deterministic_algorithms(device.type == "cpu")
        settings.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            settings.fill_uninitialized_memory = filling
