"""``nirvis import-dataset``: somebody else's pictures or videos as pairs and frames of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_capture.errors import WrongOption
from nirvis_capture.profile import Mode
from nirvis_capture.wording import counted
from nirvis_datasets.external.found import Facts, Found, Gathered
from nirvis_datasets.external.gather import gather, gather_folders
from nirvis_datasets.external.importer import Imported, Source, write_imported
from nirvis_datasets.external.layout import BANDS_NM, Layout
from nirvis_datasets.external.layouts import LAYOUTS
from nirvis_datasets.external.partners import PairBy
from nirvis_datasets.external.videos import gather_videos

_SHOWN = 5


def import_dataset(
    layout: Annotated[str, Parameter(help=f"One of {', '.join(LAYOUTS)}; or folders, videos: any two of them.")],
    source: Annotated[Path, Parameter(help="Folder of the set; of folders and videos: the source side.")],
    target: Annotated[Path | None, Parameter(help="Of folders and videos: the target side.")] = None,
    *,
    out: Annotated[Path, Parameter(help="Folder for the pairs and frames files and their catalogue.")],
    name: Annotated[str | None, Parameter(help="Of folders and videos: name of the recording; OUT by default.")] = None,
    place: Annotated[str, Parameter(help="Of folders and videos: where it was recorded.")] = "",
    mode: Annotated[
        Mode | None,
        Parameter(help="day when the source sees visible light too, else night; of folders and videos night."),
    ] = None,
    band: Annotated[
        str | None, Parameter(help=f"What the source sees, one of {', '.join(BANDS_NM)}; of folders and videos nir.")
    ] = None,
    pair_by: Annotated[
        PairBy, Parameter(help="Which pictures belong together: equal names (of videos: moments), or equal numbers.")
    ] = "name",
    bits: Annotated[
        int | None,
        Parameter(validator=Number(gte=9, lte=16), help="Significant bits of 16-bit pictures that use fewer."),
    ] = None,
    recordings: Annotated[
        int | None,
        Parameter(
            validator=Number(gt=0),
            help="Of folders of single pictures: divide each into so many recordings, which split then shares out.",
        ),
    ] = None,
    skip_broken: Annotated[
        bool, Parameter(negative="", help="Decode every picture first and leave out those that cannot be.")
    ] = False,
    published_split: Annotated[
        bool, Parameter(negative="", help="Keep the sets of the authors even where a place is in two of them.")
    ] = False,
    compression: Annotated[
        Literal["gzip", "lzf"] | None, Parameter(help="Smaller files that are slower to read.")
    ] = None,
) -> None:
    """Make pairs and frames files of a public set, of two folders, or of two videos.

    Pictures with a partner become registered pairs that can be trained on at once, pictures without become files of
    frames. What could not be used is told, and listed in NAME.left-out.txt. The catalogue is brought up to date, and
    where the authors divided their set, splits.csv holds their division.
    """
    name = name or out.name
    if layout in LAYOUTS:
        if recordings is not None:
            raise WrongOption(f"--recordings is for folders; the paths of {layout} say what its recordings are.")
        known = _with(LAYOUTS[layout], mode, band)
        gathered = gather(_alone(layout, source, target), known, skip_broken, pair_by)
        described = Source(layout, f"{layout}: {source.name}", known.band, compression, bits)
    else:
        facts = Facts(name, mode or "night", place=place)
        gathered = _two(layout, source, target, facts, skip_broken, pair_by, recordings)
        described = Source(name, f"{layout}: {source.name}", _known_band(band or "nir"), compression, bits)
    with progress_bar(layout, "picture", leave=False) as show:
        imported = write_imported(gathered, out, described, published_split, show)
    _tell(imported, gathered.found, out, described.name)


def _with(layout: Layout, mode: Mode | None, band: str | None) -> Layout:
    """The layout, for a set that lies like it and was seen by other cameras."""
    seen = replace(layout, band=_known_band(band)) if band is not None else layout
    return replace(seen, mode=mode, scene_modes={}) if mode is not None else seen


def _known_band(band: str) -> str:
    if band not in BANDS_NM:
        raise WrongOption(f"No band is called {band}; known are {', '.join(BANDS_NM)}.")
    return band


def _alone(layout: str, source: Path, target: Path | None) -> Path:
    if target is not None:
        raise WrongOption(f"{layout} is one folder; {target} is one too many. For any two folders: folders")
    return source


def _two(
    layout: str,
    source: Path,
    target: Path | None,
    facts: Facts,
    skip_broken: bool,
    pair_by: PairBy,
    recordings: int | None,
) -> Gathered:
    if layout not in ("folders", "videos"):
        raise WrongOption(f"No layout is called {layout}; known are {', '.join(LAYOUTS)}, folders and videos.")
    if target is None:
        raise WrongOption(f"{layout} needs two of them, source and target; got {source} only.")
    if layout == "folders":
        return gather_folders(source, target, facts, skip_broken, pair_by, recordings)
    if recordings is not None:
        raise WrongOption("--recordings is for folders of single pictures; a video is one recording.")
    return gather_videos(source, target, facts, pair_by)


def _tell(imported: Imported, found: list[Found], out: Path, name: str) -> None:
    for line in imported.left_out[:_SHOWN]:
        print(f"left out: {line}")
    if len(imported.left_out) > _SHOWN:
        print(f"left out: {len(imported.left_out) - _SHOWN} more, see {out / name}.left-out.txt")
    for line in imported.notes:
        print(line)
    paired = sum(len(one) for one in found if len(one.sides) == 2)
    alone = sum(len(one) for one in found if len(one.sides) == 1)
    files = counted(len(imported.files), "file")
    print(f"{out}: {files}, {counted(paired, 'pair')}, {counted(alone, 'unpaired picture')}")
