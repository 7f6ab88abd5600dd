"""Steadiness of any method, from single pictures: what moves in the source moves alike in the prediction."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from nirvis_training.regulariser import TemporalRegulariser
from nirvis_training.warp import content_flow, synthetic_flow, warp


def temporal_consistency(
    predict: Callable[[Tensor], Tensor], source: Tensor, predicted: Tensor, flow_px: Tensor
) -> Tensor:
    """Scalar ‖f(W(x)) - W(f(x))‖², a mean over pixels (Yu et al. 2023, eq. 10).

    source
        ``(N, 3, H, W)``, in the range that `predict` takes.
    predicted
        What `predict` makes of it.
    flow_px
        The motion W, ``(N, 2, H, W)``; see `warp`.
    """
    return F.mse_loss(predict(warp(source, flow_px)), warp(predicted, flow_px))


def random_motion(settings: TemporalRegulariser, picture: Tensor) -> Tensor:
    """One smooth random motion for each picture of a batch, ``(N, 2, H, W)`` in pixels."""
    if settings.motion == "synthetic":
        return synthetic_flow(picture, sigma_px=settings.displacement_px)
    everywhere = picture.new_ones(len(picture), 1, 1, 1)
    return content_flow(everywhere, (picture.shape[2], picture.shape[3]), settings.displacement_px)
