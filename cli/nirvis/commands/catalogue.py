"""``nirvis catalogue``: one table of every clip and pairs file in a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from tqdm import tqdm

from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError


def catalogue(folder: Annotated[Path, Parameter(help="Folder with clips, pairs files or both, at any depth.")]) -> None:
    """List every clip and pairs file of a folder in its catalogue.csv.

    Files that have not changed since are not opened again. Moved, missing and broken files are named; none of them
    stops the catalogue, but broken ones are not in it, and the exit status is 1.
    """
    with tqdm(desc="catalogue", unit="file", leave=False, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = Catalogue.build(folder, progress=show)
    if not found.entries and not found.changes.lines():
        raise DatasetError(f"{folder} holds no clip, pairs or frames file, at any depth: is it the right folder?")
    csv = found.write()
    for line in found.changes.lines():
        print(line)
    others = f", {counted(len(found.frames), 'file')} of frames" if found.frames else ""
    print(
        f"{csv}: {counted(len(found.clips), 'clip')}, {counted(len(found.pairs), 'pairs file')}{others}; "
        f"{found.changes.read} read, {found.changes.kept} unchanged"
    )
    if found.changes.broken:
        sys.exit(1)
