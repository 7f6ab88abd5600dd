"""The pair table: what is said of every frame of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from nirvis_capture.anchor import Anchor, Stamped
from nirvis_capture.camera import Arm

S = TypeVar("S", bound=Stamped)


class Event(IntEnum):
    """What a row of the pair table says."""

    PAIR = 0
    """One pulse, both arms, both complete."""
    TRANSFER_DROP = 1
    """The partner was exposed and lost on its way: a gap in time and in frame ids."""
    MISSED_TRIGGER = 2
    """The partner was never exposed: a gap in time and none in frame ids."""
    EXTRA_FRAME = 3
    """Nothing is missing: this frame was exposed between two pulses, or delivered twice."""
    INCOMPLETE = 4
    """A pair of which at least one frame arrived incomplete."""
    CLOCK_JUMP = 5
    """A camera clock jumped. With both frames: anchored anew here, through host times. With one: synchrony is lost."""
    EDGE = 6
    """The partner lies outside the recording, or what became of it cannot be told."""
    UNANCHORED = 7
    """Without an anchor no frame has a known partner."""


@dataclass(frozen=True, slots=True)
class PairRow(Generic[S]):
    """One row of the pair table: a pair, or a frame without partner."""

    nir: S | None
    vis: S | None
    residual_ns: int
    """nir exposure minus vis exposure, on the nir clock, beyond what the fit explains; 0 without a partner."""
    event: Event


@dataclass(frozen=True, slots=True)
class Stamp:
    """What pairing reads of a frame, and where the frame is in its arm."""

    index: int
    frame_id: int
    timestamp_ns: int
    host_ns: int
    status: int


Numbers = tuple[int, int, int, int]
"""A row as it is stored: ``nir_index, vis_index`` (-1: no partner), ``residual_ns, event``."""


def numbers(row: PairRow[Stamp]) -> Numbers:
    nir_index = -1 if row.nir is None else row.nir.index
    vis_index = -1 if row.vis is None else row.vis.index
    return nir_index, vis_index, row.residual_ns, int(row.event)


@dataclass(frozen=True)
class PairingSummary:
    """What a `Pairer` found, for the certificate."""

    anchor: Anchor | None
    period_ns: Annotated[int, Field(gt=0)]
    primary: Arm
    counts: dict[str, int]
    """Rows by event, and frames lost on both arms at once by their class."""
    lost_pulses: int
    """Pulses of which neither arm has a frame; they have no row."""
    rate_ppm: float
    """How much faster the nir clock ran than the vis clock at the end."""
    residual_p50_ns: int
    residual_p99_ns: int
    residual_max_ns: int
