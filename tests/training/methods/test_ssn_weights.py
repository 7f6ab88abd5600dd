"""Weights under the names of the published network: ours become theirs, theirs become ours, and misfits are named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nirvis.commands.weights import weights
from nirvis_capture.errors import WrongOption
from nirvis_training.colorizer import Colorizer
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import WeightsError
from nirvis_training.methods import load_method, make_method
from nirvis_training.networks.ssn import Depth, Norm, StateSynchronizationNetwork
from nirvis_training.networks.ssn_weights import shape_of, start_from, to_published
from nirvis_training.run_folder import RunFolder

WIDTH = 4
BLOCKS: dict[Depth, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def published_shapes(width: int, blocks: tuple[int, int, int, int], norm: Norm) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the authors' checkpoints: a ResNet's, then ``deconv``, ``upRes`` and ``pred`` for L and R."""
    shapes = {"conv1.weight": (width, 3, 7, 7), **affine("bn1", width, norm == "group")}
    channels = [width, width, 2 * width, 4 * width, 8 * width]
    for stage, count in enumerate(blocks, start=1):
        for number in range(count):
            incoming = channels[stage - 1] if number == 0 else channels[stage]
            shapes |= block(f"layer{stage}.{number}", incoming, channels[stage], norm)
            if stage > 1 and number == 0:
                shapes[f"layer{stage}.0.downsample.0.weight"] = (channels[stage], incoming, 1, 1)
                shapes |= affine(f"layer{stage}.0.downsample.1", channels[stage], norm == "group")
    falling = [8 * width, 4 * width, 2 * width, width, width]
    for arm, planes in (("L", 1), ("R", 2)):
        shapes |= {f"deconv{arm}1{i}.weight": (falling[i], falling[i + 1], 2, 2) for i in range(4)}
        for step, count in enumerate(blocks[2::-1], start=1):
            for number in range(count):
                shapes |= block(f"upRes{arm}{step}.{number}", falling[step], falling[step], norm)
        shapes[f"pred{arm}.weight"] = (planes, width, 3, 3)
    return shapes


def block(name: str, incoming: int, channels: int, norm: Norm) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for number, inside in ((1, incoming), (2, channels)):
        shapes[f"{name}.conv{number}.weight"] = (channels, inside, 3, 3)
        shapes |= affine(f"{name}.bn{number}", channels, norm != "paper")
        if norm == "released":
            shapes |= {f"{name}.bn{number}.running_{what}": (channels,) for what in ("mean", "var")}
            shapes[f"{name}.bn{number}.num_batches_tracked"] = ()
    return shapes


def affine(name: str, channels: int, present: bool) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{what}": (channels,) for what in ("weight", "bias")} if present else {}


