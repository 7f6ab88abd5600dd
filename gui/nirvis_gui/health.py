"""What the figures of the recorder mean: pure functions from its status to readings that the status strip shows.

Grey is unknown, green is proven, amber is a margin that shrinks, and red is loss, and nothing else is red.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from nirvis_capture.client import RecorderStatus
from nirvis_capture.pair_table import Event
from nirvis_gui.texts import counted, event_name, tr

State = Literal["absent", "idle", "armed", "recording", "finalising", "failed"]
"""That of the recorder, or ``absent`` when none runs."""

TRANSFER_EVENTS = ("transfer_drop", "incomplete")
TRIGGER_EVENTS = ("missed_trigger",)
DOUBT_EVENTS = ("extra_frame", "clock_jump", "unanchored")

RING_MARGIN = 0.5
WRITE_P99_MARGIN_MS = 100.0
DISK_MARGIN_MINUTES = 30.0
RESIDUAL_MARGIN_US = 100


class Level(Enum):
    """What is known about one part of a recording."""

    UNKNOWN = "unknown"
    PROVEN = "proven"
    MARGIN = "margin"
    LOSS = "loss"


@dataclass(frozen=True)
class Explanation:
    """The page behind a reading."""

    what: str
    meaning: str
    todo: str = ""


@dataclass(frozen=True)
class Reading:
    """One cell of the status strip."""

    name: str
    value: str
    level: Level
    explanation: Explanation


def state_name(state: State) -> str:
    """What the recorder does."""
    return {
        "absent": tr("no recorder"),
        "idle": tr("idle"),
        "armed": tr("armed"),
        "recording": tr("recording"),
        "finalising": tr("finalising"),
        "failed": tr("failed"),
    }[state]


def level_name(level: Level) -> str:
    """For those who hear the window."""
    return {
        Level.UNKNOWN: tr("unknown"),
        Level.PROVEN: tr("proven"),
        Level.MARGIN: tr("margin"),
        Level.LOSS: tr("loss"),
    }[level]


def transfer_losses(status: RecorderStatus) -> int:
    """Exposures that happened and never arrived whole."""
    return sum(status.dropped.get(event, 0) for event in TRANSFER_EVENTS) + status.lost_rows


def missed_pairs(status: RecorderStatus) -> int:
    """Pulses to which a camera did not expose."""
    return sum(status.dropped.get(event, 0) for event in TRIGGER_EVENTS)


def recorder(status: RecorderStatus | None) -> Reading:
    """Whether the process that records is there and well."""
    name = tr("Recorder")
    what = tr("The recorder is a process of its own that holds both cameras and writes the clips.")
    if status is None:
        meaning = tr("None is running for this rig. No frame is taken; finished clips are safe.")
        todo = tr("Press L to start one and see the cameras, or Space to record.")
        return Reading(name, tr("none"), Level.UNKNOWN, Explanation(what, meaning, todo))
    if status.state == "failed":
        meaning = tr("It had to stop: {message} What was recorded until then is kept.").format(message=status.message)
        todo = tr("Mend the cause, then press L to arm the cameras again.")
        return Reading(name, tr("failed"), Level.LOSS, Explanation(what, meaning, todo))
    if status.message:
        meaning = tr("It says: {message}").format(message=status.message)
        return Reading(name, tr("has a note"), Level.MARGIN, Explanation(what, meaning, tr("Read the note above.")))
    meaning = tr("It answers. Closing or even killing this window does not stop a recording.")
    return Reading(name, state_name(status.state), Level.PROVEN, Explanation(what, meaning))


def pairing(status: RecorderStatus | None) -> Reading:
    """Whether every exposure has its partner."""
    name = tr("Pairs")
    what = tr("Which exposures of the two cameras belong together, by their clocks and counters.")
    if status is None or (status.pairs == 0 and not status.dropped):
        return Reading(name, tr("none yet"), Level.UNKNOWN, Explanation(what, tr("Nothing was paired yet.")))
    lost, missed = transfer_losses(status), missed_pairs(status)
    if lost or missed:
        return _lossy_pairing(name, what, status, lost, missed)
    doubts = ", ".join(event_name(Event[event.upper()]) for event in DOUBT_EVENTS if status.dropped.get(event))
    if doubts:
        meaning = tr("No pair is lost, but this happened: {events}. The clip says so.").format(events=doubts)
        todo = tr("Unanchored pairs may be wrong by whole periods: stop, and press L twice to arm anew.")
        return Reading(name, tr("in doubt"), Level.MARGIN, Explanation(what, meaning, todo))
    pairs = counted(status.pairs, tr("1 pair"), tr("{count} pairs"))
    meaning = tr("{pairs}, and not one exposure without its partner.").format(pairs=pairs)
    return Reading(name, tr("all matched"), Level.PROVEN, Explanation(what, meaning))


def _lossy_pairing(name: str, what: str, status: RecorderStatus, lost: int, missed: int) -> Reading:
    meaning = tr(
        "Exposures lost on the way: {lost}. Triggers missed: {missed}. Whole pairs: {pairs}. "
        "The clip names each of them; no pair was shifted, so that the others are good."
    ).format(lost=lost, missed=missed, pairs=status.pairs)
    todo = tr(
        "Lost on the way: close other programs, use a USB3 controller for each camera, and shorter cables. "
        "Missed triggers: shorten the exposure or lower the rate."
    )
    value = tr("{lost} lost · {missed} missed").format(lost=lost, missed=missed)
    return Reading(name, value, Level.LOSS, Explanation(what, meaning, todo))


def residual(status: RecorderStatus | None) -> Reading:
    """How steadily the cameras keep step."""
    name = tr("Residual p50 / p99")
    what = tr(
        "How far half, and 99 of 100, of the recent pairs lie from the clock fit, once drift and offset of the two "
        "clocks are known."
    )
    if status is None or status.residual_p99_us is None or status.residual_p50_us is None:
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("There is no pair to judge yet.")))
    value = f"{status.residual_p50_us:.1f} / {status.residual_p99_us:.1f} µs"
    if status.residual_p99_us > RESIDUAL_MARGIN_US:
        meaning = tr("More than {limit} µs: the cameras no longer expose together, or a clock is unsteady.").format(
            limit=RESIDUAL_MARGIN_US
        )
        todo = tr("Check the trigger cable, and that both cameras take their time from the trigger.")
        return Reading(name, value, Level.MARGIN, Explanation(what, meaning, todo))
    meaning = tr("The cameras keep step. It is no measure of the absolute skew of the exposures.")
    return Reading(name, value, Level.PROVEN, Explanation(what, meaning))


def ring(status: RecorderStatus | None) -> Reading:
    """How full the memory before the disk is."""
    name = tr("Ring")
    what = tr("The memory between cameras and disk. It fills while the disk stalls.")
    if status is None or status.state not in ("recording", "finalising"):
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("It is used while a clip is recorded.")))
    value = tr("{fill} · peak {peak}").format(fill=f"{status.ring_fill:.0%}", peak=f"{status.ring_peak:.0%}")
    if status.lost_rows:
        meaning = tr("It was full. Pairs that could not be written: {rows}.").format(rows=status.lost_rows)
        todo = tr("Record to a faster disk, lower the rate, or raise recording.ring_seconds in the profile.")
        return Reading(name, value, Level.LOSS, Explanation(what, meaning, todo))
    if status.ring_fill > RING_MARGIN:
        meaning = tr("Nothing is lost yet. At 100 % the recording ends, with a certified clip.")
        todo = tr("Stop other programs that use this disk.")
        return Reading(name, value, Level.MARGIN, Explanation(what, meaning, todo))
    return Reading(name, value, Level.PROVEN, Explanation(what, tr("The disk keeps up with the cameras.")))


def writing(status: RecorderStatus | None) -> Reading:
    """How quickly the disk takes the clip."""
    name = tr("Writing")
    what = tr("Megabytes that reach the clip in a second, and the time that 99 of 100 writes stay below.")
    if status is None or status.state not in ("recording", "finalising"):
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("Nothing is being written.")))
    value = f"{status.write_mb_s:.0f} MB/s · {status.write_p99_ms:.1f} ms"
    if status.write_p99_ms > WRITE_P99_MARGIN_MS:
        meaning = tr("Single writes take long; the ring holds the pairs meanwhile.")
        todo = tr("Watch the ring. Stop other programs that use this disk.")
        return Reading(name, value, Level.MARGIN, Explanation(what, meaning, todo))
    return Reading(name, value, Level.PROVEN, Explanation(what, tr("The disk is quick enough.")))


def disk(status: RecorderStatus | None) -> Reading:
    """How long it can go on."""
    name = tr("Disk")
    what = tr("Minutes that can still be recorded until the reserve of the profile is reached.")
    if status is None or status.disk_minutes_left is None:
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("Known once the cameras are armed.")))
    value = duration(status.disk_minutes_left)
    if status.disk_minutes_left < DISK_MARGIN_MINUTES:
        meaning = tr("Less than {minutes:.0f} minutes. At the end the recording stops with a certified clip.").format(
            minutes=DISK_MARGIN_MINUTES
        )
        todo = tr("Free some space, or change the disk.")
        return Reading(name, value, Level.MARGIN, Explanation(what, meaning, todo))
    return Reading(name, value, Level.PROVEN, Explanation(what, tr("There is room.")))


def duration(minutes: float) -> str:
    """Minutes below two hours, hours above."""
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
