"""Memory and bandwidth of one camera, as the ``[spinnaker]`` table of a profile shares them out."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from nirvis_capture.cameras.spinnaker_nodes import Nodes
from nirvis_capture.cameras.spinnaker_settings import SpinnakerSettings
from nirvis_capture.trigger import NodeSetting

log = logging.getLogger(__name__)


def buffers(stream: Nodes, settings: SpinnakerSettings) -> Iterator[NodeSetting]:
    """So many buffers, and never one overwritten: a frame that finds none is lost and leaves a gap in the ids."""
    yield NodeSetting("StreamBufferCountMode", "Manual")
    bounds = stream.bounds("StreamBufferCountManual")
    most = settings.buffers if bounds is None else bounds[1]
    if most < settings.buffers:
        log.warning("the driver has %d buffers instead of %d: a busy moment will cost frames", most, settings.buffers)
    yield NodeSetting("StreamBufferCountManual", min(settings.buffers, most))
    yield NodeSetting("StreamBufferHandlingMode", "OldestFirst")


def share_of_link(camera: Nodes, settings: SpinnakerSettings) -> Iterator[NodeSetting]:
    """Bandwidth of the USB link; a camera that is left with too little slows down or sends incomplete frames."""
    bounds = camera.bounds("DeviceLinkThroughputLimit")
    if bounds is None:
        return
    low, high, step = bounds
    wanted = high if settings.link_mb_s is None else min(max(low, round(settings.link_mb_s * 1e6)), high)
    yield NodeSetting("DeviceLinkThroughputLimit", low + (wanted - low) // step * step, needed=False)
