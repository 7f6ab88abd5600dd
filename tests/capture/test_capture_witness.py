"""What the pictures say of the pairs: clips of a street, right and shifted, and scenes without anything to go by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirvis.commands.verify import verify as verify_command
from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, CameraInfo, Frame, Raw
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.pairing import Pairer
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.recording import new_header
from nirvis_capture.verify import verify
from nirvis_capture.witness import LAGS, Look, judge, look, witness

PAIRS = 80
Picture = Callable[[int], tuple[Raw, Raw]]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_clip(street_profile(), tmp_path_factory.mktemp("street"), pairs=PAIRS)


def street_profile() -> Profile:
    small = {"roi": {"width": 400, "height": 240, "offset_x": 492, "offset_y": 440}}
    changes = {"nir": small, "vis": small, "recording.min_free_gb": 0, "twin": {"pacing": "fast", "scene_seed": 3}}
    return load_profile("twin_day").edited(changes)


def written(path: Path, picture: Picture, pairs: int, anchored: bool = True) -> Path:
    """A clip with flawless stamps, whatever its pictures show."""
    profile = street_profile()
    cameras = {}
    for arm in ARMS:
        roi, black_dn = profile.arm(arm).roi, profile.arm(arm).black_level_dn
        cameras[arm] = CameraInfo(f"SN-{arm}", "GS3", "BayerRG8", roi.width, roi.height, 8, black_dn, 1000)
    anchor = Anchor(0, 0, "pause+latch" if anchored else "none", "", 0, 0)
    pairer: Pairer[Frame] = Pairer(anchor, profile.trigger.period_ns, "nir")
    with ClipWriter(path, new_header("", "day", "", ""), profile, cameras, anchor) as writer:
        for pulse in range(pairs):
            at_ns = pulse * profile.trigger.period_ns
            for arm, pixels in zip(ARMS, picture(pulse), strict=True):
                for row in pairer.feed(arm, Frame(pixels, pulse, at_ns, at_ns + 4_000_000, 6000.0, 0.0)):
                    writer.write(row)
        for row in pairer.finish():
            writer.write(row)
    return path


def shifted(street: Path, path: Path, by: int, anchored: bool = True) -> Path:
    """The same pictures, those of vis `by` frames later."""
    with Clip.open(street) as clip:
        first = max(0, -by)

        def picture(pulse: int) -> tuple[Raw, Raw]:
            return clip.arms["nir"].frame(first + pulse), clip.arms["vis"].frame(first + pulse + by)

        return written(path, picture, PAIRS - abs(by), anchored)


def test_a_street_agrees_with_its_pair_table(street: Path) -> None:
    calls: list[tuple[int, int]] = []
    with Clip.open(street) as clip:
        said = witness(clip, lambda *call: calls.append(call))
    assert (said.opinion, said.lag) == ("agrees", 0)
    assert said.correlation > 0.5
    assert calls[-1] == (3, 3)


@pytest.mark.parametrize("by", [-2, -1, 1, 3])
def test_arms_that_were_shifted_before_writing_are_contradicted_though_the_clip_verifies(
    street: Path, tmp_path: Path, by: int
) -> None:
    path = shifted(street, tmp_path / "shifted.clip.h5", by)
    assert verify(path).synchrony
    with Clip.open(path) as clip:
        said = witness(clip)
    assert (said.opinion, said.lag) == ("contradicts", -by)
    assert f"{abs(by)} frame{'s' if abs(by) > 1 else ''} {'earlier' if by > 0 else 'later'}" in str(said)


def test_a_shifted_pair_table_is_contradicted(street: Path) -> None:
    with Clip.open(street) as clip:
        pairs = clip.complete
        clip.__dict__["complete"] = np.stack([pairs[1:, 0], pairs[:-1, 1]], axis=1)
        assert (witness(clip).opinion, witness(clip).lag) == ("contradicts", 1)


@pytest.mark.parametrize(("by", "opinion"), [(0, "agrees"), (1, "contradicts")])
def test_a_clip_without_an_anchor_is_judged_by_its_frames_in_their_order(
    street: Path, tmp_path: Path, by: int, opinion: str
) -> None:
    with Clip.open(shifted(street, tmp_path / "old.clip.h5", by, anchored=False)) as clip:
        assert not len(clip.complete)
        assert witness(clip).opinion == opinion


def test_noise_gives_no_opinion(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = written(
        tmp_path / "noise.clip.h5", lambda _: tuple(rng.integers(0, 256, (2, 240, 400), dtype=np.uint8)), PAIRS
    )
    with Clip.open(noise) as clip:
        assert witness(clip).opinion == "no opinion"


def test_a_street_in_which_nothing_moves_gives_no_opinion(street: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with Clip.open(street) as clip:
        still = clip.pair(0)

    def noisy(_: int) -> tuple[Raw, Raw]:
        nir, vis = (np.clip(rng.normal(frame, 2.0), 0, 255).astype(np.uint8) for frame in still)
        return nir, vis

    with Clip.open(written(tmp_path / "still.clip.h5", noisy, PAIRS)) as clip:
        said = witness(clip)
    assert said.opinion == "no opinion"
    assert "too little moves" in str(said)


def test_frozen_pictures_and_short_clips_give_no_opinion(street: Path, tmp_path: Path) -> None:
    with Clip.open(street) as clip:
        still = clip.pair(0)
    for name, pairs in (("frozen", PAIRS), ("short", 20)):
        with Clip.open(written(tmp_path / f"{name}.clip.h5", lambda _: still, pairs)) as clip:
            assert witness(clip).opinion == "no opinion"


def test_arms_that_show_different_things_cannot_be_laid_over_one_another() -> None:
    rng = np.random.default_rng(3)
    assert look(*rng.random((2, 24, 240, 320), np.float32)) is None


def test_a_lag_that_only_some_stretches_have_is_no_opinion() -> None:
    def stretch(lag: int) -> Look:
        correlations = np.zeros(2 * LAGS + 1)
        correlations[LAGS + lag] = 0.8
        return Look(correlations, 1.0)

    assert judge([stretch(1)] * 4, 96).opinion == "contradicts"
    assert judge([stretch(1), stretch(1), stretch(0), stretch(0)], 96).opinion == "no opinion"
    assert judge([stretch(1)], 24).opinion == "no opinion"


def test_verify_prints_what_the_witness_says_and_ends_with_1_when_contradicted(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify_command(street, witness=True)
    assert "; witness: agrees (correlation" in capsys.readouterr().out
    path = shifted(street, tmp_path / "shifted.clip.h5", 1)
    with pytest.raises(SystemExit, match="1"):
        verify_command(path, witness=True)
    out = capsys.readouterr().out
    assert "proved" in out
    assert "witness: CONTRADICTS: motion in vis comes 1 frame earlier" in out
    with pytest.raises(SystemExit, match="1"):
        verify_command(path, witness=True, as_json=True)
    assert '"opinion": "contradicts"' in capsys.readouterr().out


def test_a_refused_clip_needs_no_witness(street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn = tmp_path / "torn.clip.h5"
    torn.write_bytes(street.read_bytes()[:4096])
    with pytest.raises(SystemExit, match="1"):
        verify_command(torn, witness=True)
    assert "witness" not in capsys.readouterr().out
