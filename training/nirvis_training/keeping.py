"""Writing what a run must not lose: a disk that refuses costs a warning while training goes on, an error at its end."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError

from nirvis_training.errors import RunError
from nirvis_training.run_folder import RunFolder

logger = logging.getLogger(__name__)


@contextmanager
def kept(what: str, run: RunFolder, *, last: bool) -> Iterator[None]:
    """A block that writes to the run folder, and may be tried again later unless it is the `last` time.

    Raises `RunError` the last time.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        free_mb = shutil.disk_usage(run.path).free / 1e6
        reason = f"{' '.join(str(error).split())[:120]}; {free_mb:.1f} MB are free there"
        if last:
            raise RunError(
                f"Cannot write {what} to {run.path} ({reason}). Make room, then go on from the newest checkpoint that "
                f"is there: nirvis resume {run.path}"
            ) from None
        logger.warning("cannot write %s to %s (%s); training goes on", what, run.path, reason)
