"""The compact network beside the State Synchronization Network: how fast, how good, how steady.

Always: both at their full width as exported models, which colour the same 640x480 pictures in turn on two threads.

``python benchmarks/compact.py --dataset demo/pairs`` (registered pairs, such as `nirvis demo` leaves) also trains an
SSN of width 16 without its perceptual term (`ssn_demo`), the compact network, and the compact network taught by that
SSN, on equally many crops of the same pairs, and judges all three on the test set: PSNR, and how far above that of the
mean colour, in each mode too, because what is gained by day hides how little is gained at night; and flicker, the mean
of |what changed in the prediction - what changed in the input| over pairs that follow each other. Without a test set
of several clips the figures mean little.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bars import Bar, report
from colorize import PAIRS, race, ratio, shipped
from torch import Tensor

from nirvis_datasets.samples import SampleDataset
from nirvis_training import metrics
from nirvis_training.baselines import mean_colour
from nirvis_training.colorizer import Colorizer
from nirvis_training.config import load_config
from nirvis_training.export import export_network
from nirvis_training.loop import train
from nirvis_training.methods import load_method, make_method
from nirvis_training.model_contract import ModelContract

Predict = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Figures:
    """Means over the test set."""

    psnr_db: float
    psnr_db_of_mode: dict[str, float]
    flicker_dn: float
    """Of 255; 0 for a video that changes exactly as its input does."""


def main() -> None:
    options = _options()
    bars = speed(options.rounds, options.threads)
    if options.dataset is not None:
        with tempfile.TemporaryDirectory() as folder:
            bars += quality(options.dataset, options.samples, Path(folder))
    report(bars, options.json)


def speed(rounds: int, threads: int) -> list[Bar]:
    """Both networks as they are exported; what they weigh does not change how long they take."""
    colorizers, sizes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, width in (("ssn", 64), ("compact", 48)):
            method = make_method(load_config(f"{name}_demo", {"method.width": width})).eval()
            path = export_network(method, ModelContract(name=name, method=name), Path(folder) / f"{name}.onnx")
            colorizers[name] = Colorizer(path, threads=threads, precision="f32").colorize
            sizes[name] = sum(parameter.numel() for parameter in method.parameters())
    seconds = race(colorizers, [shipped(f"{name}_src.png") for name in PAIRS], rounds)
    return [
        Bar("compact.speed_vs_ssn", ratio(seconds, "compact", against="ssn"), "x"),
        Bar("compact.parameters", sizes["compact"] / 1e6, "million"),
    ]


def quality(dataset: Path, samples: int, folder: Path) -> list[Bar]:
    plan = {
        "ssn": ("ssn_demo", {}),
        "compact": ("compact_demo", {}),
        "taught": ("compact_demo", {"method.teacher": str(folder / "ssn")}),
    }
    found = {}
    for name, (config, changes) in plan.items():
        equal = {"samples": samples, "max_seconds": None}
        run = train(load_config(config, {**equal, **changes}), dataset, folder / name)
        found[name] = judged(load_method(run).predict, dataset)
        print(f"{name:10}{found[name].psnr_db:8.2f} dB{found[name].flicker_dn:8.3f} of 255")
    targets = SampleDataset(dataset, "train")
    colour = mean_colour((targets[i]["target"], targets[i]["valid"]) for i in range(len(targets)))
    mean = judged(colour, dataset)
    bars = [*above_mean("compact.ssn_", found["ssn"], mean)]
    for name, title in (("compact", "compact."), ("taught", "compact.taught_")):
        bars += [
            Bar(f"{title}psnr_minus_ssn", found[name].psnr_db - found["ssn"].psnr_db, "dB"),
            *above_mean(title, found[name], mean),
            Bar(f"{title}flicker_vs_ssn", found[name].flicker_dn / found["ssn"].flicker_dn, "x"),
        ]
    return bars


def above_mean(title: str, found: Figures, mean: Figures) -> list[Bar]:
    """PSNR above that of the mean colour, of all pictures and of each mode."""
    bars = [Bar(f"{title}psnr_above_mean", found.psnr_db - mean.psnr_db, "dB")]
    for mode, psnr_db in found.psnr_db_of_mode.items():
        bars.append(Bar(f"{title}psnr_above_mean_{mode}", psnr_db - mean.psnr_db_of_mode[mode], "dB"))
    return bars


def judged(predict: Predict, dataset: Path) -> Figures:
    test = SampleDataset(dataset, "test")
    scores: dict[str, list[float]] = {}
    changes = []
    before: tuple[str, Tensor] | None = None
    for index in range(len(test)):
        sample = test[index]
        source, target, valid = (sample[side].unsqueeze(0) for side in ("source", "target", "valid"))
        predicted = predict(source)
        scores.setdefault(sample["mode"], []).append(metrics.psnr(predicted, target, valid).item())
        added = (predicted - source) * valid
        if before is not None and before[0] == sample["recording_id"]:
            changes.append((added - before[1]).abs().mean().item() * 255)
        before = sample["recording_id"], added
    everything = [score for of in scores.values() for score in of]
    of_mode = {mode: float(np.mean(of)) for mode, of in sorted(scores.items())}
    return Figures(float(np.mean(everything)), of_mode, float(np.mean(changes)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, help="folder of registered pairs with catalogue.csv and splits.csv")
    parser.add_argument("--samples", type=int, default=4_000, help="crops that each network is trained on")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
