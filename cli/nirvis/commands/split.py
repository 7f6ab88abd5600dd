"""``nirvis split``: which recordings are trained on, chosen by, and tested on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nirvis.progress import progress_bar
from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.errors import SplitError
from nirvis_datasets.leakage import find_leaks
from nirvis_datasets.split import SPLITS_NAME, SUBSETS, Split, counts
from nirvis_datasets.split import split as divide


def _is_three_numbers(_: object, value: str) -> None:
    if not re.fullmatch(r"\d+(\.\d+)?(:\d+(\.\d+)?){2}", value):
        raise ValueError(f"fractions are three numbers with colons between them, as in 60:20:20, not {value!r}")


def split(
    folder: Annotated[Path, Parameter(help="Folder that holds catalogue.csv.")],
    *,
    seed: Annotated[int, Parameter(help="Another seed draws other places.")] = 0,
    fractions: Annotated[
        str, Parameter(validator=_is_three_numbers, help="Shares of train, val and test.")
    ] = "60:20:20",
    place_unknown_as: Annotated[
        Literal["recording"] | None, Parameter(help="Let a recording without a place count as a place of its own.")
    ] = None,
    keep: Annotated[
        bool, Parameter(help="Leave every place that splits.csv has where it is, and draw only new ones.")
    ] = False,
    allow_alike: Annotated[
        bool, Parameter(negative="", help="Write the split although pictures of two sets look the same.")
    ] = False,
) -> None:
    """Divide the recordings of a catalogue into train, val and test, never one place into two of them.

    Day and night come close to the shares each for itself, counted in pairs. Pictures of different sets are compared by
    perceptual hash, and the split is refused where two look the same. Writes splits.csv beside the catalogue.
    """
    catalogue = Catalogue.read(folder / CATALOGUE_NAME)
    csv = folder / SPLITS_NAME
    former = Split.read(csv) if keep and csv.exists() else None
    divided = divide(catalogue, seed, [float(part) for part in fractions.split(":")], place_unknown_as, former)
    compared = _compared(catalogue, divided, allow_alike)
    divided.write(csv)
    print(f"{'set':6}{'mode':7}{'recordings':>11}{'places':>8}{'pairs':>9}{'unpaired':>10}")
    for count in counts(divided, catalogue):
        print(f"{count.subset:6}{count.mode:7}{count.recordings:11}{count.places:8}{count.pairs:9}{count.frames:10}")
    empty = [subset for subset in SUBSETS if not divided.recordings(subset)]
    if empty:
        print(f"nothing in {' and '.join(empty)}: that takes recordings of more places, for a place is never divided")
    for recording_id in divided.left_out:
        print(f"left out: {recording_id} has no pair with a target")
    print(compared)
    print(csv)


def _compared(catalogue: Catalogue, divided: Split, allow_alike: bool) -> str:
    """What the comparison of the sets gave, in one line. Raises `SplitError` where pictures of two look the same."""
    with progress_bar("compare", "file", leave=False) as show:
        comparison = find_leaks(catalogue, divided, show)
    if comparison.leaks and not allow_alike:
        raise SplitError(
            f"{comparison.leaks[0]}, and {len(comparison.leaks) - 1} more such pairs of recordings: the test would "
            "flatter. Give recordings of one place the same place in catalogue.csv, or pass --allow-alike."
        )
    unread = f", {counted(len(comparison.unread), 'file')} could not be read" if comparison.unread else ""
    looked_at = f"{counted(comparison.compared, 'file')} compared by {counted(comparison.pictures, 'picture')}{unread}"
    return f"{looked_at}: {len(comparison.leaks)} look the same in two sets"
