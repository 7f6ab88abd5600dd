"""What of this machine would stop or endanger a recording, each with its remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nirvis_capture.doctor.finding import Finding
    from nirvis_capture.profile import Profile


def examine(profile: Profile | None = None, root: Path = Path("/")) -> list[Finding]:
    """Look at everything that a recording with this profile needs; without one, at what any rig would.

    root
        Where ``sys``, ``proc``, ``etc``, ``dev``, ``usr`` and ``opt`` are read, so that a machine can be laid out in a
        folder. The disk is tried where the profile has its recordings.
    """
    from nirvis_capture.doctor import host, recorders, software, usb

    return [
        *usb.usbfs(profile, root),
        *usb.udev(profile, root),
        *usb.cameras(profile, root),
        *usb.others(root),
        *recorders.recorders(profile),
        *software.spinnaker(profile, root),
        *software.aravis(profile, root),
        *(() if profile is None else host.disk(profile)),
        *(() if profile is None else host.memory(profile, root)),
        *(() if profile is None else host.dark_and_flat(profile)),
        *host.shared_memory(profile, root),
        *host.clock(root),
        *host.processors(root),
        *software.python(),
        *software.window(root),
    ]
