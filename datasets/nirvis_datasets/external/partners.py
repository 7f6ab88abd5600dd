"""Which source belongs to which target, among the pictures of one recording."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from nirvis_capture.picture_file import why_unusable
from nirvis_capture.wording import counted
from nirvis_datasets.external.found import Facts, Found, Gathered, size_text
from nirvis_datasets.external.layout import Rule
from nirvis_datasets.external.shots import STILL, Shots, Still, Stills, natural, tiles_of
from nirvis_datasets.frame_file import Side
from nirvis_registration.geometry import Size

PairBy = Literal["name", "index"]


@dataclass
class Group:
    """The pictures of one recording by their names, before they have found their partners."""

    facts: Facts
    rule: Rule
    sides: dict[Side, dict[str, Path]] = field(default_factory=lambda: {"source": {}, "target": {}})


def bring_together(group: Group, gathered: Gathered, skip_broken: bool, pair_by: PairBy) -> None:
    """Bring the sides of one recording together; pictures of another size become another part."""
    sides: dict[Side, dict[str, list[Still]]] = {
        side: _usable(names, group.rule.tiles, gathered.left_out, skip_broken) for side, names in group.sides.items()
    }
    if not group.rule.paired:
        for side, stills in sides.items():
            for part, same in enumerate(_by_size(stills.values()), start=1):
                gathered.found.append(Found(group.facts, part, {side: Stills(same, group.rule.video)}))
        return
    pairs = _pairs(sides["source"], sides["target"], group.facts.name, gathered, pair_by)
    by_size: dict[Size, list[tuple[Still, Still]]] = defaultdict(list)
    for source, target in pairs:
        if source.size != target.size:
            gathered.left_out.append(
                f"{source.path}: {size_text(source.size)}, its partner {target.path.name} has {size_text(target.size)}"
            )
        else:
            by_size[source.size].append((source, target))
    for part, same_size in enumerate(by_size.values(), start=1):
        sources, targets = ([pair[at] for pair in same_size] for at in (0, 1))
        shots: dict[Side, Shots] = {
            "source": Stills(sources, group.rule.video),
            "target": Stills(targets, group.rule.video),
        }
        gathered.found.append(Found(group.facts, part, shots))
        numbered = group.rule.video and all(any(map(str.isdigit, still.name)) for still in sources)
        if numbered and shots["source"].index()[0] == STILL:
            gathered.notes.append(
                f"{group.facts.name}: the numbers in its names do not rise, so that its pictures are single ones and "
                "make no windows"
            )


def divided(found: Found, recordings: int) -> list[Found]:
    """The single pictures of a recording as so many recordings, each of pictures that follow each other by name."""
    count = min(recordings, len(found))
    ends = [at * len(found) // count for at in range(count + 1)]
    width = len(str(count))
    return [
        Found(
            replace(found.facts, name=f"{found.facts.name}-{number:0{width}d}"),
            found.part,
            {side: shots.part(begin, end) for side, shots in found.sides.items()},
        )
        for number, (begin, end) in enumerate(pairwise(ends), start=1)
    ]


def _usable(names: Mapping[str, Path], tiles: int, left_out: list[str], skip_broken: bool) -> dict[str, list[Still]]:
    """The frames of each name in natural order, without those that are broken where that was asked for."""
    usable = {}
    for name in sorted(names, key=natural):
        why = why_unusable(names[name]) if skip_broken else None
        if why is None:
            usable[name] = tiles_of(names[name], name, tiles)
        else:
            left_out.append(f"{names[name]} {why}")
    return usable


def _pairs(
    sources: Mapping[str, list[Still]],
    targets: Mapping[str, list[Still]],
    recording: str,
    gathered: Gathered,
    pair_by: PairBy,
) -> list[tuple[Still, Still]]:
    if pair_by == "index":
        matched = list(zip(sources, targets, strict=False))
    else:
        matched = _by_name(sources, targets, recording, gathered.notes)
    for side, names, partners in (("source", sources, 0), ("target", targets, 1)):
        taken = {pair[partners] for pair in matched}
        gathered.left_out += [
            f"{names[name][0].path}: this {side} has no partner" for name in names if name not in taken
        ]
    return [pair for a, b in matched for pair in zip(sources[a], targets[b], strict=False)]


def _by_name(sources: Iterable[str], targets: Iterable[str], recording: str, notes: list[str]) -> list[tuple[str, str]]:
    """Equal names; then names that differ by case only, where that is no guess."""
    open_targets = set(targets)
    folded = defaultdict(list)
    for name in open_targets:
        folded[name.casefold()].append(name)
    alike_sources = Counter(name.casefold() for name in sources)
    matched, by_case = [], []
    for name in sources:
        alike = folded[name.casefold()]
        if name in open_targets:
            matched.append((name, name))
        elif len(alike) == 1 and alike_sources[name.casefold()] == 1:
            matched.append((name, alike[0]))
            by_case.append(f"{name} and {alike[0]}")
    if by_case:
        notes.append(f"{recording}: names of {counted(len(by_case), 'pair')} differ by case, the first {by_case[0]}")
    return matched


def _by_size(files: Iterable[list[Still]]) -> list[list[Still]]:
    sizes: dict[Size, list[Still]] = defaultdict(list)
    for stills in files:
        sizes[stills[0].size].extend(stills)
    return list(sizes.values())
