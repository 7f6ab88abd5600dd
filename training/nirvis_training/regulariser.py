"""Settings of the term that makes any method steadier in time; no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nirvis_capture.settings import Settings


class TemporalRegulariser(Settings):
    """Predict a picture, and the same picture after a smooth random motion: the predictions have to differ by that
    motion alone. Costs two more passes through the predicting network a step."""

    motion: Literal["ctn", "synthetic"] = "ctn"
    """``ctn``: the motion of CPTrans (Yu et al. 2023), everywhere in the picture, because other methods do not know
    where content is; ``synthetic``: that of UnsupRecycle (Wang et al. 2022), which also shifts as a whole."""
    weight: float = Field(default=10.0, gt=0)
    """λ2 of CPTrans."""
    displacement_px: float = Field(default=8.0, gt=0)
    """Deviation of the displacements."""
