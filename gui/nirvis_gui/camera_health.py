"""What is known of the trigger and of the way from camera to computer, and with it every cell of the status strip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nirvis_capture.camera import Arm
from nirvis_capture.client import RecorderStatus
from nirvis_capture.profile import Trigger
from nirvis_gui.health import (
    TRANSFER_EVENTS,
    Explanation,
    Level,
    Reading,
    disk,
    missed_pairs,
    pairing,
    recorder,
    residual,
    ring,
    writing,
)
from nirvis_gui.texts import counted, tr

RATE_TOLERANCE = 0.02
"""Share by which a camera may be off its rate: an unsteady clock is no reason for alarm, half the rate is."""
LOST_FIGURES = (
    "incomplete", "lost", "dropped", "stream_incomplete", "failed_buffers", "missed_packets", "missing_packets",
    "transmit_failures", "packets_without_buffer",
)  # fmt: skip
"""Figures of camera drivers that count frames which did not arrive whole."""


@dataclass(frozen=True)
class Beat:
    """The trigger as the profile has it, and as the pictures show it."""

    trigger: Trigger
    rates_hz: Mapping[Arm, float] = field(default_factory=dict)
    """Exposures per second of each arm; empty before there are two pictures."""


def readings(status: RecorderStatus | None, beat: Beat | None = None) -> tuple[Reading, ...]:
    """Every cell of the strip; all of them unknown without a recorder."""
    return (
        recorder(status),
        trigger(status, beat),
        pairing(status),
        residual(status),
        ring(status),
        writing(status),
        disk(status),
        transport(status),
    )


def trigger(status: RecorderStatus | None, beat: Beat | None) -> Reading:
    """Whether one camera triggers the other, at the rate of the profile."""
    name = tr("Trigger")
    what = tr("The pulse of one camera that makes the other expose.")
    live = status is not None and status.state in ("armed", "recording", "finalising")
    if status is None or beat is None or not live or not beat.rates_hz:
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("Known once the cameras are armed.")))
    value = " / ".join(f"{rate:.1f}" for rate in beat.rates_hz.values()) + " Hz"
    if missed := missed_pairs(status):
        meaning = tr("Pulses to which a camera did not expose: {missed}. Those pairs are lost.")
        todo = tr("Shorten the exposure or lower the rate; the page Checks looks at the cable.")
        text = tr("{missed} missed").format(missed=missed)
        return Reading(name, text, Level.LOSS, Explanation(what, meaning.format(missed=missed), todo))
    if beat.trigger.source == "free":
        meaning = tr("Both cameras run freely, as the profile asks for: clips claim no synchrony.")
        todo = tr('Wire the trigger, and set trigger.source = "hardware" in the profile.')
        return Reading(name, tr("free running"), Level.MARGIN, Explanation(what, meaning, todo))
    if status.dropped.get("unanchored"):
        meaning = tr("Nothing told for some frames which pulse they belong to: they are stored, and in no pair.")
        todo = tr("Go on while pairs come. Where none come: stop, and press L twice to arm anew.")
        return Reading(name, tr("no anchor"), Level.MARGIN, Explanation(what, meaning, todo))
    return _rate(name, value, what, beat)


def _rate(name: str, value: str, what: str, beat: Beat) -> Reading:
    wanted = beat.trigger.rate_hz
    off = [arm for arm, rate in beat.rates_hz.items() if abs(rate - wanted) > RATE_TOLERANCE * wanted]
    if not off:
        meaning = tr("Both cameras expose {rate:g} times a second, as the profile says.").format(rate=wanted)
        return Reading(name, value, Level.PROVEN, Explanation(what, meaning))
    meaning = tr("{arms} is not at the {rate:g} Hz of the profile. At half the rate every second pulse is ignored.")
    todo = tr("Shorten the exposure or lower trigger.rate_hz; the page Checks says which rate is safe.")
    return Reading(name, value, Level.MARGIN, Explanation(what, meaning.format(arms=", ".join(off), rate=wanted), todo))


def transport(status: RecorderStatus | None) -> Reading:
    """Whether frames arrive whole."""
    name = tr("Transport")
    what = tr("Frames that a camera exposed and that did not arrive whole: USB or network, cable, controller.")
    if status is None or status.pairs == 0:
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("No frame arrived yet.")))
    told: dict[str, float] = {
        f"{arm} {figure.replace('_', ' ')}": count
        for arm, figures in status.health.items()
        for figure, count in figures.items()
        if figure in LOST_FIGURES and count
    }
    lost = sum(status.dropped.get(event, 0) for event in TRANSFER_EVENTS)
    if not told and not lost and status.state == "failed":
        # Nothing is counted of frames that a lost camera never sent.
        return Reading(name, "–", Level.UNKNOWN, Explanation(what, tr("The cameras are not read; Recorder says why.")))
    if not told and not lost:
        return Reading(name, tr("no error"), Level.PROVEN, Explanation(what, tr("Every frame arrived whole.")))
    figures = ", ".join(f"{figure} {count:.0f}" for figure, count in told.items()) or tr("the drivers tell no more")
    meaning = tr("Exposures lost on the way: {counted}. {figures}. The clip names each of them.")
    todo = tr("Close other programs, give each camera a USB3 controller of its own, and use shorter cables.")
    value = counted(lost or round(sum(told.values())), tr("1 error"), tr("{count} errors"))
    return Reading(name, value, Level.LOSS, Explanation(what, meaning.format(counted=lost, figures=figures), todo))
