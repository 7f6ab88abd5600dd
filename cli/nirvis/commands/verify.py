"""``nirvis verify``: prove clips again from their files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nirvis.certificate_line import certificate_line
from nirvis.progress import progress_bar
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import PART_SUFFIX, SUFFIX
from nirvis_capture.errors import ClipError, NotAClip
from nirvis_capture.verify import Verdict, broken_seams
from nirvis_capture.verify import verify as verify_clip
from nirvis_capture.witness import Witness
from nirvis_capture.witness import witness as ask_witness


@dataclass(frozen=True)
class Outcome:
    """What is printed of one clip."""

    path: Path
    certificate: Certificate | None
    findings: tuple[str, ...]
    witness: Witness | None = None
    """What the pictures say of its pairs; None where they were not asked."""

    @property
    def result(self) -> str:
        if self.findings or self.certificate is None:
            return "REFUSED"
        return "proved" if self.certificate.claim == "synchrony" else "unanchored"

    def line(self) -> str:
        if self.certificate is None or self.findings:
            return f"{self.path}: REFUSED: {'; '.join(self.findings)}"
        witness = "" if self.witness is None else f"; {self.witness}"
        return f"{self.path}: {certificate_line(self.certificate)}{witness}"

    def table(self) -> dict[str, object]:
        certificate = self.certificate
        return {
            "path": str(self.path),
            "result": self.result,
            "findings": list(self.findings),
            "certificate": None if certificate is None else certificate.model_dump(mode="json"),
            **({} if self.witness is None else {"witness": asdict(self.witness)}),
        }


def verify(
    *clips: Annotated[Path, Parameter(help="Clips, or folders to search; this folder when none is given.")],
    witness: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Recompute every digest of a clip and repeat its pairing from the anchor.

    Ends with status 0 only when every clip holds. A clip without an anchor can only prove its integrity.

    Parameters
    ----------
    witness
        Ask the pictures as well whether both arms move at the same moment; works without an anchor, too. A clip that
        they contradict does not hold.
    as_json
        Print one JSON list with findings and certificates instead of one line for each clip.
    """
    verdicts = {path: _verdict(path) for path in _found(clips)}
    seams = broken_seams(verdict for verdict in verdicts.values() if isinstance(verdict, Verdict))
    outcomes = [_outcome(path, verdict, seams.get(path)) for path, verdict in verdicts.items()]
    if witness:
        outcomes = [_with_witness(outcome) for outcome in outcomes]
    if as_json:
        print(json.dumps([outcome.table() for outcome in outcomes], indent=1))
    else:
        for outcome in outcomes:
            print(outcome.line())
    if any(outcome.result == "REFUSED" or _contradicted(outcome) for outcome in outcomes):
        sys.exit(1)


def _with_witness(outcome: Outcome) -> Outcome:
    if outcome.result == "REFUSED":
        return outcome
    with Clip.open(outcome.path) as clip, progress_bar(f"{outcome.path.name} witness", "stretch", leave=False) as show:
        return replace(outcome, witness=ask_witness(clip, show))


def _contradicted(outcome: Outcome) -> bool:
    return outcome.witness is not None and outcome.witness.opinion == "contradicts"


def _found(paths: Sequence[Path]) -> list[Path]:
    """Every clip that is named or lies in a named folder, unfinished ones too: they are refused, not overlooked."""
    found: list[Path] = []
    for path in paths or (Path(),):
        inside = sorted(p for p in path.rglob("*") if p.name.endswith((SUFFIX, PART_SUFFIX))) if path.is_dir() else []
        if path.is_dir() and not inside:
            raise NotAClip(path, f"the folder holds no *{SUFFIX} file")
        found.extend(inside or [path])
    return found


def _verdict(path: Path) -> Verdict | ClipError:
    with progress_bar(path.name, "frame", leave=False) as show:
        try:
            return verify_clip(path, show)
        except ClipError as error:
            return error


def _outcome(path: Path, verdict: Verdict | ClipError, broken_seam: str | None) -> Outcome:
    if isinstance(verdict, ClipError):
        return Outcome(path, None, (str(verdict).removeprefix(f"{path} "),))
    return Outcome(path, verdict.certificate, (*verdict.findings, *([broken_seam] if broken_seam else [])))
