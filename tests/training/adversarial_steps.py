"""Small batches, single steps, and networks simple enough that losses can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.config import parse_config
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Method

Values = dict[str, float]


def small_method(name: str, crop: int = 64, learning_rate: float = 2e-4, **settings: str | float | bool) -> Method:
    """A method by name at the smallest width."""
    text = f'samples = 1\ncrop = {crop}\nlearning_rate = {learning_rate}\n[method]\nname = "{name}"'
    changes = {f"method.{key}": value for key, value in ({"width": 4} | settings).items()}
    return make_method(parse_config(text, changes=changes))


def random_batch(frames: int = 1, side: int = 64, seed: int = 3) -> Batch:
    """One smooth picture, or window of independent ones; the source is a mixture of the target's channels."""
    coarse = torch.rand(frames, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    target = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False).clamp(0, 1)
    mixture = torch.tensor([[0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.1, 0.3, 0.6]])
    source = torch.einsum("ck,nkhw->nchw", mixture, target)
    valid = torch.ones(1, 1, side, side)
    return Batch(source, target, valid) if frames == 1 else Batch(source[None], target[None], valid)


def even_batch(source: list[float], target: list[float], side: int = 16) -> Batch:
    """Even pictures of these values in [-1, 1], as a methods' networks see them; more than one value is a window."""

    def pictures(values: list[float]) -> Tensor:
        rgb = (torch.tensor(values).reshape(-1, 1, 1, 1) + 1) / 2
        frames = rgb.expand(-1, 3, side, side).contiguous()
        return frames if len(values) == 1 else frames[None]

    return Batch(pictures(source), pictures(target), torch.ones(1, 1, side, side))


def terms_of_one_step(method: Method, batch: Batch) -> Values:
    """The terms of all phases, without a step between them."""
    torch.manual_seed(11)
    values: Values = {}
    for phase in method.phases:
        terms = {name: float(term.detach()) for name, term in method.losses(phase, batch).items()}
        assert not values.keys() & terms.keys()
        values |= terms
    return values


def close(expected: Mapping[str, float], relative: float = 1e-4) -> object:
    return pytest.approx(dict(expected), rel=relative, abs=1e-6)


class Line(nn.Module):
    """a · x + b; as a discriminator it gives its logits for every pixel."""

    def __init__(self, a: float = 1.0, b: float = 0.0) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self, picture: Tensor) -> Tensor:
        return self.a * picture + self.b


class Between(nn.Module):
    """The mean of two frames behind each other: as a predictor, or as a conditional discriminator."""

    def forward(self, frames: Tensor) -> Tensor:
        return (frames[:, :3] + frames[:, 3:]) / 2


def with_simple_networks(method: Method) -> Method:
    """G(x) = x + 0.1, F(y) = y / 2; the target's discriminator D(p) = p, the source's D(p) = 2 p."""
    method.generator, method.generator_back = Line(b=0.1), Line(a=0.5)
    method.discriminator_target, method.discriminator_source = Line(), Line(a=2)
    return method
