"""From the scores of pictures to means, intervals and distances.

Pictures are averaged within their clip, and clips count alike: frames of one clip are nearly the same picture, so
intervals say how far clips spread, not frames.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nirvis_datasets.entry import Entry
from nirvis_training.backbones.cache import Backbones
from nirvis_training.feature_distance import frechet_distance, kernel_distance
from nirvis_training.judgement import (
    COLLECTIONS,
    TARGET,
    ClipScores,
    Collection,
    Contestant,
    Distances,
    EvaluationError,
    Group,
    Judgement,
    grouped,
    means,
    summarise,
)
from nirvis_training.metrics import MS_SSIM_LEAST_PX
from nirvis_training.protocol import Distance, Metric, Protocol
from nirvis_training.scoring import Featured, Findings, PictureScores, Vector


def conclude(
    found: Findings,
    protocol: Protocol,
    backbones: Backbones,
    *,
    datasets: Sequence[str],
    subset: str,
    not_computed: Mapping[str, str],
) -> Judgement:
    """Means, intervals and distances of what was found. Raises `EvaluationError` when there is nothing to compare."""
    by_clip = average_clips(found.rows)
    distances = distances_of(found, protocol)
    if not distances and not any(scores for clip in by_clip for scores in clip.scores.values()):
        raise EvaluationError(
            "no picture has a valid pixel and a partner or a successor to compare with; check the registration of the "
            "pairs, or give --inception to compare whole collections"
        )
    overall = summarise(by_clip)
    return Judgement(
        datasets=list(datasets),
        subset=subset,
        protocol=protocol,
        pairs=sum(row.scored for row in found.rows),
        clips=len(by_clip),
        overall=overall,
        picture_means={name: means(row.scores.get(name, {}) for row in found.rows) for name in overall},
        groups=grouped(by_clip),
        distances=distances,
        by_clip=by_clip,
        backbones=backbones.files,
        not_computed={**backbones.missing, **not_computed, **_without_value(overall)},
    )


def average_clips(rows: Iterable[PictureScores]) -> list[ClipScores]:
    """Mean over the pictures of each clip, of every metric over those that have it."""
    of_clip: dict[tuple[str, str], list[PictureScores]] = defaultdict(list)
    for row in rows:
        of_clip[row.clip.path, row.clip.sha256].append(row)
    return [_averaged(members) for members in of_clip.values()]


def _averaged(members: Sequence[PictureScores]) -> ClipScores:
    clip = members[0].clip
    return ClipScores(
        clip=clip.path,
        recording_id=clip.recording_id,
        **_labels(clip, members[0].rig),
        pairs=sum(member.scored for member in members),
        scores={name: means(member.scores.get(name, {}) for member in members) for name in members[0].scores},
    )


def _labels(clip: Entry, rig: str) -> dict[Group, str]:
    """What a clip is grouped by; empty where nobody knows."""
    hour = f"{clip.start_time:%H}" if clip.start_time else ""
    return {"mode": clip.mode, "place": clip.place, "hour": hour, "rig": rig}


def distances_of(found: Findings, protocol: Protocol) -> dict[Collection, dict[str, dict[Contestant, Distances]]]:
    """FID and KID of all pictures, and of each mode, place, hour and rig where there are several of them."""
    distances: dict[Collection, dict[str, dict[Contestant, Distances]]] = {}
    for group in COLLECTIONS:
        collections = {name: _collections(of, group) for name, of in found.features.items()}
        reference = collections.pop(TARGET, {})
        values = sorted({value for of in collections.values() for value in of})
        if group != "all" and len(values) < 2:
            continue
        compared = {value: _compared(collections, reference, value, protocol.seed) for value in values}
        if any(compared.values()):
            distances[group] = {value: of for value, of in compared.items() if of}
    return distances


def _collections(features: Iterable[Featured], group: Collection) -> dict[str, list[Vector]]:
    """Features of the pictures of each value of a group."""
    collections: dict[str, list[Vector]] = defaultdict(list)
    for one in features:
        collections["all" if group == "all" else _labels(one.clip, one.rig)[group] or "unknown"].append(one.vector)
    return collections


def _compared(
    collections: Mapping[Contestant, Mapping[str, list[Vector]]],
    reference: Mapping[str, list[Vector]],
    value: str,
    seed: int,
) -> dict[Contestant, Distances]:
    """Every contestant that has, as the reference has, the two pictures that a distance needs."""
    wanted = reference.get(value, [])
    return {
        name: _distances(of[value], wanted, seed)
        for name, of in collections.items()
        if min(len(wanted), len(of.get(value, []))) > 1
    }


def _distances(pictures: Sequence[Vector], reference: Sequence[Vector], seed: int) -> Distances:
    first, second = np.stack(pictures), np.stack(reference)
    fid = frechet_distance(first, second)
    kid: dict[Distance, int] = {"kid_deg3": 3, "kid_deg21": 21}
    kernel = {name: kernel_distance(first, second, degree, seed) for name, degree in kid.items()}
    return Distances(
        pictures=len(first),
        reference_pictures=len(second),
        values={"fid": fid, "fid_over_100": fid / 100, **{name: value.mean for name, value in kernel.items()}},
        kid_spread={name: value.spread for name, value in kernel.items() if value.spread is not None},
    )


def _without_value(overall: Mapping[Contestant, Mapping[Metric, object]]) -> dict[str, str]:
    reasons = {
        "psnr_rgb_db": "no picture has a partner with a valid pixel",
        "ms_ssim_rgb": f"pictures are smaller than {MS_SSIM_LEAST_PX} px, or have no partner",
        "warp_error": "no two pictures follow each other",
    }
    return {
        metric: reason for metric, reason in reasons.items() if not any(metric in scores for scores in overall.values())
    }
