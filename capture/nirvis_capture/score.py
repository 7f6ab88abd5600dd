"""How well a recorded clip agrees with what really happened."""

from __future__ import annotations

from nirvis_capture.clip import Clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.pair_score import PairingScore, score_pairs
from nirvis_capture.truth_file import Truth


def score_clip(clip: Clip, truth: Truth) -> PairingScore:
    """Compare the pair table of a clip with its truth.

    Raises `NoTruth` when the truth is that of another clip.
    """
    if clip.sha256 != truth.clip_sha256:
        raise NoTruth(f"the truth of {truth.clip} ({truth.clip_sha256[:12]}) is not that of {clip.path.name}")
    return score_pairs(clip.pairs, truth)
