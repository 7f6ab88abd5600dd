"""``nirvis demo``: the whole way in one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis_capture.profile import Mode

AtLeastOne = Annotated[int, Parameter(validator=Number(gte=1))]
Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=3600))]


def demo(
    *,
    out: Path = Path("demo"),
    real: bool = False,
    input: Path | None = None,
    mode: Mode = "night",
    streets: AtLeastOne = 10,
    seconds: Seconds = 3.0,
    train_seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 180.0,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 100,
) -> None:
    """Record, verify, register, train, evaluate, export and colorize, without cameras.

    Leaves one folder with clips, pairs, run, model, an MP4 and a report. Run again, it makes the folder anew.

    Parameters
    ----------
    out
        Folder for everything that the demo makes.
    real
        Replay the four real picture pairs that come with nirvis instead of the simulated rig.
    input
        Replay your own folder of picture pairs, NAME_nir.png with NAME_vis.png, instead of the simulated rig.
    mode
        Filter mode of pictures whose names do not tell: day is VNIR, night is NIR.
    streets
        Simulated streets in each of the two modes; one clip each.
    seconds
        Length of every clip.
    train_seconds
        How long to train.
    seed
        Other streets, other crops.
    """
    from nirvis.demo.takes import picture_takes, twin_takes
    from nirvis.demo.whole_way import go

    if not real and input is None:
        go(out, twin_takes(streets, seconds, seed), _TWIN, train_seconds, seed)
        return
    with _pictures(input) as folder:
        takes = picture_takes(folder, mode, seconds, seed)
        go(out, takes, _REAL.format(count=len(takes)), train_seconds, seed)


@contextmanager
def _pictures(folder: Path | None) -> Iterator[Path]:
    """The user's folder, or the pictures that come with nirvis."""
    if folder is not None:
        yield folder
        return
    with as_file(files("nirvis") / "pictures" / "vsiad") as shipped:
        yield shipped


_TWIN = (
    "Streets of the simulated rig, recorded by two synchronised cameras in day mode (VNIR and visible) and in night "
    "mode (NIR at 850 nm and visible), verified, registered, and learnt by a narrow State Synchronization Network."
)
_REAL = (
    "{count} real near-infrared and visible picture pairs, replayed as a misaligned, mirrored pair of Bayer cameras, "
    "recorded, verified, registered, and learnt by a narrow State Synchronization Network. Few pictures show that "
    "the way works, not how well the method does: where train and test show one place, the network has seen it."
)
