"""The networks of LPIPS and FID: names and shapes of the published files, and a second way to compute them."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.backbones.cache import load_backbones
from nirvis_training.backbones.inception import FEATURES, InceptionFeatures, InceptionV3
from nirvis_training.backbones.lpips import CHANNELS, LEAST_PX, Lpips, alexnet
from nirvis_training.backbones.weights import Weights, read_weights
from nirvis_training.errors import FeaturesError
from nirvis_training.protocol import Protocol

State = dict[str, Tensor]
HEADS = Path(str(files("torchmetrics"))) / "functional/image/lpips_models/alex.pth"
"""The published heads, as the wheel of torchmetrics also ships them."""


def random_state(network: torch.nn.Module, seed: int, prefix: str = "") -> State:
    """Weights that keep the size of what passes through, and statistics that are not those of a new network."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        values = torch.randn(tensor.shape, generator=random)
        if name.endswith("running_var"):
            values = 0.5 + values.abs()
        elif tensor.ndim == 4:
            values = values * math.sqrt(2 / tensor[0].numel())
        elif name.endswith("bn.weight"):
            values = 1 + 0.1 * values
        else:
            values = 0.1 * values
        state[prefix + name] = torch.zeros(()).long() if tensor.dtype == torch.long else values
    return state


def weights(state: State) -> Weights:
    return Weights(Path("given.pth"), "0" * 64, state)


