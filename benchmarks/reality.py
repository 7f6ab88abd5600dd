"""The simulated rig beside reality: colour statistics of registered pairs, and a network that saw nothing but the twin.

``python benchmarks/reality.py`` compares what a street of the twin and real near-infrared / visible photographs have in
common. With ``--train-seconds`` it also records streets of the twin, trains a narrow SSN on them alone, and scores it
on the real photographs beside answers that need no training; ``--out`` keeps the pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from bars import Bar, report
from numpy.typing import NDArray
from torch import Tensor

from nirvis.session import catalogue_and_split
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import load_profile
from nirvis_capture.raw import picture
from nirvis_capture.truth import true_homography
from nirvis_capture.twin.imaging.imager import street_imagers
from nirvis_registration.batch import register_clips
from nirvis_registration.geometry import with_mirrors
from nirvis_registration.settings import RegistrationSettings
from nirvis_training import metrics
from nirvis_training.baselines import as_it_is, grey_world
from nirvis_training.config import load_config
from nirvis_training.evaluate import training_mean_colour
from nirvis_training.loop import train
from nirvis_training.methods import load_method
from nirvis_training.run_folder import RunFolder

Picture = NDArray[np.uint8]
Grey = NDArray[np.float32]
Kind = Literal["vnir", "nir"]

CHROMA_EDGES = 0.02
"""Share of the pixels that count as edges of colour."""
SIZE = (640, 480)


@dataclass(frozen=True, eq=False)
class Pair:
    """Source and target of one scene, registered: RGB ``(H, W, 3)`` u8."""

    name: str
    kind: Kind
    source: Picture
    target: Picture
    colour_source: bool = True
    """False where the source was stored in grey."""


@dataclass(frozen=True)
class Statistics:
    """What the papers say of such pairs, in figures; None where a pair cannot tell."""

    vegetation_gain: float | None
    """Brightness of vegetation against the picture's mean, in the source over that in the target."""
    colour_edge_contrast: float
    """Contrast of the source across the strongest colour edges of the target, as a share of theirs."""
    saturation: float | None
    """Median saturation of the balanced source over that of the balanced target."""
    channel_spread: float | None
    """Mean (max − min) / mean over the channels of the source."""


def statistics(pair: Pair) -> Statistics:
    source, target = smooth(pair.source), smooth(pair.target)
    vegetation = green(target)
    gain = None
    if vegetation.mean() > 0.01:
        gain = float(brightness(source, vegetation) / brightness(target, vegetation))
    return Statistics(
        vegetation_gain=gain,
        colour_edge_contrast=edge_contrast(source, target),
        saturation=saturation(source) / saturation(target) if pair.colour_source else None,
        channel_spread=spread(source) if pair.colour_source else None,
    )


def smooth(side: Picture) -> Grey:
    return np.asarray(cv2.GaussianBlur(side.astype(np.float32) / 255, (0, 0), 1.5), np.float32)


def green(target: Grey) -> NDArray[np.bool_]:
    """Vegetation by its excess of green; bright enough to be sure, and not white."""
    red, grn, blue = (target[..., channel] for channel in range(3))
    excess = (2 * grn - red - blue) / np.maximum(target.sum(axis=2), 1e-3)
    return np.asarray((excess > 0.10) & (target.mean(axis=2) > 0.03), np.bool_)


def brightness(rgb: Grey, mask: NDArray[np.bool_]) -> float:
    return float(rgb[mask].mean() / rgb.mean())


def edge_contrast(source: Grey, target: Grey) -> float:
    """Median over the strongest colour edges of the target of: relative gradient there, source over target."""
    lab = np.asarray(cv2.cvtColor(target, cv2.COLOR_RGB2Lab), np.float32)
    chroma = np.hypot(gradient(lab[..., 1]), gradient(lab[..., 2]))
    edges = chroma > np.quantile(chroma, 1 - CHROMA_EDGES)
    steps = [max_gradient(side)[edges] for side in (source, target)]
    return float(np.median(steps[0] / np.maximum(steps[1], 1e-3)))


def max_gradient(rgb: Grey) -> Grey:
    """Relative gradient of the channel in which it is steepest."""
    channels = [gradient(rgb[..., c]) / (cv2.GaussianBlur(rgb[..., c], (0, 0), 4) + 0.05) for c in range(3)]
    return np.asarray(np.max(channels, axis=0), np.float32)


