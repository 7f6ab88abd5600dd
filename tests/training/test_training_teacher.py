"""A teacher that does not fit is refused before there is a run folder, and one that changed before it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.errors import TeacherError
from nirvis_training.loop import resume, train
from nirvis_training.run_folder import RunFolder

Change = Callable[[Path], object]
TWO_STEPS = """
samples = 4
batch_size = 2
crop = {crop}
validation_pairs = 1
video_frames = 0
workers = 0
threads = 1

[method]
name = "{name}"
width = 4
"""


def taught_by(teacher: Path, **changes: str | int | list[int]) -> TrainingConfig:
    own = {"method.teacher": str(teacher), **changes}
    return parse_config(TWO_STEPS.format(name="compact", crop=32), changes=own)


def test_a_teacher_that_fits_is_pinned_by_its_checksum(run: RunFolder, dataset: Path, tmp_path: Path) -> None:
    pupil = train(taught_by(run.path), dataset, tmp_path / "pupil")
    assert "loss_teacher" in next(pupil.metrics())
    assert pupil.config.method.teacher_sha256 == run.weights_sha256
    run.best_weights.write_bytes(run.best_weights.read_bytes() + b" ")
    with pytest.raises(TeacherError, match=r"they are others than this run .* began with. Bring those back"):
        resume(pupil.path, samples=8)


def edited(file: str, change: Callable[[Any], object]) -> Change:
    def edit(run: Path) -> None:
        table = tomlkit.parse((run / file).read_text())
        change(table)
        (run / file).write_text(tomlkit.dumps(table))

    return edit


def sized(table: Any) -> None:
    for source in table["dataset"]["sources"]:
        source["geometry"]["size"] = [48, 32]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(shutil.rmtree, "it has no run.toml.* best.safetensors, or leave method.teacher out", id="missing"),
        pytest.param(lambda run: (run / "best.safetensors").unlink(), "it has no weights yet", id="no-best-weights"),
        pytest.param(lambda run: (run / "best.safetensors").write_bytes(b"no"), "cannot be read", id="damaged"),
        pytest.param(
            edited("run.toml", lambda table: table["config"]["method"].update(width=8)),
            "its weights do not fit its method",
            id="other-weights",
        ),
        pytest.param(
            edited("run.toml", lambda table: table["config"]["data"].update(source="grey")),
            r"it learnt from grey sources, and this run sees rgb \(data.source\)",
            id="colour-space",
        ),
        pytest.param(
            edited("run.toml", lambda table: table["dataset"]["sources"].pop(0)),
            "it learnt from night pictures, and this run sees day too",
            id="mode",
        ),
        pytest.param(
            edited("run.toml", sized), "its day pictures were 48×32 px, and those of this run are 96×64", id="size"
        ),
        pytest.param(
            edited("run.toml", lambda table: table["config"].update(resize=[40, 60])),
            "its night pictures were 60×40 px, and those of this run are 96×64",
            id="resize",
        ),
        pytest.param(
            edited("profiles/night.toml", lambda rig: rig["nir"]["filter"].update(passband_nm=[8000, 14000])),
            "its night pictures of arm nir show 8000 to 14000 nm, and those of this run",
            id="band",
        ),
        pytest.param(
            edited("profiles/day.toml", lambda rig: rig.update(nir=rig["vis"], vis=rig["nir"])),
            "its day pictures of arm nir show 400 to 680 nm, and those of this run 400 to 1000 nm; its day .* arm vis",
            id="arms",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_and_nothing_is_left_behind(
    run: RunFolder, dataset: Path, tmp_path: Path, change: Change, complaint: str
) -> None:
    change(run.path)
    with pytest.raises(TeacherError, match=complaint) as refused:
        train(taught_by(run.path), dataset, tmp_path / "pupil")
    assert str(refused.value).startswith(f"method.teacher = {run.path} cannot teach this run: ")
    assert "leave method.teacher out" in str(refused.value)
    assert not (tmp_path / "pupil").exists()


def test_a_teacher_whose_networks_want_larger_crops_is_refused(dataset: Path, tmp_path: Path) -> None:
    whole = parse_config(TWO_STEPS.format(name="pix2pix", crop=64), changes={"method.downs": 6})
    teacher = train(whole, dataset, tmp_path / "teacher")
    with pytest.raises(TeacherError, match=r"multiples of 64 px, and crop is 32\. Set crop to a multiple of 64"):
        train(taught_by(teacher.path), dataset, tmp_path / "pupil")
    assert not (tmp_path / "pupil").exists()
    pupil = train(taught_by(teacher.path, crop=64), dataset, tmp_path / "pupil")
    assert pupil.status.state == "finished"
