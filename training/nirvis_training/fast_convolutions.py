"""Fewer multiplications for wide 3×3 convolutions while torch computes on a processor (see `winograd`).

torch's own library computes them directly on processors, and on a GPU chooses the minimal algorithm itself. Inside
`FastConvolutions` whatever calls for a convolution gets this one where it pays: networks, their names and their weights
stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from numpy import float64
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from nirvis_training.winograd import FROM_PRODUCTS, MIN_CHANNELS, OF_KERNEL, OF_TILE, ONES, STEP, TILE

MIN_TILES = 64
"""Below, transforming the kernels takes longer than the multiplications that they save."""
_AT_A_TIME = 128
"""Tiles between whose transforms the cache is not left."""


class FastConvolutions(TorchFunctionMode):
    """Within it, wide 3×3 convolutions in fp32 on a processor are computed by `convolve`, all others as ever.

    They can be differentiated once, not twice.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        call = _fast if func is F.conv2d else func
        return call(*args, **kwargs or {})


def _fast(
    source: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """As torch's function of these arguments, whichever way is faster."""
    around = _around(padding)
    plain = _pair(stride) == _pair(dilation) == (1, 1) and groups == 1
    if plain and around is not None and _pays(source, weight, around):
        return convolve(source, weight, bias, around)
    return F.conv2d(source, weight, bias, stride, padding, dilation, groups)


def _pair(value: Any) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _around(padding: Any) -> int | None:
    """Zeros on every side, where all sides have as many."""
    if isinstance(padding, str):
        return {"same": 1, "valid": 0}[padding]
    sides = set(_pair(padding))
    return sides.pop() if len(sides) == 1 else None


def _pays(source: Tensor, weight: Tensor, padding: int) -> bool:
    # On the device "meta" operations are counted.
    if source.dim() != 4 or source.device.type not in ("cpu", "meta") or torch.is_autocast_enabled("cpu"):
        return False
    if source.dtype != torch.float32 or weight.dtype != torch.float32 or weight.shape[1:] != (source.shape[1], 3, 3):
        return False
    return min(weight.shape[:2]) >= MIN_CHANNELS and _Tiling.of(source, padding).count >= MIN_TILES


def convolve(source: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """Convolution with stride 1 by F(4×4, 3×3): ``(N, C, H, W)`` with ``(K, C, 3, 3)`` and ``(K)``, as `F.conv2d`.

    Faster where source or weight are channels last, and then so is the result.
    """
    last = any(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in (source, weight))
    result: Tensor = _Convolution.apply(source, weight, bias, padding)  # type: ignore[no-untyped-call]
    return result if last else result.contiguous()


@dataclass(frozen=True)
class _Tiling:
    """How tiles cover the result of a convolution, ``(pictures, height, width)``."""

    pictures: int
    height: int
    width: int
    padding: int

    @classmethod
    def of(cls, source: Tensor, padding: int) -> _Tiling:
        pictures, _, height, width = source.shape
        return cls(pictures, height + 2 * padding - 2, width + 2 * padding - 2, padding)

    @property
    def rows(self) -> int:
        return -(-self.height // STEP)

    @property
    def columns(self) -> int:
        return -(-self.width // STEP)

    @property
    def count(self) -> int:
        return self.pictures * self.rows * self.columns

    def parts(self) -> Iterator[tuple[slice, int, int]]:
        """Pictures, and first and last row of their tiles, that are computed at a time."""
        rows = max(1, _AT_A_TIME // self.columns)
        pictures = max(1, rows // self.rows)
        for first in range(0, self.pictures, pictures):
            for top in range(0, self.rows, rows):
                yield slice(first, first + pictures), top, min(top + rows, self.rows)

    def covered(self, source: Tensor) -> Tensor:
        """The input with its padding, and with zeros up to the end of the last tiles: ``(N, h, w, C)``."""
        low = STEP * self.rows + 2 - self.padding - source.shape[2]
        right = STEP * self.columns + 2 - self.padding - source.shape[3]
        # F.pad copies where there is nothing to add, too.
        pixels = source.permute(0, 2, 3, 1).contiguous()
        return F.pad(pixels, (0, 0, self.padding, right, self.padding, low)) if self.padding or low or right else pixels

    def cut(self, result: Tensor) -> Tensor:
        """Tiles of the result's gradient ``(N, K, height, width)``: ``(N, rows, 4, columns, 4, K)``."""
        pixels = result.permute(0, 2, 3, 1).contiguous()
        low, right = STEP * self.rows - self.height, STEP * self.columns - self.width
        pixels = F.pad(pixels, (0, 0, 0, right, 0, low)) if low or right else pixels
        return pixels.view(self.pictures, self.rows, STEP, self.columns, STEP, -1)


class _Convolution(torch.autograd.Function):
    """Keeps its input for the way back, as torch's own convolution does, and transforms it again."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.tiling = tiling = _Tiling.of(source, padding)
        ctx.shape = source.shape
        ctx.save_for_backward(source if ctx.needs_input_grad[1] else None, weight)
        pixels, kernels = tiling.covered(source), _kernels(weight).transpose(1, 2)
        shape = (tiling.pictures, tiling.rows, STEP, tiling.columns, STEP, len(weight))
        result = source.new_empty(shape)
        for pictures, top, end in tiling.parts():
            products = torch.bmm(_tiles(pixels[pictures], tiling, top, end), kernels)
            if bias is not None:
                products[ONES] += bias
            part = result[pictures, top:end]
            tiles = _times(FROM_PRODUCTS, products).view(STEP, STEP, len(part), end - top, tiling.columns, -1)
            part.copy_(tiles.permute(2, 3, 0, 4, 1, 5))
        whole = result.view(tiling.pictures, STEP * tiling.rows, STEP * tiling.columns, -1)
        return whole[:, : tiling.height, : tiling.width].permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        source, weight = ctx.saved_tensors
        tiling: _Tiling = ctx.tiling
        to_source, to_weight, to_bias, _ = ctx.needs_input_grad
        back = _ToSource(tiling, ctx.shape, weight) if to_source else None
        kernels = _ToKernels(tiling, source, weight) if to_weight else None
        biases = gradient.new_zeros(len(weight)) if to_bias else None
        tiles = tiling.cut(gradient)
        for pictures, top, end in tiling.parts():
            part = tiles[pictures, top:end].permute(2, 4, 0, 1, 3, 5).reshape(STEP**2, -1)
            products = _times(FROM_PRODUCTS.T, part).view(TILE**2, -1, len(weight))
            if back:
                back.add(products, pictures, top, end)
            if kernels:
                kernels.add(products, pictures, top, end)
            if biases is not None:
                biases += products[ONES].sum(0)
        return back.found() if back else None, kernels.found() if kernels else None, biases, None


class _ToSource:
    """The gradient with respect to the input: tiles of 6×6, added where they overlap."""

    def __init__(self, tiling: _Tiling, shape: torch.Size, weight: Tensor) -> None:
        self._tiling = tiling
        self._shape = shape
        self._kernels = _kernels(weight)
        # A row and a column of tiles more, for what reaches beyond the last ones.
        self._sum = weight.new_zeros(shape[0], tiling.rows + 1, STEP, tiling.columns + 1, STEP, shape[1])

    def add(self, products: Tensor, pictures: slice, top: int, end: int) -> None:
        onto = self._sum[pictures]
        columns = self._tiling.columns
        tiles = _times(OF_TILE.T, torch.bmm(products, self._kernels))
        tiles = tiles.view(TILE, TILE, len(onto), end - top, columns, -1).permute(2, 3, 0, 4, 1, 5)
        over = TILE - STEP
        onto[:, top:end, :, :columns] += tiles[:, :, :STEP, :, :STEP]
        onto[:, top:end, :, 1:, :over] += tiles[:, :, :STEP, :, STEP:]
        onto[:, top + 1 : end + 1, :over, :columns] += tiles[:, :, STEP:, :, :STEP]
        onto[:, top + 1 : end + 1, :over, 1:, :over] += tiles[:, :, STEP:, :, STEP:]

    def found(self) -> Tensor:
        pictures, channels, height, width = self._shape
        around = self._tiling.padding
        whole = self._sum.view(pictures, STEP * (self._tiling.rows + 1), STEP * (self._tiling.columns + 1), channels)
        return whole[:, around : around + height, around : around + width].permute(0, 3, 1, 2)


class _ToKernels:
    """The gradient with respect to the weights, summed over all tiles."""

    def __init__(self, tiling: _Tiling, source: Tensor, weight: Tensor) -> None:
        self._tiling = tiling
        self._pixels = tiling.covered(source)
        self._sum = weight.new_zeros(TILE**2, *weight.shape[:2])

    def add(self, products: Tensor, pictures: slice, top: int, end: int) -> None:
        tiles = _tiles(self._pixels[pictures], self._tiling, top, end)
        # Not in place: torch's counter of operations would not see it.
        torch.baddbmm(self._sum, products.transpose(1, 2), tiles, out=self._sum)

    def found(self) -> Tensor:
        outputs, inputs = self._sum.shape[1:]
        return _times(OF_KERNEL.T, self._sum).view(3, 3, outputs, inputs).permute(2, 3, 0, 1)


def _tiles(pixels: Tensor, tiling: _Tiling, top: int, end: int) -> Tensor:
    """Transformed tiles of the input ``(n, h, w, C)``, of the rows of tiles from `top` to `end`: ``(36, tiles, C)``."""
    pixels = pixels[:, STEP * top :]
    by_picture, by_row, by_column, by_channel = pixels.stride()
    shape = (TILE, TILE, len(pixels), end - top, tiling.columns, pixels.shape[3])
    strides = (by_row, by_column, by_picture, STEP * by_row, STEP * by_column, by_channel)
    return _times(OF_TILE, pixels.as_strided(shape, strides, pixels.storage_offset()).reshape(TILE**2, -1)).view(
        TILE**2, -1, pixels.shape[3]
    )


def _kernels(weight: Tensor) -> Tensor:
    """Transformed kernels, ``(36, K, C)``."""
    return _times(OF_KERNEL, weight.permute(2, 3, 0, 1).reshape(9, -1)).view(TILE**2, *weight.shape[:2])


def _times(transform: NDArray[float64], tiles: Tensor) -> Tensor:
    """A transform of all tiles, whose places are the first dimension."""
    return torch.from_numpy(transform).to(tiles) @ tiles.reshape(len(transform.T), -1)
