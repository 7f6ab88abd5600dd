"""The settings of every method by its name; no torch, so that configurations are read and listed without it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nirvis_training.method_settings.base import RANDOM_FEATURES, FeatureSettings, MethodSettings
from nirvis_training.method_settings.cut import CutSettings
from nirvis_training.method_settings.i2vgan import I2vGanSettings
from nirvis_training.method_settings.roma import CptransSettings, RomaSettings
from nirvis_training.method_settings.sesim import SesimSettings
from nirvis_training.method_settings.ssn import SsnSettings

__all__ = ["RANDOM_FEATURES", "AnyMethod", "FeatureSettings", "MethodSettings", "SsnSettings"]

AnyMethod = Annotated[
    CptransSettings | CutSettings | I2vGanSettings | RomaSettings | SesimSettings | SsnSettings,
    Field(discriminator="name"),
]
"""Told apart by ``name``."""
