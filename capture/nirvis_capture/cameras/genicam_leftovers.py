"""What nirvis has set in a camera at this moment, on disk: should the program be killed, the next one puts it back."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from nirvis_capture.cameras.genicam import Value
from nirvis_capture.runtime import runtime_folder

log = logging.getLogger(__name__)


class Kept(BaseModel):
    """One feature that was written."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: str
    around: list[tuple[str, Value]]
    """The selectors and switches that its value belongs to."""
    before: Value
    written: list[Value | None]
    """As the camera told it afterwards, or, while it is being written, as it is and as it shall be; whoever changed it
    since is not undone."""


_KEPT = TypeAdapter(list[Kept])


class Leftovers:
    """The file of one camera; it is there while nirvis has the camera, and after a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, serial: str) -> Leftovers:
        """In the runtime folder, which a restart of the computer empties: cameras have lost their power by then."""
        return cls(runtime_folder() / f"camera-{serial}.json")

    def keep(self, kept: Iterable[Kept]) -> None:
        """Write it down; a disk that refuses costs the way back after a kill, and nothing else."""
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(_KEPT.dump_json(list(kept)))
            part.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written (%s)", self._path, error.strerror)

    def recall(self) -> list[Kept]:
        """What a program that was killed left in the camera; empty after every ordinary end."""
        try:
            return _KEPT.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return []

    def forget(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
