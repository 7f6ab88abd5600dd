"""What a step of the unpaired methods computes beside the published step: 256×256, batch 1, full width.

Operations are counted by torch on tensors without content, so that they are the same on every machine:

- I2V-GAN as published encodes every frame anew for each of its two similarities (24 passes through the encoder); here
  each frame is encoded once (8 passes). Half of the passes that are saved had no backward pass, so that 16 of 24 are
  about a fifth of the operations.
- ROMA as published computes gradients of the transformer's weights, which nothing uses, and keeps a graph for real
  pictures; here the transformer is frozen and real pictures have no graph.

Both peers are the methods of nirvis with just these savings undone. Content-aware optimisation is timed: whole steps of
CPTrans with and without it, in turn; the overhead is the median of the ratio within a round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from bars import Bar, report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nirvis_training.config import validated
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Losses, Method
from nirvis_training.methods.i2vgan import TAPS, Direction, I2vGan
from nirvis_training.methods.roma import Roma

SIZE = 256


class PublishedI2vGan(I2vGan):
    """Encodes anew for every comparison."""

    def _similarities(
        self, way: Direction, near: Sequence[Tensor], far: Sequence[Tensor], on_the_way: list[list[Tensor]]
    ) -> Losses:
        del on_the_way
        self.distance.look(near[2])  # once for each of the two terms that compare with it

        def encoded(frames: Sequence[Tensor]) -> list[list[Tensor]]:
            return [way.forth.features(frame, TAPS) for frame in frames]

        return {
            "external": self._external(way.projector, encoded(near), encoded(far)),
            "internal": self._internal(way.projector, encoded(near), encoded(far)),
        }

    def _discriminator_losses(self, way: Direction, real: Sequence[Tensor], kept: dict[str, Tensor]) -> Losses:
        third_again = 0 * way.judge(real[2]).mean()
        return {name: term + third_again for name, term in super()._discriminator_losses(way, real, kept).items()}


class PublishedRoma(Roma):
    """Trains a transformer whose optimiser nobody steps."""

    without_graph = torch.enable_grad  # type: ignore[assignment]


FRAMES: dict[type[Method], int] = {I2vGan: 3, PublishedI2vGan: 3, Roma: 2, PublishedRoma: 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of timed steps of CPTrans")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bars = []
    peers: dict[str, type[Method]] = {"i2vgan": PublishedI2vGan, "roma": PublishedRoma}
    for name, published in peers.items():
        ours, theirs = gflop_per_step(method_of(name)), gflop_per_step(published_of(name, published))
        print(f"{name}: {ours:.0f} GFLOP a step, as published {theirs:.0f}")
        bars.append(Bar(f"train.{name}_gflop_vs_published", ours / theirs, "x"))
    bars.append(Bar("train.cptrans_gflop", gflop_per_step(method_of("cptrans")), "GFLOP/step"))
    bars.append(Bar("train.co_overhead", co_overhead(options.rounds), "x"))
    report(bars, options.json)


def method_of(name: str, **settings: object) -> Method:
    table = {"samples": 1, "batch_size": 1, "crop": SIZE, "learning_rate": 1e-5}
    return make_method(validated(table | {"method": {"name": name, "features": "random", **settings}}, name))


def published_of(name: str, kind: type[Method]) -> Method:
    """The method of this name with the class exchanged: the same networks, other bookkeeping."""
    method = method_of(name)
    method.__class__ = kind
    return method


def gflop_per_step(method: Method) -> float:
    """All phases, forward and backward."""
    method.to("meta")
    if isinstance(method, PublishedRoma):
        for weight in method.backbone.buffers():
            weight.requires_grad_(True)
    batch = batch_of(method, torch.device("meta"))
    with FlopCounterMode(display=False) as counter:
        step(method, batch)
    return float(counter.get_total_flops()) / 1e9


def step(method: Method, batch: Batch) -> None:
    batch.kept.clear()
    for phase in method.phases:
        for name, network in method.named_children():
            if list(network.parameters()):
                network.requires_grad_(name in phase.networks)
        torch.stack(list(method.losses(phase, batch).values())).sum().backward()  # type: ignore[no-untyped-call]


def batch_of(method: Method, device: torch.device) -> Batch:
    frames = FRAMES.get(type(method), 1)
    shape = [1, 3, SIZE, SIZE] if frames == 1 else [1, frames, 3, SIZE, SIZE]
    source, target = torch.rand(shape, device=device), torch.rand(shape, device=device)
    return Batch(source, target, torch.ones(1, 1, SIZE, SIZE, device=device))


def co_overhead(rounds: int) -> float:
    """Median ratio of a step with content-aware weights to one without, in turn."""
    methods = [method_of("cptrans", content_aware=aware) for aware in (True, False)]
    batch = batch_of(methods[0], torch.device("cpu"))
    ratios = []
    for number in range(rounds + 1):
        seconds = {}
        for method in methods if number % 2 else methods[::-1]:
            began = time.perf_counter()
            step(method, batch)
            seconds[id(method)] = time.perf_counter() - began
        ratio = seconds[id(methods[0])] / seconds[id(methods[1])]
        print(
            f"round {number}: {seconds[id(methods[0])]:.1f} s with, {seconds[id(methods[1])]:.1f} s without", flush=True
        )
        ratios += [ratio] if number else []  # the first warms up
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
