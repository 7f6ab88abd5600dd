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
    pairs_per_clip: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    seed: int = 0,
    quantise: Literal["round", "trunc", "none"] = "round",
    reference: Literal["evaluated", "training"] = "evaluated",
    lpips: tuple[Path, Path] | None = None,
    inception: Path | None = None,
    backbones: Path | None = None,
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
    pairs_per_clip
        Score only so many pairs of each clip, evenly spaced.
    seed
        Of the bootstrap intervals and the subsets of KID.
    quantise
        How predictions become 8-bit pictures first; trunc is the protocol of the SSN paper.
    reference
        Whose visible pictures FID and KID compare with.
    lpips
        AlexNet as torchvision stores it, and the linear heads of LPIPS (alex.pth of the lpips wheel).
    inception
        Inception-V3 in the FID variant (pt_inception-2015-12-05 of pytorch-fid).
    backbones
        Folder in which to look for these files by their published names; ~/.cache/nirvis/backbones by default.
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
    protocol = Protocol(
        quantise=quantise,
        pairs_per_clip=pairs_per_clip,
        seed=seed,
        reference=reference,
        lpips=lpips,
        inception=inception,
        backbones=backbones,
    )
    with progress_bar("compare", "picture", always=True) as show:
        comparison = judge(runs, dataset, out, subset=subset, protocol=protocol, names=name, progress=show)
    print(comparison.markdown())
    print(out / "comparison.html")
