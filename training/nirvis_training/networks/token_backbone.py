"""The vision transformer of a method's settings: from the user's file, or random on request."""

from __future__ import annotations

from nirvis_training.method_settings import RANDOM_FEATURES
from nirvis_training.method_settings.roma import TokenSettings
from nirvis_training.networks.pretrained import read_weights
from nirvis_training.networks.vision_transformer import TAPS, VisionTransformer, random_vit, vit_shapes


def vision_transformer(settings: TokenSettings) -> VisionTransformer:
    """Raises `FeaturesError` when the file is missing, has another checksum, or holds something else."""
    width, grid = settings.token_width, settings.token_grid
    if settings.features == RANDOM_FEATURES:
        return VisionTransformer(random_vit(width, grid))
    shapes = vit_shapes(width, grid, max(TAPS) + 1)
    return VisionTransformer(read_weights(settings.features_path, settings.backbone, shapes, settings.features_sha256))
