"""``nirvis compare``: several runs on the same pictures, in one table, or as a page for a user study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_training.protocol import Protocol


def compare(
    *runs: Path,
    dataset: Annotated[tuple[Path, ...], Parameter(negative="")],
    out: Path = Path("comparison"),
    subset: Literal["train", "val", "test"] = "test",
    name: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    protocol: Annotated[Protocol | None, Parameter(name="*", negative="")] = None,
    study: Path | None = None,
    study_clips: Annotated[int, Parameter(validator=Number(gte=1))] = 12,
    study_seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 3.0,
) -> None:
    """Judge several runs on the same clips: one table with intervals, and paired differences to the first run.

    Writes comparison.md, .csv, .html and .json into --out.

    Parameters
    ----------
    runs
        Folders of training runs.
    dataset
        Folder of registered pairs with catalogue.csv and splits.csv; may be repeated, for rigs that differ.
    out
        Folder for the comparison.
    subset
        Which set of the split.
    name
        What to call each run, in their order; repeat it for each. By default the method, or the folder.
    study
        Write a page for a blind user study of the runs to this HTML file instead of a comparison.
    study_clips
        How many clips of the first dataset the study shows.
    study_seconds
        How much of each clip.
    """
    from nirvis_training.compare import compare as judge
    from nirvis_training.compare import study_of

    if study is not None:
        print(study_of(runs, dataset[0], study, subset=subset, names=name, clips=study_clips, seconds=study_seconds))
        return
    with progress_bar("compare", "picture", always=True) as show:
        comparison = judge(runs, dataset, out, subset=subset, protocol=protocol, names=name, progress=show)
    print(comparison.markdown())
    print(out / "comparison.html")
