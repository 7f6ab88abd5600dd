"""The formats of other people: where each puts a pair, and under which name."""

from __future__ import annotations

import io
import json
import re
import tarfile
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import av
import cv2
import numpy as np

from nirvis_datasets.errors import ExportRefused
from nirvis_datasets.export.mp4 import Mp4
from nirvis_datasets.export.samples import Sample
from nirvis_datasets.split import SUBSETS, Subset
from nirvis_registration.warp import Picture

PictureFormat = Literal["png", "bmp"]


class Format(ABC):
    """Writes samples below a folder that nobody looks at before it is complete."""

    title: ClassVar[str]
    takes_unpaired: ClassVar[bool] = False
    sixteen_bit: ClassVar[bool] = True
    """False for one that stores 8 bit whatever it is given."""
    pictures: ClassVar[PictureFormat] = "png"
    """The default."""

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        self.folder = folder
        self.pictures_as = pictures
        self.strip = strip

    def abandon(self) -> None:
        """Close what is open; the folder is removed afterwards."""
        return

    @abstractmethod
    def write(self, sample: Sample) -> None:
        """Take one sample. Raises `ExportRefused` for one that the format cannot hold, `OSError` for a full disk."""

    def finish(self) -> None:
        """Write what can be known only at the end."""
        return

    def _put(self, name: str, picture: Picture) -> None:
        path = self.folder / f"{name}.{self.pictures_as}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture, self.pictures_as))