def published_state(norm: Norm = "released", depth: Depth = 18) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(5)
    shapes = published_shapes(WIDTH, BLOCKS[depth], norm)
    return {
        name: torch.tensor(100) if not shape else 0.2 + 0.5 * torch.rand(shape, generator=random)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("norm", ["released", "paper", "group"])
@pytest.mark.parametrize("depth", [18, 34])
def test_our_names_are_one_to_one_with_those_of_the_published_network(norm: Norm, depth: Depth) -> None:
    ours = to_published(StateSynchronizationNetwork(WIDTH, norm, depth))
    assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == published_shapes(WIDTH, BLOCKS[depth], norm)


@pytest.mark.parametrize("norm", ["released", "paper", "group"])
@pytest.mark.parametrize("depth", [18, 34])
def test_published_weights_load_and_come_back_unchanged(norm: Norm, depth: Depth) -> None:
    state = published_state(norm, depth)
    assert shape_of(state, "f") == (WIDTH, norm, depth)
    network = StateSynchronizationNetwork(WIDTH, norm, depth)
    start_from(network, state, "f")
    torch.testing.assert_close(to_published(network), state)


def test_an_imagenet_resnet_fits_the_encoder_and_leaves_the_decoders_random() -> None:
    resnet = {
        name: tensor
        for name, tensor in published_state().items()
        if name.startswith(("conv1", "layer")) and not name.endswith("num_batches_tracked")  # as in older files
    }
    resnet |= {"bn1.weight": torch.ones(WIDTH), "layer2.0.downsample.1.weight": torch.ones(8), "fc.bias": torch.ones(9)}
    torch.manual_seed(1)
    network = StateSynchronizationNetwork(WIDTH)
    before = to_published(network)["predL.weight"].clone()
    start_from(network, resnet, "resnet18.pth")
    after = to_published(network)
    assert all(torch.equal(after[name], resnet[name]) for name in after if name in resnet)
    assert torch.equal(after["predL.weight"], before)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(
            {"upResL1.0.bn1.weight": None}, r"f\.pth does not fit.* upResL1\.0\.bn1\.weight is missing", id="missing"
        ),
        pytest.param(
            {"predR.weight": torch.zeros(3, 4, 3, 3)},
            r"predR\.weight has shape \(3, 4, 3, 3\) instead of \(2, 4, 3, 3\)",
            id="other-shape",
        ),
        pytest.param({"extra.bias": torch.zeros(1)}, "extra.bias has no place in it", id="surplus"),
        pytest.param(
            {f"layer{i}.0.conv1.weight": None for i in (1, 2, 3, 4)} | {"conv1.weight": None},
            "conv1.weight is missing.*and 1 more",
            id="many",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Tensor | None], complaint: str) -> None:
    state = published_state()
    for name, tensor in change.items():
        if tensor is None:
            del state[name]
        else:
            state[name] = tensor
    with pytest.raises(WeightsError, match=complaint):
        start_from(StateSynchronizationNetwork(WIDTH), state, "f.pth")


def test_training_starts_from_a_file_of_the_right_checksum(
    small_config: Callable[..., TrainingConfig], tmp_path: Path
) -> None:
    path = tmp_path / "published.pth"
    torch.save(published_state(), path)
    start = {"method.initial_weights": str(path)}
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    method = make_method(small_config(**start, **{"method.initial_weights_sha256": checksum}))
    assert torch.equal(method.generator.chrominance.head.weight, published_state()["predR.weight"])
    with pytest.raises(WeightsError, match="the settings want 000"):
        make_method(small_config(**start, **{"method.initial_weights_sha256": "0" * 64}))
    with pytest.raises(WeightsError, match=r"has shape \(4, 3, 7, 7\) instead of \(8, 3, 7, 7\)"):
        make_method(small_config(**start, **{"method.width": 8}))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"nonsense", r"holds no state dict: .*another kind of file, or code\.$", id="nonsense"),
        pytest.param(b"evaluate run", "holds no state dict", id="text-that-reads-as-instructions"),
        pytest.param(b"", "holds no state dict", id="empty"),
        pytest.param([1, 2], "holds no state dict", id="a-list"),
        pytest.param({"epoch": 3}, "holds no state dict", id="no-tensors"),
        pytest.param({"fc.weight": torch.zeros(1)}, "has no conv1.weight", id="another-network"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: object, complaint: str) -> None:
    path = tmp_path / "published.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=complaint):
        weights(path, out=tmp_path / "model.onnx")


def test_the_run_of_a_user_goes_to_the_authors_layout_and_back(run: RunFolder, tmp_path: Path) -> None:
    weights(run.path, out=tmp_path / "published.safetensors")
    weights(run.path, out=tmp_path / "published.pth")
    state = torch.load(tmp_path / "published.pth", weights_only=True)
    network = StateSynchronizationNetwork(WIDTH)
    start_from(network, state, "f")
    torch.testing.assert_close(network.state_dict(), load_method(run).generator.state_dict())


def test_published_weights_become_a_model_that_sees_what_torch_sees(tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = StateSynchronizationNetwork(WIDTH)
    save_file(to_published(network), tmp_path / "published.safetensors")
    weights(tmp_path / "published.safetensors", out=tmp_path / "model.onnx", source="lab", synchronise=False)
    picture = torch.rand(32, 48, 3, generator=torch.Generator().manual_seed(1)).mul(255).byte().numpy()
    assert Colorizer(tmp_path / "model.onnx", threads=1, precision="f32").colorize(picture).shape == (32, 48, 3)


def test_what_cannot_become_the_other_is_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match="a run becomes a"):
        weights(run.path, out=tmp_path / "model.onnx")