def gradient(channel: Grey) -> Grey:
    across, down = cv2.Sobel(channel, cv2.CV_32F, 1, 0), cv2.Sobel(channel, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def saturation(rgb: Grey) -> float:
    balanced = rgb * (rgb.mean() / rgb.reshape(-1, 3).mean(axis=0))
    top = balanced.max(axis=2)
    lit = (top > 0.08) & (top < 0.95)
    return float(np.median((top - balanced.min(axis=2))[lit] / top[lit]))


def spread(rgb: Grey) -> float:
    lit = (rgb.min(axis=2) > 0.05) & (rgb.max(axis=2) < 0.95)
    return float(np.mean(np.ptp(rgb[lit], axis=1) / rgb[lit].mean(axis=1)))


def vsiad_pairs(folder: Path) -> Iterator[Pair]:
    kinds: tuple[Kind, ...] = ("vnir", "nir")
    for kind in kinds:
        for part in ("train", "val"):
            source, target = (read(folder / f"{kind}_{part}_{side}.png") for side in ("src", "vc"))
            yield Pair(f"vsiad {kind} {part}", kind, source, target)


def nirscene_pairs(folder: Path) -> Iterator[Pair]:
    """Photographs with a reference registration; their near infrared (a long-pass filter) was stored in grey."""
    for name, reference in json.loads((folder / "reference.json").read_text()).items():
        if reference["consensus"]:
            stem = name.replace("/", "_")
            source, target = (read(folder / f"{stem}_{side}.jpg") for side in ("nir", "rgb"))
            size = source.shape[1::-1]
            onto = cv2.warpPerspective(target, np.array(reference["H_vc_to_nir"]), size, flags=cv2.INTER_CUBIC)
            yield Pair(
                f"nirscene {name}", "nir", source[16:-16, 16:-16], np.asarray(onto, np.uint8)[16:-16, 16:-16], False
            )


def twin_pairs(seeds: Sequence[int]) -> Iterator[Pair]:
    for seed in seeds:
        for mode in ("day", "night"):
            profile = load_profile(f"twin_{mode}").edited({"twin.scene_seed": seed, "twin.pacing": "fast"})
            raws = {arm: imager.capture(0) for arm, imager in street_imagers(profile).items()}
            nir, vis = (picture(raws[arm], profile.arm(arm)) for arm in ("nir", "vis"))
            onto = with_mirrors(
                true_homography(profile),
                profile.nir.roi.width if profile.nir.mirror else None,
                profile.vis.roi.width if profile.vis.mirror else None,
            )
            warped = cv2.warpPerspective(vis, onto, nir.shape[1::-1], flags=cv2.INTER_CUBIC)
            inner = slice(16, -16), slice(16, -16)
            sides = (cv2.resize(side[inner], SIZE, interpolation=cv2.INTER_AREA) for side in (nir, warped))
            source, target = (np.asarray(side, np.uint8) for side in sides)
            yield Pair(f"twin {mode} {seed}", "vnir" if mode == "day" else "nir", source, target)


def read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def compare(groups: Mapping[str, Sequence[Pair]]) -> list[Bar]:
    """Print the table of statistics, and give each figure of the twin over that of reality."""
    print("| pairs | | vegetation gain | colour edges | saturation | channel spread |\n|---|---|---|---|---|---|")
    medians: dict[tuple[str, Kind], dict[str, float | None]] = {}
    kinds: tuple[Kind, ...] = ("vnir", "nir")
    for group, pairs in groups.items():
        for kind in kinds:
            rows = [statistics(pair) for pair in pairs if pair.kind == kind]
            if rows:
                medians[group, kind] = {name: middle([getattr(r, name) for r in rows]) for name in vars(rows[0])}
                cells = " | ".join("–" if v is None else f"{v:.2f}" for v in medians[group, kind].values())
                print(f"| {group} ({len(rows)}) | {kind.upper()} | {cells} |", flush=True)
    return [
        Bar(f"reality.{name}_{kind}", value, "twin / real")
        for (group, kind), figures in medians.items()
        if group == "twin"
        for name, value in ratios(figures, [v for (g, k), v in medians.items() if g != "twin" and k == kind])
    ]


def middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def ratios(
    figures: Mapping[str, float | None], real: Sequence[Mapping[str, float | None]]
) -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        theirs = middle([group[name] for group in real])
        if value is not None and theirs:
            yield name, value / theirs


def learn(folder: Path, streets: int, seconds: float, seed: int) -> tuple[Path, Path]:
    """Record, register and train on streets of the twin; gives the run and its dataset."""
    for number in range(2 * streets):
        mode = "day" if number % 2 == 0 else "night"
        changes: dict[str, str | int] = {"twin.scene_seed": seed + number, "twin.pacing": "fast", "trigger.rate_hz": 2}
        profile = load_profile(f"twin_{mode}").edited(changes)
        record_clip(profile, folder / "clips", seconds=4, place=f"street {seed + number}")
    register_clips([folder / "clips"], folder / "pairs", RegistrationSettings(size=(320, 240), frames=2, features=2000))
    catalogue_and_split(folder / "pairs")
    config = load_config("ssn_demo", {"max_seconds": seconds, "samples": 10_000_000, "seed": seed})
    train(config, folder / "pairs", folder / "run")
    return folder / "run", folder / "pairs"


def judge(run: Path, dataset: Path, pairs: Sequence[Pair], out: Path | None) -> list[Bar]:
    """Score the run on real pairs beside answers that need no training: PSNR and SSIM at 640 px of width."""
    contestants: dict[str, Callable[[Tensor], Tensor]] = {
        "prediction": load_method(RunFolder(run)).predict,
        "input": as_it_is,
        "grey world": grey_world,
        "mean colour of the twin": training_mean_colour(dataset),
    }
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for pair in pairs:
        source, target = (as_tensor(shrunk(side)) for side in (pair.source, pair.target))
        for name, answer in contestants.items():
            with torch.no_grad():
                predicted = answer(source)
            found = float(metrics.psnr(predicted, target)), float(metrics.ssim(predicted, target))
            scores.setdefault((group_of(pair), name), []).append(found)
            if name == "prediction" and out is not None:
                keep(out / f"{pair.name.replace(' ', '_').replace('/', '_')}.png", source, predicted, target)
    return told(scores)


def told(scores: Mapping[tuple[str, str], Sequence[tuple[float, float]]]) -> list[Bar]:
    print("| real pairs | answer | PSNR dB | SSIM |\n|---|---|---|---|")
    means = {key: tuple(np.mean(values, axis=0)) for key, values in scores.items()}
    for (group, name), (psnr_db, ssim) in means.items():
        print(f"| {group} ({len(scores[group, name])}) | {name} | {psnr_db:.2f} | {ssim:.3f} |")
    return [
        Bar(f"reality.{group.replace(' ', '_')}_psnr_over_grey_world", found[0] - means[group, "grey world"][0], "dB")
        for (group, name), found in means.items()
        if name == "prediction"
    ]


def group_of(pair: Pair) -> str:
    return f"{pair.name.split()[0]} {pair.kind}"


def shrunk(side: Picture) -> Picture:
    """At most 640 px wide, sides a multiple of 32."""
    scale = min(1.0, SIZE[0] / side.shape[1])
    size = (int(side.shape[1] * scale) // 32 * 32, int(side.shape[0] * scale) // 32 * 32)
    return np.asarray(cv2.resize(side, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_tensor(side: Picture) -> Tensor:
    return torch.from_numpy(side).permute(2, 0, 1)[None].float() / 255


def keep(path: Path, *sides: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    row = torch.cat([side[0] for side in sides], dim=2).clamp(0, 1).permute(1, 2, 0).numpy()
    cv2.imwrite(str(path), np.round(row[..., ::-1] * 255).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, default=os.environ.get("NIRVIS_REAL_DATA"), help="real recordings")
    parser.add_argument("--streets", type=int, default=12, help="streets of the twin, each in both modes")
    parser.add_argument("--train-seconds", type=float, default=0.0, help="train on the twin for so long; 0: do not")
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--out", type=Path, help="folder for pictures: input, prediction, target side by side")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give --data, the folder with vsiad/ and nirscene/, or set NIRVIS_REAL_DATA")
    data = Path(arguments.data)
    real = {"vsiad": list(vsiad_pairs(data / "vsiad")), "nirscene": list(nirscene_pairs(data / "nirscene"))}
    seeds = range(arguments.seed, arguments.seed + arguments.streets)
    bars = compare({**real, "twin": list(twin_pairs(seeds))})
    if arguments.train_seconds > 0:
        with tempfile.TemporaryDirectory() as folder:
            run, dataset = learn(Path(folder), arguments.streets, arguments.train_seconds, arguments.seed)
            bars += judge(run, dataset, [pair for pairs in real.values() for pair in pairs], arguments.out)
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
