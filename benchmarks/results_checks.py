"""Whether training did what it should: losses that fall, and pictures whose light is light.

A way there and back closes on a negative as well as on a picture, so that losses alone cannot tell a translator from
an inverter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from nirvis_training.evaluate import predictor
from nirvis_training.judged_pictures import JudgedPictures
from nirvis_training.metrics import luma_correlation
from nirvis_training.run_folder import RunFolder
from nirvis_training.scoring import Predict

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
    "sesim": ("spatial",),
    "roma": ("global", "local", "motion"),
    "cptrans": ("similarity",),
}
"""Beginnings of the terms by which a method holds on to its source, by its name: the way back, the frame foretold, the
likeness of patches. Training that works makes their sum smaller. Adversarial terms are no measure: two networks play
against each other, and neither has to win."""


@dataclass(frozen=True)
class Course:
    """Where the sum of some loss terms began and ended: means over the first and the last tenth of its lines."""

    first: float
    last: float

    @property
    def fell(self) -> bool:
        return self.last < self.first


@dataclass(frozen=True)
class Likeness:
    """Correlation of the luma of what a method makes with that of its input and of the truth: means over pictures."""

    input: float
    truth: float | None
    """None where no picture has a partner."""

    @property
    def upright(self) -> bool:
        """Whether what is light in the truth is light in the picture; in the input, where nobody knows the truth."""
        return (self.input if self.truth is None else self.truth) > 0


@dataclass(frozen=True)
class Checked:
    """What is to be seen of one method."""

    method: str
    likeness: Likeness
    course: Course | None
    """None where no term has to fall."""

    @property
    def complaints(self) -> list[str]:
        found = unlearnt({} if self.course is None else {self.method: self.course})
        return found if self.likeness.upright else [*found, f"{self.method} makes negatives, or nothing like its input"]


def unlearnt(courses: Mapping[str, Course]) -> list[str]:
    """What is to be said of methods whose losses did not fall."""
    return [f"the losses of {method} did not fall" for method, one in courses.items() if not one.fell]


def checked(run: RunFolder, method: str, dataset: Path, pairs_per_clip: int | None) -> Checked:
    """Look at a finished run: its losses, and what its best weights make of the test set."""
    terms = HAVE_TO_FALL.get(method)
    found = likeness(predictor(run, torch.device("cpu")), dataset, pairs_per_clip)
    return Checked(method, found, course(run, terms) if terms else None)


def course(run: RunFolder, beginnings: Sequence[str]) -> Course:
    """The course of the sum of all terms that begin so."""
    lines = [line for line in run.metrics() if "loss" in line]
    names = [name for name in lines[0] if name.removeprefix("loss_").startswith(tuple(beginnings))]
    sums = [sum(line[name] for name in names) for line in lines]
    tenth = max(1, len(sums) // 10)
    return Course(fmean(sums[:tenth]), fmean(sums[-tenth:]))


def likeness(predict: Predict, dataset: Path, pairs_per_clip: int | None = None) -> Likeness:
    """Of what a method makes of the pictures of the test set."""
    with_input, with_truth = [], []
    for judged in JudgedPictures(dataset, "test", pairs_per_clip):
        predicted = predict(judged.source)
        with_input.append(float(luma_correlation(predicted, judged.source, judged.valid)))
        if judged.target is not None:
            with_truth.append(float(luma_correlation(predicted, judged.target, judged.valid)))
    return Likeness(fmean(with_input), fmean(with_truth) if with_truth else None)


def likeness_rows(found: Sequence[Checked]) -> list[list[str]]:
    """Method, both correlations, and the verdict; below ``LIKENESS_HEADER``."""
    return [
        [
            one.method,
            f"{one.likeness.input:.2f}",
            "–" if one.likeness.truth is None else f"{one.likeness.truth:.2f}",
            _said(one.likeness.upright),
        ]
        for one in found
    ]


def course_rows(courses: Mapping[str, Course]) -> list[list[str]]:
    """Method, its terms, where their sum began and ended, and the verdict; below ``COURSE_HEADER``."""
    return [
        [method, _named(method), f"{one.first:.3g}", f"{one.last:.3g}", _said(one.fell)]
        for method, one in courses.items()
    ]


LIKENESS_HEADER = ["method", "luma like the input's", "like the truth's", "upright"]
COURSE_HEADER = ["method", "terms", "first", "last", "fell"]


def _named(method: str) -> str:
    return ", ".join(f"{term}…" if term.endswith("_") else term for term in HAVE_TO_FALL[method])


def _said(well: bool) -> str:
    return "yes" if well else "**no**"
