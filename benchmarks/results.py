"""All methods with the same budget, seed and data, in one table: what docs/results.md shows.

Every method is trained on the same number of crops of each dataset's training set and judged on its test set, beside
input, grey world and mean colour. Networks are narrow and budgets small, so that all of it runs on two processor
cores; `--samples` and `--width` make it what a larger machine can do. Terms that need pretrained features are left out
(nirvis has none to give, and random ones would say nothing); a method that is nothing without them is named as not
computed. A run that is there already is not trained again: the program goes on where it was stopped.

    nirvis demo --out demo
    nirvis demo --real --out demo-real
    python benchmarks/results.py --group supervised --dataset twin=demo/pairs --dataset real=demo-real/pairs
    python benchmarks/results.py --group unpaired --dataset twin=demo/pairs
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from nirvis.training_bar import training_bar
from nirvis_capture.settings import Changes
from nirvis_training.compare import compare
from nirvis_training.config import TrainingConfig, load_config
from nirvis_training.loop import resume, train
from nirvis_training.protocol import Protocol
from nirvis_training.run_folder import RunFolder

SUPERVISED: Mapping[str, Changes] = {
    "ssn": {"learning_rate": 4e-3, "method.perceptual_weight": 0.0, "method.lightness_weight": 1.0},
    "compact_demo": {"method.width": 48},
    "zhang": {"learning_rate": 1e-3},
    "yao_xia": {"learning_rate": 1e-3},
    "iizuka": {"learning_rate": 1.0},
    "berg": {"learning_rate": 1e-3},
    "pix2pix": {"learning_rate": 1e-3, "method.downs": 5},
    "pix2pixhd": {"learning_rate": 1e-3, "method.perceptual_weight": 0.0, "method.blocks": 3, "method.downs": 3},
}
UNPAIRED: Mapping[str, Changes] = {
    "cyclegan": {"method.blocks": 3},
    "mehri_sappa": {"method.blocks": 2},
    "pcsgan": {"method.blocks": 3, "method.perceptual_weight": 0.0},
    "recyclegan": {"method.blocks": 3, "method.predictor_downs": 5},
    "mocyclegan": {"method.blocks": 3},
    "unsup_recycle": {"method.blocks": 3, "method.content_weight": 0.0},
    "cut": {"method.blocks": 3},
    "fastcut": {"method.blocks": 3},
    "i2vgan": {
        "method.blocks": 3,
        "method.predictor_downs": 5,
        "method.predictor_width": 16,
        "method.perceptual": False,
    },
}
HALF_AS_WIDE = ("mehri_sappa",)
"""Lighter than the others by design, as in their configurations."""
HAVE_TO_FALL: Mapping[str, Sequence[str]] = {
    "cyclegan": ("cycle_",),
    "mehri_sappa": ("cycle_",),
    "pcsgan": ("cycle_", "synthesized_"),
    "recyclegan": ("recycle_", "recurrent_"),
    "mocyclegan": ("cycle_", "motion_cycle_"),
    "unsup_recycle": ("recycle_", "spatial_"),
    "cut": ("contrast", "identity_contrast"),
    "fastcut": ("contrast",),
    "i2vgan": (
        *("visible_cycle", "visible_recurrent", "visible_recycle", "visible_external"),
        *("infrared_cycle", "infrared_recurrent", "infrared_recycle", "infrared_external"),
    ),
}
"""Beginnings of the terms by which a method holds on to its source, by its name: the way back, the frame foretold, the
likeness of patches. Training that works makes their sum smaller. Adversarial terms are no measure: two networks play
against each other, and neither has to win."""
NOT_COMPUTED = {
    "nyberg": "is CycleGAN itself at this budget: what its authors changed is not known",
    "sesim": "compares nothing but VGG-16 features",
    "roma": "compares nothing but tokens of ViT-B/16",
    "cptrans": "compares nothing but tokens of ViT-B/16",
}


def main() -> None:
    options = _options()
    for group, methods in {"supervised": SUPERVISED, "unpaired": UNPAIRED}.items():
        if options.group in (group, "all"):
            chosen = {name: changes for name, changes in methods.items() if name in (options.methods or methods)}
            for dataset in options.dataset:
                table(group, chosen, dataset, options)


def table(group: str, methods: Mapping[str, Changes], dataset: str, options: argparse.Namespace) -> None:
    """Train what is not trained yet, judge all of it, and write ``GROUP-DATASET.md``."""
    name, _, folder = dataset.partition("=")
    samples = options.samples if group == "supervised" else options.unpaired_samples
    home = options.out / f"{group}-{name}"
    runs = [
        trained(config_of(method, changes, samples, options), Path(folder), home / method)
        for method, changes in methods.items()
    ]
    comparison = compare(
        [run.path for run in runs],
        [Path(folder)],
        home / "comparison",
        protocol=Protocol(pairs_per_clip=options.pairs_per_clip),
        names=list(methods),
    )
    lines = [f"## {group}, {name}: {samples} crops of {options.crop} px, width {options.width}, seed 42", ""]
    lines += [comparison.markdown(), "", *_seconds(runs, methods)]
    if group == "unpaired":
        lines += ["", *_losses_table(runs, methods)]
        lines += ["", *(f"- {method}: not computed, it {reason}" for method, reason in NOT_COMPUTED.items())]
    text = "\n".join(lines).replace(str(Path.home()), "~")
    (options.out / f"{group}-{name}.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)


def config_of(method: str, changes: Changes, samples: int, options: argparse.Namespace) -> TrainingConfig:
    """A shipped configuration with the budget that all share."""
    budget: dict[str, object] = {
        "samples": samples,
        "max_seconds": None,
        "batch_size": 4,
        "crop": options.crop,
        "resize": None,
        "jitter": None,
        "flip": True,
        "flip_vertical": False,
        "schedule": None,
        "averaging": 0.99,
        "seed": 42,
        "validate_every_samples": samples,
        "checkpoint_every_samples": max(4, samples // 4),
        "log_every_samples": max(4, samples // 40),
        "validation_pairs": 4,
        "video_frames": 0,
        "best_by": "newest",
        "workers": 1,
        "method.width": options.width // (2 if method in HALF_AS_WIDE else 1),
    }
    return load_config(method, {**budget, **changes})  # type: ignore[dict-item]


def trained(config: TrainingConfig, dataset: Path, out: Path) -> RunFolder:
    """A finished run: found, gone on with, or trained from its beginning."""
    if out.exists():
        run = RunFolder(out)
        if run.status.state == "finished":
            return run
        with training_bar() as show:
            return resume(out, show)
    print(f"training into {out}", flush=True)
    with training_bar() as show:
        return train(config, dataset, out, show)


@dataclass(frozen=True)
class Course:
    """Where the sum of some loss terms began and ended: means over the first and the last tenth of its lines."""

    first: float
    last: float

    @property
    def fell(self) -> bool:
        return self.last < self.first


def course(run: RunFolder, beginnings: Sequence[str]) -> Course:
    """The course of the sum of all terms that begin so."""
    lines = [line for line in run.metrics() if "loss" in line]
    names = [name for name in lines[0] if name.removeprefix("loss_").startswith(tuple(beginnings))]
    sums = [sum(line[name] for name in names) for line in lines]
    tenth = max(1, len(sums) // 10)
    return Course(fmean(sums[:tenth]), fmean(sums[-tenth:]))


def _losses_table(runs: Sequence[RunFolder], methods: Mapping[str, Changes]) -> Iterator[str]:
    """Whether the losses of each method went where they should, by the rule `HAVE_TO_FALL`."""
    yield "Losses: the sum of what has to fall, mean of the first and of the last tenth of the run"
    yield ""
    yield "| method | terms | first | last | fell |"
    yield "| --- | --- | --- | --- | --- |"
    for run, method in zip(runs, methods, strict=True):
        terms = HAVE_TO_FALL[method]
        found = course(run, terms)
        named = ", ".join(f"{term}…" if term.endswith("_") else term for term in terms)
        yield f"| {method} | {named} | {found.first:.3g} | {found.last:.3g} | {'yes' if found.fell else '**no**'} |"


def _seconds(runs: Sequence[RunFolder], methods: Mapping[str, Changes]) -> list[str]:
    pairs = zip(methods, runs, strict=True)
    return ["Training took, in seconds: " + ", ".join(f"{name} {run.status.seconds:.0f}" for name, run in pairs) + "."]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", action="append", required=True, help="NAME=FOLDER of registered pairs")
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--group", choices=("supervised", "unpaired", "all"), default="all")
    parser.add_argument("--methods", nargs="*", help="only these")
    parser.add_argument("--samples", type=int, default=4000, help="of each supervised method")
    parser.add_argument("--unpaired-samples", type=int, default=2000, help="of each unpaired method")
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--pairs-per-clip", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    main()
