"""``nirvis fuse``: translated colour and infrared in one video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar


def fuse(
    infrared: Path,
    /,
    *,
    out: Path,
    translated: Path | None = None,
    model: Path | None = None,
    fps: Annotated[float | None, Parameter(validator=Number(gt=0, lte=1000))] = None,
) -> None:
    """Fuse infrared pictures with their translation: colour of the one, and what stands out in either.

    Parameters
    ----------
    infrared
        A clip (its nir arm), a pairs file, a video, a folder of pictures, or one picture.
    out
        An .mp4, a .png for one picture, or a folder for PNGs.
    translated
        Its translation, as nirvis colorize wrote it: as many pictures, of the same size.
    model
        Instead of --translated: model.onnx that colours the infrared now.
    fps
        Pictures per second of the video instead of the rate of the source.
    """
    from nirvis_training.applications.fuse import fuse_to

    with progress_bar("fuse", "picture", always=True) as show:
        fuse_to(infrared, out, translated=translated, model=model, rate_hz=fps, progress=show)
    print(out)
