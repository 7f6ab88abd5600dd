"""What a camera is to the rig, whoever made it.

A driver (Spinnaker, Aravis, the simulated rig, a replayed recording) is a `Backend`; it opens `Camera` objects. The rig
arms the secondary first and the primary last, so that the pause before the first pulse anchors the pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Arm = Literal["nir", "vis"]
ARMS: tuple[Arm, Arm] = ("nir", "vis")

Raw = NDArray[np.uint8] | NDArray[np.uint16]
"""Raw counts of the sensor's colour filter array, ``(H, W)``."""


def other(arm: Arm) -> Arm:
    return "vis" if arm == "nir" else "nir"


class FrameStatus(IntEnum):
    """How a frame arrived."""

    COMPLETE = 0
    INCOMPLETE = 1
    """The transport lost a part of the picture; the counts are there but cannot be trusted."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One exposure of one camera. Owns its pixels: no driver writes to them later."""

    pixels: Raw
    """Raw counts ``(H, W)``, u8 or u16, unpacked."""
    frame_id: int
    """Counter of the camera, unwrapped by the backend."""
    timestamp_ns: int
    """Start of the exposure on the clock of the camera."""
    host_ns: int
    """Arrival on the monotonic clock of the host."""
    exposure_us: float
    gain_db: float
    status: FrameStatus = FrameStatus.COMPLETE


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What a camera says of itself once it is open; constant while it is armed."""

    serial: str
    model: str
    pixel_format: str
    """PFNC name of what the frames hold after unpacking: ``BayerRG8``, ``BayerRG16`` …"""
    width: int
    height: int
    bit_depth: int
    """Significant bits of a count: 8, 12 or 16."""
    black_level_dn: float
    timestamp_resolution_ns: int
    temperature_c: float | None = None
    """Of the sensor when it was asked; None where the camera does not tell."""

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        return np.dtype(np.uint8) if self.bit_depth == 8 else np.dtype(np.uint16)

    @property
    def frame_bytes(self) -> int:
        return self.width * self.height * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class ClockLatch:
    """The clock of a camera and of the host read at one moment: the independent witness of the anchor."""

    camera_ns: int
    host_ns: int
    uncertainty_ns: int
    """Half of the time that the reading took: the true offset lies within ± this."""


class Camera(Protocol):
    """What the rig needs from a camera; a FLIR camera, a GigE camera and a simulated one all offer it."""

    @property
    def info(self) -> CameraInfo: ...

    def arm(self) -> None:
        """Apply the settings and begin acquisition.

        A secondary then waits for pulses; arming the primary makes it send them. It can be armed again after
        `disarm`.
        Raises `CameraError` when a setting is refused.
        """
        ...

    def next_frame(self, timeout_s: float) -> Frame | None:
        """Wait for the next exposure; None when none came in time, or when another thread called `disarm`."""
        ...

    def latch_clock(self) -> ClockLatch | None:
        """Read both clocks at once; None where the camera cannot."""
        ...

    def disarm(self) -> None:
        """Stop and give every buffer back. Wakes a waiting `next_frame`. Safe to call twice."""
        ...

    def close(self) -> None:
        """Disarm, restore what was changed, and release the camera. Safe to call twice."""
        ...


@runtime_checkable
class Health(Protocol):
    """What a camera offers beside `Camera` when its driver has figures to tell."""

    def health(self) -> Mapping[str, float]:
        """Figures since it was armed (``frames``, ``incomplete``, ``lost``, ``temperature_c`` …), from any thread."""
        ...


@runtime_checkable
class Ranged(Protocol):
    """What a camera offers beside `Camera` when its driver tells which values its settings may have."""

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Least and greatest value of each setting, by its name in the profile (``exposure_us``, ``roi.width`` …).

        As they were when the camera had been configured: they depend on each other.
        """
        ...


class Backend(Protocol):
    """One driver: finds cameras and opens them."""

    def serials(self) -> list[str]:
        """Serial numbers of the cameras that could be opened now."""
        ...

    def open(self) -> Mapping[Arm, Camera]:
        """Open the cameras of both arms. Raises `CameraNotFound` with what was found instead."""
        ...

    def close(self) -> None:
        """Close every camera that is still open, then the driver. Safe to call twice."""
        ...
