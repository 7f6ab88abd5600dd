"""What a network gets to see of a raw frame: the same in a clip and live."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Raw
from nirvis_capture.raw import Development, develop
from nirvis_registration.geometry import SourceGeometry


def source_picture(raw: Raw, development: Development, geometry: SourceGeometry | None) -> NDArray[np.uint8]:
    """A raw frame ``(H, W)`` of the nir arm as the network saw such frames in training: RGB ``(h, w, 3)`` u8."""
    whole = develop(raw, development)
    return whole if geometry is None else geometry.apply(whole).astype(np.uint8, copy=False)
