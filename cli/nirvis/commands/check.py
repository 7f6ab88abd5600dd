"""``nirvis check``: what is wrong with a dataset, for people and for scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.progress import progress_bar
from nirvis_datasets.check import check as look_over
from nirvis_datasets.contact_sheet import write_contact_sheet


def check(
    dataset: Annotated[Path, Parameter(help="Folder with pairs, frames or clips.")],
    *,
    sheet: Annotated[Path | None, Parameter(help="HTML page; DATASET/contact-sheet.html by default.")] = None,
    strict: Annotated[bool, Parameter(negative="", help="End with status 1 for warnings too.")] = False,
) -> None:
    """Look a dataset over: counts, sizes, bit depth, names without partner, saturation, blur, misalignment.

    Also repeated frames, the balance of night and day, and, where splits.csv is there, places and pictures that are in
    two sets. Writes an HTML contact sheet. Ends with status 1 when something is wrong, with 0 when it is merely odd.
    """
    with progress_bar("check", "file", leave=False) as show:
        verdict = look_over(dataset, show)
    for value, name in verdict.figures:
        print(f"{name}: {value}")
    for finding in verdict.findings:
        print(f"{finding.level}: {finding.text}")
    if not verdict.findings:
        print("nothing wrong was found")
    print(write_contact_sheet(verdict, sheet or dataset / "contact-sheet.html"))
    if verdict.has("error") or (strict and verdict.has("warning")):
        sys.exit(1)
