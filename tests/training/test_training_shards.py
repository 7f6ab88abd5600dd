"""Training from shards: the same run as from a catalogued folder, but for the order of its pairs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import fsspec
import pytest
import torch

from nirvis.app import app
from nirvis_capture.errors import WrongOption
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_training.batches import all_once, training_batches
from nirvis_training.checkpoint import read_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.errors import TrainingError
from nirvis_training.export import contract_of
from nirvis_training.loop import resume, train
from nirvis_training.material import open_material
from nirvis_training.run_folder import RunFolder

MakeConfig = Callable[..., TrainingConfig]


def export_shards(dataset: Path, out: Path, *words: object) -> None:
    app(
        ["export-dataset", str(dataset), "--format", "shards", "--out", str(out), *map(str, words)],
        result_action="return_value",
    )


@pytest.fixture(scope="session")
def shards(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset as the command writes it: a shard for each pair, a folder for each set."""
    out = tmp_path_factory.mktemp("shards") / "shards"
    export_shards(dataset, out)
    return out


@pytest.fixture(scope="session")
def trained(shards: Path, small_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run from shards, by two workers; for reading only."""
    return train(small_config(workers=2, samples=16), shards, tmp_path_factory.mktemp("trained") / "run")


def test_a_run_says_what_it_was_trained_on(trained: RunFolder, finished: RunFolder, shards: Path) -> None:
    assert trained.status.state == "finished"
    assert trained.dataset.folder == shards
    assert (trained.dataset.train_pairs, trained.dataset.validation_pairs, trained.dataset.streams) == (4, 4, 2)
    assert trained.dataset.sources == finished.dataset.sources
    assert trained.profiles == finished.profiles
    assert trained.best is not None
    assert trained.best.val_psnr_db is not None
    assert len(trained.pictures) == 2
    assert not trained.validation_video.exists()
    assert contract_of(trained, 16).modes == ("day", "night")


def test_a_stopped_run_goes_on_bit_by_bit(
    trained: RunFolder, shards: Path, tmp_path: Path, small_config: MakeConfig
) -> None:
    """Stopped in the middle of a pass, with an odd number of batches behind it."""
    run = train(small_config(workers=2, samples=6), shards, tmp_path / "run")
    resumed = resume(run.path, samples=16)
    states = [read_checkpoint(one.checkpoints[-1]).method for one in (trained, resumed)]
    assert all(torch.equal(state, states[1][name]) for name, state in states[0].items())


def test_the_folder_of_the_training_set_will_do(shards: Path, small_config: MakeConfig) -> None:
    whole, part = (open_material(folder, small_config()) for folder in (shards, shards / "train"))
    assert whole.record.sha256 == part.record.sha256
    assert part.record.validation_pairs == 4


def test_shards_of_a_store_are_trained_on_by_url(
    shards: Path, small_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(shards), "/bucket/shards", recursive=True)
    run = train(small_config(samples=4), "memory://bucket/shards", tmp_path / "run")
    assert RunFolder(run.path).dataset.folder == "memory://bucket/shards"
    assert "part of the log" not in caplog.text
    assert resume(run.path, samples=8).status.samples == 8
    with pytest.raises(DatasetError, match="memory://bucket/shorts holds no shards"):
        open_material("memory://bucket/shorts", small_config())
    with pytest.raises(WrongOption, match="give --out a folder of this machine"):
        app(["train", "ssn_demo", "--dataset", "memory://bucket/shards"], result_action="return_value")


def test_processes_share_the_pairs_of_a_step(shards: Path, small_config: MakeConfig) -> None:
    config = small_config(accumulate=1)
    samples = open_material(shards, config).train
    seen = [
        name
        for rank in range(2)
        for (part,) in islice(training_batches(samples, config, 0, Team(rank, 2)), 2)
        for name in part["name"]
    ]
    assert len(set(seen)) == len(seen) == 4


def test_a_study_sees_every_pair_once(shards: Path, dataset: Path, small_config: MakeConfig) -> None:
    config = small_config(batch_size=3)
    batches = list(all_once(open_material(shards, config).train, config))
    pairs = SampleDataset(dataset, "train")
    assert sorted(name for batch in batches for name in batch["name"]) == sorted(pairs[i]["name"] for i in range(4))


def test_another_number_of_processes_is_refused(
    trained: RunFolder, tmp_path: Path, shards: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(small_config(samples=4), shards, tmp_path / "run")
    record = run.path / "run.toml"
    record.write_text(record.read_text().replace("streams = 1", "streams = 2"))
    with pytest.raises(TrainingError, match="dealt to 2 workers of all processes, and now there are 1"):
        resume(run.path, samples=8)


def test_other_shards_are_refused(shards: Path, dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    export_shards(dataset, tmp_path / "shards", "--pairs-per-shard", 2)
    run = train(small_config(samples=4), tmp_path / "shards", tmp_path / "run")
    for file in (tmp_path / "shards").rglob("*"):
        if file.is_file():
            file.unlink()
    for file in shards.rglob("*.*"):
        (tmp_path / "shards" / file.relative_to(shards)).write_bytes(file.read_bytes())
    with pytest.raises(TrainingError, match=r"are not those that .* began with"):
        resume(run.path, samples=8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"workers": 5}, "has 4 shards for 5 workers of all processes", id="too-many-workers"),
        pytest.param({"crop": 96}, r"A crop of 96×96 px does not fit .* 96×64 px", id="crop"),
        pytest.param(
            {"data.max_residual_px": 1.0}, r"data\.max_residual_px comes too late.*--max-residual-px", id="limits"
        ),
    ],
)
def test_what_shards_cannot_give_is_said_before_a_run_begins(
    shards: Path, small_config: MakeConfig, tmp_path: Path, changes: dict[str, float], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        train(small_config(**changes), shards, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_methods_that_learn_from_windows_are_told_where_to(shards: Path, small_config: MakeConfig) -> None:
    config = small_config()
    windows = config.model_copy(update={"method": config.method.model_copy(update={"frames": 3})})
    with pytest.raises(DatasetError, match=r"single pairs in random order, and ssn learns from 3 consecutive"):
        open_material(shards, windows)


def test_limits_are_settled_when_shards_are_written(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"keeps max_residual_px = 0\.1"):
        export_shards(dataset, tmp_path / "shards", "--max-residual-px", 0.1)
    with pytest.raises(WrongOption, match="limits belong to format shards, not to vsiad"):
        app(
            ["export-dataset", str(dataset), "--format", "vsiad", "--out", str(tmp_path / "x"), "--min-sharpness", "1"],
            result_action="return_value",
        )
