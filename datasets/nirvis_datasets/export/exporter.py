"""Write a dataset in the format of others: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from nirvis_capture.errors import WrongOption
from nirvis_capture.wording import counted
from nirvis_datasets.card import dataset_card
from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.entry import refuse_equal_stems
from nirvis_datasets.errors import ExportRefused
from nirvis_datasets.export.formats import FORMATS, Format, PictureFormat
from nirvis_datasets.export.samples import count, samples
from nirvis_datasets.split import SPLITS_NAME, Split, Subset

CARD_NAME = "README.md"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    samples: int
    notes: tuple[str, ...]


def export_dataset(
    folder: Path,
    out: Path,
    format_name: str,
    *,
    pictures: PictureFormat | None = None,
    strip: int = 1,
    every: int = 1,
    licence: str = "",
    progress: Progress | None = None,
) -> Exported:
    """Write every pair that is in a set of `folder` (without splits.csv: all, as train) and a dataset card.

    pictures
        ``png`` or ``bmp``; the format's own when absent.
    strip
        Consecutive frames side by side in each file; of ``unaligned`` only.
    every
        Of each recording the first of so many pairs.
    progress
        Called with (pairs done, pairs in all).

    Raises `ExportRefused`; then nothing is left at `out`.
    """
    kind = _format(format_name, strip, every)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ExportRefused(f"{out} is there already, and no empty folder. Choose another one, or remove it.")
    catalogue = Catalogue.read(folder / CATALOGUE_NAME)
    sets, notes = _sets(catalogue, folder)
    files = (*catalogue.pairs, *(catalogue.frames if kind.takes_unpaired else ()))
    refuse_equal_stems(entry for entry in files if entry.recording_id in sets)
    total = count(catalogue, sets, every, kind.takes_unpaired)
    if not total:
        raise ExportRefused(f"{folder} has no {'picture' if kind.takes_unpaired else 'pair'} in a set to export.")
    if not kind.takes_unpaired and catalogue.frames:
        notes.append(f"{sum(e.frames or 0 for e in catalogue.frames)} unpaired pictures are left out: {format_name}")
    if any((entry.bit_depth or 8) != 8 for entry in (*catalogue.pairs, *catalogue.frames)):
        notes.append(
            "pictures have 16 bit: read them with cv2.IMREAD_UNCHANGED, Pillow makes 8 of them"
            if kind.sixteen_bit
            else f"pictures of more than 8 bit were reduced to 8: {format_name} holds no more"
        )
    part = out.with_name(f".{out.name}.part")
    try:
        _write(part, catalogue, sets, kind, pictures or kind.pictures, strip, every, total, progress)
        card = dataset_card(catalogue, sets, out.name, licence, f"{kind.title}. {_one_line(kind.__doc__ or '')}")
        (part / CARD_NAME).write_text(card, encoding="utf-8")
        os.replace(part, out)
    except (OSError, av.FFmpegError) as error:
        raise ExportRefused(f"{out} cannot be written: {error.strerror or error}. Nothing was left there.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(total, tuple(notes))


def _write(
    part: Path,
    catalogue: Catalogue,
    sets: dict[str, Subset],
    kind: type[Format],
    pictures: PictureFormat,
    strip: int,
    every: int,
    total: int,
    progress: Progress | None,
) -> None:
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    writer = kind(part, pictures, strip)
    try:
        for done, sample in enumerate(samples(catalogue, sets, every, kind.takes_unpaired), start=1):
            writer.write(sample)
            if progress is not None:
                progress(done, total)
        writer.finish()
    except BaseException:
        writer.abandon()
        raise


def _format(name: str, strip: int, every: int) -> type[Format]:
    if name not in FORMATS:
        raise WrongOption(f"No format is called {name}; known are {', '.join(FORMATS)}, shards.")
    if strip != 1 and name != "unaligned":
        raise WrongOption(f"Strips of {strip} frames belong to format unaligned, not to {name}.")
    if not 1 <= strip <= 16 or every < 1:
        raise WrongOption(f"strip is 1 to 16 and every at least 1; got {strip} and {every}.")
    return FORMATS[name]


def _sets(catalogue: Catalogue, folder: Path) -> tuple[dict[str, Subset], list[str]]:
    """Set of each recording, and what has to be said about that."""
    recordings = sorted({entry.recording_id for entry in (*catalogue.pairs, *catalogue.frames)})
    if not (folder / SPLITS_NAME).exists():
        return dict.fromkeys(recordings, "train"), [f"{folder} is not split: all of it is called train"]
    sets = Split.read(folder / SPLITS_NAME).sets
    outside = [name for name in recordings if name not in sets]
    notes = (
        [f"left out, being in no set: {counted(len(outside), 'recording')}, the first {outside[0]}"] if outside else []
    )
    return {name: sets[name] for name in recordings if name in sets}, notes


def _one_line(text: str) -> str:
    return " ".join(text.split())
