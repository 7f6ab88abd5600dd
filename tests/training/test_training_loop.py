"""What the loop leaves in the run folder, and how it behaves when something is wrong."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import nirvis_profiles
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import SPLITS_NAME
from nirvis_training import loop
from nirvis_training.batches import training_batches
from nirvis_training.config import TrainingConfig, load_config
from nirvis_training.errors import Diverged, FeaturesError, NotARun, RunTaken, TrainingError
from nirvis_training.journal import PICTURES_KEPT, Journal
from nirvis_training.loop import Progress, train
from nirvis_training.methods import load_method, make_method
from nirvis_training.methods.base import Batch, Losses, Phase
from nirvis_training.methods.ssn import Ssn
from nirvis_training.processor import memory_format_of
from nirvis_training.run_folder import RunFolder
from nirvis_training.validation import fixed_indices

MakeConfig = Callable[..., TrainingConfig]


def test_run_folder_tells_what_was_done(finished: RunFolder, dataset: Path, small_config: MakeConfig) -> None:
    assert finished.config == small_config()
    assert finished.method == "ssn"
    assert finished.features == "none"
    assert finished.dataset.folder == dataset
    assert (finished.dataset.train_pairs, finished.dataset.validation_pairs) == (4, 4)
    assert finished.modes == ("day", "night")
    assert finished.rigs == ("twin",)
    assert finished.profiles == (nirvis_profiles.text("twin_day"), nirvis_profiles.text("twin_night"))
    assert finished.record.software["torch"] == torch.__version__
    status = finished.status
    assert (status.state, status.samples, status.samples_total) == ("finished", 32, 32)


def test_metrics_have_a_line_for_every_stretch_and_every_validation(finished: RunFolder) -> None:
    lines = list(finished.metrics())
    assert [line["samples"] for line in lines] == list(range(4, 33, 4))
    terms = {"loss_structure", "loss_colour", "loss_lightness"}
    assert all({"loss", "data_wait_share", "samples_per_s", *terms} <= line.keys() for line in lines)
    assert [line["samples"] for line in lines if "val_psnr_db" in line] == [16, 32]
    assert all(line["loss"] == pytest.approx(sum(line[term] for term in terms)) for line in lines)


def test_best_weights_are_those_of_the_best_validation(finished: RunFolder) -> None:
    best = max((line for line in finished.metrics() if "val_psnr_db" in line), key=lambda line: line["val_psnr_db"])
    assert finished.best is not None
    assert (finished.best.samples, finished.best.val_psnr_db) == (best["samples"], best["val_psnr_db"])
    source = torch.rand(1, 3, 32, 32)
    methods = [load_method(finished, weights) for weights in ("best", "last")]
    assert all(method.predict(source).shape == source.shape for method in methods)


@pytest.mark.parametrize(("name", "choose"), [("psnr_db", max), ("ssim", max), ("ciede2000", min)])
def test_a_run_keeps_what_is_best_by_the_metric_that_it_names(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, name: str, choose: Callable[..., dict[str, float]]
) -> None:
    config = small_config(samples=20, best_by=name, validate_every_samples=4, validation_pairs=1, video_frames=0)
    run = train(config, dataset, tmp_path / "run")
    best = choose(run.metrics(), key=lambda line: line[f"val_{name}"])
    assert run.best is not None
    assert run.best.samples == best["samples"]


def test_pictures_show_input_prediction_and_truth_side_by_side(finished: RunFolder) -> None:
    assert len(finished.pictures) == 4
    assert finished.pictures[0].name.startswith("000000016-")
    assert cv2.imread(str(finished.pictures[0])).shape == (64, 3 * 96, 3)


def test_tensorboard_has_the_same_figures(finished: RunFolder) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(finished.path / "tensorboard")).Reload()
    found = [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars("val_psnr_db")]
    assert found == [(line["samples"], line["val_psnr_db"]) for line in finished.metrics() if "val_psnr_db" in line]


def test_a_folder_that_holds_a_run_is_refused(run: RunFolder, dataset: Path, small_config: MakeConfig) -> None:
    with pytest.raises(RunTaken, match=f"nirvis resume {run.path}"):
        train(small_config(), dataset, run.path)


def test_a_folder_with_something_else_is_refused(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunTaken, match="is not empty, and no training run"):
        train(small_config(), dataset, tmp_path)


def test_a_narrow_network_learns_four_pairs_by_heart(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    _let_train_be_validation(dataset, tmp_path)
    config = small_config(
        samples=800,
        batch_size=4,
        crop=64,
        flip=False,
        learning_rate=5e-3,
        validate_every_samples=800,
        checkpoint_every_samples=800,
        **{"method.width": 8},
    )
    run = train(config, tmp_path / "dataset", tmp_path / "run")
    assert run.best is not None
    assert run.best.val_psnr_db > 17


def test_without_a_validation_set_training_pictures_stand_in_and_it_is_said(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    _let_train_be_validation(dataset, tmp_path)
    with caplog.at_level(logging.WARNING):
        run = train(small_config(samples=4), tmp_path / "dataset", tmp_path / "run")
    assert "validation looks at training pictures" in caplog.text
    assert run.dataset.validation_pairs == 0
    assert run.best is not None


def test_time_ends_a_run_cleanly(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    run = train(small_config(samples=10**9, max_seconds=0.5), dataset, tmp_path / "run")
    assert run.status.state == "finished"
    assert 0 < run.status.samples < 10**9
    assert run.best is not None
    assert run.checkpoints


def test_progress_is_told_after_every_step(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    told: list[Progress] = []
    train(small_config(samples=8), dataset, tmp_path / "run", told.append)
    memory, *steps = told
    assert memory.memory is not None
    assert [progress.samples for progress in steps] == [2, 4, 6, 8]
    assert all(progress.losses.keys() == {"structure", "colour", "lightness"} for progress in steps)


def test_a_loss_that_is_no_number_ends_the_run_before_the_step(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exploding(Ssn):
        calls = 0

        def losses(self, phase: Phase, batch: Batch) -> Losses:
            self.calls += 1  # the first only measures its memory
            terms = super().losses(phase, batch)
            return {**terms, "colour": terms["colour"] * (float("nan") if self.calls == 7 else 1)}

    config = small_config()
    monkeypatch.setattr(loop, "make_method", lambda config: Exploding(config.method, config.learning_rate))
    with pytest.raises(Diverged, match=r"after 10 samples \(term colour\).*lower learning_rate \(now 0.002\)"):
        train(config, dataset, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert run.status.state == "failed"
    assert "no longer a number" in run.status.message
    assert all(tensor.isfinite().all() for tensor in load_method(run, "last").state_dict().values())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pair_that_cannot_be_read_is_said_in_one_line(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, workers: int
) -> None:
    copied = _copy(dataset, tmp_path / "dataset")
    config = small_config(workers=workers)
    pairs = SampleDataset(copied, "train", config.augmentation)
    for path in copied.glob("*.pairs.h5"):
        path.unlink()
    with pytest.raises(TrainingError, match=r"A pair of the dataset cannot be read\. .*is gone") as error:
        next(training_batches(pairs, config, start_step=0))
    assert "\n" not in str(error.value)


def test_nothing_is_left_behind_when_training_cannot_begin(
    dataset: Path, tmp_path: Path, small_config: MakeConfig
) -> None:
    config = small_config(**{"method.perceptual_weight": 1.0, "method.features": str(tmp_path / "none.pth")})
    with pytest.raises(FeaturesError, match="There is no file of VGG-16 features"):
        train(config, dataset, tmp_path / "run")
    with pytest.raises(DatasetError):
        train(small_config(), tmp_path / "nowhere", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_random_features_are_said(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    config = small_config(samples=4, **{"method.perceptual_weight": 10.0, "method.features": "random"})
    run = train(config, dataset, tmp_path / "run")
    assert run.features == "random"
    assert "loss_perceptual" in next(run.metrics())
    assert not any("perceptual" in name for name in load_method(run).state_dict())


def test_the_log_never_stops_a_run(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(run)
    run.metrics_file.unlink()
    run.metrics_file.mkdir()
    with caplog.at_level(logging.WARNING):
        journal.line(40, 1.0, {"loss": 0.1})
        journal.line(48, 1.0, {"loss": 0.1})
        journal.close()
    assert len(caplog.records) == 1
    assert "part of the log" in caplog.text


def test_a_run_does_without_tensorboard(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    monkeypatch.delitem(sys.modules, "nirvis_training.event_file", raising=False)
    run = train(small_config(samples=4), dataset, tmp_path / "run")
    assert run.status.state == "finished"
    assert len(list(run.metrics())) == 1
    assert not (run.path / "tensorboard").exists()


def test_pictures_do_not_fill_the_disk(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(run, samples=32)
    for samples in range(40, 80):
        journal.pictures(samples, {"street": np.zeros((8, 24, 3), np.uint8)})
    journal.close()
    assert len(run.pictures) == PICTURES_KEPT
    assert run.pictures[-1].name == "000000079-street.png"


def test_signals_belong_to_the_caller_again_afterwards(finished: RunFolder) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_torch_belongs_to_the_caller_again_afterwards(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(small_config(samples=4, threads=1), dataset, tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_run_that_died_is_told_from_one_that_goes_on(run: RunFolder) -> None:
    run.write_status(run.status.model_copy(update={"state": "running"}))
    assert run.status.state == "died"
    with run.held():
        assert run.status.state == "running"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(None, "it has no run.toml", id="nothing"),
        pytest.param("version = 2", "version 2, this nirvis reads up to 1; update nirvis", id="newer"),
        pytest.param("version = 1", "run.toml cannot be read", id="incomplete"),
        pytest.param("version = ", "run.toml cannot be read", id="no-toml"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, text: str | None, complaint: str) -> None:
    if text is not None:
        (tmp_path / "run.toml").write_text(text)
    with pytest.raises(NotARun, match=complaint) as error:
        RunFolder(tmp_path)
    assert "\n" not in str(error.value)


def test_damaged_weights_are_refused_in_one_line(run: RunFolder) -> None:
    run.best_weights.write_bytes(b"nonsense" * 10)
    with pytest.raises(NotARun, match=r"best.safetensors cannot be read"):
        load_method(run)
    with pytest.raises(NotARun, match=r"best.safetensors cannot be read"):
        _ = run.best


def test_an_unfinished_line_of_metrics_is_left_out(run: RunFolder) -> None:
    before = list(run.metrics())
    with run.metrics_file.open("a") as file:
        file.write(json.dumps({"samples": 40})[:-3])
    assert list(run.metrics()) == before
    line = {"samples": 48}
    with run.metrics_file.open("a") as file:
        file.write(f"\n{json.dumps(line)}\n")
    assert list(run.metrics()) == [*before, line]


@pytest.mark.parametrize(
    ("pairs", "wanted", "expected"), [(10, 2, [2, 7]), (3, 5, [0, 1, 2]), (1, 1, [0]), (100, 4, [12, 37, 62, 87])]
)
def test_validation_pictures_are_spread_over_all_pairs(pairs: int, wanted: int, expected: list[int]) -> None:
    assert fixed_indices(pairs, wanted) == expected


def test_wanting_a_gpu_where_there_is_none_is_said(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(TrainingError, match="torch finds no GPU here"):
        train(small_config(device="cuda"), dataset, tmp_path / "run")


def test_shipped_method_has_the_optimiser_of_the_paper() -> None:
    method = make_method(load_config("ssn", {"method.features": "random", "method.width": 4}))
    (phase,) = method.phases
    optimiser = phase.optimiser(method.generator.parameters())
    assert isinstance(optimiser, torch.optim.Adam)
    group = optimiser.param_groups[0]
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-4, (0.9, 0.999), 1e-8, 0)


def _copy(dataset: Path, to: Path) -> Path:
    to.mkdir()
    for file in dataset.iterdir():
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
    return to


def _let_train_be_validation(dataset: Path, tmp_path: Path) -> None:
    copied = _copy(dataset, tmp_path / "dataset")
    splits = copied / SPLITS_NAME
    splits.write_text(splits.read_text().replace(",val", ",test"))
    assert np.count_nonzero([line.endswith(",train") for line in splits.read_text().splitlines()]) == 2


@pytest.mark.parametrize(
    ("width", "device", "expected"),
    [
        pytest.param(8, "cpu", torch.contiguous_format, id="too-narrow-on-a-cpu"),
        pytest.param(16, "cpu", torch.channels_last, id="wide-enough"),
        pytest.param(8, "cuda", torch.channels_last, id="gpu"),
    ],
)
def test_networks_that_crash_torch_in_channels_last_go_without(
    small_config: MakeConfig, width: int, device: str, expected: torch.memory_format
) -> None:
    config = small_config(**{"method.width": width, "channels_last": True})
    assert memory_format_of(config, torch.device(device), make_method(config)) == expected
