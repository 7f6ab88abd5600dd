"""``nirvis resume``: go on with a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number


def resume(
    run: Path,
    /,
    *,
    samples: Annotated[int | None, Parameter(validator=Number(gt=0))] = None,
    max_seconds: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
) -> None:
    """Go on with a training run from its newest checkpoint, exactly as if it had never stopped.

    Parameters
    ----------
    run
        Folder of a training run.
    samples
        Train up to so many samples in all, instead of what the run was meant to have.
    max_seconds
        Train for so many seconds in all.
    """
    from nirvis.commands.train import tell
    from nirvis.training_bar import training_bar
    from nirvis_training.distribution import is_first_process
    from nirvis_training.loop import resume as go_on

    with training_bar() as show:
        resumed = go_on(run, show, samples, max_seconds)
    if is_first_process():
        tell(resumed)
