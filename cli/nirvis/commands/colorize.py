"""``nirvis colorize``: visible colour for what a near-infrared camera saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar


def colorize(
    model: Path,
    source: Path,
    /,
    *,
    out: Path,
    side_by_side: bool = False,
    precision: Literal["auto", "f32", "bf16"] = "auto",
    fps: Annotated[float | None, Parameter(validator=Number(gt=0, lte=1000))] = None,
    threads: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
) -> None:
    """Colour near-infrared pictures with an exported model.

    Parameters
    ----------
    model
        model.onnx, as `nirvis export` writes it.
    source
        A clip (its nir arm), a pairs file, a video, a folder of pictures, or one picture.
    out
        An .mp4, a .png for one picture, or a folder for PNGs.
    side_by_side
        Show input | colour | truth instead of the colour alone.
    precision
        bf16 is several times faster where the processor has amx_bf16; auto uses it there only.
    fps
        Pictures per second of the video instead of the rate of the source.
    threads
        How many processors to use at most.
    limit
        Stop after this many pictures.
    """
    from nirvis_training.colorize_files import colorize_to

    with progress_bar("colorize", "picture") as show:
        colorize_to(
            model,
            source,
            out,
            rate_hz=fps,
            side_by_side=side_by_side,
            precision=precision,
            threads=threads,
            limit=limit,
            progress=show,
        )
    print(out)
