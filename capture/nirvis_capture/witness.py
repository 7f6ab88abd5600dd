"""A second opinion on synchrony from the pictures alone: what moves, moves in both arms at the same moment.

Both arms are laid over one another by what stands still; then the motion in small cells is correlated between them over
lags of whole frames. Cells, because a street moves all the time and only the place tells one moment from the next; laid
over one another, because a car that drives 8 px a frame looks a frame late where the arms are 8 px apart. Ids, times
and anchor play no part, so that clips without any of them can be judged, too. A scene in which nothing moves gives no
opinion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clip import Clip
from nirvis_capture.wording import counted

Progress = Callable[[int, int], None]
Opinion = Literal["agrees", "contradicts", "no opinion"]
Blocks = NDArray[np.float32]

LAGS = 4
"""Lags that are tried, in frames, each way."""
STRETCHES = 8
"""Places in the clip that are looked at."""
STRETCH_PAIRS = 24
"""Pairs without a gap that a stretch has."""
BLOCK_PX = 4
"""Counts are averaged over blocks of so many sites each way, all colours together."""
CELL_BLOCKS = 4
SIGMAS = 3.0
"""By how many standard errors the best lag has to beat every other."""
LEAST_CORRELATION = 0.2
LEAST_LIKENESS = 0.1
"""Peak of the phase correlation of what stands still, 0..1; below, the arms cannot be laid over one another."""


@dataclass(frozen=True)
class Witness:
    """What the pictures say of the pairs of a clip."""

    opinion: Opinion
    lag: int
    """Frames by which motion in vis comes later than in nir, by the pairs as they are; 0 where they are right."""
    correlation: float
    """Of the motion in both arms at that lag, -1..1."""
    margin: float
    """By how many standard errors it beats the next best lag."""
    pairs: int
    """How many were looked at."""

    def __str__(self) -> str:
        figures = f"correlation {self.correlation:.2f}, margin {self.margin:.1f} sigma, {counted(self.pairs, 'pair')}"
        if self.opinion == "no opinion":
            return f"witness: no opinion ({figures}): too little moves, or the arms show too different things"
        if self.opinion == "agrees":
            return f"witness: agrees ({figures})"
        late = f"{counted(abs(self.lag), 'frame')} {'later' if self.lag > 0 else 'earlier'}"
        return f"witness: CONTRADICTS: motion in vis comes {late} than in nir ({figures})"


class Look(NamedTuple):
    """What one stretch shows."""

    correlations: NDArray[np.float64]
    """``(2 * LAGS + 1,)``, from vis LAGS frames ahead to vis LAGS frames behind."""
    weight: float
    """How much moves."""


def witness(clip: Clip, progress: Progress | None = None) -> Witness:
    """Look at stretches of consecutive pairs all over a clip; of a clip without pairs, at frames of the same number.

    progress
        ``(stretches done, in all)``.

    Raises `DamagedClip` when a frame cannot be read.
    """
    stretches = list(_stretches(clip))
    found = []
    for done, stretch in enumerate(stretches):
        nir, vis = (_blocks(clip, arm, stretch[:, column]) for column, arm in enumerate(ARMS))
        seen = look(nir, vis)
        if seen is not None:
            found.append(seen)
        if progress is not None:
            progress(done + 1, len(stretches))
    return judge(found, sum(map(len, stretches)))


def judge(found: list[Look], pairs: int) -> Witness:
    """Which lag, if any, stands out in what was seen of several stretches; the more moved, the more it counts."""
    if len(found) < 2:
        return Witness("no opinion", 0, 0.0, 0.0, pairs)
    correlations = np.array([look.correlations for look in found])
    weights = np.array([[look.weight] for look in found]) / sum(look.weight for look in found)
    mean = (weights * correlations).sum(axis=0)
    best = int(mean.argmax())
    ahead = np.delete(correlations[:, best : best + 1] - correlations, best, axis=1)
    least = np.delete(mean[best] - mean, best)
    errors = np.sqrt((weights**2 * (ahead - least) ** 2).sum(axis=0) * len(found) / (len(found) - 1)) + 1e-3
    margin = float((least / errors).min())
    if margin < SIGMAS or mean[best] < LEAST_CORRELATION:
        opinion: Opinion = "no opinion"
    else:
        opinion = "agrees" if best == LAGS else "contradicts"
    return Witness(opinion, best - LAGS, float(mean[best]), margin, pairs)


def look(nir: Blocks, vis: Blocks) -> Look | None:
    """Correlate the motion in both arms for every lag of vis.

    nir, vis
        Frames of the same moments, ``(N, rows, columns)``, scene-handed, N > 2 * LAGS + 2.

    None where the arms show too different things to be laid over one another, or where nothing moves at all.
    """
    rows, columns = min(nir.shape[1], vis.shape[1]), min(nir.shape[2], vis.shape[2])
    nir, vis = nir[:, :rows, :columns], vis[:, :rows, :columns]
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    (right, down), likeness = cv2.phaseCorrelate(_edges(nir), _edges(vis), window)
    if likeness < LEAST_LIKENESS:
        return None
    first, second = _motion(nir), _motion(vis, right, down)
    inner = slice(LAGS, len(first) - LAGS)
    lagged = [second[inner.start + lag : inner.stop + lag] for lag in range(-LAGS, LAGS + 1)]
    scales = [float(np.linalg.norm(first[inner]) * np.linalg.norm(later)) for later in lagged]
    if min(scales) == 0:
        return None
    found = [float(np.vdot(first[inner], later)) / scale for later, scale in zip(lagged, scales, strict=True)]
    return Look(np.array(found), scales[LAGS])


def _blocks(clip: Clip, arm: Arm, indices: NDArray[np.int64]) -> Blocks:
    """Frames of an arm in blocks, ``(N, H / BLOCK_PX, W / BLOCK_PX)``, scene-handed."""
    track = clip.arms[arm]
    size = track.shape[1] // BLOCK_PX, track.shape[0] // BLOCK_PX
    frames = [cv2.resize(track.frame(int(index)), size, interpolation=cv2.INTER_AREA) for index in indices]
    stacked = np.stack(frames).astype(np.float32)
    return np.ascontiguousarray(stacked[:, :, ::-1]) if track.mirror else stacked


def _edges(frames: Blocks) -> Blocks:
    """Where what stands still has edges, whichever side is brighter: light and infrared do not agree on that."""
    still = frames.mean(axis=0)
    still /= still.mean() + 1e-6
    edges = np.hypot(cv2.Sobel(still, cv2.CV_32F, 1, 0), cv2.Sobel(still, cv2.CV_32F, 0, 1))
    limited: Blocks = np.minimum(edges, np.quantile(edges, 0.98)).astype(np.float32)
    return limited


def _motion(frames: Blocks, right: float = 0.0, down: float = 0.0) -> Blocks:
    """How the motion in every cell changes from frame to frame, ``(N - 2, rows, columns)``.

    right, down
        Blocks by which the picture is to be moved back.
    """
    back = np.array([[1, 0, -right], [0, 1, -down]], np.float32)
    rows, columns = frames.shape[1:]
    changes = [cv2.warpAffine(change, back, (columns, rows)) for change in np.abs(np.diff(frames, axis=0))]
    cells = columns // CELL_BLOCKS, rows // CELL_BLOCKS
    motion = np.stack([cv2.resize(change, cells, interpolation=cv2.INTER_AREA) for change in changes])
    changed: Blocks = np.diff(motion, axis=0)
    return changed


def _stretches(clip: Clip) -> Iterator[NDArray[np.int64]]:
    """Stretches ``(STRETCH_PAIRS, 2)`` of frame indices, nir and vis, without a gap in either arm."""
    pairs = clip.complete
    if not len(pairs):
        pairs = np.repeat(np.arange(min(len(track) for track in clip.arms.values()))[:, None], 2, axis=1)
    gaps_before = np.concatenate([[0], np.any(np.diff(pairs, axis=0) != 1, axis=1).cumsum()])
    step = max(STRETCH_PAIRS, len(pairs) // STRETCHES)
    at = 0
    while at + STRETCH_PAIRS <= len(pairs):
        if gaps_before[at] == gaps_before[at + STRETCH_PAIRS - 1]:
            yield pairs[at : at + STRETCH_PAIRS]
            at += step
        else:
            at += 1
