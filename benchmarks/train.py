"""A training step of the SSN beside the same network written plainly, both at batch 8 and 256×256 with VGG-16's shape.

Both begin with the same weights (random ones in VGG) and have to find the same loss in fp32. They step in turn, in an
order that is reversed from round to round; what is reported is the median over the rounds of the ratio within a round.
On a processor nirvis steps in its default precision (fp32, channels last), "direct" is the same without fast
convolutions, and ``--bf16`` and ``--compile`` add contestants; on a GPU it steps in bf16, channels last and compiled.

Besides: floating-point operations of a step, from torch's own counter, the transforms of fast convolutions included;
the share of a real run that waits for samples; and whether a run that was killed in mid-epoch and resumed ends with the
same weights, bit by bit.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from bars import Bar, report
from load_material import catalogue, pictures, write_clip
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from train_plain_ssn import PlainStep

from nirvis_capture.settings import Changes
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.distribution import Team
from nirvis_training.loop import Progress, resume, train
from nirvis_training.memory import measure
from nirvis_training.methods import load_method, make_method
from nirvis_training.methods.base import Batch, Method
from nirvis_training.networks.vgg import random_vgg
from nirvis_training.processor import convolutions, device_of, memory_format_of, placed, quicken
from nirvis_training.step import Stepper

SIZE = 256
CONFIG = """
samples = 1_000_000
batch_size = 8
learning_rate = 1e-4
[method]
name = "ssn"
features = "random"
"""


class Contestant:
    """nirvis' own step, as the loop makes it."""

    def __init__(self, config: TrainingConfig, source: Tensor, target: Tensor) -> None:
        self.config = config
        self.device = device_of(config)
        self.method: Method = make_method(config)
        self._place = memory_format_of(config, self.device, self.method)
        placed(self.method, self.device, self._place).train()
        self.stepper = Stepper(self.method, config, Team())
        quicken(self.method, config, self.device)
        sample = {"source": source, "target": target, "valid": torch.ones_like(source[:, :1])}
        self.batch = Batch.of(sample, self.device, self._place)

    def step(self) -> float:
        with convolutions(self.config, self.device):
            return sum(self.stepper.step([replace(self.batch, kept={})], 0).values())


def contestants(options: argparse.Namespace) -> dict[str, PlainContestant | Contestant]:
    """The plain peer first; all begin with the same weights."""
    torch.manual_seed(0)
    source, target = torch.rand(2, options.batch, 3, SIZE, SIZE).unbind()
    gpu = torch.cuda.is_available()
    changes: dict[str, Changes] = {"nirvis": {"precision": "bf16", "compile": ["all"]} if gpu else {}}
    if not gpu:
        changes["nirvis direct"] = {"fast_convolutions": False}
    if options.bf16:
        changes["nirvis bf16"] = {"precision": "bf16"}
    if options.compile:
        changes["nirvis compiled"] = {"compile": ["all"]}
        changes["nirvis bf16 compiled"] = {"precision": "bf16", "compile": ["all"]}
    made = {
        name: Contestant(parse_config(CONFIG, changes={"batch_size": options.batch, **change}), source, target)
        for name, change in changes.items()
    }
    return {"plain": PlainContestant(made["nirvis"], source, target), **made}


class PlainContestant:
    """The peer, with the weights that nirvis begins with."""

    def __init__(self, like: Contestant, source: Tensor, target: Tensor) -> None:
        self._peer = PlainStep(random_vgg("VGG-16", "relu4_3"))
        self._peer.network.load_state_dict(_as_plain(like.method.get_submodule("generator").state_dict()), strict=False)
        self._peer.network.to(like.device)
        self._peer.vgg.to(like.device)
        self._source, self._target = source.to(like.device), target.to(like.device)

    def step(self) -> float:
        return self._peer.step(self._source, self._target)


def _as_plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of nirvis' network under the names of the peer."""
    plain = {}
    for name, tensor in state.items():
        name = name.removeprefix("encoder.").replace("stages.", "encoder.")
        for number, branch in enumerate(("texture", "chrominance")):
            for part, other in (("upsample", "up"), ("blocks", "blocks"), ("head", "heads")):
                name = name.replace(f"{branch}.{part}", f"{other}.{number}")
        plain[name] = tensor.clone()
    return plain


