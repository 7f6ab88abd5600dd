"""Find the pictures of a set, and say what found no place."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nirvis_capture.picture_file import PICTURE_SUFFIXES
from nirvis_capture.wording import counted
from nirvis_datasets.errors import ImportRefused
from nirvis_datasets.external.found import Facts, Gathered, refuse_path
from nirvis_datasets.external.layout import Layout, Rule
from nirvis_datasets.external.layouts import LAYOUTS
from nirvis_datasets.external.partners import Group, PairBy, bring_together, divided
from nirvis_datasets.frame_file import Side
from nirvis_datasets.split import Subset


def gather(root: Path, layout: Layout, skip_broken: bool = False, pair_by: PairBy = "name") -> Gathered:
    """Look through a folder for the pictures of a layout.

    skip_broken
        Decode every picture first and leave out those that cannot be; without it the import refuses the first of them.
    pair_by
        ``index``: the n-th source belongs to the n-th target, whatever their names.

    Raises `ImportRefused` when the folder does not lie as the layout says.
    """
    if not root.is_dir():
        raise ImportRefused(f"There is no folder {root} to import.")
    gathered = Gathered()
    paths = list(_picture_files(root, gathered.left_out))
    groups, unknown = _groups(root, paths, layout)
    if not groups:
        raise ImportRefused(_wrong_layout(root, paths, layout))
    gathered.left_out += [
        f"{folder}/: {counted(count, 'picture')} that {layout.name} has no use for" for folder, count in unknown
    ]
    for group in groups:
        bring_together(group, gathered, skip_broken, pair_by)
    return gathered


def gather_folders(
    source: Path, target: Path, facts: Facts, skip_broken: bool, pair_by: PairBy, recordings: int | None = None
) -> Gathered:
    """Two folders of pictures, whose sub-folders have equal names; each sub-folder is a recording of its own.

    recordings
        The pictures are single ones, of so many scenes that follow each other by name: each recording is divided into
        so many, between which a split may divide.

    Raises `ImportRefused`.
    """
    refuse_path(facts.name)
    gathered = Gathered()
    rule = Rule("", "", video=recordings is None)
    groups: dict[str, Group] = {}
    for side, folder in (("source", source), ("target", target)):
        if not folder.is_dir():
            raise ImportRefused(f"There is no folder {folder} of {side} pictures.")
        for path in _picture_files(folder, gathered.left_out):
            within = path.parent.relative_to(folder).parts
            own = replace(facts, name="-".join([facts.name, *within]))
            group = groups.setdefault("/".join(within).casefold(), Group(own, rule))
            _enter(group.sides["source" if side == "source" else "target"], _stem(folder, path), path)
    for _, group in sorted(groups.items()):
        bring_together(group, gathered, skip_broken, pair_by)
    if recordings is not None:
        gathered.found = [part for found in gathered.found for part in divided(found, recordings)]
    return gathered


def _picture_files(root: Path, left_out: list[str]) -> Iterator[Path]:
    """Every picture below a folder, through links too, each folder once."""
    seen = set()
    for parent, folders, names in os.walk(root, followlinks=True):
        stat = Path(parent).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            left_out.append(f"{Path(parent).relative_to(root)}/: a link back to a folder that was seen already")
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith("."):
                yield Path(parent) / name


def _groups(root: Path, paths: Iterable[Path], layout: Layout) -> tuple[list[Group], list[tuple[str, int]]]:
    """The recordings of a set, and how many pictures of each folder belong to none."""
    listed = _listed(root, layout)
    groups: dict[tuple[int, str, Facts], Group] = {}
    unknown = Counter[str]()
    for path in paths:
        relative = path.relative_to(root).as_posix()
        match = _match(relative, layout)
        if match is None:
            unknown[path.parent.relative_to(root).as_posix()] += 1
            continue
        at, side, told = match
        facts = _facts(layout, told, listed.get(path.name) or listed.get(told["name"]))
        # Two sets of the same kind beside each other are not mixed: their pictures have equal names.
        group = groups.setdefault((at, told.get("prefix", ""), facts), Group(facts, layout.rules[at]))
        _enter(group.sides[side], told["name"], path)
    return list(groups.values()), sorted(unknown.items())


def _match(relative: str, layout: Layout) -> tuple[int, Side, dict[str, str]] | None:
    for at, rule in enumerate(layout.rules):
        for side in ("source", "target"):
            if (match := rule.patterns[side].fullmatch(relative)) is not None:
                told = {name: value for name, value in match.groupdict().items() if value is not None}
                return at, "source" if side == "source" else "target", told
    return None


def _facts(layout: Layout, told: Mapping[str, str], listed: Subset | None) -> Facts:
    subset = listed or layout.sets.get(told.get("set", "").lower())
    light = layout.lights.get(told.get("light", "").upper(), "")
    recording = [told["recording"]] if "recording" in told else [told.get("prefix", ""), light]
    parts = [layout.name, *(part.replace("/", "-") for part in recording), subset or ""]
    return Facts(
        name="-".join(part for part in parts if part),
        mode=layout.scene_modes.get(told.get("scene", ""), layout.mode),
        light=light,
        place=told.get("place", ""),
        subset=subset,
    )


def _listed(root: Path, layout: Layout) -> dict[str, Subset]:
    """Names of pairs, and of pictures with their suffix, as the lists of a set have them."""
    listed: dict[str, Subset] = {}
    for subset, name in layout.lists.items():
        for path in sorted(root.rglob(name)):
            for line in path.read_text(encoding="utf-8", errors="replace").split():
                listed[Path(line).name] = listed[Path(line).stem] = subset
                # Some lists name the picture of one side: FLIR_00002_PreviewData.
                listed[re.sub(r"_[A-Za-z]+$", "", Path(line).stem)] = subset
    return listed


def _enter(side: dict[str, Path], name: str, path: Path) -> None:
    """A name that another suffix took already is kept apart by its own."""
    side[name if name not in side else path.name] = path


def _stem(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _wrong_layout(root: Path, paths: Sequence[Path], layout: Layout) -> str:
    relative = [path.relative_to(root).as_posix() for path in paths[:200]]
    others = [name for name, other in LAYOUTS.items() if any(_match(path, other) for path in relative)]
    looks = f" It looks like {' or '.join(others)}." if others else ""
    return f"{root} has no picture where {layout.name} has them: {layout.example}.{looks}"
