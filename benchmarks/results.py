"""All methods of a group with the same budget, seed and data, in one table: what docs/results.md shows.

Every method is trained on the same number of crops of a dataset's training set and judged on its test set, beside
input, grey world and mean colour. Networks are narrow and budgets small, so that all of it runs on two processor
cores; `--samples` and `--width` make it what a larger machine can do, `--docs` puts the tables where they are read.
Terms that need pretrained features are left out (nirvis has none to give, and random ones would say nothing); a method
that is nothing without them is named as not computed. A run that is there already is not trained again: the program
goes on where it was stopped. One of other settings, or of other pairs, is refused before anything is trained.

Ends with status 1 when losses that have to fall did not or a method makes negatives, which the tables then say too.

    nirvis demo --out demo
    nirvis demo --real --out demo-real
    python benchmarks/results.py --table supervised-twin=demo/pairs --table supervised-real=demo-real/pairs
    python benchmarks/results.py --table unpaired-twin=demo/pairs --docs docs/results.md
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from results_checks import (
    COURSE_HEADER,
    HAVE_TO_FALL,
    LIKENESS_HEADER,
    Checked,
    Course,
    checked,
    course,
    course_rows,
    likeness_rows,
    unlearnt,
)
from results_page import require_block, write_block
from results_runs import SEED, config_of, refuse_other, trained

from nirvis_capture.errors import NirvisError
from nirvis_capture.settings import Changes
from nirvis_training.compare import compare
from nirvis_training.comparison import Comparison, markdown_table
from nirvis_training.config import TrainingConfig
from nirvis_training.protocol import Protocol

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
IDENTITY: Changes = {"method.identity_weight": 5.0}
"""CycleGAN's, for methods that have no term here which tells a picture from its negative: chance would decide."""
UNPAIRED: Mapping[str, Changes] = {
    "cyclegan": {"method.blocks": 3},
    "mehri_sappa": {"method.blocks": 2, **IDENTITY},
    "pcsgan": {"method.blocks": 3, "method.perceptual_weight": 0.0},
    "recyclegan": {"method.blocks": 3, "method.predictor_downs": 5, **IDENTITY},
    "mocyclegan": {"method.blocks": 3, **IDENTITY},
    "unsup_recycle": {"method.blocks": 3, "method.content_weight": 0.0, **IDENTITY},
    "cut": {"method.blocks": 3},
    "fastcut": {"method.blocks": 3},
    "i2vgan": {
        "method.blocks": 3,
        "method.predictor_downs": 5,
        "method.predictor_width": 16,
        "method.perceptual": False,
    },
}
TOKENS: Changes = {"method.token_width": 96, "method.token_grid": 6}
AGAINST_RANDOM_FEATURES: Mapping[str, Changes] = {
    "sesim": {"learning_rate": 1e-3, "method.blocks": 3, "method.queries": 64, "method.window": 16},
    "roma": {"learning_rate": 1e-3, "method.blocks": 3, **TOKENS, "method.windows": 4},
    "cptrans": {"learning_rate": 1e-3, "method.blocks": 3, **TOKENS},
}
"""Methods that compare nothing but pretrained features: against random ones, only the course of their losses."""
GROUPS: Mapping[str, Mapping[str, Changes]] = {"supervised": SUPERVISED, "unpaired": UNPAIRED}
SAMPLES = {"supervised-twin": 2000, "supervised-real": 1500, "unpaired-twin": 500, "unpaired-m3svd": 300}
"""Crops of each method in the tables of docs/results.md."""
OTHER_SAMPLES = 1000
NOT_SHOWN = ("Difference to", "Across rigs")
"""Tables of a comparison that say nothing here: no method is the measure of the others, and there is one rig."""
NOT_COMPUTED = {
    "nyberg": "is CycleGAN itself at this budget: what its authors changed is not known",
    "sesim": "compares nothing but VGG-16 features",
    "roma": "compares nothing but tokens of ViT-B/16",
    "cptrans": "compares nothing but tokens of ViT-B/16",
}
RANDOM_TITLE = (
    "The same sum against random features: it says that the optimisation works, and nothing of colours, so that no "
    "picture is judged"
)


def main() -> None:
    options = _options()
    tables = [Table(group, dataset, folder, options) for group, dataset, folder in options.table]
    for table in tables:
        table.refuse_other_runs()
        if options.docs is not None:
            require_block(options.docs, table.name)
    complaints = [f"{table.name}: {complaint}" for table in tables for complaint in table.made()]
    if complaints:
        raise SystemExit("not as it should be:\n" + "\n".join(complaints))


