"""Mistakes in a table that is one of several kinds are said with the path that people wrote."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from nirvis_capture.settings import Settings, mistakes


class Circle(Settings):
    name: Literal["circle"]
    radius_px: float = Field(gt=0)


class Square(Settings):
    name: Literal["square"]
    side_px: float


class Picture(Settings):
    shape: Annotated[Circle | Square, Field(discriminator="name")]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        pytest.param(
            {"name": "circle", "radius_px": -1}, "shape.radius_px: Input should be greater than 0, got -1", id="v"
        ),
        pytest.param({"name": "square"}, "shape.side_px: missing", id="missing"),
        pytest.param(
            {"name": "square", "side_px": 1, "side": 2}, "shape.side: unknown key; this quantity", id="unknown"
        ),
        pytest.param({"name": "star"}, "shape.name: there is no star; did you mean square?", id="no-such-kind"),
    ],
)
def test_path_of_an_alternative_does_not_name_the_alternative(table: dict[str, object], line: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Picture.model_validate({"shape": table})
    assert mistakes(raised.value, Picture)[0].startswith(line)
