"""What judging pictures gives, as it is written to JSON; read by reports without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Mode
from nirvis_capture.wording import counted
from nirvis_training.protocol import DISTANCES, METRICS, Distance, Metric, Protocol

Contestant = str
"""A run by its name, ``prediction`` where there is only one; an answer that needs no training; or ``target``."""
BASELINES: tuple[Contestant, ...] = ("input", "grey_world", "mean_colour")
TARGET: Contestant = "target"
"""The visible truth, which has temporal figures of its own: no method can be expected to come below them."""
TITLES: dict[Contestant, str] = {
    "prediction": "prediction",
    "input": "input as it is",
    "grey_world": "input in grey world",
    "mean_colour": "mean colour of training",
    TARGET: "truth",
}
Group = Literal["mode", "place", "hour", "rig"]
RESAMPLES = 2000


class EvaluationError(NirvisError):
    """An evaluation that cannot be made or read."""


class Record(BaseModel):
    """Base of what is written to JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A mean over clips with its 95 % bootstrap interval; the interval is the mean itself for one clip."""

    mean: float
    low: float
    high: float


Scores = dict[Metric, Interval]
"""Only what could be computed."""


class ClipScores(Record):
    """Means over the pictures of one clip."""

    clip: str
    recording_id: str
    mode: Mode
    place: str = ""
    hour: str = ""
    """Of its beginning, ``00`` to ``23``; empty when unknown."""
    rig: str = ""
    pairs: int
    """Pictures that were scored."""
    scores: dict[Contestant, dict[Metric, float]]


class Distances(Record):
    """Between a collection of pictures and the visible reference, in pool3 features of Inception-V3."""

    pictures: int
    reference_pictures: int
    values: dict[Distance, float]
    kid_spread: dict[Distance, float] = {}
    """Standard deviation of KID over its subsets; absent where one subset is the whole collection."""


class Backbone(Record):
    """A file of pretrained weights that figures depend on."""

    file: str
    sha256: str
    published: bool
    """Whether they are the weights that published figures were computed with; others compare with themselves only."""


class Judgement(Record):
    """Figures of several contestants on the same pictures."""

    datasets: list[str]
    subset: str
    protocol: Protocol
    pairs: int
    """Pictures that were scored."""
    clips: int
    overall: dict[Contestant, Scores]
    """Mean over clips, whatever their length."""
    picture_means: dict[Contestant, dict[Metric, float]]
    """Mean over pictures, whatever their clip, as published tables have it."""
    groups: dict[Group, dict[str, dict[Contestant, Scores]]]
    """Means over the clips of each mode, place, hour and rig."""
    distances: dict[str, dict[Contestant, Distances]]
    """Of ``all`` pictures and, where there are several modes, of each mode."""
    by_clip: list[ClipScores]
    backbones: dict[str, Backbone]
    not_computed: dict[str, str]
    """Figures that are missing, and why."""

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        return tuple(self.overall)

    @property
    def extent(self) -> str:
        """How much was looked at, in words."""
        return f"{counted(self.pairs, 'picture')} of {counted(self.clips, 'clip')}"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that at least one contestant has."""
        return tuple(metric for metric in METRICS if any(metric in scores for scores in self.overall.values()))

    @property
    def distance_names(self) -> tuple[Distance, ...]:
        return DISTANCES if self.distances else ()


def summarise(clips: Sequence[ClipScores], seed: int) -> dict[Contestant, Scores]:
    """Mean over clips with a bootstrap interval; the same resamples for every contestant and metric."""
    draws = resamples(len(clips), seed)
    return {
        contestant: {
            metric: interval(values, draws)
            for metric in METRICS
            if np.isfinite(values := of_clips(clips, contestant, metric)).any()
        }
        for contestant in dict.fromkeys(name for clip in clips for name in clip.scores)
    }


def grouped(clips: Sequence[ClipScores], seed: int) -> dict[Group, dict[str, dict[Contestant, Scores]]]:
    """`summarise` of the clips of each mode, place, hour and rig."""
    of: dict[Group, Callable[[ClipScores], str]] = {
        "mode": lambda clip: clip.mode,
        "place": lambda clip: clip.place or "unknown",
        "hour": lambda clip: clip.hour or "unknown",
        "rig": lambda clip: clip.rig or "unknown",
    }
    return {
        group: {
            value: summarise([clip for clip in clips if key(clip) == value], seed)
            for value in sorted({key(clip) for clip in clips})
        }
        for group, key in of.items()
    }


def of_clips(clips: Sequence[ClipScores], contestant: Contestant, metric: Metric) -> NDArray[np.float64]:
    """One value a clip, NaN where it has none."""
    return np.array([clip.scores.get(contestant, {}).get(metric, np.nan) for clip in clips])


def resamples(clips: int, seed: int) -> NDArray[np.int64]:
    """Clips of every resample of the bootstrap, ``(resamples, clips)``."""
    return np.random.default_rng(seed).integers(0, clips, (RESAMPLES, clips))


def interval(values: NDArray[np.float64], draws: NDArray[np.int64]) -> Interval:
    """Mean and the 2.5 and 97.5 percentiles of the means of the resamples.

    values
        One of each clip ``(clips,)``; NaN where a clip has none, at least one is finite.
    draws
        ``(resamples, clips)``; a resample without a value counts for nothing.
    """
    has_value = np.isfinite(values)
    counts = has_value[draws].sum(axis=1)
    means = np.where(has_value, values, 0)[draws].sum(axis=1)[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(mean=float(values[has_value].mean()), low=float(low), high=float(high))


def means(rows: Iterable[Mapping[Metric, float]]) -> dict[Metric, float]:
    """Of every metric over the pictures that have it."""
    listed = list(rows)
    found = {metric: [row[metric] for row in listed if metric in row] for metric in METRICS}
    return {metric: float(np.mean(values)) for metric, values in found.items() if values}
