"""The parts of one recording: each names the one before it, and a part out of place is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirvis.commands.verify import verify as verify_command
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import Profile
from nirvis_capture.verify import broken_seams, verify

SmallProfile = Callable[..., Profile]


@pytest.fixture
def parts(small_profile: SmallProfile, tmp_path: Path) -> list[Path]:
    """Three clips of a recording of 50 pulses at 60 Hz, of which vis lost those about the first seam."""
    faults = '{ kind = "transfer_drop", arm = "vis", at = 18, count = 4 }'
    profile = small_profile(faults=faults).edited({"recording.part_minutes": 20 / 60 / 60})
    record_clip(profile, tmp_path, seconds=50 / 60)
    return sorted(tmp_path.glob("*.clip.h5"))


def test_each_part_holds_and_continues_the_one_before(parts: list[Path]) -> None:
    verdicts = [verify(path) for path in parts]
    assert [(verdict.ok, verdict.part) for verdict in verdicts] == [(True, 1), (True, 2), (True, 3)]
    assert len({verdict.recording_id for verdict in verdicts}) == 1
    assert [verdict.certificate.previous for verdict in verdicts] == [
        "",
        verdicts[0].certificate.sha256,
        verdicts[1].certificate.sha256,
    ]
    assert broken_seams(verdicts) == {}


def test_no_frame_is_lost_or_doubled_at_a_seam(parts: list[Path]) -> None:
    ids: dict[str, list[int]] = {"nir": [], "vis": []}
    apart: set[int] = set()
    rows = 0
    for path in parts:
        with Clip.open(path) as clip:
            rows += len(clip.pairs)
            for arm, track in clip.arms.items():
                ids[arm] += track.frame_id.tolist()
            nir, vis = clip.arms["nir"].frame_id, clip.arms["vis"].frame_id
            apart |= {int(nir[a] - vis[b]) for a, b in clip.complete}
    assert rows == 50
    assert len(apart) == 1, "the counters of both arms rise together where pairs are right"
    assert (np.diff(ids["nir"]) == 1).all()
    assert np.diff(ids["vis"]).tolist().count(5) == 1
    assert len(ids["vis"]) == len(ids["nir"]) - 4


def test_a_part_in_the_place_of_another_is_found(parts: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = parts[0].parent
    verdicts = [verify(path) for path in parts]
    misplaced = dataclasses.replace(verdicts[1], certificate=verdicts[2].certificate)
    strange = [verdicts[0], misplaced, verdicts[2]]
    assert list(broken_seams(strange)) == [parts[1], parts[2]]
    verify_command(folder)
    assert capsys.readouterr().out.count("proved") == 3
    assert broken_seams([verdicts[0], verdicts[2]]) == {}
