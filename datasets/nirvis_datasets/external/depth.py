"""Pictures of 10, 12 or 14 bits that were stored in 16."""

from __future__ import annotations

import numpy as np

from nirvis_datasets.errors import ImportRefused
from nirvis_registration.warp import Picture

USUAL_BITS = (10, 12, 14)
"""Of cameras whose counts are stored in 16 as they are, so that white is a dark grey."""


def looks_like_bits(highest: int) -> int | None:
    """How many bits the counts of a 16-bit set probably have; None where they use its range.

    highest
        Of all its values.
    """
    return next((bits for bits in USUAL_BITS if 0 < highest < 1 << bits), None)


def over_full_range(picture: Picture, bits: int, name: str) -> Picture:
    """Counts of so many bits, 8 to 16, as u16 over the full range; white becomes white. u8 pictures stay as they are.

    Raises `ImportRefused` for a value that has more bits.
    """
    if picture.dtype != np.uint16:
        return picture
    highest = int(picture.max())
    if highest >> bits:
        raise ImportRefused(f"{name} has a value of {highest}, which {bits} bits cannot say: choose --bits higher.")
    return np.asarray((picture << (16 - bits)) | (picture >> (2 * bits - 16)), np.uint16)
