"""Pairs that are out of place, blurred or saturated: of a dataset as a whole, and of each of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.wording import counted

MAX_RESIDUAL_PX = 1.5
"""Between registered pictures; more is seen as coloured edges, and learned."""
MAX_SATURATED = 0.2
"""Share of saturated pixels of one picture."""
MIN_SHARPNESS = 0.5
"""Of the median of the dataset: below, a picture is blurred against its fellows."""
MAX_SHARE = 0.05
"""Of all pairs that may be poor in one way before that is worth a warning."""
MAX_FILE_SHARE = 0.5
"""Of the pairs of one file: beyond, it was recorded or registered badly, however many good files there are."""


@dataclass(frozen=True, eq=False)
class FileQuality:
    """The figures of one pairs file, one value for each pair."""

    path: str
    residual_px: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    saturation: NDArray[np.float32]


class _Fault(NamedTuple):
    """One way of being poor."""

    what: str
    """Of the pairs that are."""
    where: Callable[[FileQuality], NDArray[np.bool_]]
    """Which pairs of a file are."""
    known: Callable[[FileQuality], NDArray[np.bool_]]
    """Of which it can be said."""


def quality_warnings(files: Sequence[FileQuality]) -> Iterator[str]:
    """One line for each way in which too many pairs, or most pairs of a file, are poor; names the worst file."""
    if not files:
        return
    sharp = MIN_SHARPNESS * float(np.median(np.concatenate([file.sharpness for file in files])))
    for fault in (
        _Fault(
            f"pairs whose misalignment is known are more than {MAX_RESIDUAL_PX:g} px apart",
            lambda file: file.residual_px > MAX_RESIDUAL_PX,
            lambda file: np.isfinite(file.residual_px),
        ),
        _Fault(
            "pairs have too little structure to measure their misalignment",
            lambda file: ~np.isfinite(file.residual_px),
            _all,
        ),
        _Fault("pairs are blurred against the others", lambda file: file.sharpness < sharp, _all),
        _Fault(
            f"pairs are saturated in more than {MAX_SATURATED:.0%} of their pixels",
            lambda file: file.saturation > MAX_SATURATED,
            _all,
        ),
    ):
        yield from _warning(files, fault)


def median_residual_px(files: Sequence[FileQuality]) -> float | None:
    """Over the pairs of which it is known; None without any."""
    residual = np.concatenate([file.residual_px for file in files] or [np.empty(0, np.float32)])
    known = residual[np.isfinite(residual)]
    return float(np.median(known)) if known.size else None


def share(count: int, total: int) -> str:
    return "less than 1%" if 0 < count < 0.01 * total else f"{count / total:.0%}"


def _warning(files: Sequence[FileQuality], fault: _Fault) -> Iterator[str]:
    poor = np.array([np.count_nonzero(fault.where(file)) for file in files])
    known = np.array([np.count_nonzero(fault.known(file)) for file in files])
    shares = poor / np.maximum(known, 1)
    bad = int(np.count_nonzero(shares > MAX_FILE_SHARE))
    if poor.sum() <= MAX_SHARE * known.sum() and not bad:
        return
    worst = int(np.lexsort((poor, shares))[-1])
    most = f", most of {counted(bad, 'file')}" if bad else ""
    yield (
        f"{share(int(poor.sum()), int(known.sum()))} of the {fault.what}{most}; the worst file is {files[worst].path} "
        f"({poor[worst]} of {known[worst]})"
    )


def _all(file: FileQuality) -> NDArray[np.bool_]:
    return np.ones(len(file.residual_px), bool)
