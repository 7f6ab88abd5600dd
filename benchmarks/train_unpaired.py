"""What a step of the unpaired methods computes and takes beside the published step: 256×256, batch 1, full width.

- I2V-GAN as published encodes every frame anew for each of its two similarities (24 passes through the encoder); here
  each frame is encoded once (8 passes). More than half of the passes that are saved had no backward pass, so that 16 of
  24 are about a fifth of the operations.
- ROMA as published computes gradients of the transformer's weights, which nothing uses, and keeps a graph for real
  pictures; here the transformer is frozen and real pictures have no graph.

Both peers are the methods of nirvis with just these savings undone and with torch's own convolutions. A third
contestant, "direct", has the savings without the fast convolutions, so that both are seen by themselves; the bars are
the whole step as it runs, and ``…_direct_…`` what the saving alone is worth.

Operations are counted by torch, two for a multiplication with its addition, in all products of matrices, those of the
transforms included; on tensors without content, so that they are the same on every machine. Times are those of whole
steps without optimisers, made in turn, in an order that is reversed from round to round; what is reported is the
median over the rounds of the ratio within a round. All contestants have the same weights, pictures and random choices,
and have to find the same loss. Besides, the memory of a step as it is said before the first one, and with ``--bf16``
and ``--compile`` contestants that make the same step in bf16 and translated by torch.compile.

Content-aware optimisation is counted and timed in the same way: CPTrans with and without it, for both discriminators;
the whole step (``train.co_overhead``), and its adversarial part by itself: the discriminator's passes forward and
backward on tokens or pictures that are there already (``train.co_adversarial_overhead``).
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
from nirvis_training.distribution import Team
from nirvis_training.losses.contrastive import TAPS
from nirvis_training.memory import Memory, measure
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Losses, Method
from nirvis_training.methods.cptrans import Cptrans
from nirvis_training.methods.i2vgan import Direction, I2vGan
from nirvis_training.methods.roma import Roma
from nirvis_training.networks.token_discriminator import TokenDiscriminator
from nirvis_training.processor import convolutions, placed, quicken
from nirvis_training.step import Stepper, train_only

SIZE = 256
CPU = torch.device("cpu")
DIRECT = {"fast_convolutions": False}
SAME_LOSS, SAME_IN_BF16 = 1e-4, 0.05
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


class AdversarialPart(Cptrans):
    """The discriminator alone, shown what is there already."""

    def generator_losses(self, batch: Batch) -> Losses:
        return {"adversarial": self.deceived(batch.source.detach().requires_grad_(), batch)}

    def discriminator_losses(self, batch: Batch) -> Losses:
        return self.told_apart(batch.target, batch)


PEERS: dict[str, type[Method]] = {"i2vgan": PublishedI2vGan, "roma": PublishedRoma}
FRAMES = {"i2vgan": 3, "roma": 2}
DISCRIMINATORS = {"tokens": "", "patches": "_patches"}
"""Of CPTrans, and how their bars end."""


class Contestant:
    """A method as a run of these settings has it, at batch 1.

    kind
        A class with the same networks and other bookkeeping.
    run
        Settings of the run, such as ``{"precision": "bf16"}``.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: type[Method] | None = None,
        run: Mapping[str, object] | None = None,
        **settings: object,
    ) -> None:
        table = {"samples": 1, "batch_size": 1, "crop": SIZE, "learning_rate": 1e-5, **(run or {})}
        self.config = validated(table | {"method": {"name": name, "features": "random", **settings}}, name)
        torch.manual_seed(0)
        self.method = placed(make_method(self.config), CPU, torch.channels_last).train()
        if kind is not None:
            self.method.__class__ = kind
        self._frames = FRAMES.get(name, 1)
        self._stepper = Stepper(self.method, self.config, Team())
        quicken(self.method, self.config, CPU)

    def memory(self) -> Memory:
        """Of a step, as a run says it."""
        self._unfreeze_published()
        return measure(self.method, self._stepper, self._batch(CPU), CPU)

    def gflop(self) -> float:
        """Of a step; the method cannot compute anything afterwards."""
        self.method.to("meta")
        with FlopCounterMode(display=False) as counter:
            self.step(torch.device("meta"))
        return float(counter.get_total_flops()) / 1e9

    def step(self, device: torch.device = CPU) -> list[Tensor]:
        """All phases, forward and backward; returns all terms."""
        torch.manual_seed(1)
        self._unfreeze_published()
        batch = self._batch(device)
        terms: list[Tensor] = []
        with convolutions(self.config, device):
            for phase in self.method.phases:
                train_only(self.method, phase)
                losses = list(self.method.losses(phase, batch).values())
                torch.autograd.backward(torch.stack(losses).sum())
                terms += [loss.detach() for loss in losses]
        self.method.zero_grad()
        return terms

    def _unfreeze_published(self) -> None:
        if isinstance(self.method, PublishedRoma):
            for weight in self.method.backbone.buffers():
                weight.requires_grad_(True)

    def _batch(self, device: torch.device) -> Batch:
        shape: tuple[int, ...] = (1, 3, SIZE, SIZE) if self._frames == 1 else (1, self._frames, 3, SIZE, SIZE)
        if isinstance(self.method, AdversarialPart) and isinstance(self.method.discriminator, TokenDiscriminator):
            shape = (1, self.method.settings.token_grid**2, self.method.settings.token_width)
        source, target = torch.rand(shape, device=device), torch.rand(shape, device=device)
        return Batch(source, target, torch.ones(1, 1, SIZE, SIZE, device=device))


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    bars = []
    for name in options.methods:
        bars += published_bars(name, options) if name in PEERS else content_aware_bars(name, options)
    report(bars, options.json)