class Functional:
    """Inception-V3 in the FID variant once more, from the table of its layers, with functions alone."""

    def __init__(self, state: State) -> None:
        self.state = state

    def unit(self, x: Tensor, name: str, stride: int = 1, padding: int | tuple[int, int] = 0) -> Tensor:
        s = self.state
        x = F.conv2d(x, s[f"{name}.conv.weight"], stride=stride, padding=padding)
        mean, var = s[f"{name}.bn.running_mean"], s[f"{name}.bn.running_var"]
        scale = s[f"{name}.bn.weight"] / torch.sqrt(var + 1e-3)
        return F.relu((x - mean.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + s[f"{name}.bn.bias"].view(1, -1, 1, 1))

    def chain(self, x: Tensor, *units: tuple[str, int, int | tuple[int, int]]) -> Tensor:
        for name, stride, padding in units:
            x = self.unit(x, name, stride, padding)
        return x

    @staticmethod
    def mean(x: Tensor) -> Tensor:
        """3×3 means of what lies inside the picture: sums over counts."""
        ones = torch.ones(x.shape[1], 1, 3, 3)
        inside = F.conv2d(torch.ones_like(x), ones, padding=1, groups=x.shape[1])
        return F.conv2d(x, ones, padding=1, groups=x.shape[1]) / inside

    def __call__(self, x: Tensor) -> Tensor:
        x = self.chain(x, ("Conv2d_1a_3x3", 2, 0), ("Conv2d_2a_3x3", 1, 0), ("Conv2d_2b_3x3", 1, 1))
        x = self.chain(F.max_pool2d(x, 3, 2), ("Conv2d_3b_1x1", 1, 0), ("Conv2d_4a_3x3", 1, 0))
        x = F.max_pool2d(x, 3, 2)
        for m in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = torch.cat(
                [
                    self.chain(x, (f"{m}.branch1x1", 1, 0)),
                    self.chain(x, (f"{m}.branch5x5_1", 1, 0), (f"{m}.branch5x5_2", 1, 2)),
                    self.chain(x, *((f"{m}.branch3x3dbl_{i}", 1, int(i > 1)) for i in (1, 2, 3))),
                    self.unit(self.mean(x), f"{m}.branch_pool"),
                ],
                1,
            )
        m = "Mixed_6a"
        dbl = self.chain(x, (f"{m}.branch3x3dbl_1", 1, 0), (f"{m}.branch3x3dbl_2", 1, 1), (f"{m}.branch3x3dbl_3", 2, 0))
        x = torch.cat([self.unit(x, f"{m}.branch3x3", 2), dbl, F.max_pool2d(x, 3, 2)], 1)
        wide, tall = (0, 3), (3, 0)
        for m in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            once = zip((1, 2, 3), (0, wide, tall), strict=True)
            twice = zip((1, 2, 3, 4, 5), (0, tall, wide, tall, wide), strict=True)
            x = torch.cat(
                [
                    self.unit(x, f"{m}.branch1x1"),
                    self.chain(x, *((f"{m}.branch7x7_{i}", 1, padding) for i, padding in once)),
                    self.chain(x, *((f"{m}.branch7x7dbl_{i}", 1, padding) for i, padding in twice)),
                    self.unit(self.mean(x), f"{m}.branch_pool"),
                ],
                1,
            )
        m = "Mixed_7a"
        seven = zip((1, 2, 3, 4), (1, 1, 1, 2), (0, wide, tall, 0), strict=True)
        x = torch.cat(
            [
                self.chain(x, (f"{m}.branch3x3_1", 1, 0), (f"{m}.branch3x3_2", 2, 0)),
                self.chain(x, *((f"{m}.branch7x7x3_{i}", stride, padding) for i, stride, padding in seven)),
                F.max_pool2d(x, 3, 2),
            ],
            1,
        )
        for m, pool in (("Mixed_7b", self.mean), ("Mixed_7c", lambda y: F.max_pool2d(y, 3, 1, 1))):
            three = self.unit(x, f"{m}.branch3x3_1")
            dbl = self.chain(x, (f"{m}.branch3x3dbl_1", 1, 0), (f"{m}.branch3x3dbl_2", 1, 1))
            x = torch.cat(
                [
                    self.unit(x, f"{m}.branch1x1"),
                    self.unit(three, f"{m}.branch3x3_2a", 1, (0, 1)),
                    self.unit(three, f"{m}.branch3x3_2b", 1, (1, 0)),
                    self.unit(dbl, f"{m}.branch3x3dbl_3a", 1, (0, 1)),
                    self.unit(dbl, f"{m}.branch3x3dbl_3b", 1, (1, 0)),
                    self.unit(pool(x), f"{m}.branch_pool"),
                ],
                1,
            )
        return x.flatten(2).mean(2)


def test_inception_has_the_parameters_of_the_published_file() -> None:
    """21,785,568 weights in 94 units: torchvision's Inception-V3 without its two classifiers."""
    state = InceptionV3().state_dict()
    assert sum(tensor.numel() for name, tensor in state.items() if name.endswith(("weight", "bias"))) == 21_785_568
    assert len(state) == 94 * 6
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["Conv2d_4a_3x3.conv.weight"] == (192, 80, 3, 3)
    assert shapes["Mixed_5c.branch_pool.conv.weight"] == (64, 256, 1, 1)
    assert shapes["Mixed_6a.branch3x3.conv.weight"] == (384, 288, 3, 3)
    assert shapes["Mixed_6c.branch7x7dbl_4.conv.weight"] == (160, 160, 7, 1)
    assert shapes["Mixed_6e.branch7x7_2.bn.running_var"] == (192,)
    assert shapes["Mixed_7a.branch7x7x3_4.conv.weight"] == (192, 192, 3, 3)
    assert shapes["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)


def test_inception_computes_what_its_table_of_layers_says() -> None:
    state = random_state(InceptionV3(), seed=1)
    surplus = {"fc.weight": torch.zeros(1008, 2048), "AuxLogits.fc.weight": torch.zeros(1)}
    network = InceptionFeatures(weights(state | surplus))
    rgb = torch.rand(1, 3, 75, 60, generator=torch.Generator().manual_seed(2))
    scaled = F.interpolate(rgb, (299, 299), mode="bilinear", align_corners=False) * 2 - 1
    with torch.no_grad():
        found = network(rgb)
        expected = Functional(state)(scaled)
    assert found.shape == (1, FEATURES)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert not network.published


def lpips_by_definition(trunk: State, heads: State, first: Tensor, second: Tensor) -> Tensor:
    """Eq. 1 of Zhang et al. (2018) with functions alone."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = (((2 * p - 1).movedim(1, -1) - shift) / scale for p in (first, second))
    features = [x.movedim(-1, 1), y.movedim(-1, 1)]
    distance = torch.zeros(len(first))
    for layer, (number, stride, padding) in enumerate(((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))):
        if number in (3, 6):
            features = [F.max_pool2d(f, 3, 2) for f in features]
        weight, bias = trunk[f"features.{number}.weight"], trunk[f"features.{number}.bias"]
        features = [F.relu(F.conv2d(f, weight, bias, stride, padding)) for f in features]
        unit = [f / (f.norm(dim=1, keepdim=True) + 1e-10) for f in features]
        weighted = (unit[0] - unit[1]) ** 2 * heads[f"lin{layer}.model.1.weight"].view(1, -1, 1, 1)
        distance += weighted.sum(1).mean((1, 2))
    return distance


def test_lpips_computes_its_equation_with_the_published_heads() -> None:
    trunk, heads = random_state(alexnet(), seed=3, prefix="features."), read_weights(HEADS)
    assert [tuple(heads.state[f"lin{i}.model.1.weight"].shape) for i in range(5)] == [(1, c, 1, 1) for c in CHANNELS]
    network = Lpips(weights(trunk | {"classifier.1.weight": torch.zeros(1)}), heads)
    random = torch.Generator().manual_seed(4)
    first, second = (torch.rand(2, 3, 64, 80, generator=random) for _ in range(2))
    expected = lpips_by_definition(trunk, dict(heads.state), first, second)
    torch.testing.assert_close(network(first, second), expected, rtol=1e-4, atol=1e-6)
    assert network(first, first).tolist() == [0, 0]
    assert not network.published, "random weights are never those of published figures"
    assert network(first[..., :LEAST_PX, :LEAST_PX], second[..., :LEAST_PX, :LEAST_PX]).isfinite().all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(
            {"features.3.weight": None}, r"features\.3\.weight should have shape .* found nothing", id="absent"
        ),
        pytest.param({"features.0.bias": torch.zeros(3)}, r"found \(3,\)", id="another-shape"),
        pytest.param({"features.12.weight": torch.zeros(3)}, r"also holds features\.12", id="another-network"),
    ],
)
def test_a_file_of_another_network_is_refused(change: dict[str, Tensor | None], complaint: str) -> None:
    state = {n: t for n, t in (random_state(alexnet(), 5, "features.") | change).items() if t is not None}
    with pytest.raises(FeaturesError, match=complaint):
        Lpips(weights(state), read_weights(HEADS))


def test_what_is_absent_is_named_and_nothing_is_random(tmp_path: Path) -> None:
    found = load_backbones(Protocol(backbones=tmp_path))
    assert (found.lpips, found.inception, found.files) == (None, None, {})
    assert f"put pt_inception-2015-12-05-6726825d.pth into {tmp_path}" in found.missing["fid, kid"]
    assert "--lpips ALEXNET HEADS" in found.missing["lpips_alex_v0_1"]


def test_files_of_a_folder_are_found_by_their_published_names_and_recorded(tmp_path: Path) -> None:
    torch.save(random_state(alexnet(), seed=6, prefix="features."), tmp_path / "alexnet.pth")
    found = load_backbones(Protocol(lpips=(tmp_path / "alexnet.pth", HEADS), backbones=tmp_path))
    assert found.lpips is not None
    assert found.files["lpips_heads"].sha256.startswith("df73285e")
    assert not found.files["alexnet"].published
    (tmp_path / "alexnet.pth").rename(tmp_path / "alexnet-owt-7be5be79.pth")
    (tmp_path / "alex.pth").write_bytes(HEADS.read_bytes())
    with pytest.raises(FeaturesError, match="which its name denies"):
        load_backbones(Protocol(backbones=tmp_path))


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(FeaturesError, match="no state dict"):
        read_weights(tmp_path / "text.pth")
    with pytest.raises(FeaturesError, match="no file of pretrained weights"):
        read_weights(tmp_path / "absent.pth")
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(FeaturesError, match="something else"):
        read_weights(tmp_path / "other.pth")
