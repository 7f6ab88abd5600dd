"""The catalogue of a folder: clips, pairs and frames files in one table, kept up to date at the cost of changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from nirvis_capture.errors import NirvisError
from nirvis_datasets.entry import SUFFIXES, Entry, read_entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.table import read_table, write_atomically, write_table

CATALOGUE_NAME = "catalogue.csv"
STAMPS_NAME = ".catalogue.json"
"""Size and modification time of each file when it was read: of this machine only, so not part of the table."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Changes:
    """What a build found to be different from the catalogue before it."""

    kept: int = 0
    read: int = 0
    moved: tuple[tuple[str, str], ...] = ()
    """(former path, present path)"""
    missing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    """One line each: what file, and what is wrong with it."""
    copies: tuple[tuple[str, str], ...] = ()
    """(file, another one with the same content)"""
    linked: tuple[str, ...] = ()
    """Links to folders, which are not followed: they may lead anywhere, and back."""

    def lines(self) -> list[str]:
        return [
            *(f"moved: {former} is now {present}" for former, present in self.moved),
            *(f"missing: {path} is gone and was dropped from the catalogue" for path in self.missing),
            *(f"broken: {line}" for line in self.broken),
            *(f"copied: {self.copy_text(first, second)}" for first, second in self.copies),
            *(f"passed over: {self.link_text(path)}" for path in self.linked),
        ]

    @staticmethod
    def copy_text(first: str, second: str) -> str:
        return f"{second} is a copy of {first}, so that all it holds counts twice: remove one"

    @staticmethod
    def link_text(path: str) -> str:
        return f"{path} is a link to a folder: catalogue what it leads to, or move that here"


class Stamp(NamedTuple):
    """When all three agree, the file is still the one that the row describes."""

    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True)
class Catalogue:
    """Every clip, pairs and frames file below one folder, ordered by path."""

    folder: Path
    entries: tuple[Entry, ...]
    changes: Changes = field(default_factory=Changes, compare=False)
    stamps: Mapping[str, Stamp] = field(default_factory=dict, compare=False, repr=False)
    """How each file was found by `build`, before it was read."""

    @classmethod
    def build(cls, folder: Path, progress: Progress | None = None) -> Catalogue:
        """Look through `folder`; files of the same size and time as in its present catalogue are not opened again.

        A place that was written into the table by hand stays as long as the files of that recording name none.
        progress
            Called with (files done, files in all).

        Raises `DatasetError` when there is no such folder; files that cannot be read become `changes.broken`.
        """
        if not folder.is_dir():
            raise DatasetError(f"There is no folder {folder} to catalogue.")
        known = _known(folder)
        linked: list[str] = []
        found = {name: _stat(folder / name) for name in sorted(_files(folder, linked))}
        trusted = _trusted(known, found, _read_stamps(folder))
        entries: dict[str, Entry] = {}
        broken: list[str] = []
        for done, name in enumerate(found, start=1):
            try:
                entries[name] = trusted[name] if name in trusted else read_entry(folder, name)
            except NirvisError as error:
                broken.append(str(error).splitlines()[0])
            if progress is not None:
                progress(done, len(found))
        changes = _changes(known, trusted, entries, found, broken)
        changes = replace(changes, copies=_copies(entries.values()), linked=tuple(sorted(linked)))
        stamps = {name: Stamp(*found[name], entry.sha256) for name, entry in entries.items()}
        return cls(folder, _with_places(entries, known), changes, stamps)

    @classmethod
    def read(cls, csv: Path) -> Catalogue:
        """Read a table. Raises `TableError` when it is missing or a line of it is wrong."""
        rows = read_table(csv, Entry, command=f"nirvis catalogue {csv.parent}")
        return cls(csv.parent, tuple(rows))

    def write(self, csv: Path | None = None) -> Path:
        """Write the table, by default ``catalogue.csv`` in the folder, from which its paths count."""
        csv = csv or self.folder / CATALOGUE_NAME
        if csv.parent.resolve() != self.folder.resolve():
            raise DatasetError(f"A catalogue of {self.folder} has to lie in it, got {csv}: its paths count from there.")
        write_table(csv, Entry, self.entries)
        if self.stamps:
            write_atomically(self.folder / STAMPS_NAME, json.dumps(self.stamps, indent=0, sort_keys=True) + "\n")
        return csv

    def path(self, entry: Entry) -> Path:
        return self.folder / entry.path

    @property
    def clips(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "clip")

    @property
    def pairs(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "pairs")

    @property
    def frames(self) -> tuple[Entry, ...]:
        """Files of pictures without partners."""
        return tuple(entry for entry in self.entries if entry.kind == "frames")


def _files(folder: Path, linked: list[str]) -> Iterator[str]:
    """Relative posix paths of what may be catalogued; hidden ones and `linked` folders are passed over."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(parent)
        linked += [(here / name).relative_to(folder).as_posix() for name in folders if (here / name).is_symlink()]
        for name in names:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _known(folder: Path) -> dict[str, Entry]:
    csv = folder / CATALOGUE_NAME
    return {entry.path: entry for entry in Catalogue.read(csv).entries} if csv.exists() else {}


def _stat(path: Path) -> tuple[int, int]:
    """Size and modification time; of the link itself where it leads nowhere, so that reading it can say so."""
    stat = path.stat() if path.exists() else path.lstat()
    return stat.st_size, stat.st_mtime_ns


def _trusted(
    known: Mapping[str, Entry], found: Mapping[str, tuple[int, int]], stamps: Mapping[str, Stamp]
) -> dict[str, Entry]:
    """Rows whose file has not changed since it was read."""
    return {
        name: entry
        for name, entry in known.items()
        if name in found and stamps.get(name) == Stamp(*found[name], entry.sha256)
    }


def _read_stamps(folder: Path) -> dict[str, Stamp]:
    """Without readable stamps every file is read again, which is slow and right."""
    try:
        table = json.loads((folder / STAMPS_NAME).read_text(encoding="utf-8"))
        return {str(name): Stamp(*values) for name, values in table.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _changes(
    known: Mapping[str, Entry],
    trusted: Mapping[str, Entry],
    entries: Mapping[str, Entry],
    found: Collection[str],
    broken: list[str],
) -> Changes:
    """Compare the tables; a file that appeared with the content of one that vanished was moved."""
    appeared = {entry.sha256: name for name, entry in entries.items() if name not in known}
    vanished = {name: entry.sha256 for name, entry in known.items() if name not in found}
    return Changes(
        kept=sum(name in trusted for name in entries),
        read=sum(name not in trusted for name in entries),
        moved=tuple((name, appeared[sha]) for name, sha in vanished.items() if sha in appeared),
        missing=tuple(name for name, sha in vanished.items() if sha not in appeared),
        broken=tuple(broken),
    )


def _copies(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    first: dict[tuple[str, str, int, str], str] = {}
    copies = []
    for entry in entries:
        original = first.setdefault((entry.kind, entry.recording_id, entry.part, entry.sha256), entry.path)
        if original != entry.path:
            copies.append((original, entry.path))
    return tuple(copies)


def _with_places(entries: Mapping[str, Entry], known: Mapping[str, Entry]) -> tuple[Entry, ...]:
    by_hand = {entry.recording_id: entry.place for entry in known.values() if entry.place}
    return tuple(
        entry if entry.place else entry.model_copy(update={"place": by_hand.get(entry.recording_id, "")})
        for entry in entries.values()
    )
