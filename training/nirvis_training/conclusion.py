"""From the scores of pictures to means, intervals and distances.

Pictures are averaged within their clip, and clips count alike: frames of one clip are nearly the same picture, so the
clip is what the confidence interval resamples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nirvis_training.backbones.cache import Backbones
from nirvis_training.feature_distance import frechet_distance, kernel_distance
from nirvis_training.judgement import (
    TARGET,
    ClipScores,
    Contestant,
    Distances,
    EvaluationError,
    Judgement,
    grouped,
    means,
    summarise,
)
from nirvis_training.metrics import MS_SSIM_LEAST_PX
from nirvis_training.protocol import Distance, Metric, Protocol
from nirvis_training.scoring import Findings, PictureScores, Vector


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
    overall = summarise(by_clip, protocol.seed)
    return Judgement(
        datasets=list(datasets),
        subset=subset,
        protocol=protocol,
        pairs=sum(row.scored for row in found.rows),
        clips=len(by_clip),
        overall=overall,
        picture_means={name: means(row.scores.get(name, {}) for row in found.rows) for name in overall},
        groups=grouped(by_clip, protocol.seed),
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
        mode=clip.mode,
        place=clip.place,
        hour=f"{clip.start_time:%H}" if clip.start_time else "",
        rig=members[0].rig,
        pairs=sum(member.scored for member in members),
        scores={name: means(member.scores.get(name, {}) for member in members) for name in members[0].scores},
    )


def distances_of(found: Findings, protocol: Protocol) -> dict[str, dict[Contestant, Distances]]:
    """FID and KID of all pictures, and of each mode where there are several and both sides have two pictures of it."""
    reference = found.features.get(TARGET, [])
    modes = sorted({mode for name, of in found.features.items() if name != TARGET for mode, _ in of})
    distances = {}
    for group in ("all", *(modes if len(modes) > 1 else ())):
        wanted = _of_mode(reference, group)
        compared = {
            name: _distances(_of_mode(of, group), wanted, protocol.seed)
            for name, of in found.features.items()
            if name != TARGET and min(len(wanted), len(_of_mode(of, group))) > 1
        }
        if compared:
            distances[group] = compared
    return distances


def _of_mode(features: Sequence[tuple[str, Vector]], group: str) -> list[Vector]:
    return [vector for mode, vector in features if group in ("all", mode)]


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
