"""Two videos of one scene: frame by frame where they have one rate, by time where they have two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.wording import counted
from nirvis_datasets.errors import ImportRefused
from nirvis_datasets.external.found import Facts, Found, Gathered, refuse_path, size_text
from nirvis_datasets.external.partners import PairBy
from nirvis_datasets.external.shots import Shots, digest
from nirvis_datasets.frame_file import Side
from nirvis_registration.geometry import Size
from nirvis_registration.warp import Picture

_USUAL_RATE_HZ = 25
_ROUNDING = 1.05
"""Containers round times, often to a millisecond."""


@dataclass(frozen=True, eq=False)
class Video:
    """Some frames of a video file, in order."""

    path: Path
    size: Size
    rate_hz: float
    times_s: NDArray[np.float64]
    """Of all its frames, since the first."""
    chosen: NDArray[np.int64]
    """Numbers of the frames that are shown, none twice."""
    numbers: NDArray[np.int64]
    """What they are numbered as: those of the slower video, where two have different rates."""

    @classmethod
    def open(cls, path: Path) -> Video:
        """Find its frames and their times by decoding them: containers are often wrong. Raises `ImportRefused`."""
        if not path.is_file():
            raise ImportRefused(f"There is no video {path}.")
        try:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                rate = float(stream.average_rate or _USUAL_RATE_HZ)
                times = [frame.time for frame in container.decode(stream)]
                size = (stream.codec_context.width, stream.codec_context.height)
        except av.FFmpegError as error:
            raise ImportRefused(f"{path} is truncated or no video ({error.strerror}).") from None
        except IndexError:
            raise ImportRefused(f"{path} has sound or subtitles, and no video.") from None
        told = [time for time in times if time is not None]
        seconds = np.array(told) - told[0] if told and len(told) == len(times) else np.arange(len(times)) / rate
        every = np.arange(len(times))
        return cls(path, size, rate, seconds, every, every)

    def __len__(self) -> int:
        return len(self.chosen)

    def pictures(self) -> Iterator[Picture]:
        wanted = iter(self.chosen.tolist())
        following = next(wanted, None)
        with av.open(str(self.path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if following is None:
                    return
                if number == following:
                    yield frame.to_ndarray(format="rgb24")
                    following = next(wanted, None)

    def index(self) -> Sequence[int]:
        return [int(number) for number in self.numbers]

    def part(self, begin: int, end: int) -> Video:
        return replace(self, chosen=self.chosen[begin:end], numbers=self.numbers[begin:end])

    def sha256(self) -> str:
        return digest([f"{self.path.name} {self.path.stat().st_size}"])


def gather_videos(source: Path, target: Path, facts: Facts, pair_by: PairBy = "name") -> Gathered:
    """Two videos that begin at the same moment, paired from their first frames on.

    pair_by
        ``index``: frame by frame, whatever their rates are said to be.

    Raises `ImportRefused` when they differ in size.
    """
    refuse_path(facts.name)
    first, second = Video.open(source), Video.open(target)
    if first.size != second.size:
        raise ImportRefused(
            f"{source} has {size_text(first.size)} and {target} {size_text(second.size)}: make them alike first."
        )
    gathered = Gathered()
    if pair_by == "index" or first.rate_hz == second.rate_hz:
        sides = _by_number(first, second, gathered)
    else:
        sides = _by_time(first, second, facts.name, gathered)
    if len(sides["source"]):
        gathered.found.append(Found(facts, 1, sides))
    return gathered


def _by_number(first: Video, second: Video, gathered: Gathered) -> dict[Side, Shots]:
    both = min(len(first), len(second))
    for video in (first, second):
        if len(video) > both:
            gathered.left_out.append(f"{video.path}: no partner for its last {counted(len(video) - both, 'frame')}")
    return {
        "source": replace(first, chosen=first.chosen[:both], numbers=first.numbers[:both]),
        "target": replace(second, chosen=second.chosen[:both], numbers=second.numbers[:both]),
    }


def _by_time(first: Video, second: Video, name: str, gathered: Gathered) -> dict[Side, Shots]:
    """Each frame of the slower video with that of the other nearest in time, within half a frame of the other."""
    slow, fast = sorted((first, second), key=lambda video: video.rate_hz)
    nearest = nearest_in_time(slow.times_s, fast.times_s)
    apart = np.abs(fast.times_s[nearest] - slow.times_s) if len(nearest) else np.empty(0)
    near = np.flatnonzero(apart <= _ROUNDING / (2 * fast.rate_hz))
    # Of two frames that are nearest to the same one, the later has none.
    good = np.zeros(len(nearest), bool)
    good[near[np.diff(nearest[near], prepend=-1) > 0]] = True
    chosen = {id(slow): np.flatnonzero(good), id(fast): nearest[good]}
    if not good.all():
        gathered.left_out.append(f"{slow.path}: no partner in time for {counted(int((~good).sum()), 'frame')}")
    gathered.notes.append(
        f"{name}: {slow.path.name} has {slow.rate_hz:g} frames/s and {fast.path.name} {fast.rate_hz:g}: each frame of "
        f"{slow.path.name} is paired with the nearest in time, at most {1000 * apart[good].max(initial=0):.0f} ms "
        "apart. Frame by frame, whatever the rates: --pair-by index"
    )
    numbers = np.flatnonzero(good)
    return {
        "source": replace(first, chosen=chosen[id(first)], numbers=numbers),
        "target": replace(second, chosen=chosen[id(second)], numbers=numbers),
    }


def nearest_in_time(times: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each of `times` the number of the nearest of `among`; both rise. Nothing where there is none."""
    if not len(among):
        return np.empty(0, np.int64)
    after = np.clip(np.searchsorted(among, times), 1, max(len(among) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(among) - 1)
    nearer = np.abs(among[after] - times) < np.abs(times - among[before])
    return np.where(nearer, after, before)
