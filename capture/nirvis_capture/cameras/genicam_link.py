"""The share of its link that one camera may use, whichever driver reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from nirvis_capture.trigger import NodeSetting

_LIMIT = "DeviceLinkThroughputLimit"


class Stepped(Protocol):
    """A node map that tells which values an integer may have."""

    def steps(self, name: str) -> range | None:
        """As things stand; None where the camera has no such feature."""
        ...


def share_of_link(camera: Stepped, link_mb_s: float | None) -> Iterator[NodeSetting]:
    """The step of the camera next below its share; one left with too little slows down or sends incomplete frames.

    link_mb_s
        MB/s; None: all that the camera can use.
    """
    allowed = camera.steps(_LIMIT)
    if allowed is None:
        return
    wanted = allowed[-1] if link_mb_s is None else round(link_mb_s * 1e6)
    steps = min(max(0, wanted - allowed.start) // allowed.step, len(allowed) - 1)
    yield NodeSetting(_LIMIT, allowed[steps], needed=False)
