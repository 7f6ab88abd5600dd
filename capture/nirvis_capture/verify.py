"""Prove a clip again from the file alone: digests, then the whole pairing from its anchor, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.certificate import Certificate, claim, digest
from nirvis_capture.clip import Clip
from nirvis_capture.clip_exposures import exposure_summary
from nirvis_capture.clip_frames import frames_sha256
from nirvis_capture.clip_header import ANCHOR
from nirvis_capture.clip_layout import (
    FRAME_TABLES,
    PAIR_TABLES,
    Group,
    arm_path,
    header_sha256,
    scalar_sha256,
    table_sha256,
    text,
)
from nirvis_capture.errors import DamagedClip
from nirvis_capture.pair_table import Numbers, Stamp, numbers
from nirvis_capture.pairing import Event, Pairer
from nirvis_capture.wording import counted

Progress = Callable[[int, int], None]
_ROWS_AT_ONCE = 4096
_ROWS_SHOWN = 3
_COLUMNS = tuple(product(ARMS, FRAME_TABLES))
_WRITTEN_AT_CLOSE = ("/entry/timing/write_ms", "/entry/timing/flush_ms", "/entry/preview/image")


@dataclass(frozen=True)
class Verdict:
    """What became of the proof."""

    path: Path
    recording_id: str
    part: int
    certificate: Certificate
    findings: tuple[str, ...]
    """What does not hold, one line each."""

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def synchrony(self) -> bool:
        """The pairs are proved, not only the integrity of the file."""
        return self.ok and self.certificate.claim == "synchrony"


def verify(path: Path | str, progress: Progress | None = None) -> Verdict:
    """Recompute every digest of a clip and repeat its pairing.

    progress
        Called with (frames done, frames in all).

    Raises `NotAClip`, `NewerClip` or `DamagedClip` when the clip cannot even be read.
    """
    with Clip.open(path) as clip:
        try:
            findings = tuple(_findings(clip, progress))
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DamagedClip(clip.path, f"a part of it cannot be read ({reason})") from None
        return Verdict(clip.path, clip.recording_id, clip.part, clip.certificate, findings)


def broken_seams(verdicts: Iterable[Verdict]) -> dict[Path, str]:
    """Of the parts of recordings: those that do not continue the part before them, and what is wrong there.

    A part whose predecessor is not among `verdicts` is not judged.
    """
    parts = {(verdict.recording_id, verdict.part): verdict for verdict in verdicts}
    return {
        verdict.path: f"certificate: it continues another clip than part {part - 1}, {before.path.name}"
        for (recording_id, part), verdict in parts.items()
        if (before := parts.get((recording_id, part - 1)))
        and not verdict.certificate.recovered
        and verdict.certificate.previous != before.certificate.sha256
    }


def _findings(clip: Clip, progress: Progress | None) -> Iterator[str]:
    if digest(text(clip.file["entry/certificate"])) != clip.certificate.sha256:
        yield "certificate: it was edited, its digest does not match what it says"
        return
    if text(clip.file["entry/end_time"]) != clip.certificate.end_time:
        yield "end_time: differs from the certificate"
    yield from _altered_header(clip)
    yield from _altered_values(clip, progress)
    yield from _wrong_tables(clip)
    yield from _wrong_pairs(clip)


def _altered_header(clip: Clip) -> Iterator[str]:
    if header_sha256(clip.file) != clip.certificate.covers.get("header"):
        yield "header: an attribute, a text or the structure of the file was edited"
    for arm, name in product(ARMS, ("data", "timestamp_ns")):
        if clip.file[f"entry/{arm}/{name}"] != clip.file[f"{arm_path(arm)}/{name}"]:
            yield f"header: entry/{arm}/{name}, which viewers show, is not that of the camera"
    began = clip.file["entry"].get("anchor")
    if began is not None and ANCHOR.validate_json(text(began)) != clip.certificate.pairing.anchor:
        yield "certificate: its anchor is not the one that the recording began with"
    if clip.certificate.claim != claim(clip.certificate.pairing):
        yield f"certificate: it claims {clip.certificate.claim}, which its pairing does not allow"


def _altered_values(clip: Clip, progress: Progress | None) -> Iterator[str]:
    in_all = sum(len(track) for track in clip.arms.values())
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, in_all)

    found = {f"{arm_path(arm)}/{name}": _table_sha256(clip, f"{arm_path(arm)}/{name}") for arm, name in _COLUMNS}
    found |= {f"/entry/pairs/{name}": _table_sha256(clip, f"/entry/pairs/{name}") for name in PAIR_TABLES}
    found |= {path: scalar_sha256(clip.file[path]) for path in _WRITTEN_AT_CLOSE}
    for path in (f"{arm_path(arm)}/data" for arm in ARMS):
        found |= {path + form: sha256 for form, sha256 in frames_sha256(clip.file[path], count).items()}
    for path, sha256 in found.items():
        if sha256 != clip.certificate.covers.get(path):
            yield f"{path}: its values were altered, swapped or cut; their digest does not match the certificate"


def _table_sha256(clip: Clip, path: str) -> str:
    return table_sha256(clip.file[path], _ROWS_AT_ONCE)


def _wrong_tables(clip: Clip) -> Iterator[str]:
    """Lengths, and frame ids that do not rise."""
    rows = {clip.file[f"entry/pairs/{name}"].shape[0] for name in PAIR_TABLES}
    if rows != {clip.certificate.rows}:
        yield f"/entry/pairs: {counted(min(rows), 'row')}, the certificate counts {clip.certificate.rows}"
    for arm in ARMS:
        group = clip.file[arm_path(arm)]
        lengths = {group[name].shape[0] for name in ("data", *FRAME_TABLES)}
        if lengths != {clip.certificate.frames.get(arm)}:
            yield f"{arm}: {counted(min(lengths), 'frame')}, the certificate counts {clip.certificate.frames.get(arm)}"
        backwards = _first_step_back(group)
        if backwards is not None and not clip.certificate.pairing.counts.get(Event.EXTRA_FRAME.name):
            yield f"{arm}: frame_id does not rise at frame {backwards}"


def _first_step_back(group: Group) -> int | None:
    """First frame whose id is not above the one before."""
    start, last = 0, None
    for (ids,) in _blocks(group, ["frame_id"]):
        steps = np.diff(ids, prepend=ids[0] - 1 if last is None else last)
        if (steps <= 0).any():
            return start + int(np.argmax(steps <= 0))
        start, last = start + len(ids), ids[-1]
    return None


def _wrong_pairs(clip: Clip) -> Iterator[str]:
    """Feed the stored stamps to a `Pairer` in the order of the pair table: it has to give the stored rows again."""
    if not all(_names_every_frame(clip, arm) for arm in ARMS):
        yield "pair table: it does not name every frame once and in order"
        return
    stated = clip.certificate.pairing
    pairer: Pairer[Stamp] = Pairer(stated.anchor, stated.period_ns, stated.primary)
    wrong = 0
    for number, (stored, found) in enumerate(zip_longest(_stored_rows(clip), _repeated_rows(clip, pairer))):
        if stored != found:
            wrong += 1
            if wrong <= _ROWS_SHOWN:
                yield f"pair table, row {number}: it says {_told(stored)}, the stamps say {_told(found)}"
    if wrong > _ROWS_SHOWN:
        yield f"pair table: {wrong} rows in all differ from what the stamps say"
    if pairer.summary() != stated or clip.certificate.pairs != pairer.counts[Event.PAIR]:
        yield "certificate: its counts or its fit differ from what the stamps say"
    exposures = clip.certificate.exposures
    if exposures is not None and exposures != exposure_summary(clip.file, clip.profile):
        yield "certificate: its exposures differ from what the frames say"


def _names_every_frame(clip: Clip, arm: Arm) -> bool:
    expected = 0
    for table in _blocks(clip.file["entry/pairs"], [f"{arm}_index"]):
        named = table[0][table[0] >= 0]
        if not np.array_equal(named, np.arange(expected, expected + len(named))):
            return False
        expected += len(named)
    group = clip.file[arm_path(arm)]
    return all(group[name].shape[0] == expected for name in FRAME_TABLES)


def _repeated_rows(clip: Clip, pairer: Pairer[Stamp]) -> Iterator[Numbers]:
    stamps = {arm: _stamps(clip, arm) for arm in ARMS}
    for nir_index, vis_index, _, _ in _stored_rows(clip):
        for arm, index in zip(ARMS, (nir_index, vis_index), strict=True):
            if index >= 0:
                yield from map(numbers, pairer.feed(arm, next(stamps[arm])))
    yield from map(numbers, pairer.finish())


def _stored_rows(clip: Clip) -> Iterator[Numbers]:
    for columns in _blocks(clip.file["entry/pairs"], PAIR_TABLES):
        yield from zip(*(column.tolist() for column in columns), strict=True)


def _stamps(clip: Clip, arm: Arm) -> Iterator[Stamp]:
    index = 0
    for columns in _blocks(clip.file[arm_path(arm)], ("frame_id", "timestamp_ns", "host_ns", "status")):
        for values in zip(*(column.tolist() for column in columns), strict=True):
            yield Stamp(index, *values)
            index += 1


def _blocks(group: Group, names: Iterable[str]) -> Iterator[list[NDArray[np.int64]]]:
    """Columns of a table, some thousand rows at a time."""
    datasets = [group[name] for name in names]
    for start in range(0, datasets[0].shape[0], _ROWS_AT_ONCE):
        yield [dataset[start : start + _ROWS_AT_ONCE] for dataset in datasets]


def _told(row: Numbers | None) -> str:
    if row is None:
        return "nothing"
    nir_index, vis_index, residual_ns, event = row
    name = Event(event).name if event in set(Event) else f"event {event}"
    return f"nir {nir_index} and vis {vis_index}, {name}, {residual_ns} ns"
