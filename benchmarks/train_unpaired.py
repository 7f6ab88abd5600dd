"""What a step of the unpaired methods computes and takes beside the published step: 256×256, batch 1, full width.

- I2V-GAN as published encodes every frame anew for each of its two similarities (24 passes through the encoder); here
  each frame is encoded once (8 passes). More than half of the passes that are saved had no backward pass, so that 16 of
  24 are about a fifth of the operations.
- ROMA as published computes gradients of the transformer's weights, which nothing uses, and keeps a graph for real
  pictures; here the transformer is frozen and real pictures have no graph.

Both peers are the methods of nirvis with just these savings undone and with torch's own convolutions. A third
contestant, "direct", has the savings without the fast convolutions, so that both are seen by themselves; the bars are
the whole step as it runs.

Operations are counted by torch, two for a multiplication with its addition, in all products of matrices, those of the
transforms included; on tensors without content, so that they are the same on every machine. Times are those of whole
steps without optimisers, made in turn, in an order that is reversed from round to round; what is reported is the
median over the rounds of the ratio within a round. All contestants have the same weights, pictures and random choices,
and have to find the same loss. Content-aware optimisation is timed in the same way: CPTrans with and without it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from bars import Bar, report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nirvis_training.config import validated
from nirvis_training.losses.contrastive import TAPS
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Losses, Method
from nirvis_training.methods.i2vgan import Direction, I2vGan
from nirvis_training.methods.roma import Roma
from nirvis_training.processor import convolutions, placed
from nirvis_training.step import train_only

SIZE = 256
CPU = torch.device("cpu")
SAME_LOSS = 1e-4
"""Relative difference that rounding may make."""


class PublishedI2vGan(I2vGan):
    """Encodes anew for every comparison."""

    def _similarities(
        self, way: Direction, near: Sequence[Tensor], far: Sequence[Tensor], on_the_way: list[list[Tensor]]
    ) -> Losses:
        del on_the_way
        weights = self.settings
        self.distance.look(near[2])  # once for each of the two terms that compare with it

        def encoded(frames: Sequence[Tensor]) -> list[list[Tensor]]:
            return [way.forth.features(frame, TAPS) for frame in frames]

        return {
            "external": weights.external_weight * self._external(way.projector, encoded(near), encoded(far)),
            "internal": weights.internal_weight * self._internal(way.projector, encoded(near), encoded(far)),
        }

    def _discriminator_losses(self, way: Direction, real: Sequence[Tensor], kept: dict[str, Tensor]) -> Losses:
        third_again = 0 * way.judge(real[2]).mean()
        return {name: term + third_again for name, term in super()._discriminator_losses(way, real, kept).items()}


class PublishedRoma(Roma):
    """Trains a transformer whose optimiser nobody steps."""

    without_graph = torch.enable_grad  # type: ignore[assignment]


PEERS: dict[str, type[Method]] = {"i2vgan": PublishedI2vGan, "roma": PublishedRoma}
FRAMES = {"i2vgan": 3, "roma": 2}


class Contestant:
    """A method, and whether its wide convolutions are fast."""

    def __init__(self, name: str, *, fast: bool = True, kind: type[Method] | None = None, **settings: object) -> None:
        table = {"samples": 1, "batch_size": 1, "crop": SIZE, "learning_rate": 1e-5, "fast_convolutions": fast}
        self.config = validated(table | {"method": {"name": name, "features": "random", **settings}}, name)
        torch.manual_seed(0)
        self.method = placed(make_method(self.config), CPU, torch.channels_last).train()
        if kind is not None:
            # The same networks, other bookkeeping.
            self.method.__class__ = kind
        self._frames = FRAMES.get(name, 1)

    def gflop(self) -> float:
        """Of a step; the method cannot compute anything afterwards."""
        self.method.to("meta")
        with FlopCounterMode(display=False) as counter:
            self.step(torch.device("meta"))
        return float(counter.get_total_flops()) / 1e9

    def step(self, device: torch.device = CPU) -> list[Tensor]:
        """All phases, forward and backward; returns all terms."""
        torch.manual_seed(1)
        if isinstance(self.method, PublishedRoma):
            for weight in self.method.backbone.buffers():
                weight.requires_grad_(True)
        shape = [1, 3, SIZE, SIZE] if self._frames == 1 else [1, self._frames, 3, SIZE, SIZE]
        source, target = torch.rand(shape, device=device), torch.rand(shape, device=device)
        batch = Batch(source, target, torch.ones(1, 1, SIZE, SIZE, device=device))
        terms: list[Tensor] = []
        with convolutions(self.config, device):
            for phase in self.method.phases:
                train_only(self.method, phase)
                losses = list(self.method.losses(phase, batch).values())
                torch.autograd.backward(torch.stack(losses).sum())
                terms += [loss.detach() for loss in losses]
        self.method.zero_grad()
        return terms


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    bars = []
    for name in options.methods:
        bars += published_bars(name, options.rounds) if name in PEERS else content_aware_bars(name, options.rounds)
    report(bars, options.json)


def published_bars(name: str, rounds: int) -> list[Bar]:
    def made() -> dict[str, Contestant]:
        return {
            "as published": Contestant(name, fast=False, kind=PEERS[name]),
            "direct": Contestant(name, fast=False),
            "nirvis": Contestant(name),
        }

    gflop = {kind: contestant.gflop() for kind, contestant in made().items()}
    for kind, count in gflop.items():
        print(f"{name} {kind}: {count:.0f} GFLOP a step, {count / gflop['as published']:.2f} of the published")
    bars = [
        Bar(f"train.{name}_gflop_vs_published", gflop["nirvis"] / gflop["as published"], "x"),
        Bar(f"train.{name}_gflop_direct_vs_published", gflop["direct"] / gflop["as published"], "x"),
    ]
    if rounds:
        seconds = race(made(), rounds)
        bars.append(Bar(f"train.{name}_time_vs_published", ratio(seconds, "nirvis", "as published"), "x"))
    return bars


def content_aware_bars(name: str, rounds: int) -> list[Bar]:
    bars = [Bar(f"train.{name}_gflop", Contestant(name).gflop(), "GFLOP/step")]
    if rounds:
        seconds = race({"with": Contestant(name), "without": Contestant(name, content_aware=False)}, rounds, same=False)
        bars.append(Bar("train.co_overhead", ratio(seconds, "with", "without"), "x"))
    return bars


def race(contestants: Mapping[str, Contestant], rounds: int, *, same: bool = True) -> dict[str, list[float]]:
    """Seconds of a step of each contestant in each round.

    same
        Whether all of them have to find one loss.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        losses = {}
        for name in list(contestants)[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            losses[name] = float(torch.stack(contestants[name].step()).sum())
            seconds[name].append(time.perf_counter() - began)
        if same and number == 0:
            _refuse_different(losses)
        found = ", ".join(f"{name} {times[-1]:.1f} s" for name, times in seconds.items())
        print(f"round {number}: {found}", flush=True)
    return seconds


def _refuse_different(losses: Mapping[str, float]) -> None:
    """Contestants that do not compute the same have nothing to compare."""
    first = next(iter(losses.values()))
    print("loss: " + ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items()), flush=True)
    if not all(abs(loss / first - 1) < SAME_LOSS for loss in losses.values()):
        raise SystemExit("the contestants do not compute the same loss")


def ratio(seconds: Mapping[str, list[float]], name: str, peer: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[peer], strict=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=["i2vgan", "roma", "cptrans"], help="all three when absent")
    parser.add_argument("--rounds", type=int, default=3, help="timed steps of each contestant; 0 counts only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
