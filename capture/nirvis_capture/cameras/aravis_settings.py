"""How the aravis backend reaches its cameras, as written in the ``[aravis]`` table of a profile."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nirvis_capture.settings import Settings


class AravisSettings(Settings):
    """Which bus the cameras are on, and how their frames are received."""

    interface: Literal["usb3", "gige"] = "usb3"
    """``gige`` looks for cameras with broadcasts on **every** network card of the machine; ``usb3`` sends nothing."""
    buffers: int = Field(default=16, ge=3, le=256)
    """Frames of memory for each camera, which the driver fills while nirvis is busy."""
    link_mb_s: float | None = Field(default=None, gt=0)
    """Share of the link for each camera, in MB/s; None: all that it can use. Give half of what the controller or the
    network carries when both cameras hang on it and frames arrive incomplete."""
    packet_bytes: int | None = Field(default=None, ge=576, le=9000)
    """GigE: size of a stream packet; above 1500 card and switch need jumbo frames. None: as the camera has it."""
    packet_socket: bool = True
    """GigE: receive through a raw packet socket where the system allows it (CAP_NET_RAW); it loses fewer packets."""
    socket_buffer_bytes: int = Field(default=4 << 20, ge=65_536)
    """GigE: receive buffer of an ordinary socket; the system grants at most net.core.rmem_max."""
