"""What judging pictures gives, as it is written to JSON; read by reports without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Mode
from nirvis_capture.wording import counted
from nirvis_training.confidence import half_width
from nirvis_training.protocol import METRICS, Distance, Metric, Protocol

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
GROUPS: tuple[Group, ...] = get_args(Group)
Collection = Literal["all", "mode", "place", "hour", "rig"]
"""By what the pictures are chosen that a distance compares."""
COLLECTIONS: tuple[Collection, ...] = get_args(Collection)


class EvaluationError(NirvisError):
    """An evaluation that cannot be made or read."""


class Record(BaseModel):
    """Base of what is written to JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A mean over clips with its 95 % interval, None where too few clips of a mode show how far they spread."""

    mean: float
    low: float | None = None
    high: float | None = None


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

    def value_of(self, group: Group) -> str:
        """Its mode, place, hour or rig."""
        value: str = getattr(self, group) or "unknown"
        return value


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
    distances: dict[Collection, dict[str, dict[Contestant, Distances]]]
    """Of all pictures, under ``all`` twice; and of those of each mode, place, hour and rig, where there are several and
    both sides have two pictures of it."""
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

    def main_distances(self) -> Iterator[tuple[str, dict[Contestant, Distances]]]:
        """Of all pictures and of each mode, with a word for whose they are; other groups are for the files."""
        for values in (self.distances.get("all", {}), self.distances.get("mode", {})):
            yield from values.items()


def summarise(clips: Sequence[ClipScores]) -> dict[Contestant, Scores]:
    """Mean over clips with its interval."""
    modes = [clip.mode for clip in clips]
    return {
        contestant: {
            metric: interval(values, modes)
            for metric in METRICS
            if np.isfinite(values := of_clips(clips, contestant, metric)).any()
        }
        for contestant in dict.fromkeys(name for clip in clips for name in clip.scores)
    }


def grouped(clips: Sequence[ClipScores]) -> dict[Group, dict[str, dict[Contestant, Scores]]]:
    """`summarise` of the clips of each mode, place, hour and rig."""
    return {
        group: {
            value: summarise([clip for clip in clips if clip.value_of(group) == value])
            for value in sorted({clip.value_of(group) for clip in clips})
        }
        for group in GROUPS
    }


def of_clips(clips: Sequence[ClipScores], contestant: Contestant, metric: Metric) -> NDArray[np.float64]:
    """One value a clip, NaN where it has none."""
    return np.array([clip.scores.get(contestant, {}).get(metric, np.nan) for clip in clips])


def interval(values: NDArray[np.float64], modes: Sequence[str]) -> Interval:
    """Mean and interval of one value of each clip ``(clips,)``, NaN where it has none; at least one is finite."""
    has_value = np.isfinite(values)
    found = values[has_value]
    half = half_width(found, list(compress(modes, has_value)))
    mean = float(found.mean())
    return Interval(mean=mean) if half is None else Interval(mean=mean, low=mean - half, high=mean + half)


def means(rows: Iterable[Mapping[Metric, float]]) -> dict[Metric, float]:
    """Of every metric over the pictures that have it."""
    listed = list(rows)
    found = {metric: [row[metric] for row in listed if metric in row] for metric in METRICS}
    return {metric: float(np.mean(values)) for metric, values in found.items() if values}
