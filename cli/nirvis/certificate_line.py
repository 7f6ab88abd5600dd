"""What a certificate says, in one line of a terminal."""

from __future__ import annotations

from pathlib import Path

from nirvis_capture.certificate import Certificate
from nirvis_capture.clip import Clip
from nirvis_capture.pairing import Event
from nirvis_capture.wording import counted


def certificate_line(certificate: Certificate) -> str:
    """What is proved, how much of it there is, and what was lost."""
    # Of a clip without any anchor, all frames are unanchored.
    unsaid = [Event.PAIR.name, *([Event.UNANCHORED.name] if certificate.claim == "integrity" else [])]
    events = [
        f"{count} {name.lower().replace('_', ' ')}"
        for name, count in certificate.pairing.counts.items()
        if count and name not in unsaid
    ]
    silent = [f"no frame of {arm}" for arm, frames in certificate.frames.items() if not frames]
    lost = ", ".join([*events, *silent]) or "nothing lost"
    exposures = certificate.exposures
    if exposures is not None and exposures.pairs_off_ratio:
        lost += f", {counted(exposures.pairs_off_ratio, 'pair')} off the set ratio of exposures"
    if certificate.claim == "integrity":
        frames = " + ".join(str(n) for n in certificate.frames.values())
        return f"unanchored (integrity only), {frames} frames, {lost}"
    residual = f", residual p99 {certificate.pairing.residual_p99_ns / 1e3:.1f} µs" if certificate.pairs else ""
    return f"proved, {counted(certificate.pairs, 'pair')}{residual}, {lost}"


def say_clip(path: Path) -> None:
    """Print where a new clip is, and what it proves."""
    with Clip.open(path) as clip:
        certificate = clip.certificate
    print(path)
    print(f"{certificate_line(certificate)}; ended: {certificate.ended}", flush=True)
