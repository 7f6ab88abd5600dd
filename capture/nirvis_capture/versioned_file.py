"""Open the HDF5 files that nirvis writes: each names its format and its version in its root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
from pydantic import ValidationError

from nirvis_capture.errors import NirvisError, ProfileError


class Refusals(NamedTuple):
    """The errors of one format."""

    foreign: Callable[[Path, str], NirvisError]
    """Of path and reason: another format, or no HDF5 file at all."""
    newer: Callable[[Path, int, int], NirvisError]
    """Of path, version and the newest version that is read."""
    damaged: Callable[[Path, str], NirvisError]
    """Of path and reason."""


@contextmanager
def opening(path: Path, file_format: str, newest: int, refusals: Refusals) -> Iterator[Any]:
    """The open file, for the block that reads its header; it stays open after the block, unless that fails.

    Raises an error of `refusals` with one line that says why.
    """
    file = _opened(path, refusals)
    try:
        found = file.attrs.get("format")
        if found != file_format:
            raise refusals.foreign(path, f"it is HDF5 of another format{'' if found is None else f' ({found})'}")
        version = int(file.attrs["version"])
        if version > newest:
            raise refusals.newer(path, version, newest)
        yield file
    except (KeyError, OSError, RuntimeError, TypeError, ValueError, ValidationError, ProfileError) as error:
        file.close()
        reason = f"its header cannot be read ({' '.join(str(error).split())[:200]})"
        raise refusals.damaged(path, reason) from None
    except BaseException:
        file.close()
        raise


def _opened(path: Path, refusals: Refusals) -> Any:
    if not path.is_file():
        raise refusals.foreign(path, "it is a folder" if path.is_dir() else "there is no such file")
    try:
        if not h5py.is_hdf5(path):
            raise refusals.foreign(path, "it is no HDF5 file")
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise refusals.damaged(path, f"HDF5 cannot open it ({error})") from None
