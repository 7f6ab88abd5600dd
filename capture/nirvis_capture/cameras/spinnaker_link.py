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
    allowed = stream.steps("StreamBufferCountManual")
    most = settings.buffers if allowed is None else allowed[-1]
    if most < settings.buffers:
        log.warning("the driver has %d buffers instead of %d: a busy moment will cost frames", most, settings.buffers)
    yield NodeSetting("StreamBufferCountManual", min(settings.buffers, most))
    yield NodeSetting("StreamBufferHandlingMode", "OldestFirst")


def share_of_link(camera: Nodes, settings: SpinnakerSettings) -> Iterator[NodeSetting]:
    """Bandwidth of the USB link; a camera that is left with too little slows down or sends incomplete frames."""
    allowed = camera.steps("DeviceLinkThroughputLimit")
    if allowed is None:
        return
    wanted = allowed[-1] if settings.link_mb_s is None else round(settings.link_mb_s * 1e6)
    steps = min(max(0, wanted - allowed.start) // allowed.step, len(allowed) - 1)
    yield NodeSetting("DeviceLinkThroughputLimit", allowed[steps], needed=False)
