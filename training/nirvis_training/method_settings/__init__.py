"""The settings of every method by its name; no torch, so that configurations are read and listed without it."""

from __future__ import annotations

from typing import Any, get_args

from nirvis_training.method_settings.base import RANDOM_FEATURES, FeatureSettings, MethodSettings
from nirvis_training.method_settings.ssn import SsnSettings

__all__ = ["RANDOM_FEATURES", "AnyMethod", "FeatureSettings", "MethodSettings", "SsnSettings", "every_method"]

AnyMethod = SsnSettings
"""Told apart by ``name``."""


def every_method() -> list[type[MethodSettings]]:
    """The settings of each method, by name."""
    return sorted(_alternatives(AnyMethod), key=lambda settings: settings.method_name())


def _alternatives(annotation: Any) -> list[type[MethodSettings]]:
    """The classes of a union, however it is annotated; one class is a union of one."""
    if isinstance(annotation, type):
        return [annotation]
    return [found for part in get_args(annotation) for found in _alternatives(part)]
