"""What a discriminator and a generator learn from the logits of patches."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Criterion = Literal["least-squares", "logistic"]
"""Mao et al. 2017, as the published codes compute it; or Goodfellow et al. 2014 in its non-saturating form."""


def patch_terms(logits: Tensor, real: bool, criterion: Criterion = "least-squares") -> Tensor:
    """How far each patch is from being judged `real` or not, in the shape of `logits`.

    Least squares: (D - 1)² or D². Logistic: -log σ(D) or -log(1 - σ(D)).
    """
    if criterion == "least-squares":
        return (logits - float(real)).square()
    return F.softplus(-logits if real else logits)


def adversarial(
    logits: Tensor, real: bool, criterion: Criterion = "least-squares", weights: Tensor | None = None
) -> Tensor:
    """Mean of `patch_terms` as a scalar: the generator's term with ``real=True`` on a fake.

    weights
        Of every patch, broadcast over `logits`; they multiply its term before the mean over all patches.
    """
    terms = patch_terms(logits, real, criterion)
    return (terms if weights is None else weights * terms).mean()


def discrimination(real: Tensor, fake: Tensor, criterion: Criterion = "least-squares") -> Tensor:
    """The discriminator's loss: half of what real and fake logits cost together."""
    return (adversarial(real, True, criterion) + adversarial(fake, False, criterion)) / 2


def signed(picture: Tensor) -> Tensor:
    """[0, 1] → [-1, 1], in which adversarial networks see pictures."""
    return 2 * picture - 1


def unsigned(picture: Tensor) -> Tensor:
    """[-1, 1] → [0, 1], the inverse of `signed`."""
    return (picture + 1) / 2


def stacked(*frames: Tensor) -> Tensor:
    """Frames ``(N, 3, H, W)`` behind each other, as predictors and conditional discriminators see them."""
    return torch.cat(frames, dim=1)