def race(steps: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round; the order turns round every time. The first steps do not count."""
    first = {name: step() for name, step in steps.items()}
    print("loss of the first step: " + ", ".join(f"{name} {loss:.5f}" for name, loss in first.items()), flush=True)
    _refuse_different(first)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds):
        for name in list(steps) if number % 2 == 0 else list(steps)[::-1]:
            seconds[name].append(timed(steps[name]))
    return seconds


def timed(step: Callable[[], object]) -> float:
    """Seconds until a step is done, on a GPU too: its last kernels are not left to whoever is timed next."""
    _wait_for_gpu()
    began = time.perf_counter()
    step()
    _wait_for_gpu()
    return time.perf_counter() - began


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _refuse_different(losses: Mapping[str, float]) -> None:
    """Contestants that do not compute the same have nothing to compare."""
    for name, loss in losses.items():
        allowed = 0.05 if "bf16" in name or torch.cuda.is_available() else 1e-3
        if not abs(loss / losses["plain"] - 1) < allowed:
            raise SystemExit(f"the loss of the first step of {name} is not that of the peer, but {loss:.5f}")


def gflop_per_sample(step: Callable[[], float], batch: int) -> float:
    """Two for a multiplication with its addition."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / batch / 1e9


def real_run_bars(folder: Path, samples: int) -> list[Bar]:
    """What a run on pairs of full size says of itself, and whether one that is killed goes on exactly."""
    for number in range(2):
        write_clip(folder / f"r{number}.pairs.h5", number, [pictures(8 * number + i) for i in range(8)])
    catalogue(folder)
    run = train(parse_config(CONFIG, changes=_run_settings(samples, 64)), folder, folder / "run")
    waited = [line["data_wait_share"] for line in run.metrics() if "data_wait_share" in line]
    exact = resumed_exactly(parse_config(CONFIG, changes=_run_settings(48, 4)), folder)
    return [Bar("train.data_wait_share", waited[-1], "share"), Bar("train.resume_exact", float(exact), "1_or_0")]


def _run_settings(samples: int, width: int) -> Changes:
    # Wide: the first batch is waited for anyway, so that the second line of the log counts.
    due = {"validate_every_samples": samples, "checkpoint_every_samples": 16, "log_every_samples": samples // 2}
    return {"samples": samples, "method.width": width, "validation_pairs": 1, "video_frames": 0, **due}


class _Killed(Exception):
    """Nothing of the loop runs after this."""


def resumed_exactly(config: TrainingConfig, folder: Path) -> bool:
    """Whether a run that was killed between two checkpoints in mid-epoch ends as one that never was."""

    def kill(progress: Progress) -> None:
        if progress.samples == 24:
            raise _Killed

    whole = train(config, folder, folder / "whole")
    with suppress(_Killed):
        train(config, folder, folder / "killed", kill)
    resumed = resume(folder / "killed")
    states = [load_method(run, "last").state_dict() for run in (whole, resumed)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    found = contestants(options)
    ours = found["nirvis"]
    if isinstance(ours, Contestant):
        print(measure(ours.method, ours.stepper, ours.batch, ours.device))
    steps = {name: contestant.step for name, contestant in found.items()}
    gflop = {name: gflop_per_sample(steps[name], options.batch) for name in steps}
    seconds = race(steps, options.rounds)
    for name, times in seconds.items():
        print(f"{name:22}{statistics.median(times):8.3f} s a step, {faster(seconds, name):.3f} x plain")
    print("GFLOP a sample: " + ", ".join(f"{name} {count:.1f}" for name, count in gflop.items()))
    bars = [
        Bar("train.ssn_vs_plain", faster(seconds, "nirvis"), "x"),
        Bar("train.ssn_gflop_per_sample", gflop["nirvis"], "GFLOP"),
    ]
    if not options.steps_only:
        with tempfile.TemporaryDirectory() as folder:
            bars += real_run_bars(Path(folder), 4 * options.batch)
    report(bars, options.json)


def faster(seconds: Mapping[str, list[float]], name: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds["plain"], seconds[name], strict=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="a contestant in bf16 as well")
    parser.add_argument("--compile", action="store_true", help="contestants that torch.compile translated as well")
    parser.add_argument("--steps-only", action="store_true", help="no real run")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
