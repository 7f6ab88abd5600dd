"""``nirvis twin``: streets with their truth, from the command line."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from nirvis.commands.twin import lapse, render, score, truth
from nirvis_capture.errors import NoTruth, WrongOption
from nirvis_capture.profile import load_profile
from nirvis_capture.truth_file import read_truth, truth_path
from nirvis_capture.verify import verify

SIZE = {"sensor": {"width_px": 232, "height_px": 172}, "roi": {"width": 232, "height": 172}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("profile") / "small.toml"
    path.write_text(load_profile("twin_night").edited({"nir": SIZE, "vis": SIZE}).text)
    return str(path)


def test_a_street_comes_with_its_truth_and_a_video(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render(
        out=tmp_path, seed=7, mode="night", seconds=0.5, clips=2, profile=small, weather="overcast", clean_every_s=0.2
    )
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 6
    for clip, known, video in (printed[:3], printed[3:]):
        assert verify(clip).ok
        assert read_truth(known).clip == clip.name
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            assert stream.frames == round(0.5 * 45)
            assert stream.width > stream.height
    assert "street0007-night-day-overcast" in printed[0].name

    score(printed[0])
    assert "0 of 22 pairs wrong" in capsys.readouterr().out
    truth_path(printed[0]).unlink()
    truth(printed[0])
    assert truth_path(printed[0]).is_file()


def test_a_score_without_a_truth_says_how_to_get_one(small: str, tmp_path: Path) -> None:
    render(out=tmp_path, seconds=0.1, profile=small)
    (clip,) = tmp_path.glob("*.clip.h5")
    truth_path(clip).unlink()
    with pytest.raises(NoTruth, match="nirvis twin truth CLIP"):
        score(clip)


def test_a_lapse_goes_from_day_to_night(tmp_path: Path) -> None:
    lapse(out=tmp_path / "lapse.mp4", seconds=0.2, start=12, end=21, mode="day")
    with av.open(str(tmp_path / "lapse.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 5
    vis = [picture[:, picture.shape[1] // 2 :].mean() for picture in pictures]
    assert vis[0] > 3 * vis[-1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"seconds": 0.0}, "have to be above 0", id="no-length"),
        pytest.param({"clips": 0}, "have to be above 0", id="no-clip"),
    ],
)
def test_what_cannot_be_rendered_is_said(wrong: dict[str, float], said: str, tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match=said):
        render(out=tmp_path, **wrong)  # type: ignore[arg-type]


def test_a_lapse_is_an_mp4_of_a_part_of_a_day(tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match=r"has to end in \.mp4"):
        lapse(out=tmp_path / "lapse.png")
    with pytest.raises(WrongOption, match="have to rise"):
        lapse(out=tmp_path / "lapse.mp4", start=12, end=6)
    with pytest.raises(WrongOption, match="give their folder"):
        score(run=tmp_path)
