"""One row of the pairing together with its frames: what is recorded, kept and shown."""

from __future__ import annotations

from nirvis_capture.camera import ARMS, Arm, Frame
from nirvis_capture.pair_table import PairRow

Row = PairRow[Frame]


def frames_of(row: Row) -> list[tuple[Arm, Frame]]:
    """The frames that a row has: one or two."""
    return [(arm, frame) for arm, frame in zip(ARMS, (row.nir, row.vis), strict=True) if frame is not None]


def row_bytes(row: Row) -> int:
    """Memory that the pixels of a row take."""
    return sum(frame.pixels.nbytes for _, frame in frames_of(row))
