"""The State Synchronization Network and its training step as one would write them from the paper: the peer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 64
VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512)
TAPS = (3, 8, 15, 22)


class Block(nn.Module):
    def __init__(self, channels: int, incoming: int | None = None) -> None:
        super().__init__()
        stride = 1 if incoming is None else 2
        self.conv1 = nn.Conv2d(incoming or channels, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.shortcut = nn.Sequential()
        if incoming is not None:
            self.shortcut = nn.Sequential(nn.Conv2d(incoming, channels, 1, 2, bias=False), nn.InstanceNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        result: Tensor = self.relu(out + self.shortcut(x))
        return result


def stage(channels: int, incoming: int | None = None) -> nn.Sequential:
    return nn.Sequential(Block(channels, incoming), Block(channels))


class PlainSsn(nn.Module):
    """RGB to normalised Lab."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(nn.Conv2d(3, w, 7, 2, 3, bias=False), nn.InstanceNorm2d(w), nn.ReLU())
        self.encoder = nn.ModuleList([stage(w), stage(2 * w, w), stage(4 * w, 2 * w), stage(8 * w, 4 * w)])
        self.up = nn.ModuleList(nn.ModuleList(self._rises(w)) for _ in range(2))
        self.blocks = nn.ModuleList(nn.ModuleList([stage(4 * w), stage(2 * w), stage(w)]) for _ in range(2))
        self.heads = nn.ModuleList(nn.Conv2d(w, channels, 3, 1, 1, bias=False) for channels in (1, 2))
        profile = torch.exp(-((torch.arange(3.0) - 1) ** 2) / (2 * 1.5**2))
        kernel = torch.outer(profile, profile)
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None])

    @staticmethod
    def _rises(w: int) -> list[nn.Module]:
        sizes = ((8 * w, 4 * w), (4 * w, 2 * w), (2 * w, w), (w, w))
        return [nn.ConvTranspose2d(i, o, 2, 2, bias=False) for i, o in sizes]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        skips = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        lightness = colour = skips.pop()
        for i in range(4):
            lightness, colour = self.up[0][i](lightness), self.up[1][i](colour)  # type: ignore[index]
            agreement = F.cosine_similarity(lightness, colour, dim=1).unsqueeze(1)
            agreement = F.conv2d(agreement, self.kernel, padding=1)  # type: ignore[arg-type]
            lightness, colour = lightness * agreement, colour * agreement
            if skips:
                skip = skips.pop()
                lightness = self.blocks[0][i](lightness + skip)  # type: ignore[index]
                colour = self.blocks[1][i](colour + skip)  # type: ignore[index]
        return torch.cat([self.heads[0](lightness), self.heads[1](colour)], dim=1)


class PlainStep:
    """One step of Adam on DSSIM of L, L1 of a* and b*, and L1 of VGG-16 features, in fp32.

    vgg
        ``features.N.weight`` and ``.bias`` of torchvision's VGG-16.
    """

    def __init__(self, vgg: Mapping[str, Tensor]) -> None:
        self.network = PlainSsn()
        self.vgg = vgg_layers(vgg)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=1e-4)

    def step(self, source: Tensor, target: Tensor) -> float:
        loss = self.loss(source, target)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return loss.item()

    def loss(self, source: Tensor, target: Tensor) -> Tensor:
        predicted, wanted = self.network(source), normalised_lab(target)
        loss = dssim(predicted[:, :1], wanted[:, :1]) + F.l1_loss(predicted[:, 1:], wanted[:, 1:])
        return loss + 10 * self.perceptual(predicted, wanted)

    def perceptual(self, predicted: Tensor, wanted: Tensor) -> Tensor:
        distances = []
        for i, layer in enumerate(self.vgg):
            predicted, wanted = layer(predicted), layer(wanted)
            if i in TAPS:
                distances.append(F.l1_loss(predicted, wanted))
        return torch.stack(distances).mean()


def vgg_layers(weights: Mapping[str, Tensor]) -> nn.Sequential:
    layers: list[nn.Module] = []
    incoming = 3
    for part in VGG:
        if isinstance(part, str):
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(incoming, int(part), 3, padding=1), nn.ReLU()]
        incoming = int(part)
    vgg = nn.Sequential(*layers).requires_grad_(False)
    vgg.load_state_dict({name.removeprefix("features."): tensor for name, tensor in weights.items()})
    return vgg


def dssim(predicted: Tensor, target: Tensor) -> Tensor:
    profile = torch.exp(-((torch.arange(11.0, device=predicted.device) - 5) ** 2) / (2 * 1.5**2))
    profile = profile / profile.sum()
    window = torch.outer(profile, profile)[None, None]
    mean_1, mean_2 = F.conv2d(predicted, window), F.conv2d(target, window)
    variance_1 = F.conv2d(predicted * predicted, window) - mean_1**2
    variance_2 = F.conv2d(target * target, window) - mean_2**2
    covariance = F.conv2d(predicted * target, window) - mean_1 * mean_2
    above = (2 * mean_1 * mean_2 + 0.01**2) * (2 * covariance + 0.03**2)
    below = (mean_1**2 + mean_2**2 + 0.01**2) * (variance_1 + variance_2 + 0.03**2)
    return (1 - (above / below).mean()) / 2


def normalised_lab(rgb: Tensor) -> Tensor:
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    matrix = rgb.new_tensor(
        [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
    )
    xyz = torch.einsum("ij,njhw->nihw", matrix, linear) / rgb.new_tensor([0.95047, 1.0, 1.08883]).view(1, 3, 1, 1)
    f = torch.where(xyz > 0.008856, xyz.clamp(min=0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116)
    lightness = 116 * f[:, 1] - 16
    a, b = 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    return torch.stack([lightness / 100, (a + 128) / 255, (b + 128) / 255], dim=1)
