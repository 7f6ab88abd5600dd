"""What every method's settings say of it: its paper, the samples it learns from, the pretrained features it wants."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from nirvis_capture.settings import Settings

RANDOM_FEATURES = "random"


class MethodSettings(Settings):
    """Base of the ``[method]`` table; each method narrows `name` to its own and adds its weights and switches."""

    title: ClassVar[str]
    """What it does, in one line."""
    paper: ClassVar[str]
    """Authors, year and title."""
    paired: ClassVar[bool] = True
    """Whether source and target of a sample show the same moment, or come from different recordings."""
    frames: ClassVar[int] = 1
    """Consecutive frames in a sample; 1 for methods that see single pictures."""
    halvings: ClassVar[str] = ""
    """Setting that says how often a network halves a crop, down to one pixel at least; empty where none does."""
    backbone: ClassVar[str] = ""
    """Pretrained network whose features the losses may use, such as VGG-16; empty where there is none."""

    name: str
    variant: Literal["released", "paper"] = "released"
    """Where paper and published code differ: as the code computes it, or as the paper writes it."""
    width: int = Field(default=64, ge=4, le=256)
    """Channels of the first stage of the generator, all others in proportion."""

    @classmethod
    def method_name(cls) -> str:
        """What configurations call it."""
        return str(get_args(cls.model_fields["name"].annotation)[0])

    @classmethod
    def learns_from(cls) -> str:
        """Which samples it wants, in words."""
        unit = f"windows of {cls.frames} frames" if cls.frames > 1 else "pictures"
        return f"pairs of {unit}" if cls.paired else f"{unit} without pairs"

    @classmethod
    def described(cls) -> dict[str, str | int | bool]:
        """The same for programs."""
        return {
            "name": cls.method_name(),
            "title": cls.title,
            "paper": cls.paper,
            "paired": cls.paired,
            "frames": cls.frames,
            "pretrained": cls.backbone,
        }

    @property
    def features_note(self) -> str:
        """``none``, ``random``, or the name of the file that the features of the losses come from."""
        return "none"

    def without_losses(self) -> Self:
        """The same networks for predicting: a method made of these has no pretrained features, and no losses."""
        return self


class FeatureSettings(MethodSettings):
    """A method whose losses compare features of a pretrained network; the user supplies its weights as a file."""

    features: str | None = None
    """File of the backbone's weights (``.pth`` or ``.safetensors``), or ``random`` to train against random features."""
    features_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """Checksum that the file has to have."""

    @property
    def uses_features(self) -> bool:
        """Whether a term with these features has a weight."""
        return True

    @property
    def features_remedy(self) -> str:
        """Which setting leaves the term out; completes a sentence, and is empty where the method is nothing without."""
        return ""

    @field_validator("features")
    @classmethod
    def _wherever_it_is_resumed(cls, features: str | None) -> str | None:
        if features is None or features == RANDOM_FEATURES:
            return features
        return str(Path(features).expanduser().absolute())

    def without_losses(self) -> Self:
        return self.model_copy(update={"features": None})

    @property
    def features_path(self) -> Path:
        return Path(self.features or "")

    @property
    def features_note(self) -> str:
        if not self.uses_features or self.features is None:
            return "none"
        return self.features if self.features == RANDOM_FEATURES else self.features_path.name

    @model_validator(mode="after")
    def _has_features(self) -> Self:
        if self.uses_features and self.features is None:
            remedy = f", or method.{self.features_remedy}" if self.features_remedy else ""
            raise ValueError(
                f"this method needs {self.backbone} weights, which nirvis does not download: "
                f'set method.features to a file of them, or to "random" to train against random features{remedy}'
            )
        return self