def published_bars(name: str, options: argparse.Namespace) -> list[Bar]:
    def made() -> dict[str, Contestant]:
        return {
            "as published": Contestant(name, kind=PEERS[name], run=DIRECT),
            "direct": Contestant(name, run=DIRECT),
            "nirvis": Contestant(name),
        }

    gflop = {kind: contestant.gflop() for kind, contestant in made().items()}
    for kind, count in gflop.items():
        print(f"{name} {kind}: {count:.0f} GFLOP a step, {count / gflop['as published']:.2f} of the published")
    bars = [
        Bar(f"train.{name}_gflop_vs_published", gflop["nirvis"] / gflop["as published"], "x"),
        Bar(f"train.{name}_gflop_direct_vs_published", gflop["direct"] / gflop["as published"], "x"),
    ]
    if not options.rounds:
        return bars
    contestants = made() | quick(name, options)
    bars.append(memory_bar(name, contestants))
    seconds = race(contestants, options.rounds)
    return bars + [
        Bar(f"train.{name}_{kind.replace(' ', '_')}_time_vs_published", ratio(seconds, kind, "as published"), "x")
        for kind in contestants
        if kind != "as published"
    ]


def content_aware_bars(name: str, options: argparse.Namespace) -> list[Bar]:
    bars = [Bar(f"train.{name}_gflop", Contestant(name).gflop(), "GFLOP/step")]
    for discriminator, ending in DISCRIMINATORS.items():
        for part, kind in (("co", None), ("co_adversarial", AdversarialPart)):

            def made(kind: type[Method] | None = kind, discriminator: str = discriminator) -> dict[str, Contestant]:
                return {
                    which: Contestant(name, kind=kind, discriminator=discriminator, content_aware=which == "with")
                    for which in ("with", "without")
                }

            gflop = {which: contestant.gflop() for which, contestant in made().items()}
            bars.append(Bar(f"train.{part}_gflop_overhead{ending}", gflop["with"] / gflop["without"], "x"))
            if options.rounds:
                seconds = race(made(), options.rounds, same=False)
                bars.append(Bar(f"train.{part}_overhead{ending}", ratio(seconds, "with", "without"), "x"))
    if not options.rounds:
        return bars
    contestants = {"nirvis": Contestant(name)} | quick(name, options)
    bars.append(memory_bar(name, contestants))
    seconds = race(contestants, options.rounds) if len(contestants) > 1 else {}
    return bars + [
        Bar(f"train.{name}_{kind.replace(' ', '_')}_time", ratio(seconds, kind, "nirvis"), "x")
        for kind in seconds
        if kind != "nirvis"
    ]


def quick(name: str, options: argparse.Namespace) -> dict[str, Contestant]:
    """Contestants in bf16 and translated by torch.compile, where they are asked for."""
    runs: dict[str, Mapping[str, object]] = {}
    if options.bf16:
        runs["nirvis bf16"] = {"precision": "bf16"}
    if options.compile:
        runs["nirvis compiled"] = {"compile": ["all"]}
    if options.bf16 and options.compile:
        runs["nirvis bf16 compiled"] = {"precision": "bf16", "compile": ["all"]}
    return {kind: Contestant(name, run=run) for kind, run in runs.items()}


def memory_bar(name: str, contestants: Mapping[str, Contestant]) -> Bar:
    found = {kind: contestant.memory() for kind, contestant in contestants.items()}
    for kind, memory in found.items():
        print(f"{name} {kind}: {memory}", flush=True)
    return Bar(f"train.{name}_memory", found["nirvis"].needed / 2**30, "GiB/step")


def race(contestants: Mapping[str, Contestant], rounds: int, *, same: bool = True) -> dict[str, list[float]]:
    """Seconds of a step of each contestant in each round.

    same
        Whether all of them have to find one loss.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    if rounds:
        # The first step does not count: compilers translate in it.
        losses = {name: float(torch.stack(contestant.step()).sum()) for name, contestant in contestants.items()}
        if same:
            _refuse_different(losses)
    for number in range(rounds):
        for name in list(contestants)[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            torch.stack(contestants[name].step()).sum().item()
            seconds[name].append(time.perf_counter() - began)
        found = ", ".join(f"{name} {times[-1]:.1f} s" for name, times in seconds.items())
        print(f"round {number}: {found}", flush=True)
    return seconds


def _refuse_different(losses: Mapping[str, float]) -> None:
    """Contestants that do not compute the same have nothing to compare."""
    first = next(iter(losses.values()))
    print("loss: " + ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items()), flush=True)
    if not all(
        abs(loss / first - 1) < (SAME_IN_BF16 if "bf16" in name else SAME_LOSS) for name, loss in losses.items()
    ):
        raise SystemExit("the contestants do not compute the same loss")


def ratio(seconds: Mapping[str, list[float]], name: str, peer: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[peer], strict=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=["i2vgan", "roma", "cptrans"], help="all three when absent")
    parser.add_argument("--rounds", type=int, default=3, help="timed steps of each contestant; 0 counts only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="a contestant in bf16 as well")
    parser.add_argument("--compile", action="store_true", help="contestants that torch.compile translated as well")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
