"""How others read pairs for training: folders of pictures with PIL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from skimage.color import rgb2lab
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_datasets.sampler import Draw
from nirvis_datasets.transforms import Cut, random_cut

Sides = dict[str, Tensor]


class PictureFolder(Dataset[Sides]):
    """What a user of two folders writes: PIL, one crop, one flip, [0, 1].

    Parts are drawn as `SampleDataset` draws them.
    """

    def __init__(self, folder: Path, suffix: str, crop: int, seed: int) -> None:
        self.files = {side: sorted((folder / side).glob(f"*{suffix}")) for side in ("source", "target")}
        self.crop = crop
        self.seed = seed
        with Image.open(self.files["source"][0]) as picture:
            self.size = picture.size[::-1]

    def __getitem__(self, item: Draw) -> Sides:
        cut = random_cut(np.random.default_rng([self.seed, *item]), self.size, self.crop, flip=True)
        sides = {}
        for side, files in self.files.items():
            with Image.open(files[item[1]]) as picture:
                part = picture.convert("RGB").crop(_box(cut))
            if cut.flipped:
                part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            planes = torch.from_numpy(np.array(part)).permute(2, 0, 1).contiguous()
            sides[side] = planes.to(torch.float32).div_(255)
        return sides | {"valid": torch.ones(1, self.crop, self.crop)}


class PublishedFolder(Dataset[Sides]):
    """What the loader published with VSIAD does to a pair, stated anew.

    Both PNG are decoded whole; brightness, contrast, saturation and gamma of the source change by up to 10 %; both are
    mirrored, turned, brought to 300×400 by PIL's bilinear filter, and cut to 256×256. The source is RGB in [0, 1], the
    target L*a*b* of scikit-image, brought to [0, 1].
    """

    size = (300, 400)
    crop = 256

    def __init__(self, folder: Path, seed: int, jitter: bool = True) -> None:
        self.files = {side: sorted((folder / side).glob("*.png")) for side in ("source", "target")}
        self.seed = seed
        self.jitter = jitter

    def __getitem__(self, item: Draw) -> Sides:
        random = np.random.default_rng([self.seed, *item])
        cut = random_cut(random, self.size, self.crop, flip=True, flip_vertical=True)
        pictures = {}
        for side, files in self.files.items():
            with Image.open(files[item[1]]) as picture:
                pictures[side] = picture.convert("RGB")
        if self.jitter:
            pictures["source"] = _jittered(pictures["source"], *(1 + random.uniform(-0.1, 0.1, 4)))
        source, target = (self._part(pictures[side], cut) for side in ("source", "target"))
        lab = np.add(rgb2lab(target), (0, 128, 128)) / (100, 255, 255)
        return {"source": _planes(source / np.float32(255)), "target": _planes(lab)}

    def _part(self, picture: Image.Image, cut: Cut) -> NDArray[np.uint8]:
        if cut.flipped:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if cut.upside_down:
            picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        picture = picture.resize(self.size[::-1], Image.Resampling.BILINEAR)
        # where the part lies in the turned picture, so that it shows what the same cut shows of the other
        top = self.size[0] - cut.top - cut.height if cut.upside_down else cut.top
        left = self.size[1] - cut.left - cut.width if cut.flipped else cut.left
        return np.array(picture.crop(_box(Cut(top, left, cut.height, cut.width))))


def _jittered(picture: Image.Image, brightness: float, contrast: float, saturation: float, gamma: float) -> Image.Image:
    changes: tuple[tuple[Callable[[Image.Image], ImageEnhance._Enhance], float], ...] = (
        (ImageEnhance.Brightness, brightness),
        (ImageEnhance.Contrast, contrast),
        (ImageEnhance.Color, saturation),
    )
    for change, factor in changes:
        picture = change(picture).enhance(factor)
    return picture.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)


def _planes(part: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1), np.float32))


def _box(cut: Cut) -> tuple[int, int, int, int]:
    return cut.left, cut.top, cut.left + cut.width, cut.top + cut.height
