"""``nirvis record``: record a clip through the recorder process, headless."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis_capture.certificate import Certificate
from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.clip import Clip
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Light, load_profile

_STATUS_EVERY_S = 0.5


def record(
    *,
    profile: Annotated[str, Parameter(help="Hardware profile: a shipped name such as twin_day, or a .toml file.")],
    seconds: Annotated[float | None, Parameter(help="Length; without it, until Ctrl-C.")] = None,
    out: Annotated[Path | None, Parameter(help="Folder of the clip; by default that of the profile.")] = None,
    place: Annotated[str, Parameter(help="Where it is; recordings of one place are never split.")] = "",
    light: Annotated[Light, Parameter(help="Light of the scene.")] = "day",
    notes: Annotated[str, Parameter(help="Anything worth knowing later.")] = "",
    operator: Annotated[str, Parameter(help="Who records.")] = "",
    stop: Annotated[bool, Parameter(negative="", help="End the recording that runs on this rig.")] = False,
    json: Annotated[bool, Parameter(negative="", help="Print the status as one JSON object per line.")] = False,
) -> None:
    """Record one certified clip of pairs.

    Ctrl-C ends the recording, and its clip is complete. The recorder is a process
    of its own: closing the terminal does not end it, and --stop does so from any other.
    """
    settings = load_profile(profile)
    running = RecorderClient.find(settings.rig)
    if stop:
        _stop(running, settings.rig, json)
        return
    if seconds is not None and seconds <= 0:
        raise RecorderError(f"--seconds {seconds:g}: a recording has to be longer than 0 s.")
    if running is not None:
        with running:
            _refuse_while_recording(running.status(), profile)
    with RecorderClient.start(settings) as client, _interrupts() as interrupted:
        try:
            recording_id = client.record(place, light, notes, operator, out, seconds)
            status = _watch(client, interrupted, json)
        finally:
            # A recorder that ran for somebody else goes on; one that was launched for this recording does not.
            if running is None:
                client.shutdown()
    _say_what_came(status, recording_id, json)
    if status.state == "failed" or (seconds is not None and not interrupted.is_set() and _is_short(status, seconds)):
        raise RecorderError(status.message)
    if status.message:
        print(f"warning: {status.message}", file=sys.stderr)


def _stop(running: RecorderClient | None, rig: str, as_json: bool) -> None:
    if running is None:
        raise RecorderError(f"Nothing is recorded on rig {rig}: no recorder of it is running.")
    with running:
        before = running.status()
        if before.state not in ("recording", "finalising"):
            raise RecorderError(f"Nothing is recorded on rig {rig}: its recorder is {before.state}.")
        clip = running.stop()
    if clip is None:
        raise RecorderError(f"The recording {before.recording_id} had no frame, so no clip was written.")
    if as_json:
        print(before.model_copy(update={"state": "armed", "clip": clip}).model_dump_json())
    else:
        _say(clip)


def _refuse_while_recording(status: RecorderStatus, profile: str) -> None:
    if status.state in ("recording", "finalising"):
        raise RecorderError(
            f"Rig {status.rig} is recording already, for {status.seconds:.0f} s and {status.pairs} pairs. "
            f"End that recording with: nirvis record --stop --profile {profile}"
        )


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event, so that they cannot tear a command to the recorder in two."""
    interrupted = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: interrupted.set()) for number in numbers]
    try:
        yield interrupted
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _watch(client: RecorderClient, interrupted: threading.Event, as_json: bool) -> RecorderStatus:
    """Show the status until the recording has ended by itself, or end it when interrupted."""
    while (status := client.status()).state in ("recording", "finalising"):
        _show(status, as_json)
        if interrupted.wait(_STATUS_EVERY_S):
            client.stop()
    if sys.stderr.isatty() and not as_json:
        print(file=sys.stderr)
    return status


def _show(status: RecorderStatus, as_json: bool) -> None:
    if as_json:
        print(status.model_dump_json(), flush=True)
    elif sys.stderr.isatty():
        print(f"\r\x1b[K{_line(status)}", end="", file=sys.stderr, flush=True)


def _line(status: RecorderStatus) -> str:
    dropped = sum(status.dropped.values()) + status.lost_rows
    left = "" if status.disk_minutes_left is None else f"   disk {status.disk_minutes_left:.0f} min"
    return (
        f"{status.state} {status.seconds:6.1f} s   {status.pairs} pairs   {dropped} dropped   "
        f"ring {status.ring_fill:4.0%}   {status.write_mb_s:.0f} MB/s{left}"
    )


def _is_short(status: RecorderStatus, seconds: float) -> bool:
    return status.seconds < 0.99 * seconds


def _say_what_came(status: RecorderStatus, recording_id: str | None, as_json: bool) -> None:
    """Print where the clip is and what it proves. Raises `RecorderError` when there is none."""
    if as_json:
        print(status.model_dump_json(), flush=True)
    if status.clip is None or status.recording_id != recording_id:
        raise RecorderError(status.message or "No clip was written.")
    if not as_json:
        _say(status.clip)


def _say(path: Path) -> None:
    with Clip.open(path) as clip:
        print(path)
        print(_verdict(clip.certificate))


def _verdict(certificate: Certificate) -> str:
    """The facts of a certificate in one line."""
    pairing = certificate.pairing
    events = [f"{n} {name.lower().replace('_', ' ')}" for name, n in pairing.counts.items() if n and name != "PAIR"]
    losses = ", ".join(events) or "nothing lost"
    residual = f", residual p99 {pairing.residual_p99_ns / 1e3:.1f} µs" if certificate.pairs else ""
    return f"{certificate.claim} certified: {certificate.pairs} pairs{residual}, {losses}; ended: {certificate.ended}"
