"""Endless pairs from shards, read front to back: training that never seeks."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, TypedDict

import fsspec
import numpy as np
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from nirvis_capture.wording import counted
from nirvis_datasets.augment import drawn_cut, drawn_jitter, shown_part
from nirvis_datasets.augmentation import AS_STORED, Augmentation
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import Sample, floats
from nirvis_datasets.shards import INDEX_NAME, read_index
from nirvis_datasets.transforms import Counts, Cut, to_grey, to_planes

_BUFFER = 64


class ShardDataset(IterableDataset[Sample]):
    """Endless pairs from shards, each read front to back; for ``DataLoader(batch_size=batch_size, num_workers=...)``.

    Every worker of every rank reads its own shards, dealt anew in every pass, through a small buffer that shuffles. All
    of it is a function of (seed, rank, ranks, number of workers, step): a run that is resumed with the same numbers at
    `start_step` goes on exactly as if it had never stopped.

    url
        Folder of shards: a path, or whatever fsspec opens (``s3://…``).
    batch_size
        Of one rank; has to be that of the loader.
    source
        ``grey``: luma of the source.
    as_counts
        Give u8 or u16 counts and a bool mask instead of floats, as `SampleDataset` does.

    Raises `DatasetError` when there are no shards, or fewer than workers.
    """

    def __init__(
        self,
        url: str | Path,
        batch_size: int,
        augmentation: Augmentation = AS_STORED,
        *,
        seed: int = 0,
        start_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
        buffer: int = _BUFFER,
        source: Literal["rgb", "grey"] = "rgb",
        as_counts: bool = False,
    ) -> None:
        self.url = str(url).rstrip("/")
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.seed = seed
        self.start_step = start_step
        self.rank = rank
        self.ranks = ranks
        self.buffer = buffer
        self.source = source
        self.as_counts = as_counts
        self.index = read_index(self.url)

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        # The loader takes batches from worker 0, 1, …: the step decides whose place a worker takes.
        place = (worker + self.start_step) % workers
        skipped = (self.start_step + worker) // workers * self.batch_size
        stream, streams = self.rank * workers + place, self.ranks * workers
        if streams > len(self.index.shards):
            raise DatasetError(
                f"{self.url} has {counted(len(self.index.shards), 'shard')} for {streams} workers of all ranks. "
                "Use fewer workers, or write smaller shards."
            )
        passing = 0
        while True:
            shards = self._shards(passing)[stream::streams]
            count = sum(self.index.shards[name] for name in shards)
            random = np.random.default_rng([self.seed, passing, stream, 1])
            order = buffered_order(count, self.buffer, random)
            if skipped < count:
                yield from self._samples(shards, order, skipped, [self.seed, passing, stream])
            skipped = max(0, skipped - count)
            passing += 1

    def _shards(self, passing: int) -> list[str]:
        names = sorted(self.index.shards)
        return [names[i] for i in np.random.default_rng([self.seed, passing]).permutation(len(names))]

    def _samples(self, shards: list[str], order: list[int], skipped: int, seed: list[int]) -> Iterator[Sample]:
        """The samples of one pass of one stream, from the place `skipped` of its order on."""
        not_wanted = set(order[:skipped])
        reading = self._pairs(shards, not_wanted)
        waiting: dict[int, dict[str, bytes]] = {}
        for at in order[skipped:]:
            while at not in waiting:
                number, members = next(reading)
                waiting[number] = members
            yield self._sample(waiting.pop(at), np.random.default_rng([*seed, at, 2]))

    def _pairs(self, shards: list[str], not_wanted: set[int]) -> Iterator[tuple[int, dict[str, bytes]]]:
        """Number within the stream and members of every wanted pair, as they lie."""
        number = 0
        for name in shards:
            end = number + self.index.shards[name]
            yield from read_shard(f"{self.url}/{name}", range(number, end), not_wanted)
            number = end

    def _sample(self, members: dict[str, bytes], random: np.random.Generator) -> Sample:
        source, target, valid, about = decoded(members)
        size = target.shape[:2]
        cut = drawn_cut(self.augmentation, random, self.augmentation.before_crop(size, self.url))
        jitter = drawn_jitter(self.augmentation.jitter, random) if self.augmentation.jitter else None

        def part(picture: Counts) -> Counts:
            return shown_part(self.augmentation, lambda cut: cut.of(picture), size, cut)

        shown = part(to_grey(source) if self.source == "grey" else source)
        sample = Sample(
            source=to_planes(jitter(shown) if jitter else shown, cut),
            target=to_planes(part(target), cut),
            valid=to_planes(part(valid)[..., None], cut),
            **about,
        )
        return sample if self.as_counts else floats(sample)


class FirstPictures(Dataset[Sample]):
    """The first whole pictures of some shards, which hold pairs in random order; kept in memory as counts.

    Raises `DatasetError` when there are no shards.
    """

    def __init__(self, url: str, count: int) -> None:
        index = read_index(url)
        self._members: list[dict[str, bytes]] = []
        for name, pairs in index.shards.items():
            wanted = min(pairs, count - len(self._members))
            if wanted:
                found = read_shard(f"{url}/{name}", range(pairs), set(range(wanted, pairs)))
                self._members += [members for _, members in islice(found, wanted)]

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: int) -> Sample:
        source, target, valid, about = decoded(self._members[index])
        whole = Cut(0, 0, *target.shape[:2])
        planes = (to_planes(picture, whole) for picture in (source, target, valid[..., None]))
        return floats(Sample(source=next(planes), target=next(planes), valid=next(planes), **about))


class About(TypedDict):
    """What a pair says of itself beside its pictures."""

    name: str
    target_name: str
    mode: str
    recording_id: str


def decoded(members: dict[str, bytes]) -> tuple[Counts, Counts, Counts, About]:
    """Source and target ``(H, W, 3)``, mask ``(H, W)`` and the rest, from what `read_shard` gives."""
    source, target, valid = (np.load(io.BytesIO(members[f"{n}.npy"])) for n in ("source", "target", "valid"))
    told, name = json.loads(members["json"]), members["key"].decode()
    about = About(name=name, target_name=name, mode=told["mode"], recording_id=told["recording_id"])
    return source, target, valid.astype(bool), about


def buffered_order(count: int, buffer: int, random: np.random.Generator) -> list[int]:
    """The order in which a buffer that is refilled from 0 … count - 1 gives them out, drawn at random."""
    waiting: list[int] = []
    order = []
    for number in range(count + buffer):
        if number < count:
            waiting.append(number)
        if waiting and (len(waiting) >= buffer or number >= count):
            drawn = int(random.integers(len(waiting)))
            waiting[drawn], waiting[-1] = waiting[-1], waiting[drawn]
            order.append(waiting.pop())
    return order


def read_shard(url: str, numbers: range, not_wanted: set[int]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Members of the pairs of one shard by their suffix, and ``key``; passes over those that are not wanted.

    Raises `DatasetError` when the shard is damaged.
    """
    remaining = iter(numbers)
    number, key, members = -1, "", dict[str, bytes]()
    try:
        with fsspec.open(url, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                found, suffix = member.name.split(".", 1)
                if found != key:
                    if members:
                        yield number, members
                    number, key, members = next(remaining), found, {}
                if number not in not_wanted:
                    content = tar.extractfile(member)
                    members |= {"key": key.encode(), suffix: content.read() if content else b""}
            if members:
                yield number, members
    except (tarfile.TarError, OSError, EOFError, ValueError, StopIteration) as error:
        raise DatasetError(f"{url} is no whole shard ({' '.join(str(error).split())}). Write it anew.") from None
    if next(remaining, None) is not None:
        raise DatasetError(f"{url} has fewer pairs than {INDEX_NAME} says. Write it anew.")
