"""Figures of a detector or segmenter as a file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from nirvis_training.applications.views import View


def write_scores(out: Path, network: Path, scores: Mapping[View, BaseModel]) -> Path:
    """JSON of the figures of every view, and of the network that they depend on."""
    content = {
        "network": network.name,
        "sha256": hashlib.sha256(network.read_bytes()).hexdigest(),
        "scores": {view: score.model_dump() for view, score in scores.items()},
    }
    draft = out.with_name(out.name + ".part")
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, out)
    return out
