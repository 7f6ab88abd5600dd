"""How much memory a training step takes: said before the first one, and explained when there is not enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nirvis_training.config import TrainingConfig
from nirvis_training.errors import OutOfMemory, TrainingError
from nirvis_training.methods.base import Batch, Method, Phase
from nirvis_training.step import Stepper, train_only

_GIB = 2**30
_REASON = 300
"""Most characters of what torch.compile says; a failed C++ compilation comes with all that was compiled."""
_PROBED_SAMPLES = 2
"""Few, to be quick, but more than one, which BatchNorm of single values refuses."""


@dataclass(frozen=True)
class Memory:
    """What one training step of one process takes, in bytes."""

    weights: int
    """Parameters and buffers."""
    gradients: int
    optimiser: int
    activations: int
    """Kept between forward and backward, of the phase that keeps most: measured on a few samples, in proportion."""
    available: int
    """Free memory of the machine, or all of the GPU."""

    @property
    def needed(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def is_enough(self) -> bool:
        return self.needed < self.available

    def __str__(self) -> str:
        return (
            f"memory of a step: about {self.needed / _GIB:.2f} GiB (weights {self.weights / _GIB:.2f}, gradients "
            f"{self.gradients / _GIB:.2f}, optimiser {self.optimiser / _GIB:.2f}, activations "
            f"{self.activations / _GIB:.2f}) of {self.available / _GIB:.1f} GiB"
        )


def measure(method: Method, stepper: Stepper, part: Batch, device: torch.device) -> Memory:
    """What a step with parts like `part` will take; the method is left as it was found."""
    size = part.source.shape[0]
    samples = min(size, _PROBED_SAMPLES)
    source, target, valid = (side[:samples].clone() for side in (part.source, part.target, part.valid))
    probe = Batch(source, target, valid, part.modes[:samples])
    trained = sum(_bytes(p) for optimiser in stepper.optimisers.values() for p in _parameters_of(optimiser))
    state = method.state_dict()
    before = {name: tensor.clone() for name, tensor in method.named_buffers() if name in state}
    with torch.random.fork_rng(devices=[]), torch.compiler.set_stance("force_eager"):
        activations = max(_saved_for_backward(method, stepper, phase, probe) for phase in method.phases)
    with torch.no_grad():
        for name, tensor in before.items():
            method.get_buffer(name).copy_(tensor)
    return Memory(
        weights=sum(_bytes(tensor) for tensor in (*method.parameters(), *method.buffers())),
        gradients=trained,
        # Adam keeps two moments of each parameter.
        optimiser=2 * trained,
        activations=activations * size // samples,
        available=_available(device),
    )


def _saved_for_backward(method: Method, stepper: Stepper, phase: Phase, batch: Batch) -> int:
    """Bytes of all different tensors that autograd keeps for one phase, weights aside."""
    train_only(method, phase)
    # The storages themselves, so that none is freed and its address given to another.
    saved: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        # A node that keeps its own output would keep itself alive, and all before it, for as long as the program runs.
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        stepper.losses(phase, batch)
    for tensor in (*method.parameters(), *method.buffers()):
        saved.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in saved.values())


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _parameters_of(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _available(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0


@contextmanager
def explained(config: TrainingConfig) -> Iterator[None]:
    """Make what torch raises inside say which setting to change: `OutOfMemory`, or `TrainingError` of torch.compile."""
    try:
        yield
    except (RuntimeError, MemoryError, AssertionError) as error:
        if _is_out_of_memory(error):
            raise OutOfMemory(config.batch_size, config.accumulate, config.crop, config.precision) from None
        if config.compile and _is_of_compiler(error):
            # Behind the first paragraph torch tells how to debug it.
            reason = " ".join(str(error).strip().split("\n\n")[0].split())
            raise TrainingError(
                f"torch.compile cannot translate the networks ({reason[:_REASON]}). Name fewer in compile, or none: "
                "compile = []. On a processor it needs a C++ compiler (g++)."
            ) from error
        raise


def _is_of_compiler(error: BaseException) -> bool:
    """Whether torch.compile raised it; what it translated asserts the sizes that it expects."""
    if isinstance(error, AssertionError):
        return True
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "can't allocate memory" in str(error) or "DefaultCPUAllocator" in str(error)
