"""How much memory rows may take while they wait for the disk, and whether cameras wait instead."""

from __future__ import annotations

from collections.abc import Mapping

from nirvis_capture.anchor import listening_frames
from nirvis_capture.camera import Arm, CameraInfo
from nirvis_capture.part_writer import Part
from nirvis_capture.profile import Profile
from nirvis_capture.ring import Ring
from nirvis_capture.row import Row, row_bytes

_UNPACED_PAIRS = 16
"""More would only cost memory: a camera that waits needs no room to run ahead."""


def memory_bytes(profile: Profile, cameras: Mapping[Arm, CameraInfo], seconds: float) -> int:
    """Memory of so many seconds of pairs at the trigger rate."""
    pair_bytes = sum(camera.frame_bytes for camera in cameras.values())
    return round(seconds * profile.trigger.rate_hz) * pair_bytes


def ring_for(profile: Profile, cameras: Mapping[Arm, CameraInfo]) -> Ring[Row | Part]:
    """A ring of ``recording.ring_seconds`` at the trigger rate; a short one for cameras that can be slowed down."""
    pair_bytes = sum(camera.frame_bytes for camera in cameras.values())
    if not is_paced(profile):
        return Ring(_UNPACED_PAIRS * pair_bytes, _item_bytes, "wait")
    capacity = max(memory_bytes(profile, cameras, profile.recording.ring_seconds), pair_bytes)
    ring: Ring[Row | Part] = Ring(capacity, _item_bytes, "refuse")
    # The first frames wait for their anchor, and come at once.
    ring.make_room(listening_frames(profile.trigger.period_ns) * pair_bytes)
    return ring


def _item_bytes(item: Row | Part) -> int:
    return 0 if isinstance(item, Part) else row_bytes(item)


def is_paced(profile: Profile) -> bool:
    """True where exposures come in their own time, as with every real camera; False in fast pacing."""
    if profile.nir.backend == "simulated":
        return profile.twin.pacing == "real"
    return profile.nir.backend != "replay" or profile.replay is None or profile.replay.pacing == "real"
