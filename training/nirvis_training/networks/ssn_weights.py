"""Weights of the State Synchronization Network under the names of its authors, who keep those of torchvision's ResNet.

Both ways by name, so that published checkpoints load here and ours load there, and an ImageNet ResNet fits the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from nirvis_training.errors import WeightsError
from nirvis_training.networks.ssn import Depth, Norm, StateSynchronizationNetwork

_PUBLISHED: tuple[tuple[str, str], ...] = (
    (r"encoder\.stem\.0\.", "conv1."),
    (r"encoder\.stem\.1\.", "bn1."),
    (r"encoder\.stages\.(\d)\.", "layer{next}."),
    (r"texture\.upsample\.(\d)\.", "deconvL1{same}."),
    (r"texture\.blocks\.(\d)\.", "upResL{next}."),
    (r"texture\.head\.", "predL."),
    (r"chrominance\.upsample\.(\d)\.", "deconvR1{same}."),
    (r"chrominance\.blocks\.(\d)\.", "upResR{next}."),
    (r"chrominance\.head\.", "predR."),
)
"""Beginning of our name → of theirs; stages are numbered from 0 here, from 1 in most places there."""
_INSIDE_BLOCKS = (("norm1.", "bn1."), ("norm2.", "bn2."), ("shortcut.", "downsample."))
_OF_DECODERS = "pred"
_COUNTER = ".num_batches_tracked"
"""Older files of torchvision lack it, and nothing is computed from it."""
_NAMED = 4
"""So many misfits are named; the rest is counted."""


def published_name(name: str) -> str:
    """``encoder.stages.1.0.norm2.weight`` → ``layer2.0.bn2.weight``."""
    for pattern, published in _PUBLISHED:
        found = re.match(pattern, name)
        if found:
            number = int(found[1]) if found.groups() else 0
            rest = name[found.end() :]
            for ours, theirs in _INSIDE_BLOCKS:
                rest = rest.replace(ours, theirs)
            return published.format(same=number, next=number + 1) + rest
    raise ValueError(f"no part of the network is called {name}")


def to_published(network: StateSynchronizationNetwork) -> dict[str, Tensor]:
    """The state of a network as its authors would have saved it."""
    return {published_name(name): tensor for name, tensor in network.state_dict().items()}


def start_from(network: StateSynchronizationNetwork, state: Mapping[str, Tensor], origin: str) -> None:
    """Copy the published weights of the whole network, or those of an ImageNet ResNet into its encoder.

    A whole network has to fit to the last tensor. Of a ResNet everything that the encoder has is taken, as the
    published code does; its classifier, and norms that have no weights here, are left.

    origin
        What the error names, such as the path of the file.

    Raises `WeightsError` that names what does not fit.
    """
    whole = any(name.startswith(_OF_DECODERS) for name in state)
    own = network.state_dict()
    wanted = {published_name(name): name for name in own if whole or name.startswith("encoder.")}
    misfits = [_misfit(theirs, own[ours], state.get(theirs)) for theirs, ours in wanted.items()]
    if whole:
        misfits += [f"{name} has no place in it" for name in state if name not in wanted]
    _refuse(origin, "SSN" if whole else "ResNet", [misfit for misfit in misfits if misfit])
    fitting = {ours: state[theirs] for theirs, ours in wanted.items() if theirs in state}
    network.load_state_dict(fitting, strict=False)


def shape_of(state: Mapping[str, Tensor], origin: str) -> tuple[int, Norm, Depth]:
    """Width, norm and depth of the published network that a state dict belongs to.

    Raises `WeightsError` when it belongs to no such network.
    """
    if "conv1.weight" not in state or not any(name.startswith(_OF_DECODERS) for name in state):
        _refuse(origin, "SSN", ["it has no conv1.weight, or none of predL.weight and predR.weight"])
    norm: Norm = "paper"
    if "bn1.weight" in state:
        norm = "group"
    elif "layer1.0.bn1.running_mean" in state:
        norm = "released"
    depth: Depth = 34 if any(name.startswith("layer1.2.") for name in state) else 18
    return state["conv1.weight"].shape[0], norm, depth


def _misfit(name: str, own: Tensor, given: Tensor | None) -> str:
    if given is None:
        return "" if name.endswith(_COUNTER) else f"{name} is missing"
    if given.shape != own.shape:
        return f"{name} has shape {tuple(given.shape)} instead of {tuple(own.shape)}"
    return ""


def _refuse(origin: str, kind: str, misfits: list[str]) -> None:
    if not misfits:
        return
    more = f", and {len(misfits) - _NAMED} more" if len(misfits) > _NAMED else ""
    raise WeightsError(
        f"{origin} does not fit this network as {kind}: {'; '.join(misfits[:_NAMED])}{more}. "
        "Width, depth and norm have to be those that the weights were trained with."
    )
