"""Winograd's F(4×4, 3×3): a 3×3 convolution with a quarter of the multiplications.

The picture is covered by tiles of 4×4 results, each of which comes from 6×6 pixels. Tiles and kernels are transformed,
multiplied place by place, summed over the channels, and transformed back (Lavin & Gray 2016, "Fast algorithms for
convolutional neural networks", section 4). Where a layer has many channels, the products outweigh the transforms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TILE, STEP = 6, 4
"""Sides of a tile of the input and of a tile of the output, which is how far tiles are apart."""
MIN_CHANNELS = 128
"""Below, moving the tiles takes longer than the multiplications that they save."""


def _both_ways(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a one-dimensional transform to the rows and to the columns of flattened tiles at once."""
    return np.kron(matrix, matrix).astype(np.float64)


OF_TILE = _both_ways(
    np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        np.float64,
    )
)
"""Input tiles of 36 → 36; built of Bᵀ of Lavin & Gray, the others of G and Aᵀ."""
OF_KERNEL = _both_ways(
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float64) / 24
)
"""Kernels of 9 → 36."""
FROM_PRODUCTS = _both_ways(
    np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float64)
)
"""Products of 36 → output tiles of 16."""
ONES = TILE + 1
"""Where a product reaches all 16 results with weight 1: a bias is added there."""
