"""``nirvis recover``: rescue clips whose recording was cut off."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.certificate_line import certificate_line
from nirvis.progress import progress_bar
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import PART_SUFFIX
from nirvis_capture.errors import ClipError
from nirvis_capture.recover import Rescue, final_path, is_recovered
from nirvis_capture.recover import recover as recover_clip


def recover(
    *files: Annotated[Path, Parameter(help="*.clip.h5.part files, or folders to search; this folder by default.")],
    delete_part: Annotated[bool, Parameter(negative="", help="Remove each .part file whose clip was rescued.")] = False,
) -> None:
    """Rescue unfinished clips: every frame until the last flush, paired and certified anew.

    A recorder that was killed, or lost its power or its disk, leaves a file
    *.clip.h5.part. The rescued clip is written beside it, verified, and then
    gets the final name. The .part file itself is only read, and kept unless
    --delete-part is given. The certificate says that the clip was recovered,
    and what that leaves unproved.
    """
    rescued = [_is_recovered(path, delete_part) for path in _found(files or (Path(),))]
    if not all(rescued):
        sys.exit(1)


def _found(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob(f"*{PART_SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            print(f"{path}: no unfinished clip, nothing to recover")
        found.extend(inside)
    return found


def _is_recovered(part_path: Path, delete_part: bool) -> bool:
    if is_recovered(part_path):
        print(f"{final_path(part_path)}: recovered before")
        _keep_or_delete(part_path, delete_part)
        return True
    try:
        with progress_bar(part_path.name, "frame", leave=False) as show:
            rescue = recover_clip(part_path, show)
    except ClipError as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    _say_what_came(rescue, part_path, delete_part)
    return True


def _say_what_came(rescue: Rescue, part_path: Path, delete_part: bool) -> None:
    with Clip.open(rescue.path) as clip:
        certificate = clip.certificate
    print(f"{rescue.path}: recovered {certificate.recovered}; {certificate_line(certificate)}")
    _keep_or_delete(part_path, delete_part)


def _keep_or_delete(part_path: Path, delete_part: bool) -> None:
    if delete_part:
        part_path.unlink()
    else:
        print(f"{part_path} is kept; remove it when the clip is what you expect, or use --delete-part")
