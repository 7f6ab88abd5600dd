"""How fast the colorizer is beside the same network in torch, and whether both show the same picture.

All contestants colour the same 640x480 pictures with the same number of threads, in turn, in an order that is reversed
from round to round; what is reported is the median over the rounds of the ratio within a round.

``python benchmarks/colorize.py``: without ``--run`` an SSN of full width is trained on the four shipped picture pairs
for a while first, because an untrained one shows next to nothing and would agree too easily.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from bars import Bar, report
from numpy.typing import NDArray
from torch import Tensor, nn

from nirvis_capture.picture_file import in_eight_bits, read_picture
from nirvis_training.colorizer import Colorizer, processor_flags
from nirvis_training.colour import denormalise_lab, lab_to_rgb, normalise_lab, rgb_to_lab
from nirvis_training.export import export_network
from nirvis_training.methods import load_method
from nirvis_training.model_contract import ModelContract
from nirvis_training.networks.ssn import StateSynchronizationNetwork
from nirvis_training.run_folder import RunFolder

Picture = NDArray[np.uint8]
PAIRS = ("vnir_train", "nir_train", "vnir_val", "nir_val")
CROP, BATCH = 128, 4


class LabToRgb(nn.Module):
    """A network that gives normalised Lab, as one that gives RGB."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, source: Tensor) -> Tensor:
        return lab_to_rgb(denormalise_lab(self.network(source)))


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    sources = [shipped(f"{name}_src.png") for name in PAIRS]
    network = trained(options.width, options.train_seconds) if options.run is None else of_run(options.run)
    print(f"processor: {'amx_bf16' if 'amx_bf16' in processor_flags() else 'no amx_bf16'}; {options.threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        model = export_network(network, ModelContract(name="benchmark", method="ssn"), Path(folder) / "model.onnx")
        f32 = Colorizer(model, threads=options.threads, precision="f32")
        bf16 = Colorizer(model, threads=options.threads, precision="bf16")
        expected = [in_torch(network, source) for source in sources]
        print(f"standard deviation of the colour: {np.stack(expected).std():.0f} of 255")
        agreement = psnr_db([f32.colorize(source) for source in sources], expected)
        print(f"bf16 against torch fp32: {psnr_db([bf16.colorize(s) for s in sources], expected):.1f} dB")
        seconds = race(contestants(network, f32, bf16), sources, options.rounds)
    for name, times in seconds.items():
        print(f"{name:24}{statistics.median(times):8.3f} s")
    if "amx_bf16" not in processor_flags():
        print("no amx_bf16 on this processor: bf16 is measured, the goal of 8 times does not apply")
    report(
        [
            Bar("colorize.f32_vs_eager", ratio(seconds, "openvino f32"), "x"),
            Bar("colorize.f32_vs_channels_last", ratio(seconds, "openvino f32", "torch channels_last"), "x"),
            Bar("colorize.bf16_vs_eager", ratio(seconds, "openvino bf16"), "x"),
            Bar("colorize.psnr_vs_torch", agreement, "dB"),
        ],
        options.json,
    )


def of_run(run: Path) -> nn.Module:
    print(f"network: best weights of {run}")
    return load_method(RunFolder(run)).eval()


def trained(width: int, seconds: float) -> nn.Module:
    """An SSN that was trained on crops of the shipped pairs with L1 on Lab: not good, but far from constant."""
    torch.manual_seed(0)
    network = StateSynchronizationNetwork(width)
    sources, targets = (torch.cat([as_tensor(shipped(f"{n}_{side}.png")) for n in PAIRS]) for side in ("src", "vc"))
    wanted = normalise_lab(rgb_to_lab(targets))
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    step, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        top, left = (int(torch.randint(size - CROP + 1, ())) for size in sources.shape[2:])
        window = (slice(None), slice(None), slice(top, top + CROP), slice(left, left + CROP))
        loss = nn.functional.l1_loss(network(sources[window]), wanted[window])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        step += 1
    print(
        f"network: SSN of width {width}, trained for {step} steps on the shipped pairs"
        if step
        else "network: untrained"
    )
    return LabToRgb(network).eval()


def contestants(network: nn.Module, f32: Colorizer, bf16: Colorizer) -> dict[str, Callable[[Picture], object]]:
    """Everything from an 8-bit picture to an 8-bit picture."""

    relaid = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def channels_last(source: Picture) -> Picture:
        return in_torch(relaid, source, torch.channels_last)

    def autocast(source: Picture) -> Picture:
        with torch.autocast("cpu", torch.bfloat16):
            return channels_last(source)

    return {
        "torch": lambda source: in_torch(network, source),
        "torch channels_last": channels_last,
        "torch bf16 channels_last": autocast,
        "openvino f32": f32.colorize,
        "openvino bf16": bf16.colorize,
    }


@torch.inference_mode()
def in_torch(network: nn.Module, source: Picture, layout: torch.memory_format = torch.contiguous_format) -> Picture:
    colour = network(as_tensor(source).contiguous(memory_format=layout)).float()
    counts: Picture = (colour[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return counts


def race(
    contestants: Mapping[str, Callable[[Picture], object]], sources: list[Picture], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each contestant in each round; the order turns round every time."""
    for colour in contestants.values():
        colour(sources[0])
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(contestants)[::-1]
        for name in order:
            began = time.perf_counter()
            contestants[name](sources[number % len(sources)])
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, against: str = "torch") -> float:
    return statistics.median(a / b for a, b in zip(seconds[against], seconds[name], strict=True))


def psnr_db(found: list[Picture], expected: list[Picture]) -> float:
    """Over all pictures together."""
    difference = np.stack(found).astype(np.float64) - np.stack(expected)
    return 10 * math.log10(255**2 / max(float(np.mean(difference**2)), 1e-9))


def shipped(name: str) -> Picture:
    with resources.as_file(resources.files("nirvis") / "pictures" / "vsiad" / name) as path:
        return in_eight_bits(read_picture(path))


def as_tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of a training run whose network to take")
    parser.add_argument("--width", type=int, default=64, help="of the SSN that is trained here")
    parser.add_argument("--train-seconds", type=float, default=75.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
