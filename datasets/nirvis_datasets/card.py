"""The card of a dataset: one page of markdown that says what it is, where it comes from, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import numpy as np

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.wording import counted
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.split import SUBSETS, Subset
from nirvis_registration.pair_file import PairsFile

_MODES = {
    "day": "source sees visible and near-infrared light (VNIR)",
    "night": "source sees infrared only",
}


def dataset_card(
    catalogue: Catalogue, sets: Mapping[str, Subset], title: str, licence: str = "", layout: str = ""
) -> str:
    """Markdown with the front matter that Hugging Face reads.

    sets
        Recording → set; what is in none is not part of the dataset.
    licence
        Of the pictures; without it the card says that nobody may use them yet.
    layout
        How the files lie, in one paragraph.
    """
    entries = [e for e in (*catalogue.pairs, *catalogue.frames) if e.recording_id in sets]
    parts = [
        _front_matter(licence),
        f"# {title}",
        _lead(entries),
        "## Rig",
        *_rigs(catalogue, entries),
        "## Sets",
        _sets(entries, sets),
        "## Places",
        _places(entries),
        "## Quality",
        _quality(entries),
        *(["## Files", layout] if layout else []),
        "## Licence",
        licence or "No licence was stated. Without one nobody but its makers may use this dataset.",
        "## Provenance",
        _table(("file", "recording", "sha256"), [(e.path, e.recording_id, e.sha256) for e in entries]),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(licence: str) -> str:
    named = ["license: other", f"license_name: {json.dumps(licence)}"] if licence else ["license: unknown"]
    return "\n".join(["---", *named, "tags: [near-infrared, colorization]", "---"])


def _lead(entries: Iterable[Entry]) -> str:
    entries = list(entries)
    pairs, frames = sum(e.pairs for e in entries), sum(e.frames or 0 for e in entries)
    modes = sorted({entry.mode for entry in entries})
    told = f"{counted(pairs, 'registered pair')} (source: near infrared, target: visible colour)" if pairs else ""
    alone = f"{counted(frames, 'picture')} without partner (unpaired)" if frames else ""
    meaning = "; ".join(f"mode `{mode}`: {_MODES[mode]}" for mode in modes)
    return f"{' and '.join(part for part in (told, alone) if part)}. {meaning}. Made with nirvis."


def _rigs(catalogue: Catalogue, entries: Iterable[Entry]) -> list[str]:
    """One line for each arm of each rig and mode."""
    profiles: dict[tuple[str, str], Profile] = {}
    for entry in entries:
        known = _profile(catalogue, entry)
        if known is not None:
            profiles.setdefault((known.rig, known.mode), known)
    rows = [
        (rig, mode, arm, settings.model, settings.sensor.name, settings.filter.name, f"{low:g} to {high:g} nm")
        for (rig, mode), profile in sorted(profiles.items())
        for arm, settings in (("nir", profile.nir), ("vis", profile.vis))
        for low, high in [settings.filter.passband_nm]
    ]
    return [_table(("rig", "mode", "arm", "camera", "sensor", "filter", "passband"), rows)]


def _profile(catalogue: Catalogue, entry: Entry) -> Profile | None:
    try:
        if entry.kind == "pairs":
            with PairsFile.open(catalogue.path(entry)) as pairs:
                return pairs.profile
        with FramesFile.open(catalogue.path(entry)) as frames:
            return parse_profile(frames.header.profile_text)
    except NirvisError:
        return None


def _sets(entries: Iterable[Entry], sets: Mapping[str, Subset]) -> str:
    rows = []
    for subset in SUBSETS:
        members = [entry for entry in entries if sets[entry.recording_id] == subset]
        for mode in sorted({entry.mode for entry in members}):
            of_mode = [entry for entry in members if entry.mode == mode]
            recordings = len({entry.recording_id for entry in of_mode})
            pairs, frames = sum(e.pairs for e in of_mode), sum(e.frames or 0 for e in of_mode)
            rows.append((subset, mode, str(recordings), str(pairs), str(frames)))
    return _table(("set", "mode", "recordings", "pairs", "unpaired pictures"), rows)


def _places(entries: Iterable[Entry]) -> str:
    entries = list(entries)
    places = sorted({entry.place or "unknown" for entry in entries})
    rows = []
    for place in places:
        there = [entry for entry in entries if (entry.place or "unknown") == place]
        lights = ", ".join(sorted({entry.light or "unknown" for entry in there}))
        rows.append((place, str(len({e.recording_id for e in there})), str(sum(e.pairs for e in there)), lights))
    return _table(("place", "recordings", "pairs", "light"), rows)


def _quality(entries: Iterable[Entry]) -> str:
    entries = list(entries)
    sizes = ", ".join(sorted({f"{e.width}×{e.height} px" for e in entries if e.width}))
    depths = ", ".join(f"{depth} bit" for depth in sorted({e.bit_depth for e in entries if e.bit_depth}))
    residuals = [entry.residual_px for entry in entries if entry.residual_px is not None]
    left = f"{np.median(residuals):.2f} px (median over files)" if residuals else "not measured"
    return f"Pictures of {sizes}, {depths}. Misregistration that is left: {left}."


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(header)
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") or "–" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
