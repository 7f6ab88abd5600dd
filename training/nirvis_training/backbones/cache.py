"""Which pretrained networks an evaluation has, and why it lacks the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from nirvis_training.backbones.inception import InceptionFeatures
from nirvis_training.backbones.lpips import Lpips
from nirvis_training.backbones.weights import Weights, read_weights
from nirvis_training.judgement import Backbone
from nirvis_training.protocol import Protocol

CACHE = Path("~/.cache/nirvis/backbones")
"""Where files are looked for when the protocol names no other folder."""
NAMES = {
    "inception": ("pt_inception-2015-12-05-6726825d.pth",),
    "alexnet": ("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth"),
    "heads": ("lpips-alex-v0.1.pth", "alex.pth"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Backbones:
    """The networks that were found, on one device."""

    lpips: Lpips | None = None
    inception: InceptionFeatures | None = None
    files: dict[str, Backbone] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Why figures cannot be computed."""


def load_backbones(protocol: Protocol, device: torch.device | None = None) -> Backbones:
    """Load what the protocol names, else what lies in its folder; nothing is downloaded, nothing is random.

    Raises `FeaturesError` for a file that is there and cannot be used.
    """
    folder = (protocol.backbones or CACHE).expanduser()
    alexnet, heads = protocol.lpips or (_find(folder, "alexnet"), _find(folder, "heads"))
    inception_file = protocol.inception or _find(folder, "inception")
    files: dict[str, Backbone] = {}
    missing: dict[str, str] = {}
    lpips = inception = None
    if alexnet is None or heads is None:
        missing["lpips_alex_v0_1"] = _lacks(folder, ("alexnet", "heads"), "--lpips ALEXNET HEADS")
    else:
        trunk, linear = read_weights(alexnet), read_weights(heads)
        lpips = Lpips(trunk, linear).to(device)
        files["alexnet"] = _described(trunk, lpips.published)
        files["lpips_heads"] = _described(linear, lpips.published)
    if inception_file is None:
        missing["fid, kid"] = _lacks(folder, ("inception",), "--inception FILE")
    else:
        weights = read_weights(inception_file)
        inception = InceptionFeatures(weights).to(device)
        files["inception"] = _described(weights, inception.published)
    return Backbones(lpips, inception, files, missing)


def _find(folder: Path, which: str) -> Path | None:
    return next((folder / name for name in NAMES[which] if (folder / name).is_file()), None)


def _lacks(folder: Path, which: Sequence[str], option: str) -> str:
    wanted = " and ".join(NAMES[each][0] for each in which)
    return f"needs pretrained weights, which nirvis does not download: put {wanted} into {folder}, or give {option}"


def _described(weights: Weights, published: bool) -> Backbone:
    return Backbone(file=weights.path.name, sha256=weights.sha256, published=published)
