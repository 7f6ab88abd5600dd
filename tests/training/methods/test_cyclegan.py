"""CycleGAN by hand, and what its variants and its modified systems are."""

from __future__ import annotations

import pytest

from adversarial_steps import close, even_batch, small_method, terms_of_one_step, with_simple_networks
from nirvis_training.config import load_config


def test_terms_by_hand() -> None:
    method = with_simple_networks(small_method("cyclegan", crop=32))
    found = terms_of_one_step(method, even_batch([0.5], [-0.5], side=32))
    assert found == close(
        {
            "adversarial_target": (0.6 - 1) ** 2,
            "adversarial_source": (-0.5 - 1) ** 2,
            "cycle_source": 10 * abs(0.3 - 0.5),
            "cycle_target": 10 * abs(-0.15 + 0.5),
            "identity_source": 5 * abs(0.25 - 0.5),
            "identity_target": 5 * abs(-0.4 + 0.5),
            "discriminator_target": ((-0.5 - 1) ** 2 + 0.6**2) / 2,
            "discriminator_source": ((1 - 1) ** 2 + 0.5**2) / 2,
        }
    )


def test_paper_has_no_identity_term() -> None:
    batch = even_batch([0.5], [-0.5], side=32)
    released = terms_of_one_step(small_method("cyclegan", crop=32, blocks=1), batch)
    paper = terms_of_one_step(small_method("cyclegan", crop=32, blocks=1, variant="paper"), batch)
    assert released.keys() - paper.keys() == {"identity_source", "identity_target"}
    wanted = small_method("cyclegan", crop=32, blocks=1, variant="paper", identity_weight=1.0)
    assert terms_of_one_step(wanted, batch).keys() == released.keys()


def test_modified_systems_are_cyclegans_with_other_settings() -> None:
    plain, lighter, thermal = (load_config(name).method for name in ("cyclegan", "mehri_sappa", "nyberg"))
    assert (lighter.width, lighter.blocks, lighter.effective_identity_weight) == (32, 6, 0)
    same = {"name", "variant"}
    assert thermal.model_dump(exclude=same) == plain.model_dump(exclude=same)
    assert all("no parity claimed" in method.title for method in (lighter, thermal))


@pytest.mark.parametrize(
    ("name", "frames", "settings"),
    [
        ("mehri_sappa", 1, {"blocks": 1}),
        ("pcsgan", 1, {"perceptual_weight": 0.0}),
        ("unsup_recycle", 1, {"content_weight": 0.0}),
        ("mocyclegan", 2, {}),
        ("recyclegan", 3, {"predictor_downs": 5}),
    ],
)
def test_where_the_paper_has_no_identity_term_it_can_be_had(name: str, frames: int, settings: dict[str, float]) -> None:
    batch = even_batch([0.2, 0.6, 0.4][:frames], [-0.5, 0.3, 0.1][:frames], side=32)
    plain, wanted = (
        terms_of_one_step(with_simple_networks(small_method(name, crop=32, **settings, **more)), batch)
        for more in ({}, {"identity_weight": 3.0})
    )
    assert not any(term.startswith("identity") for term in plain)
    added = {term: wanted[term] for term in wanted.keys() - plain.keys()}
    half_of_the_mean = {1: 0.1, 2: 0.2, 3: 0.2}[frames]
    assert added == close({"identity_source": 3 * half_of_the_mean, "identity_target": 3 * 0.1})
