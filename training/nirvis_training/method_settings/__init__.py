"""The settings of every method by its name; no torch, so that configurations are read and listed without it."""

from __future__ import annotations

from nirvis_training.method_settings.base import RANDOM_FEATURES, FeatureSettings, MethodSettings
from nirvis_training.method_settings.ssn import SsnSettings

__all__ = ["RANDOM_FEATURES", "AnyMethod", "FeatureSettings", "MethodSettings", "SsnSettings"]

AnyMethod = SsnSettings
"""Told apart by ``name``."""
