"""A compact network for the live view, trained directly or distilled from another method."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.colour import luma
from nirvis_training.losses.structure import dssim
from nirvis_training.method_settings import CompactSettings
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.networks.compact import MULTIPLE_OF, CompactNetwork
from nirvis_training.teacher import load_teacher


class Compact(Method):
    """Colour recovery for a live stream on a processor: a local colour transform of what the camera saw.

    The loss is w · L1(RGB) + w · DSSIM(luma), and with a teacher w · L1 to what the teacher predicts (Hinton et al.
    2015, "Distilling the knowledge in a neural network"). What the network sees while it learns has noise, so that it
    makes the same of frames that differ by noise alone; the stability term asks for that outright (Zheng et al. 2016,
    "Improving the robustness of deep neural networks via stability training").

    settings
        Width, noise, weights of the terms, and the teacher's run.
    learning_rate
        Of Adam with β = (0.9, 0.999).

    Raises `TeacherError` when the teacher has no weights, or others than its checksum says.
    """

    multiple_of = MULTIPLE_OF

    def __init__(self, settings: CompactSettings, learning_rate: float) -> None:
        super().__init__()
        self.settings = settings
        self.phases = (Phase("colour", networks=("generator",), optimiser=adam(learning_rate)),)
        self.generator = CompactNetwork(settings.width)
        # In a list, so that it is no child: its weights are no part of this method's state.
        if settings.teacher is not None:
            self.teachers = [load_teacher(Path(settings.teacher), settings.teacher_sha256)]

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        del phase  # there is only one
        weights = self.settings
        predicted = self.generator(self._noisy(batch.source))
        # Where nothing was seen the prediction is its own target, which adds neither loss nor gradient.
        target = torch.where(batch.valid > 0, batch.target, predicted.detach())
        terms = {
            "colour": weights.colour_weight * F.l1_loss(predicted, target),
            "structure": weights.structure_weight * dssim(luma(predicted), luma(target)),
        }
        for teacher in self.teachers:
            terms["teacher"] = weights.teacher_weight * F.l1_loss(predicted, _taught(teacher, batch.source))
        if weights.stability_weight > 0:
            again = self.generator(self._noisy(batch.source))
            terms["stability"] = weights.stability_weight * F.l1_loss(again, predicted)
        return terms

    def forward(self, source: Tensor) -> Tensor:
        predicted: Tensor = self.generator(source)
        return predicted.clamp(0, 1)

    def _noisy(self, source: Tensor) -> Tensor:
        return source + self.settings.noise * torch.randn_like(source)


def _taught(teacher: Method, source: Tensor) -> Tensor:
    with torch.no_grad():
        taught: Tensor = teacher.to(source.device)(source)
    return taught
