"""What an evaluation says, as it is written to ``evaluation.json``; read by reports without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Mode

Contestant = Literal["prediction", "input", "grey_world", "mean_colour"]
CONTESTANTS: tuple[Contestant, ...] = get_args(Contestant)
Metric = Literal["psnr_db", "ssim", "ciede2000"]
METRICS: tuple[Metric, ...] = get_args(Metric)

TITLES: dict[Contestant, str] = {
    "prediction": "prediction",
    "input": "input as it is",
    "grey_world": "input in grey world",
    "mean_colour": "mean colour of training",
}


class EvaluationError(NirvisError):
    """An evaluation that cannot be made or read."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Record):
    """A mean over clips with its 95 % bootstrap interval; the interval is the mean itself for one clip."""

    mean: float
    low: float
    high: float


class Scores(_Record):
    """PSNR in dB and SSIM: higher is better; CIEDE2000 (mean colour difference): lower is better."""

    psnr_db: Interval
    ssim: Interval
    ciede2000: Interval


class ClipScores(_Record):
    """Means over the pairs of one clip."""

    clip: str
    recording_id: str
    mode: Mode
    pairs: int
    scores: dict[Contestant, dict[Metric, float]]


class Example(_Record):
    """Pictures of one pair, as paths relative to the evaluation folder."""

    name: str
    clip: str
    mode: Mode
    psnr_db: float
    ciede2000: float
    source: str
    prediction: str
    target: str
    error: str
    """CIEDE2000 at each pixel, 0 black to 30 white."""


class Evaluation(_Record):
    """A run, judged on clips that it was not trained on."""

    run: str
    dataset: str
    subset: str
    method: str
    weights_sha256: str
    features: str
    """Perceptual features of the training loss: ``none``, ``random``, or a file name."""
    pairs: int
    clips: int
    overall: dict[Contestant, Scores]
    """Mean over clips, whatever their length."""
    by_mode: dict[Mode, dict[Contestant, Scores]]
    by_clip: list[ClipScores]
    not_computed: dict[str, str]
    """Metrics that are missing, and why."""
    examples: list[Example]
    bootstrap_seed: int
    mean_colour: tuple[float, float, float]
    """Mean RGB of the training targets, 0 to 1."""

    @classmethod
    def read(cls, path: Path) -> Evaluation:
        """Raises `EvaluationError` for a file that is missing or of another kind."""
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise EvaluationError(
                f"{path} is not an evaluation of this nirvis: {reason}. Run `nirvis evaluate` again."
            ) from None

    def beats_baselines(self) -> bool:
        """Whether the prediction has the best PSNR and the best CIEDE2000 of all contestants."""
        prediction, *others = (self.overall[contestant] for contestant in CONTESTANTS)
        return all(
            prediction.psnr_db.mean > other.psnr_db.mean and prediction.ciede2000.mean < other.ciede2000.mean
            for other in others
        )


RESAMPLES = 2000


def summarise(clips: Sequence[ClipScores], seed: int) -> dict[Contestant, Scores]:
    """Mean over clips with a bootstrap interval; the same resamples for every contestant and metric."""
    draws = np.random.default_rng(seed).integers(0, len(clips), (RESAMPLES, len(clips)))

    def over_clips(contestant: Contestant, metric: Metric) -> Interval:
        return interval(np.array([clip.scores[contestant][metric] for clip in clips]), draws)

    return {
        contestant: Scores(
            psnr_db=over_clips(contestant, "psnr_db"),
            ssim=over_clips(contestant, "ssim"),
            ciede2000=over_clips(contestant, "ciede2000"),
        )
        for contestant in CONTESTANTS
    }


def interval(values: NDArray[np.float64], draws: NDArray[np.int64]) -> Interval:
    """Mean of ``(clips,)`` and the 2.5 and 97.5 percentiles of the means of the resamples ``(resamples, clips)``."""
    low, high = np.percentile(values[draws].mean(axis=1), (2.5, 97.5))
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))
