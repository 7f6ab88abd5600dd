"""The settings of every method by its name; no torch, so that configurations are read and listed without it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nirvis_training.method_settings.base import RANDOM_FEATURES, FeatureSettings, MethodSettings
from nirvis_training.method_settings.berg import BergSettings
from nirvis_training.method_settings.colour_bins import ColourBinsSettings, YaoXiaSettings, ZhangSettings
from nirvis_training.method_settings.compact import CompactSettings
from nirvis_training.method_settings.iizuka import IizukaSettings
from nirvis_training.method_settings.ssn import SsnSettings

__all__ = [
    "RANDOM_FEATURES",
    "AnyMethod",
    "BergSettings",
    "ColourBinsSettings",
    "CompactSettings",
    "FeatureSettings",
    "IizukaSettings",
    "MethodSettings",
    "SsnSettings",
    "YaoXiaSettings",
    "ZhangSettings",
]

AnyMethod = Annotated[
    BergSettings | CompactSettings | IizukaSettings | SsnSettings | YaoXiaSettings | ZhangSettings,
    Field(discriminator="name"),
]
"""Told apart by ``name``."""
