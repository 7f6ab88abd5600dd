"""Texts of functions, ready for translation: a function has no class whose name could be the context of its texts."""

from __future__ import annotations

from PyQt5.QtCore import QCoreApplication

from nirvis_capture.pair_table import Event
from nirvis_capture.profile import Mode


def tr(text: str) -> str:
    """The text in the language of the person at the window."""
    return QCoreApplication.translate("@default", text)


def counted(count: int, one: str, several: str) -> str:
    """`one` for a single thing, else `several`, which has the number at ``{count}``."""
    return one if count == 1 else several.format(count=count)


def mode_name(mode: Mode) -> str:
    return {"day": tr("day"), "night": tr("night")}[mode]


def light_name(light: str) -> str:
    """A `Light`; one that a clip of another version names is called as there."""
    return {"day": tr("daylight"), "dusk": tr("dusk"), "led_night": tr("night, under LED")}.get(light, light)


def event_name(event: Event) -> str:
    """What happened to an exposure, as it is written everywhere."""
    return {
        Event.PAIR: tr("pair"),
        Event.TRANSFER_DROP: tr("transfer drop"),
        Event.MISSED_TRIGGER: tr("missed trigger"),
        Event.EXTRA_FRAME: tr("extra frame"),
        Event.INCOMPLETE: tr("incomplete"),
        Event.CLOCK_JUMP: tr("clock jump"),
        Event.EDGE: tr("edge"),
        Event.UNANCHORED: tr("unanchored"),
    }[event]
