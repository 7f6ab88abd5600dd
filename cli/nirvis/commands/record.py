"""``nirvis record``: record a clip or a series of clips through the recorder process, headless."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.certificate_line import say_clip
from nirvis.end_recording import end_recording
from nirvis.series import Series
from nirvis_capture.camera import Arm
from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.errors import NirvisError, RecorderError, WrongOption
from nirvis_capture.exposure import Exposure, told
from nirvis_capture.profile import Light, Profile, load_profile
from nirvis_capture.wording import counted

_STATUS_EVERY_S = 0.5
_LOOK_S = 0.1
_TOLERATED_SHARE = 0.01
"""Of the exposures: more losses are worth a warning."""

Begin = Callable[[RecorderClient], str]
"""Begins a recording and gives its id."""


def record(
    profile: Annotated[str, Parameter(help="Hardware profile: a shipped name such as twin_day, or a .toml file.")],
    *,
    seconds: Annotated[float | None, Parameter(help="Length; without it, until Ctrl-C.")] = None,
    out: Annotated[Path | None, Parameter(help="Folder of the clip; by default that of the profile.")] = None,
    place: Annotated[str, Parameter(help="Where it is; recordings of one place are never split.")] = "",
    light: Annotated[Light, Parameter(help="Light of the scene.")] = "day",
    notes: Annotated[str, Parameter(help="Anything worth knowing later.")] = "",
    operator: Annotated[str, Parameter(help="Who records.")] = "",
    every: Annotated[
        str | None, Parameter(help="Begin a recording that often: 90s, 10m, 1.5h; needs --seconds.")
    ] = None,
    count: Annotated[int | None, Parameter(help="With --every: how many recordings.")] = None,
    until_free_gb: Annotated[
        float | None, Parameter(help="With --every: stop when no more than this would be free.")
    ] = None,
    stop: Annotated[
        bool, Parameter(negative="", help="End the recording that runs on this rig, and a recorder that nobody uses.")
    ] = False,
    json: Annotated[bool, Parameter(negative="", help="Print the status as one JSON object per line.")] = False,
) -> None:
    """Record one certified clip of pairs, or with --every one after the other.

    Ctrl-C and SIGTERM end the recording, and its clip is complete. The recorder is a
    process of its own: closing the terminal does not end it, and --stop does so from any
    other, even while the cameras are still being opened. In a series the cameras are
    released between the recordings, and one that fails does not end it.

    Ends with status 0 when certified clips hold what was asked for, also after Ctrl-C;
    with 1 when a camera or the disk failed (what was recorded until then is kept and
    named); with 2 when an option or the profile is wrong.
    """
    settings = load_profile(profile)
    if stop:
        end_recording(settings.rig, json)
        return
    if seconds is not None and not 0 < seconds < math.inf:
        raise WrongOption(f"--seconds {seconds:g}: a recording has to be longer than 0 s.")
    if every is None and (count is not None or until_free_gb is not None):
        raise WrongOption("--count and --until-free-gb belong to a series: say how often with --every.")

    last: dict[Arm, Exposure] = {}
    """The recorder of a series ends with each recording: what was metered for one is where the next begins."""

    def begin(client: RecorderClient) -> str:
        return client.record(place, light, notes, operator, out, seconds, last)

    def once() -> None:
        status = _record_once(settings, profile, begin, seconds, interrupted, json)
        last.update({} if status is None else status.exposures)

    with _interrupts() as interrupted:
        if every is None:
            once()
        else:
            series = Series.planned(settings, out, every, seconds, count, until_free_gb)
            _record_series(series, once, interrupted, json)


def _record_series(series: Series, once: Callable[[], None], interrupted: threading.Event, as_json: bool) -> None:
    """Record until the series ends or is interrupted.

    Raises `RecorderError` at its end when any recording failed, and when the disk had no room for the first.
    """
    begun, failed = 0, 0
    for number in series.starts(partial(_pause, interrupted, as_json)):
        begun = number
        try:
            once()
        except NirvisError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            failed += 1
        if interrupted.is_set():
            break
    if not begun:
        raise RecorderError(series.no_room())
    if not interrupted.is_set() and (reason := series.why_ended(begun)):
        print(reason, file=sys.stderr, flush=True)
    if failed:
        raise RecorderError(
            f"{counted(failed, 'recording')} of the series failed or fell short; the reasons are above."
        )


def _record_once(
    settings: Profile, name: str, begin: Begin, seconds: float | None, interrupted: threading.Event, as_json: bool
) -> RecorderStatus | None:
    """Record until it has its length or is interrupted; None when that was before it began.

    Raises `NirvisError` when it is not what was asked for.
    """
    running = RecorderClient.find(settings.rig)
    if running is not None:
        with running:
            _refuse_while_recording(running.status(), name)
    with RecorderClient.start(settings) as client:
        try:
            if interrupted.is_set():
                print("interrupted before the recording began: there is no clip", file=sys.stderr)
                return None
            recording_id = _begun(begin, client, interrupted, settings.metering.before_recording)
            if recording_id is None:
                return None
            status = _watch(client, recording_id, interrupted, as_json)
        finally:
            # A recorder that ran for somebody else goes on; one that was launched for this recording does not.
            if running is None:
                client.shutdown()
    if status.clip is None or status.recording_id != recording_id:
        raise RecorderError(status.message or "No clip was written.")
    short = seconds is not None and not interrupted.is_set() and _is_short(status, seconds, settings)
    if status.state == "failed" or short or status.lost_rows:
        raise RecorderError(status.message or f"Only {status.seconds:.2f} s of {seconds:g} s were recorded.")
    for warning in (status.message, _losses(status)):
        if warning:
            print(f"warning: {warning}", file=sys.stderr)
    return status


def _begun(begin: Begin, client: RecorderClient, interrupted: threading.Event, metered: bool) -> str | None:
    """Begin the recording; None when it was interrupted while the cameras were opened."""
    _show("metering the light" if metered else "")
    begun = threading.Event()

    def call_off() -> None:
        while not begun.is_set():
            if interrupted.wait(_LOOK_S) and (other := RecorderClient.find(client.rig)):
                # What becomes of the recording is told by the answer to the command that began it.
                with other, suppress(RecorderError):
                    other.stop()
                return

    watch = threading.Thread(target=call_off, name="call off")
    watch.start()
    try:
        recording_id = begin(client)
        if metered:
            _show("")
            print(f"exposures: {told(client.status().exposures)}", file=sys.stderr)
        return recording_id
    except RecorderError as error:
        if not interrupted.is_set():
            raise
        print(error, file=sys.stderr)
        return None
    finally:
        begun.set()
        watch.join()


def _refuse_while_recording(status: RecorderStatus, profile: str) -> None:
    if status.state in ("recording", "finalising") or status.opening == "recording":
        raise RecorderError(
            f"Rig {status.rig} is taken by another recording ({status.doing}). "
            f"End that with: nirvis record --stop --profile {profile}"
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


def _watch(client: RecorderClient, recording_id: str, interrupted: threading.Event, as_json: bool) -> RecorderStatus:
    """Show the status, and each clip that is complete, until the recording has ended; end it when interrupted."""
    said: Path | None = None
    while True:
        status = client.status()
        ended = status.state not in ("recording", "finalising")
        if as_json:
            print(status.model_dump_json(), flush=True)
        else:
            _show("" if ended else _line(status))
            if status.clip not in (None, said) and status.recording_id == recording_id:
                say_clip(status.clip)
                said = status.clip
        if ended:
            return status
        if interrupted.wait(_STATUS_EVERY_S):
            client.stop()


def _pause(interrupted: threading.Event, as_json: bool, pause_s: float) -> bool:
    """Wait for the next recording of a series; True when interrupted."""
    while pause_s > 0 and not interrupted.wait(min(pause_s, _STATUS_EVERY_S)):
        pause_s -= _STATUS_EVERY_S
        if not as_json:
            _show(f"next recording in {max(0.0, pause_s):.0f} s")
    return interrupted.is_set()


def _show(line: str) -> None:
    """Replace the status line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _line(status: RecorderStatus) -> str:
    unanchored = status.dropped.get("unanchored", 0)
    dropped = sum(status.dropped.values()) - unanchored + status.lost_rows
    alone = f" + {counted(unanchored, 'unanchored frame')}" if unanchored else ""
    left = "" if status.disk_minutes_left is None else f"   disk {status.disk_minutes_left:.0f} min"
    alarm = "!" if status.ring_alarm else ""
    part = f" part {status.part}" if status.part > 1 else ""
    return (
        f"{status.state}{part} {status.seconds:6.1f} s   {counted(status.pairs, 'pair')}{alone}   {dropped} dropped   "
        f"ring {status.ring_fill:4.0%}{alarm}   {status.write_mb_s:.0f} MB/s{left}"
    )


def _is_short(status: RecorderStatus, seconds: float, profile: Profile) -> bool:
    """Whether more than a hundredth is missing, and more than the one exposure that rounding may cost."""
    missing_s = seconds - (status.seconds - status.seconds_before)
    return missing_s > max(0.01 * seconds, profile.trigger.period_ns * 1e-9)


def _losses(status: RecorderStatus) -> str:
    """What the operator has to know of a clip that is proved and yet thin."""
    lost = sum(count for name, count in status.dropped.items() if name not in ("unanchored", "edge"))
    if lost <= _TOLERATED_SHARE * (status.pairs + lost):
        return ""
    return (
        f"{counted(lost, 'exposure')} without a partner, beside {counted(status.pairs, 'pair')}: a busy computer, "
        "USB, or the trigger. Ask nirvis preflight, and nirvis doctor --trigger."
    )
