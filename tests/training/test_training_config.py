"""Configurations: the shipped ones say what they promise, and mistakes are said all at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from nirvis_training.config import TrainingConfig, load_config, parse_config, shipped_configs
from nirvis_training.errors import ConfigError
from nirvis_training.methods import METHODS

WANT_FEATURES = ("cptrans", "i2vgan", "pcsgan", "pix2pixhd", "roma", "sesim", "ssn", "unsup_recycle")
"""Configurations that train against pretrained features, and refuse to without."""
TEXT = 'samples = 8\n[method]\nname = "ssn"\nperceptual_weight = 0.0\n'


@dataclass(frozen=True)
class Published:
    """What a paper or its code says of a training."""

    samples: int
    batch_size: int
    crop: int
    learning_rate: float
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of the learning rate at the first step, in the middle, and after three quarters."""
    resize: tuple[int, int] | None = None


CONSTANT = (1.0, 1.0, 1.0)
HALF_DOWN = (1.0, 1.0, 0.5)
"""Constant for half of the run, then in a straight line to zero."""
PASS = 2_000
"""Pictures that stand for a pass where the paper counts passes over a set of its own."""
PUBLISHED = {
    "berg": Published(100 * 12_000, 8, 256, 1e-3, CONSTANT),
    "cptrans": Published(100 * 17_000, 1, 256, 2e-6, CONSTANT),
    "cut": Published(400 * PASS, 1, 256, 2e-4, HALF_DOWN, resize=(286, 286)),
    "cyclegan": Published(200 * PASS, 1, 256, 2e-4, HALF_DOWN, resize=(286, 286)),
    "fastcut": Published(200 * PASS, 1, 256, 2e-4, (1.0, 1.0, 1.0), resize=(286, 286)),
    "i2vgan": Published(70 * 17_000, 1, 256, 2e-4, HALF_DOWN, resize=(256, 256)),
    "iizuka": Published(200_000 * 128, 128, 224, 1.0, CONSTANT),
    "pcsgan": Published(200 * PASS, 1, 256, 2e-4, HALF_DOWN),
    "pix2pix": Published(200 * PASS, 1, 256, 2e-4, HALF_DOWN, resize=(286, 286)),
    "pix2pixhd": Published(200 * PASS, 1, 256, 2e-4, HALF_DOWN),
    "recyclegan": Published(200 * PASS, 1, 256, 2e-4, HALF_DOWN),
    "roma": Published(200 * 5_500, 1, 256, 1e-5, HALF_DOWN, resize=(286, 286)),
    "sesim": Published(400 * PASS, 1, 256, 1e-4, HALF_DOWN),
    "ssn": Published(100_000 * 8, 8, 256, 1e-4, CONSTANT, resize=(300, 400)),
    "unsup_recycle": Published(5 * 20_000, 1, 256, 2e-4, HALF_DOWN),
    "yao_xia": Published(500_000 * 40, 40, 176, 3e-5, (1.0, 0.1, 0.1)),
    "zhang": Published(500_000 * 40, 40, 176, 3e-5, (1.0, 0.1, 0.1)),
}
"""By the configuration that comes with nirvis."""
NO_SCHEDULE_IS_KNOWN = {"mehri_sappa", "mocyclegan", "nyberg"}
"""Their sources were not available: they have CycleGAN's length and rate, and their pages say so."""
OF_OURS = {"compact_demo", "ssn_demo"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_configuration_has_the_schedule_of_its_paper(name: str) -> None:
    config, paper = _shipped(name), PUBLISHED[name]
    assert (config.samples, config.batch_size, config.crop) == (paper.samples, paper.batch_size, paper.crop)
    assert (config.learning_rate, config.resize) == (paper.learning_rate, paper.resize)
    moments = (0, paper.samples // 2, paper.samples * 3 // 4)
    factors = [config.schedule.factor(moment, config.samples) for moment in moments]
    assert factors == pytest.approx(paper.factors)


def test_every_configuration_has_a_source_or_says_that_it_has_none() -> None:
    assert {*PUBLISHED, *NO_SCHEDULE_IS_KNOWN, *OF_OURS} == set(shipped_configs())
    plain = _shipped("cyclegan")
    for name in NO_SCHEDULE_IS_KNOWN:
        config = _shipped(name)
        assert (config.samples, config.learning_rate, config.schedule) == (
            plain.samples,
            plain.learning_rate,
            plain.schedule,
        )


def test_fastcut_goes_down_in_its_last_quarter_only() -> None:
    config = _shipped("fastcut")
    assert config.schedule.factor(350_000, config.samples) == pytest.approx(0.5)


@pytest.mark.parametrize("name", shipped_configs())
def test_a_configuration_predicts_at_its_full_size(name: str) -> None:
    """Crops of the papers, and the whole pictures of a rig; without computing anything."""
    config = _shipped(name)
    with torch.device("meta"):
        method = METHODS[config.method.name](config.method.without_losses(), config.learning_rate).eval()
        for size in ((256, 256), (480, 640)):
            assert method.predict(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


def test_ssn_has_the_weights_of_the_paper() -> None:
    method = _shipped("ssn").method
    assert (method.width, method.variant, method.effective_norm) == (64, "released", "released")
    assert (method.structure_weight, method.colour_weight, method.perceptual_weight) == (1, 1, 10)


def test_paper_config_refuses_to_train_without_features() -> None:
    with pytest.raises(ConfigError, match=r'needs VGG-16 weights.*"random".*method.perceptual_weight to 0'):
        load_config("ssn")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        pytest.param({"method.perceptual_weight": 0.0}, "none", id="no-term"),
        pytest.param({"method.features": "random"}, "random", id="random"),
        pytest.param({"method.features": "some/vgg16.pth"}, "vgg16.pth", id="file"),
        pytest.param({"method.features": "random", "method.perceptual_weight": 0}, "none", id="features-unused"),
    ],
)
def test_config_says_which_features_it_uses(changes: dict[str, str | float], note: str) -> None:
    assert load_config("ssn", changes).method.features_note == note


def test_features_are_found_from_anywhere_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config("ssn", {"method.features": "vgg16.pth"})
    assert config.method.features_path == tmp_path / "vgg16.pth"


def test_demo_config_is_narrow_and_ends_in_time() -> None:
    config = load_config("ssn_demo")
    assert config.max_seconds == 180
    assert config.method.width <= 32
    assert config.method.features_note == "none"


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_config_survives_a_round_through_its_fields(name: str) -> None:
    config = _shipped(name)
    assert TrainingConfig.model_validate(config.model_dump()) == config


def test_every_mistake_is_said_with_its_path() -> None:
    text = 'sample = 8\ncrop = 100\nmax_second = 5\n[method]\nname = "ssn"\nwidht = 8\nperceptual_weight = 0.0\n'
    with pytest.raises(ConfigError) as error:
        parse_config(text, origin="mine.toml")
    assert error.value.exit_status == 2
    assert set(error.value.mistakes) == {
        "samples: missing",
        "sample: unknown key; did you mean samples?",
        "max_second: unknown key; did you mean max_seconds?",
        "crop: Input should be a multiple of 16, got 100",
        "method.widht: unknown key; did you mean width?",
    }
    assert str(error.value).startswith("mine.toml: 5 mistakes in the training configuration\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("samples = ", "is not TOML", id="no-toml"),
        pytest.param(TEXT.replace("ssn", "snn"), r"method\.name: there is no snn; did you mean ssn\?", id="no-method"),
        pytest.param(TEXT.replace("ssn", "vgg"), r"method\.name: there is no vgg; known here: .*ssn", id="far-off"),
        pytest.param(TEXT.replace('name = "ssn"', ""), r"method\.name: missing", id="no-name"),
        pytest.param(TEXT.replace("8", "0"), "samples: Input should be greater than 0, got 0", id="no-samples"),
    ],
)
def test_bad_text_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_config(text)


def test_a_change_below_a_plain_value_is_a_mistake_like_any_other() -> None:
    with pytest.raises(ConfigError, match="samples: Input should be a valid integer"):
        parse_config(TEXT, changes={"samples.most": 3})


def test_a_name_that_is_neither_shipped_nor_a_file_lists_what_is_shipped() -> None:
    with pytest.raises(ConfigError, match=r"shipped: .*ssn, ssn_demo"):
        load_config("nothing")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        load_config(path)


@pytest.mark.parametrize(("norm", "effective"), [(None, "paper"), ("group", "group")])
def test_norm_follows_the_variant_unless_it_is_given(norm: str | None, effective: str) -> None:
    changes = {"method.variant": "paper"} | ({} if norm is None else {"method.norm": norm})
    assert parse_config(TEXT, changes=changes).method.effective_norm == effective


def _shipped(name: str) -> TrainingConfig:
    return load_config(name, {"method.features": "random"} if name in WANT_FEATURES else {})
