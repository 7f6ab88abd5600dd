"""``nirvis methods``, and how configurations are found by name."""

from __future__ import annotations

import json

import pytest

from nirvis.app import app
from nirvis_training.config import shipped_configs
from nirvis_training.method_settings import every_method


def run(*words: str) -> None:
    app(list(words), result_action="return_value")


def test_every_method_is_listed_with_its_paper_and_what_it_wants(capsys: pytest.CaptureFixture[str]) -> None:
    run("methods")
    said = capsys.readouterr().out
    for method in every_method():
        assert f"{method.method_name():14}{method.title}" in said
        assert method.paper in said
        assert method.learns_from() in said
    assert "learns from pairs of pictures; pretrained: VGG-16" in said
    assert ", ".join(shipped_configs()) in said


def test_the_list_for_programs_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    run("methods", "--json")
    found = {method["name"]: method for method in json.loads(capsys.readouterr().out)}
    assert found.keys() == {method.method_name() for method in every_method()}
    assert found["ssn"]["pretrained"] == "VGG-16"
    assert (found["ssn"]["paired"], found["ssn"]["frames"]) == (True, 1)


def test_help_lists_the_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    run("train", "--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(name in said for name in shipped_configs())
