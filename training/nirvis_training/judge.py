"""Which weights of a run are its best, and the file that they are kept in."""

from __future__ import annotations

import logging

import torch
from safetensors.torch import save_file

from nirvis_training.journal import Journal
from nirvis_training.keeping import kept
from nirvis_training.material import Material
from nirvis_training.methods.base import Method
from nirvis_training.run_folder import BEST_KEY, Best, RunFolder, replacing
from nirvis_training.validation import film, predicting, validate

logger = logging.getLogger(__name__)

_LOWER_IS_BETTER = ("ciede2000",)


class Judge:
    """Validates, and keeps the weights when none before were better.

    best
        The best validation so far, in what the run is judged by; None before the first, and always None where the
        newest weights count as best.
    """

    def __init__(self, run: RunFolder, material: Material, device: torch.device) -> None:
        self.best: float | None = None
        self._run = run
        self._material = material
        self._device = device
        self._by = run.config.best_by if material.partnered else "newest"

    def judged(self, method: Method, samples: int, journal: Journal, last: bool) -> dict[str, float]:
        """Validate `method`, leave pictures and a film, and keep its weights if they are the best; returns scores.

        Weights that predict what is no number are never the best; they have no scores, and a warning says so.

        Raises `RunError` when they cannot be written and there is no later validation.
        """
        frames = self._run.config.video_frames
        with predicting(method):
            found = validate(method, self._material, self._device)
            journal.pictures(samples, found.pictures)
            # A film wants pictures that follow one another, which shards do not hold.
            if frames and self._material.consecutive:
                journal.video(film(method, self._material, self._device, frames))
        scores = {f"val_{name}": value for name, value in found.scores.items()}
        value = found.scores.get(self._by)
        if not found.finite:
            logger.warning("after %d samples %s predicts values that are no numbers", samples, self._run.path)
        elif self._is_best(value):
            with kept("the best weights", self._run, last=last):
                self._write(method, Best.model_validate({"samples": samples, **scores}))
                self.best = value
        return scores

    def _is_best(self, value: float | None) -> bool:
        """Whether these weights are to be kept; equal ones come too late, and so do those without a score."""
        if value is None or self.best is None:
            return self.best is None
        return value < self.best if self._by in _LOWER_IS_BETTER else value > self.best

    def _write(self, method: Method, best: Best) -> None:
        state = method.state_dict()
        weights = {name: tensor.cpu().contiguous() for name, tensor in state.items() if method.predicts(name)}
        # One entry, because safetensors writes several in any order, and the file would not have one checksum.
        metadata = {BEST_KEY: best.model_dump_json()}
        with replacing(self._run.best_weights) as part:
            save_file(weights, part, metadata=metadata)
