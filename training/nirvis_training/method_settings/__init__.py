"""The settings of every method by its name; no torch, so that configurations are read and listed without it."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field

from nirvis_training.method_settings.base import RANDOM_FEATURES, FeatureSettings, MethodSettings
from nirvis_training.method_settings.berg import BergSettings
from nirvis_training.method_settings.colour_bins import ColourBinsSettings, YaoXiaSettings, ZhangSettings
from nirvis_training.method_settings.compact import CompactSettings
from nirvis_training.method_settings.cut import CutSettings
from nirvis_training.method_settings.cycle import CycleSettings
from nirvis_training.method_settings.cyclegan import CycleGanSettings, MehriSappaSettings, NybergSettings
from nirvis_training.method_settings.i2vgan import I2vGanSettings
from nirvis_training.method_settings.iizuka import IizukaSettings
from nirvis_training.method_settings.mocyclegan import MocycleGanSettings
from nirvis_training.method_settings.pcsgan import PcsGanSettings
from nirvis_training.method_settings.pix2pix import Pix2PixSettings
from nirvis_training.method_settings.pix2pixhd import Pix2PixHdSettings
from nirvis_training.method_settings.recyclegan import RecycleGanSettings
from nirvis_training.method_settings.roma import CptransSettings, RomaSettings
from nirvis_training.method_settings.sesim import SesimSettings
from nirvis_training.method_settings.ssn import SsnSettings
from nirvis_training.method_settings.unsup_recycle import UnsupRecycleSettings

__all__ = [
    "RANDOM_FEATURES",
    "AnyMethod",
    "BergSettings",
    "ColourBinsSettings",
    "CompactSettings",
    "CptransSettings",
    "CutSettings",
    "CycleGanSettings",
    "CycleSettings",
    "FeatureSettings",
    "I2vGanSettings",
    "IizukaSettings",
    "MehriSappaSettings",
    "MethodSettings",
    "MocycleGanSettings",
    "NybergSettings",
    "PcsGanSettings",
    "Pix2PixHdSettings",
    "Pix2PixSettings",
    "RecycleGanSettings",
    "RomaSettings",
    "SesimSettings",
    "SsnSettings",
    "UnsupRecycleSettings",
    "YaoXiaSettings",
    "ZhangSettings",
    "every_method",
]

AnyMethod = Annotated[
    BergSettings
    | CompactSettings
    | CptransSettings
    | CutSettings
    | CycleGanSettings
    | I2vGanSettings
    | IizukaSettings
    | MehriSappaSettings
    | MocycleGanSettings
    | NybergSettings
    | PcsGanSettings
    | Pix2PixHdSettings
    | Pix2PixSettings
    | RecycleGanSettings
    | RomaSettings
    | SesimSettings
    | SsnSettings
    | UnsupRecycleSettings
    | YaoXiaSettings
    | ZhangSettings,
    Field(discriminator="name"),
]
"""Told apart by ``name``."""


def every_method() -> list[type[MethodSettings]]:
    """The settings of each method, by name."""
    return sorted(_alternatives(AnyMethod), key=lambda settings: settings.method_name())


def _alternatives(annotation: Any) -> list[type[MethodSettings]]:
    """The classes of a union, however it is annotated; one class is a union of one."""
    if isinstance(annotation, type):
        return [annotation]
    return [found for part in get_args(annotation) for found in _alternatives(part)]