class Vsiad(Format):
    """``src/NAME``, ``tar/NAME`` and one list of names for each set; NAME tells place and mode as VSIAD does."""

    title = "folders and lists as VSIAD has them"
    pictures = "bmp"

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        super().__init__(folder, pictures, strip)
        self._lists: dict[Subset, list[str]] = defaultdict(list)
        self._scenes: dict[tuple[str, str], list[str]] = defaultdict(list)

    def write(self, sample: Sample) -> None:
        source, target = both(sample)
        name = f"{self._scene(sample)}_{sample.name}"
        self._put(f"src/{name}", source)
        self._put(f"tar/{name}", target)
        self._lists[sample.subset].append(f"{name}.{self.pictures_as}")

    def finish(self) -> None:
        for subset in SUBSETS:
            lines = self._lists[subset]
            (self.folder / f"{subset}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _scene(self, sample: Sample) -> str:
        """Scenes 1 to 5 are night (NIR), 6 to 10 day (VNIR); a place with more recordings shares the last."""
        place = re.sub(r"[^\w-]+|_+", "-", sample.entry.place or sample.entry.recording_id).strip("-")
        recordings = self._scenes[place, sample.entry.mode]
        if sample.entry.recording_id not in recordings:
            recordings.append(sample.entry.recording_id)
        number = min(recordings.index(sample.entry.recording_id), 4) + (1 if sample.entry.mode == "night" else 6)
        return f"{place}_Scene{number}"


class Unaligned(Format):
    """``trainA/NAME`` and ``trainB/NAME``; with `strip`, so many consecutive frames side by side in each file."""

    title = "trainA and trainB folders, as CycleGAN, CUT, Recycle-GAN, I2V-GAN and ROMA read them"
    takes_unpaired = True

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        super().__init__(folder, pictures, strip)
        self._run: list[Sample] = []

    def write(self, sample: Sample) -> None:
        last = self._run[-1] if self._run else None
        if last is not None and (last.entry != sample.entry or last.index + 1 != sample.index):
            self._run = []
        self._run.append(sample)
        if len(self._run) == self.strip:
            self._strips(self._run)
            self._run = []

    def _strips(self, run: list[Sample]) -> None:
        first = run[0]
        for letter, pictures in (("A", [one.source for one in run]), ("B", [one.target for one in run])):
            seen = [picture for picture in pictures if picture is not None]
            if seen:
                self._put(f"{first.subset}{letter}/{first.name}", _beside(seen))


class SideBySide(Format):
    """``train/NAME`` with the source left and the target right."""

    title = "source and target side by side, as pix2pix reads them"

    def write(self, sample: Sample) -> None:
        self._put(f"{sample.subset}/{sample.name}", _beside(both(sample)))


class Videos(Format):
    """``train/FILE-source.mp4`` and ``train/FILE-target.mp4``, one picture per pair."""

    title = "two MP4 videos for each recording"
    sixteen_bit = False

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        super().__init__(folder, pictures, strip)
        self._open: tuple[str, Mp4, Mp4] | None = None

    def write(self, sample: Sample) -> None:
        stem = f"{sample.subset}/{sample.entry.stem}"
        if self._open is None or self._open[0] != stem:
            self.finish()
            (self.folder / sample.subset).mkdir(exist_ok=True)
            names = (self.folder / f"{stem}-{side}.mp4" for side in ("source", "target"))
            first, second = (Mp4(name, sample.rate_hz) for name in names)
            self._open = (stem, first, second)
        for video, picture in zip(self._open[1:], both(sample), strict=True):
            video.write(shallow(picture))

    def finish(self) -> None:
        if self._open is not None:
            for video in self._open[1:]:
                video.close()
        self._open = None

    def abandon(self) -> None:
        with suppress(OSError, av.FFmpegError):
            self.finish()


class WebDataset(Format):
    """``train-000000.tar`` … with ``NAME.source.png``, ``NAME.target.png``, ``NAME.json`` for each pair."""

    title = "WebDataset shards"
    max_bytes: ClassVar[int] = 1 << 30

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        super().__init__(folder, pictures, strip)
        self._tars: dict[Subset, tarfile.TarFile] = {}
        self._shards: dict[Subset, int] = defaultdict(int)

    def write(self, sample: Sample) -> None:
        source, target = both(sample)
        tar = self._tar(sample.subset)
        name = sample.name
        self._add(tar, f"{name}.source.{self.pictures_as}", encoded(source, self.pictures_as))
        self._add(tar, f"{name}.target.{self.pictures_as}", encoded(target, self.pictures_as))
        if sample.valid is not None:
            self._add(tar, f"{name}.valid.png", encoded(sample.valid.astype(np.uint8) * 255, "png"))
        self._add(tar, f"{name}.json", json.dumps(facts(sample)).encode())

    def finish(self) -> None:
        for tar in self._tars.values():
            tar.close()

    def abandon(self) -> None:
        for tar in self._tars.values():
            with suppress(OSError):
                tar.close()

    def _tar(self, subset: Subset) -> tarfile.TarFile:
        tar = self._tars.get(subset)
        if tar is not None and tar.offset >= self.max_bytes:
            tar.close()
            tar = None
        if tar is None:
            tar = tarfile.open(self.folder / f"{subset}-{self._shards[subset]:06d}.tar", "w")  # noqa: SIM115
            self._tars[subset] = tar
            self._shards[subset] += 1
        return tar

    def _add(self, tar: tarfile.TarFile, name: str, content: bytes) -> None:
        """Without times and owners, so that the same dataset gives the same bytes."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


class ImageFolder(Format):
    """``train/NAME-source.png``, ``train/NAME-target.png`` and ``train/metadata.jsonl`` that ties them together."""

    title = "Hugging Face image folder with metadata"

    def __init__(self, folder: Path, pictures: PictureFormat, strip: int) -> None:
        super().__init__(folder, pictures, strip)
        self._rows: dict[Subset, list[str]] = defaultdict(list)

    def write(self, sample: Sample) -> None:
        names = {side: f"{sample.name}-{side}" for side in ("source", "target")}
        for name, picture in zip(names.values(), both(sample), strict=True):
            self._put(f"{sample.subset}/{name}", picture)
        files = {f"{side}_file_name": f"{name}.{self.pictures_as}" for side, name in names.items()}
        self._rows[sample.subset].append(json.dumps(files | facts(sample)))

    def finish(self) -> None:
        for subset, rows in self._rows.items():
            path = self.folder / subset / "metadata.jsonl"
            path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


FORMATS: Mapping[str, type[Format]] = {
    "vsiad": Vsiad,
    "unaligned": Unaligned,
    "side-by-side": SideBySide,
    "mp4": Videos,
    "webdataset": WebDataset,
    "imagefolder": ImageFolder,
}


def both(sample: Sample) -> tuple[Picture, Picture]:
    """Source and target of a pair."""
    if sample.source is None or sample.target is None:
        raise ExportRefused(f"{sample.name} has no partner, and this format needs one.")
    return sample.source, sample.target


def _beside(pictures: Sequence[Picture]) -> Picture:
    return cast("Picture", np.concatenate(pictures, axis=1))


def facts(sample: Sample) -> dict[str, Any]:
    """What is known of a pair, for metadata."""
    entry = sample.entry
    known = {"recording_id": entry.recording_id, "mode": entry.mode, "light": entry.light, "place": entry.place}
    return {**known, "frame_index": sample.index}


def encoded(picture: Picture, pictures: PictureFormat) -> bytes:
    """Bytes of a picture file, RGB ``(H, W, 3)`` or grey ``(H, W)``. Raises `ExportRefused` for 16 bit in BMP."""
    if pictures == "bmp" and picture.dtype == np.uint16:
        raise ExportRefused("BMP holds 8 bit and the pictures have 16: choose --pictures png.")
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    done, content = cv2.imencode(f".{pictures}", np.ascontiguousarray(bgr))
    if not done:
        raise ExportRefused(f"A picture of {picture.shape} {picture.dtype} cannot be written as {pictures}.")
    return content.tobytes()


def shallow(picture: Picture) -> Picture:
    """8 bit of 16."""
    return (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture
