"""How the spinnaker backend uses its cameras, as written in the ``[spinnaker]`` table of a profile."""

from __future__ import annotations

from pydantic import Field

from nirvis_capture.settings import Settings


class SpinnakerSettings(Settings):
    """Memory and bandwidth of both cameras."""

    buffers: int = Field(default=32, ge=3, le=1000)
    """Frames of memory for each camera, which the driver fills while nirvis is busy. On Linux all of them together have
    to fit into usbfs_memory_mb."""
    link_mb_s: float | None = Field(default=None, gt=0)
    """Share of the USB link for each camera, in MB/s; None: all that it can use. Give half of what the controller
    carries when both cameras hang on one controller and frames arrive incomplete."""
