"""Whether everything that a camera sends arrives, from what its driver counted since the camera was armed."""

from __future__ import annotations

from collections.abc import Mapping

from nirvis_capture.camera import Arm
from nirvis_capture.doctor.finding import Finding
from nirvis_capture.wording import counted

_CHECK = "reception"
_LOST = ("missing_packets", "missed_packets")
"""Packets that never arrived, as Aravis and as Spinnaker call them."""
_NETWORK = (
    "give both cameras jumbo frames (aravis.packet_bytes = 8000, and an MTU of 9000 on card and switch), let a raw "
    "socket receive (aravis.packet_socket = true, and CAP_NET_RAW) or raise net.core.rmem_max to "
    "aravis.socket_buffer_bytes, and where both share one cable give each half of it with aravis.link_mb_s"
)


def reception(arm: Arm, health: Mapping[str, float], has_to_send: bool) -> Finding | None:
    """Judge the reception of one camera; None where its driver counts nothing that could be judged.

    health
        See `nirvis_capture.camera.Health`.
    has_to_send
        Whether it exposes by itself: one that waits for pulses may rightly send nothing.
    """
    received, frames = health.get("received_packets"), health.get("frames", 0.0)
    if received == 0 and not frames:
        return _nothing(arm) if has_to_send else None
    missing = sum(health.get(name, 0.0) for name in _LOST)
    if missing or health.get("resent_packets"):
        return _lossy(arm, missing, health.get("resent_packets", 0.0), received)
    if incomplete := health.get("incomplete"):
        return Finding(
            _CHECK,
            "warning",
            f"{arm}: {counted(round(incomplete), 'frame')} incomplete",
            "Cable, port, or usbfs memory; where both cameras hang on one controller give each half of it: link_mb_s.",
        )
    if not frames:
        return None
    whole = "none incomplete" if received is None else f"{received:.0f} packets, none missing or resent"
    return Finding(_CHECK, "ok", f"{arm}: {counted(round(frames), 'frame')}, {whole}")


def _nothing(arm: Arm) -> Finding:
    return Finding(
        _CHECK,
        "stop",
        f"{arm}: the camera answers, and not one packet of a picture arrived",
        "The way is barred: let the firewall pass UDP from the camera, and make aravis.packet_bytes at most the MTU of "
        "card and switch (ip link tells it; 1500 without jumbo frames).",
    )


def _lossy(arm: Arm, missing: float, resent: float, received: float | None) -> Finding:
    among = "" if received is None else f" beside {received:.0f} received"
    lost = f"{counted(round(missing), 'packet')} missing" if missing else "no packet missing"
    found = f"{arm}: {lost}, {resent:.0f} resent{among}"
    means = "Frames arrive incomplete" if missing else "They arrived at the second try, and soon will not"
    return Finding(_CHECK, "warning", found, f"{means}: {_NETWORK}.")
