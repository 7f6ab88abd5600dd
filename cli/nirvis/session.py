"""From the clips of one outing to pairs that can be trained on: register, catalogue and split what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nirvis.progress import progress_bar
from nirvis_capture.errors import NirvisError
from nirvis_capture.wording import counted

PAIRS_FOLDER = "pairs"


class NoSession(NirvisError):
    def __init__(self, session: Path) -> None:
        super().__init__(f"There is no folder {session}. Give --session the folder of the clips.")


class NothingRegistered(NirvisError):
    def __init__(self, session: Path, reasons: list[str]) -> None:
        super().__init__(f"None of the clips in {session} could be registered:\n" + "\n".join(reasons))


def prepare_session(session: Path, place_unknown_as: Literal["recording"] | None = None) -> Path:
    """Bring the pairs, catalogue and split of a session up to date; returns the folder to train from.

    Pairs that are there already stay as they are, and so do the sets of places that were split before.

    Raises `NoSession`, `NothingRegistered`, `SplitError`, and what reading the clips raises.
    """
    if not session.is_dir():
        raise NoSession(session)
    pairs = session / PAIRS_FOLDER
    _register(session, pairs)
    catalogue_and_split(pairs, place_unknown_as)
    return pairs


def _register(session: Path, pairs: Path) -> None:
    from nirvis_registration.batch import register_clips

    with progress_bar("register", "clip") as show:
        outcomes = register_clips([session], pairs, progress=show)
    reasons = [f"  {outcome.clip.name}: {outcome.reason}" for outcome in outcomes if not outcome.ok]
    if len(reasons) == len(outcomes):
        raise NothingRegistered(session, reasons)
    done = sum(outcome.status == "registered" for outcome in outcomes)
    print(f"{pairs}: {counted(done, 'clip')} registered, {len(outcomes) - done - len(reasons)} up to date")
    if reasons:
        print("\n".join(["not registered:", *reasons]))


def catalogue_and_split(pairs: Path, place_unknown_as: Literal["recording"] | None = None) -> None:
    """Write catalogue.csv and splits.csv of a folder of pairs files; places keep the set that they were in before."""
    from nirvis_datasets.catalogue import Catalogue
    from nirvis_datasets.leakage import find_leaks
    from nirvis_datasets.split import SPLITS_NAME, SUBSETS, Split, split

    catalogue = Catalogue.build(pairs)
    csv = catalogue.write()
    for line in catalogue.changes.broken:
        print(f"warning: {line}")
    print(f"{csv}: {counted(len(catalogue.pairs), 'pairs file')}")
    splits = pairs / SPLITS_NAME
    former = Split.read(splits) if splits.exists() else None
    divided = split(catalogue, place_unknown_as=place_unknown_as, keep=former)
    divided.write(splits)
    counts = ", ".join(f"{len(divided.recordings(subset))} {subset}" for subset in SUBSETS)
    print(f"{splits}: recordings {counts}")
    for leak in find_leaks(catalogue, divided).leaks:
        print(f"warning: {leak}: the test will flatter")
