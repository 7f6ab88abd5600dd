"""Displacing pictures by a flow, and flows that are made rather than measured."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_CTN_STRIDE_PX = 16
_CTN_SIGMA_PX = 8.0


def warp(picture: Tensor, flow_px: Tensor) -> Tensor:
    """What lies at p + flow(p), bilinearly; beyond the border its last pixel.

    picture
        ``(N, C, H, W)``.
    flow_px
        Displacement to the right and downwards in pixels, ``(N, 2, H, W)``.
    """
    height, width = picture.shape[-2:]
    rows = torch.arange(height, dtype=flow_px.dtype, device=flow_px.device)
    columns = torch.arange(width, dtype=flow_px.dtype, device=flow_px.device)
    x = (2 * (columns + flow_px[:, 0]) + 1) / width - 1
    y = (2 * (rows[:, None] + flow_px[:, 1]) + 1) / height - 1
    grid = torch.stack((x, y), dim=-1).to(picture.dtype)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def synthetic_flow(
    picture: Tensor, sigma_px: float = 8.0, shift_px: int = 10, cell_px: int = 100, blur_px: int = 100
) -> Tensor:
    """Smooth random motion for the pictures of a batch, ``(N, 2, H, W)`` (Wang et al. 2022, UnsupRecycle).

    Normal displacements on a grid of `cell_px`, enlarged, plus one shift of up to `shift_px` in each direction,
    averaged over squares of `blur_px`.
    """
    count, _, height, width = picture.shape
    cells = (count, 2, max(1, height // cell_px), max(1, width // cell_px))
    coarse = sigma_px * torch.randn(cells, device=picture.device)
    flow = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    shift = torch.randint(-shift_px, shift_px + 1, (count, 2, 1, 1), device=picture.device)
    return _box_blur(flow + shift, blur_px)


def content_flow(content: Tensor, size: tuple[int, int], scale_px: float = 8.0) -> Tensor:
    """Smooth random motion where there is content, ``(N, 2, H, W)`` (Yu et al. 2023, CPTrans, eq. 9).

    F = smooth(normalise(w) · γ · z). The paper leaves normalise, smooth and γ open: here w is stretched to [0, 1] per
    picture, z is normal on a grid of 16 px, and the blurred product is scaled so that its deviation is γ.

    content
        Weight of every patch, ``(N, 1, h, w)``; it is enlarged bilinearly.
    size
        Height and width of the pictures.
    scale_px
        γ, deviation of the displacements in pixels.
    """
    low, high = content.amin((1, 2, 3), keepdim=True), content.amax((1, 2, 3), keepdim=True)
    # A map without contrast has content everywhere.
    normalised = torch.where(high > low, (content - low) / (high - low).clamp(min=1e-12), 1.0)
    where = F.interpolate(normalised, size, mode="bilinear", align_corners=False)
    cells = (len(content), 2, max(1, size[0] // _CTN_STRIDE_PX), max(1, size[1] // _CTN_STRIDE_PX))
    coarse = torch.randn(cells, device=content.device)
    noise = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    flow = _gaussian_blur(where * noise, _CTN_SIGMA_PX)
    return scale_px * flow / flow.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)


def _box_blur(planes: Tensor, side: int) -> Tensor:
    low, high = side // 2, (side - 1) // 2
    padded = F.pad(planes, (low, high, low, high), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (side, 1), stride=1), (1, side), stride=1)


def _gaussian_blur(planes: Tensor, sigma: float) -> Tensor:
    """Separable, over three deviations to each side, with repeated borders."""
    reach = round(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=planes.dtype, device=planes.device)
    profile = torch.exp(-offsets.square() / (2 * sigma**2))
    profile = (profile / profile.sum()).reshape(1, 1, 1, -1).expand(planes.shape[1], 1, 1, -1)
    rows = F.conv2d(F.pad(planes, (reach, reach, 0, 0), mode="replicate"), profile, groups=planes.shape[1])
    columns = F.pad(rows, (0, 0, reach, reach), mode="replicate")
    return F.conv2d(columns, profile.transpose(2, 3), groups=planes.shape[1])
