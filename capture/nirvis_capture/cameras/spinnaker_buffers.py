"""Frames of memory of one camera, as the ``[spinnaker]`` table of a profile has them."""

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
