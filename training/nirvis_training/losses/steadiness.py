"""Steadiness of any method, from single pictures: what moves in the source moves alike in the prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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


def repeatable(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The same function of a picture in every call, so that two predictions differ by their pictures alone.

    Whatever the network drops at random while it is trained is drawn once, for all calls; and they leave no trace in
    the running statistics of BatchNorm.
    """
    seed = int(torch.randint(2**62, ()))

    def predict(picture: Tensor) -> Tensor:
        devices = [picture.device] if picture.is_cuda else []
        with torch.random.fork_rng(devices=devices), _statistics_kept(network):
            torch.manual_seed(seed)
            predicted: Tensor = network(picture)
        return predicted

    return predict


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def random_motion(settings: TemporalRegulariser, picture: Tensor) -> Tensor:
    """One smooth random motion for each picture of a batch, ``(N, 2, H, W)`` in pixels."""
    if settings.motion == "synthetic":
        return synthetic_flow(picture, sigma_px=settings.displacement_px)
    everywhere = picture.new_ones(len(picture), 1, 1, 1)
    return content_flow(everywhere, (picture.shape[2], picture.shape[3]), settings.displacement_px)
