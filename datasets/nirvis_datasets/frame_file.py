"""Pictures of one side that have no partner: HDF5, format ``nirvis-frames`` version 1.

::

    / @format=nirvis-frames @version=1 @software, and the fields of `FramesHeader`
    /frames      (N, H, W, 3) RGB, u8, or u16 over its full range; one chunk per frame
    /frame_index (N,) rises; frames whose numbers follow each other were consecutive in their video; or all -1: no video
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.certificate import software
from nirvis_capture.disk import Reserve
from nirvis_capture.profile import Mode
from nirvis_capture.versioned_file import Refusals, opening
from nirvis_datasets.errors import FramesFileError
from nirvis_registration.warp import Picture

FORMAT = "nirvis-frames"
VERSION = 1
SUFFIX = ".frames.h5"
_REFUSALS = Refusals(
    foreign=FramesFileError,
    newer=lambda path, version, known: FramesFileError(path, f"it has version {version}, this nirvis reads {known}"),
    damaged=FramesFileError,
)

_CLOSING_BYTES = 64 << 10
_CLOSING_BYTES_PER_FRAME = 128
"""What HDF5 still has to write when a file closes, or else ends the process at its exit: headers and an index."""

Side = Literal["source", "target"]
"""What a network sees, and what it should give."""


@dataclass(frozen=True, slots=True)
class FramesHeader:
    """What is true of all frames of a file."""

    side: Side
    recording_id: str
    part: int
    mode: Mode
    light: str
    place: str
    start_time: datetime
    origin: str
    """What the pictures were imported from."""
    origin_sha256: str
    profile_text: str
    """TOML text of a hardware profile that says what is known of the cameras."""
    bit_depth: int


class FramesWriter:
    """Writes one file; a context manager. The file has its final name only after a clean end of the block."""

    def __init__(
        self,
        path: Path,
        header: FramesHeader,
        shape: tuple[int, int],
        index: NDArray[np.int64],
        compression: str | None = None,
    ) -> None:
        """Make room for ``len(index)`` frames of `shape` (height, width)."""
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._written, self._length = 0, len(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._reserve = Reserve(path.parent, _CLOSING_BYTES + _CLOSING_BYTES_PER_FRAME * len(index))
        # as in `PairsWriter`: what waits for the close has to fit into the reserve
        self._file = h5py.File(self._part, "w", libver="latest", rdcc_nbytes=0)
        self._file.attrs.update({"format": FORMAT, "version": VERSION, "software": software()})
        self._file.attrs.update(asdict(header) | {"start_time": header.start_time.isoformat()})
        self._file.create_dataset("frame_index", data=index)
        self._frames = self._file.create_dataset(
            "frames",
            (len(index), *shape, 3),
            np.uint8 if header.bit_depth == 8 else np.uint16,
            chunks=(1, *shape, 3),
            compression=compression,
            fill_time="never",
        )
        self._frames.attrs.update({"interpretation": "rgb-image", "bit_depth": header.bit_depth})

    def __enter__(self) -> FramesWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        whole = False
        try:
            if kind is None and self._written != self._length:
                raise ValueError(f"{self._written} frames were written into a file for {self._length}")
            self._reserve.release()
            self._file.close()
            whole = kind is None
        finally:
            self._reserve.release()
            self._file.close()
            if not whole:
                self._part.unlink(missing_ok=True)
        if whole:
            os.replace(self._part, self.path)

    def write(self, picture: Picture) -> None:
        """Append one RGB picture ``(H, W, 3)``."""
        self._frames[self._written] = picture
        self._written += 1


class FramesFile:
    """Frames of one side, open for reading; a context manager."""

    def __init__(self, path: Path, file: Any) -> None:
        """Use `FramesFile.open`."""
        self.path = path
        self._file = file
        self.header = _read_header(file)
        self._frames = file["frames"]
        self.frame_index: NDArray[np.int64] = file["frame_index"][:]
        """Frames whose numbers follow each other were consecutive in their video."""
        if len(self._frames) != len(self.frame_index) or self._frames.ndim != 4 or self._frames.shape[3] != 3:
            raise ValueError(f"pictures {self._frames.shape} and {len(self.frame_index)} rows do not belong together")

    @classmethod
    def open(cls, path: Path | str) -> FramesFile:
        """Open frames. Raises `FramesFileError` with one line that says why it cannot be."""
        path = Path(path)
        with opening(path, FORMAT, VERSION, _REFUSALS) as file:
            return cls(path, file)

    def __enter__(self) -> FramesFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self._frames.shape[1]), int(self._frames.shape[2])

    def frame(self, index: int) -> Picture:
        """RGB picture ``(H, W, 3)``. Raises `FramesFileError` when it cannot be read."""
        try:
            picture: Picture = self._frames[index]
        except OSError as error:
            raise FramesFileError(self.path, f"frame {index} cannot be read ({error})") from None
        return picture


def _read_header(file: Any) -> FramesHeader:
    found: dict[str, Any] = {field.name: file.attrs[field.name] for field in fields(FramesHeader)}
    counts = {name: int(found[name]) for name in ("part", "bit_depth")}
    texts = {name: str(value) for name, value in found.items() if name not in counts}
    start_time = datetime.fromisoformat(texts.pop("start_time"))
    return FramesHeader(**texts, **counts, start_time=start_time)  # type: ignore[arg-type]
