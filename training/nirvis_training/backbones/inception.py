"""Inception-V3 as the Fréchet Inception Distance uses it: 2048 pool3 features of the network of 2015.

Three things differ from the Inception-V3 of model libraries (Szegedy et al. 2016): average pools do not count their
padding, the pool of the very last block takes the maximum, and pictures enter in [-1, 1] at 299×299.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.backbones.weights import Weights

FEATURES = 2048
PUBLISHED = "6726825d"
"""How the sha256 of pytorch-fid's pt_inception-2015-12-05 begins."""
_SIDE = 299


class InceptionFeatures(nn.Module):
    """RGB in [0, 1] ``(N, 3, H, W)`` of any size → features ``(N, 2048)``.

    weights
        Named as in torchvision and in pytorch-fid; the classifier and the auxiliary one may be there and are not used.

    Raises `FeaturesError` when the file holds something else.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.network = InceptionV3()
        weights.load_into(self.network, "Inception-V3 as pytorch-fid stores it", ignored=("fc.", "AuxLogits."))
        self.published = weights.sha256.startswith(PUBLISHED)
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> Tensor:
        # Without antialiasing: that is what pytorch-fid does, and what published figures contain.
        scaled = F.interpolate(rgb, (_SIDE, _SIDE), mode="bilinear", align_corners=False)
        features: Tensor = self.network(2 * scaled - 1)
        return features


class InceptionV3(nn.Module):
    """The network up to its global average pool; tensors have torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b = MixedFine(192, pooled=32)
        self.Mixed_5c = MixedFine(256, pooled=64)
        self.Mixed_5d = MixedFine(288, pooled=64)
        self.Mixed_6a = FineToMiddle(288)
        self.Mixed_6b = MixedMiddle(inner=128)
        self.Mixed_6c = MixedMiddle(inner=160)
        self.Mixed_6d = MixedMiddle(inner=160)
        self.Mixed_6e = MixedMiddle(inner=192)
        self.Mixed_7a = MiddleToCoarse(768)
        self.Mixed_7b = MixedCoarse(1280, pool="mean")
        self.Mixed_7c = MixedCoarse(2048, pool="max")

    def forward(self, picture: Tensor) -> Tensor:
        picture = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(picture)))
        picture = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(picture, 3, stride=2)))
        picture = F.max_pool2d(picture, 3, stride=2)
        picture = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(picture)))
        picture = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(picture)))))
        picture = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(picture)))
        return picture.mean(dim=(2, 3))


class Unit(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(incoming, outgoing, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outgoing, eps=0.001)

    def forward(self, picture: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(picture)))


class MixedFine(nn.Module):
    """At 35×35: 1×1, 5×5, twice 3×3, and pool."""

    def __init__(self, incoming: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(incoming, 64, 1)
        self.branch5x5_1 = Unit(incoming, 48, 1)
        self.branch5x5_2 = Unit(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Unit(incoming, 64, 1)
        self.branch3x3dbl_2 = Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, padding=1)
        self.branch_pool = Unit(incoming, pooled, 1)

    def forward(self, picture: Tensor) -> Tensor:
        branches = (
            self.branch1x1(picture),
            self.branch5x5_2(self.branch5x5_1(picture)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(picture))),
            self.branch_pool(_mean_pool(picture)),
        )
        return torch.cat(branches, dim=1)


class FineToMiddle(nn.Module):
    """From 35×35 to 17×17."""

    def __init__(self, incoming: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(incoming, 384, 3, stride=2)
        self.branch3x3dbl_1 = Unit(incoming, 64, 1)
        self.branch3x3dbl_2 = Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2)

    def forward(self, picture: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(picture)))
        return torch.cat((self.branch3x3(picture), twice, F.max_pool2d(picture, 3, stride=2)), dim=1)


class MixedMiddle(nn.Module):
    """At 17×17: 1×1, 7×7 as 1×7 and 7×1, the same twice, and pool."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(768, 192, 1)
        self.branch7x7_1 = Unit(768, inner, 1)
        self.branch7x7_2 = _wide(inner, inner)
        self.branch7x7_3 = _tall(inner, 192)
        self.branch7x7dbl_1 = Unit(768, inner, 1)
        self.branch7x7dbl_2 = _tall(inner, inner)
        self.branch7x7dbl_3 = _wide(inner, inner)
        self.branch7x7dbl_4 = _tall(inner, inner)
        self.branch7x7dbl_5 = _wide(inner, 192)
        self.branch_pool = Unit(768, 192, 1)

    def forward(self, picture: Tensor) -> Tensor:
        once: Sequence[nn.Module] = (self.branch7x7_1, self.branch7x7_2, self.branch7x7_3)
        twice: Sequence[nn.Module] = (
            *(self.branch7x7dbl_1, self.branch7x7dbl_2, self.branch7x7dbl_3),
            *(self.branch7x7dbl_4, self.branch7x7dbl_5),
        )
        branches = (
            self.branch1x1(picture),
            _through(once, picture),
            _through(twice, picture),
            self.branch_pool(_mean_pool(picture)),
        )
        return torch.cat(branches, dim=1)


class MiddleToCoarse(nn.Module):
    """From 17×17 to 8×8."""

    def __init__(self, incoming: int) -> None:
        super().__init__()
        self.branch3x3_1 = Unit(incoming, 192, 1)
        self.branch3x3_2 = Unit(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Unit(incoming, 192, 1)
        self.branch7x7x3_2 = _wide(192, 192)
        self.branch7x7x3_3 = _tall(192, 192)
        self.branch7x7x3_4 = Unit(192, 192, 3, stride=2)

    def forward(self, picture: Tensor) -> Tensor:
        seven = (self.branch7x7x3_1, self.branch7x7x3_2, self.branch7x7x3_3, self.branch7x7x3_4)
        three = self.branch3x3_2(self.branch3x3_1(picture))
        return torch.cat((three, _through(seven, picture), F.max_pool2d(picture, 3, stride=2)), dim=1)


class MixedCoarse(nn.Module):
    """At 8×8: 1×1, 3×3 split into 1×3 and 3×1, the same after another 3×3, and pool."""

    def __init__(self, incoming: int, pool: str) -> None:
        super().__init__()
        self._pool = pool
        self.branch1x1 = Unit(incoming, 320, 1)
        self.branch3x3_1 = Unit(incoming, 384, 1)
        self.branch3x3_2a = Unit(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Unit(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Unit(incoming, 448, 1)
        self.branch3x3dbl_2 = Unit(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Unit(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Unit(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Unit(incoming, 192, 1)

    def forward(self, picture: Tensor) -> Tensor:
        three = self.branch3x3_1(picture)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(picture))
        pooled = F.max_pool2d(picture, 3, stride=1, padding=1) if self._pool == "max" else _mean_pool(picture)
        branches = (
            *(self.branch1x1(picture), self.branch3x3_2a(three), self.branch3x3_2b(three)),
            *(self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice), self.branch_pool(pooled)),
        )
        return torch.cat(branches, dim=1)


def _wide(incoming: int, outgoing: int) -> Unit:
    return Unit(incoming, outgoing, (1, 7), padding=(0, 3))


def _tall(incoming: int, outgoing: int) -> Unit:
    return Unit(incoming, outgoing, (7, 1), padding=(3, 0))


def _mean_pool(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)


def _through(units: Sequence[nn.Module], picture: Tensor) -> Tensor:
    for unit in units:
        picture = unit(picture)
    return picture
