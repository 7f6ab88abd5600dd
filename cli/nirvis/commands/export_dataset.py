"""``nirvis export-dataset``: a dataset for programs that do not know nirvis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_capture.errors import WrongOption
from nirvis_capture.wording import counted
from nirvis_datasets.export.exporter import export_dataset as write_export
from nirvis_datasets.export.formats import FORMATS, PictureFormat
from nirvis_datasets.selection import Limits
from nirvis_datasets.split import SPLITS_NAME, SUBSETS, Split

_AS_THEY_ARE = (None, 1, 1, "")
"""Options of pictures that shards, which hold raw counts, do not have."""


def export_dataset(
    dataset: Annotated[Path, Parameter(help="Folder with catalogue.csv and, for sets, splits.csv.")],
    *,
    out: Annotated[Path, Parameter(help="Folder to make; it may not hold anything yet.")],
    format_name: Annotated[str, Parameter(name="--format", help=f"One of {', '.join(FORMATS)}, shards.")],
    pictures: Annotated[PictureFormat | None, Parameter(help="Of picture files; bmp for vsiad, else png.")] = None,
    strip: Annotated[int, Parameter(help="Of unaligned: consecutive frames side by side in each file.")] = 1,
    every: Annotated[int, Parameter(help="Of each recording, take the first of so many pairs.")] = 1,
    licence: Annotated[str, Parameter(help="Of the pictures, for the dataset card.")] = "",
    max_residual_px: Annotated[float | None, Parameter(help="Of shards: no pair with more misregistration.")] = None,
    max_saturation: Annotated[float | None, Parameter(help="Of shards: no pair with more saturated pixels.")] = None,
    min_sharpness: Annotated[float | None, Parameter(help="Of shards: no pair with a less sharp picture.")] = None,
    pairs_per_shard: Annotated[
        int | None, Parameter(validator=Number(gt=0), help="By default 256, and fewer where that makes sixteen shards.")
    ] = None,
) -> None:
    """Write a dataset in the format of others, with a dataset card (README.md).

    vsiad: src, tar and lists of names. unaligned: trainA and trainB. side-by-side: as pix2pix. mp4: two videos for each
    recording. webdataset: tar files. imagefolder: Hugging Face, with metadata. OUT appears when it is complete. shards:
    tar files of raw counts in random order, a folder for each set: nirvis train --dataset OUT reads them in sequence,
    on many machines, and from a store that OUT was copied to.
    """
    limits = Limits(max_residual_px, max_saturation, min_sharpness)
    if format_name == "shards":
        if (pictures, strip, every, licence) != _AS_THEY_ARE:
            raise WrongOption(
                "--pictures, --strip, --every and --licence belong to the formats of others, not to shards."
            )
        _write_shards(dataset, out, limits, pairs_per_shard)
        return
    if limits:
        raise WrongOption(f"{limits}: limits belong to format shards, not to {format_name}.")
    if pairs_per_shard is not None:
        raise WrongOption(f"--pairs-per-shard {pairs_per_shard} belongs to format shards, not to {format_name}.")
    with progress_bar(format_name, "pair", leave=False) as show:
        exported = write_export(
            dataset, out, format_name, pictures=pictures, strip=strip, every=every, licence=licence, progress=show
        )
    for note in exported.notes:
        print(note)
    print(f"{out}: {counted(exported.samples, 'sample')} as {format_name}")


def _write_shards(dataset: Path, out: Path, limits: Limits, pairs_per_shard: int | None) -> None:
    # Shards are read with torch, which nothing else of this command needs.
    from nirvis_datasets.shards import write_shards

    sets = Split.read(dataset / SPLITS_NAME).sets.values()
    for subset in (subset for subset in SUBSETS if subset in sets):
        with progress_bar(subset, "pair", leave=False) as show:
            index = write_shards(dataset, subset, out / subset, pairs_per_shard, limits=limits, progress=show)
        print(f"{out / subset}: {counted(sum(index.shards.values()), 'pair')} in {counted(len(index.shards), 'shard')}")
