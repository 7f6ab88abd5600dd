"""Which pictures a run learns from, as its configuration says, and how its network sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import SPLITS_NAME, Split
from nirvis_datasets.transforms import LUMA
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_training.batches import training_batches
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import ConfigError
from nirvis_training.export import export
from nirvis_training.loop import train
from nirvis_training.material import open_material
from nirvis_training.methods import load_method
from nirvis_training.run_folder import RunFolder

MakeConfig = Callable[..., TrainingConfig]


@pytest.fixture
def uneven(dataset: Path, tmp_path: Path) -> Path:
    """The small dataset, the second pair of each recording 9 px out of place, saturated and blurred."""
    folder = tmp_path / "uneven"
    folder.mkdir()
    for entry in Catalogue.read(dataset / "catalogue.csv").pairs:
        with (
            PairsFile.open(dataset / entry.path) as pairs,
            PairsWriter(folder / entry.path, pairs.header, pairs.valid, 2) as writer,
        ):
            for i, quality in enumerate((PairQuality(0.2, 2.0, 0.0), PairQuality(9.0, 0.1, 0.5))):
                writer.write(i, pairs.source(i), pairs.target(i), quality)
    Catalogue.build(folder).write()
    Split.read(dataset / SPLITS_NAME).write(folder / SPLITS_NAME)
    return folder


@pytest.mark.parametrize(
    "limit", [{"data.max_residual_px": 1.0}, {"data.max_saturation": 0.1}, {"data.min_sharpness": 1.0}]
)
def test_limits_leave_pairs_out_of_training_and_not_of_validation(
    uneven: Path, small_config: MakeConfig, limit: dict[str, float]
) -> None:
    material = open_material(uneven, small_config(**limit))
    assert (material.record.train_pairs, material.record.validation_pairs) == (2, 4)
    with pytest.raises(DatasetError, match=r"keeps max_residual_px = 0\.1"):
        open_material(uneven, small_config(**{"data.max_residual_px": 0.1}))


def test_a_mode_can_be_chosen_for_training_and_validation(dataset: Path, small_config: MakeConfig) -> None:
    material = open_material(dataset, small_config(**{"data.source_mode": "night"}))
    assert [source.mode for source in material.record.sources] == ["night"]
    assert {material.validation[i]["mode"] for i in material.indices} == {"night"}


def test_unpaired_methods_take_targets_of_another_mode(dataset: Path, small_config: MakeConfig) -> None:
    config = small_config()
    unpaired = {"method": config.method.model_copy(update={"paired": False})}
    settings = config.data.model_copy(update={"source_mode": "night", "target_mode": "day"})
    train_set = open_material(dataset, config.model_copy(update={**unpaired, "data": settings})).train
    assert isinstance(train_set, SampleDataset)
    assert {entry.mode for entry in train_set.entries} == {"night"}
    assert {entry.mode for entry in train_set.target_entries} == {"day"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"data.target_mode": "day"}, "target_mode is for unpaired methods: ssn learns from pairs", id="mode"
        ),
        pytest.param({"data.stride": 2}, "data.stride is for methods that see windows: ssn sees single", id="stride"),
        pytest.param({"data.source": "bayer"}, "'rgb' or 'grey'", id="bayer"),
        pytest.param({"data.max_residual": 1}, "data.max_residual", id="unknown"),
    ],
)
def test_what_makes_no_sense_is_refused(small_config: MakeConfig, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small_config(**changes)


@pytest.fixture(scope="module")
def grey(dataset: Path, small_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = small_config(samples=4, video_frames=0, **{"data.source": "grey"})
    return train(config, dataset, tmp_path_factory.mktemp("grey") / "run")


def test_grey_sources_reach_the_network_as_three_equal_channels(dataset: Path, small_config: MakeConfig) -> None:
    config = small_config(**{"data.source": "grey"})
    (part,) = next(training_batches(open_material(dataset, config).train, config, 0))
    assert part["source"].shape == (2, 1, 32, 32)
    whole = small_config()
    (colour,) = next(training_batches(open_material(dataset, whole).train, whole, 0))
    luma = (colour["source"] * torch.from_numpy(LUMA).reshape(3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(part["source"], luma, rtol=0, atol=0.51 / 255)


def test_what_was_trained_on_grey_sees_grey_ever_after(grey: RunFolder, tmp_path: Path) -> None:
    """In torch and, held to it by the export itself, in the exported model."""
    method = load_method(grey)
    source = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    luma = (source * torch.from_numpy(LUMA).reshape(3, 1, 1)).sum(1, keepdim=True).expand_as(source)
    predicted = method.predict(source)
    torch.testing.assert_close(predicted, method.predict(luma), rtol=0, atol=1e-4)
    assert not torch.allclose(predicted, method.forward(source).clip(0, 1), atol=1e-3)
    assert export(grey.path, tmp_path / "grey.onnx").is_file()
    assert _onnx_says(tmp_path / "grey.onnx", source) == pytest.approx(predicted.numpy(), abs=2 / 255)


def _onnx_says(model: Path, source: torch.Tensor) -> np.ndarray:
    import openvino as ov

    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(source.numpy())[0])
