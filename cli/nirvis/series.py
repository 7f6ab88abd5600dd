"""A planned series: a recording every so often, until there are enough or the disk has only so much left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.disk import free_gb, line_rate_bytes_s
from nirvis_capture.errors import WrongOption
from nirvis_capture.profile import Profile
from nirvis_capture.wording import counted

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_s(text: str) -> float:
    """Seconds of a duration such as ``90``, ``20s``, ``10m``, ``1.5h`` or ``1d``. Raises `WrongOption`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if found is None or float(found[1]) == 0:
        raise WrongOption(f"{text!r} is no length of time; write it as 90s, 10m, 1.5h or 1d.")
    return float(found[1]) * _UNITS_S[found[2]]


@dataclass(frozen=True)
class Series:
    """When the recordings of a series begin, and which is the last."""

    every_s: float
    seconds: float
    """Length of each recording."""
    count: int | None
    until_free_gb: float | None
    """No recording begins that would leave less than this free, in GB (10⁹)."""
    folder: Path
    bytes_s: float
    """What a second of recording takes on the disk."""

    @classmethod
    def planned(
        cls,
        profile: Profile,
        folder: Path | None,
        every: str,
        seconds: float | None,
        count: int | None,
        until_free_gb: float | None,
    ) -> Series:
        """Raises `WrongOption` for what cannot be done."""
        every_s = duration_s(every)
        if seconds is None:
            raise WrongOption("--every needs --seconds: how long is each recording?")
        if every_s <= seconds:
            raise WrongOption(f"--every {every} is no longer than the {seconds:g} s of each recording.")
        if count is not None and count < 1:
            raise WrongOption(f"--count {count}: a series has one recording at least.")
        where = folder or profile.recording.folder
        return cls(every_s, seconds, count, until_free_gb, where, line_rate_bytes_s(profile))

    def starts(self, wait: Callable[[float], bool], clock: Callable[[], float] = time.monotonic) -> Iterator[int]:
        """Give the number of each recording, from 1, at the time when it is to begin.

        A recording that took longer than planned moves none of the later ones; those that it ran into are left out.

        wait
            Waits so many seconds; True ends the series.
        """
        began, slot, number = clock(), 0, 1
        while (self.count is None or number <= self.count) and self._fits():
            yield number
            number += 1
            if self.count is not None and number > self.count:
                return
            slot = max(slot, int((clock() - began) // self.every_s)) + 1
            if wait(began + slot * self.every_s - clock()):
                return

    def no_room(self) -> str:
        """Why no recording began."""
        return (
            f"Nothing was recorded: {self.folder} has {free_gb(self.folder):.1f} GB free, a recording takes "
            f"{self._needed_gb:.1f} GB, and --until-free-gb {self.until_free_gb:g} has to stay free. "
            "Free some space, name another folder as --out, or lower it."
        )

    def why_ended(self, begun: int) -> str:
        """Why no recording follows these; empty where there are as many as were asked for."""
        if self.count == begun:
            return ""
        return (
            f"The series ended after {counted(begun, 'recording')}: {self.folder} has {free_gb(self.folder):.1f} GB "
            f"free, the next would take {self._needed_gb:.1f} GB, and --until-free-gb {self.until_free_gb:g} has to "
            "stay free."
        )

    @property
    def _needed_gb(self) -> float:
        return self.seconds * self.bytes_s / 1e9

    def _fits(self) -> bool:
        return self.until_free_gb is None or free_gb(self.folder) - self._needed_gb >= self.until_free_gb