class Table:
    """All methods of a group on one dataset."""

    def __init__(self, group: str, dataset: str, folder: Path, options: argparse.Namespace) -> None:
        self.name = f"{group}-{dataset}"
        self._group = group
        self._dataset = folder
        self._options = options
        self._home: Path = options.out / self.name
        self._random_home = self._home / "random-features"
        self._samples = options.samples or SAMPLES.get(self.name, OTHER_SAMPLES)
        methods = GROUPS[group]
        chosen = {name: methods[name] for name in methods if name in (options.methods or methods)}
        self._judged = {name: self._config(name, changes) for name, changes in chosen.items()}
        self._against_random: Mapping[str, TrainingConfig] = {}
        if group == "unpaired" and not options.methods:
            self._against_random = {
                name: self._config(name, {**changes, "method.features": "random"})
                for name, changes in AGAINST_RANDOM_FEATURES.items()
            }

    def _config(self, method: str, changes: Changes) -> TrainingConfig:
        return config_of(method, changes, self._samples, self._options)

    def refuse_other_runs(self) -> None:
        """Raises `OtherRun` when there is a run that is not what this table shall show."""
        for home, configs in ((self._home, self._judged), (self._random_home, self._against_random)):
            for method, config in configs.items():
                refuse_other(config, self._dataset, home / method)

    def made(self) -> list[str]:
        """Train what is not trained yet, judge all of it, write ``GROUP-DATASET.md`` and the block of the page.

        Returns what is not as it should be: losses that did not fall, and pictures that are negatives.
        """
        options = self._options
        runs = {method: trained(config, self._dataset, self._home / method) for method, config in self._judged.items()}
        comparison = compare(
            [run.path for run in runs.values()],
            [self._dataset],
            self._home / "comparison",
            protocol=Protocol(pairs_per_clip=options.pairs_per_clip),
            names=list(runs),
        )
        found = [checked(run, method, self._dataset, options.pairs_per_clip) for method, run in runs.items()]
        courses = self._courses_against_random()
        text = self._text(comparison, found, courses).replace(str(Path.home()), "~")
        (options.out / f"{self.name}.md").write_text(f"# {self.name}\n\n{text}\n", encoding="utf-8")
        if options.docs is not None:
            write_block(options.docs, self.name, text)
        print(text)
        return [*(complaint for one in found for complaint in one.complaints), *unlearnt(courses)]

    def _courses_against_random(self) -> dict[str, Course]:
        """How the losses went of methods that have no features to compare; their pictures are not looked at."""
        return {
            method: course(trained(config, self._dataset, self._random_home / method), HAVE_TO_FALL[method])
            for method, config in self._against_random.items()
        }

    def _text(self, comparison: Comparison, found: Sequence[Checked], against_random: Mapping[str, Course]) -> str:
        options = self._options
        parts = [
            f"{self._samples} crops of {options.crop} px for every method, width {options.width}, seed {SEED}.",
            comparison.markdown(without=NOT_SHOWN).strip(),
        ]
        if rows := course_rows({one.method: one.course for one in found if one.course is not None}):
            title = "Losses: the sum of what has to fall, mean of the first and of the last tenth of the run"
            parts += [title, markdown_table(COURSE_HEADER, rows)]
        title = "Negatives: correlation of the luma of what a method makes, mean over the pictures"
        parts += [title, markdown_table(LIKENESS_HEADER, likeness_rows(found))]
        if against_random:
            parts += [RANDOM_TITLE, markdown_table(COURSE_HEADER, course_rows(against_random))]
        if self._group == "unpaired":
            parts.append("\n".join(f"- {method}: not computed, it {reason}" for method, reason in NOT_COMPUTED.items()))
        return "\n\n".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--table",
        action="append",
        type=_table,
        required=True,
        metavar="GROUP-DATASET=FOLDER",
        help=f"methods ({', '.join(GROUPS)}), a name and a folder of registered pairs; may be repeated",
    )
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--docs", type=Path, help="write the blocks of this page as well")
    parser.add_argument("--methods", nargs="*", help="only these")
    parser.add_argument("--samples", type=_count, help="crops of each method, in place of those of docs/results.md")
    parser.add_argument("--crop", type=_count, default=96)
    parser.add_argument("--width", type=_count, default=16)
    parser.add_argument("--pairs-per-clip", type=_count, default=4)
    options = parser.parse_args()
    for group, dataset, _ in options.table:
        if unknown := [method for method in options.methods or () if method not in GROUPS[group]]:
            parser.error(f"{group}-{dataset} has {', '.join(GROUPS[group])}, and no {', '.join(unknown)}")
    if options.docs is not None and options.methods:
        parser.error("--docs shows every method; leave --methods out")
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _table(text: str) -> tuple[str, str, Path]:
    """Group, name of the dataset and its folder, of ``supervised-twin=demo/pairs``."""
    name, _, folder = text.partition("=")
    group, _, dataset = name.partition("-")
    if not (dataset and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not GROUP-DATASET=FOLDER, such as supervised-twin=demo/pairs")
    if group not in GROUPS:
        raise argparse.ArgumentTypeError(f"{text!r}: there is no group {group}; groups are {', '.join(GROUPS)}")
    return group, dataset, Path(folder)


if __name__ == "__main__":
    try:
        main()
    except NirvisError as error:
        raise SystemExit(f"error: {error}") from None
