"""What an evaluation of one run says, as it is written to ``evaluation.json``; read by reports without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from nirvis_capture.profile import Mode
from nirvis_training.judgement import (
    BASELINES,
    TITLES,
    Contestant,
    Distances,
    EvaluationError,
    Interval,
    Judgement,
    Record,
    Scores,
)
from nirvis_training.protocol import DISTANCE_TITLES, FIGURES, Metric

__all__ = ["PREDICTION", "TITLES", "Evaluation", "EvaluationError", "Example", "Interval", "Scores", "shown"]

PREDICTION = "prediction"


class Example(Record):
    """Pictures of one source, as paths relative to the evaluation folder."""

    name: str
    clip: str
    mode: Mode
    why: str
    """``worst``, or by which share of the pictures of its mode it is surpassed."""
    scores: dict[Metric, float]
    source: str
    prediction: str
    target: str | None = None
    error: str | None = None
    """CIEDE2000 at each pixel, 0 black to 30 white; absent, as the target is, without a partner."""


class Evaluation(Judgement):
    """A run, judged on clips that it was not trained on."""

    run: str
    method: str
    variant: str
    weights_sha256: str
    features: str
    """Perceptual features of the training loss: ``none``, ``random``, or a file name."""
    trained_on_rigs: list[str]
    examples: list[Example]
    mean_colour: tuple[float, float, float] | None
    """Mean RGB of the training targets, 0 to 1; None where the dataset has none."""

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
        prediction, *others = (self.overall[contestant] for contestant in (PREDICTION, *BASELINES))
        return all(
            prediction["psnr_rgb_db"].mean > other["psnr_rgb_db"].mean
            and prediction["ciede2000"].mean < other["ciede2000"].mean
            for other in others
        )


def shown(scores: Scores, metric: Metric) -> str:
    """``23.41 [22.90, 23.95]``; the mean alone without an interval or a spread, a dash where it was not computed."""
    if metric not in scores:
        return "–"
    found, digits = scores[metric], FIGURES[metric].digits
    if found.low is None or found.high is None or found.low == found.high:
        return f"{found.mean:.{digits}f}"
    return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def distance_rows(distances: Mapping[Contestant, Distances]) -> list[list[str]]:
    """FID and KID of every contestant as rows of text, below ``DISTANCE_HEADER``."""
    return [
        [
            TITLES.get(name, name),
            *(_distance(found.values[distance], found.kid_spread.get(distance)) for distance in DISTANCE_TITLES),
            f"{found.pictures} against {found.reference_pictures}",
        ]
        for name, found in distances.items()
    ]


DISTANCE_HEADER = ["", *DISTANCE_TITLES.values(), "pictures"]


def _distance(value: float, spread: float | None) -> str:
    return f"{value:.4g}" if spread is None else f"{value:.4g} ± {spread:.2g}"
