"""A simulated rig whose every frame carries the number of its pulse in its first pixels: truth that survives anything.

Neither pairing nor writing reads pixels, so what the clip says can be held against it, also after a kill or a rescue.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.cameras.simulated import SimulatedBackend
from nirvis_capture.clip import Clip
from nirvis_capture.pairing import Event
from nirvis_capture.twin.electronics.cameras import Imager, TwinCamera

_STAMP_BYTES = 8
_JOINS = (Event.PAIR, Event.INCOMPLETE, Event.CLOCK_JUMP)
"""Rows that say that two frames are one exposure."""


class StampedImager:
    """Any pictures, stamped."""

    def __init__(self, imager: Imager) -> None:
        self._imager = imager

    def capture(self, pulse: int) -> Raw | None:
        counts = self._imager.capture(pulse)
        if counts is not None:
            counts.reshape(-1).view(np.uint8)[:_STAMP_BYTES] = np.frombuffer(np.int64(pulse).tobytes(), np.uint8)
        return counts


class StampedBackend(SimulatedBackend):
    """The simulated rig with stamped pictures."""

    def open(self) -> Mapping[Arm, TwinCamera]:
        cameras = super().open()
        for camera in cameras.values():
            camera._imager = StampedImager(camera._imager)
        return cameras


def true_pulses(clip: Clip, arm: Arm) -> NDArray[np.int64]:
    """``(N,)`` the pulse that really exposed each frame."""
    frames = clip.file[f"entry/instrument/{arm}/data"]
    stamps = [frames[i, 0].view(np.uint8)[:_STAMP_BYTES].tobytes() for i in range(frames.shape[0])]
    return np.frombuffer(b"".join(stamps), np.int64)


def wrong_pairs(path: Path) -> int:
    """Rows of a clip that join frames of two pulses."""
    with Clip.open(path) as clip:
        nir, vis = (true_pulses(clip, arm) for arm in ARMS)
        rows = clip.pairs
        joined = np.isin(rows["event"], _JOINS) & (rows["nir_index"] >= 0) & (rows["vis_index"] >= 0)
        return int(np.count_nonzero(nir[rows["nir_index"][joined]] != vis[rows["vis_index"][joined]]))


def unaccounted_frames(path: Path) -> int:
    """How far the losses that a clip states are from those that it has, between its first and its last pulse."""
    with Clip.open(path) as clip:
        pulses = {arm: true_pulses(clip, arm) for arm in ARMS}
        counts = clip.certificate.pairing.counts
    held = np.concatenate(list(pulses.values()))
    span = int(held.max() - held.min()) + 1
    missing = sum(span - len(set(of_arm.tolist())) for of_arm in pulses.values())
    stated = sum(counts[event.name] for event in (Event.TRANSFER_DROP, Event.MISSED_TRIGGER, Event.EDGE))
    return abs(missing - stated)
