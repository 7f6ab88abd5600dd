"""A store of earlier fakes, so that a discriminator does not only see the newest ones (Shrivastava et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Hands out fakes of earlier steps in half of all cases once it is full; all of it is in the state.

    size
        Pictures kept, 50 in CycleGAN; 0 hands every picture straight back.
    side
        Height and width of the pictures that it is asked with; `make_method` makes it that of the crops.
    """

    pictures: Tensor
    count: Tensor

    def __init__(self, size: int, side: int = 256) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, 3, side, side))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def resize(self, side: int) -> None:
        """Make room, empty, for pictures of another size."""
        self.pictures = self.pictures.new_zeros(len(self.pictures), 3, side, side)
        self.count.zero_()

    def forward(self, pictures: Tensor) -> Tensor:
        """As many pictures ``(N, 3, side, side)``, detached: each either its own or one that it takes the place of."""
        return torch.stack([self._exchanged(picture) for picture in pictures.detach()])

    def _exchanged(self, picture: Tensor) -> Tensor:
        size = len(self.pictures)
        if not size:
            return picture
        if self.count < size:
            self.pictures[self.count] = picture
            self.count += 1
            return picture
        if torch.rand(()) < 0.5:
            return picture
        place = int(torch.randint(size, ()))
        older = self.pictures[place].clone()
        self.pictures[place] = picture
        return older
