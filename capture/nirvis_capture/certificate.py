"""What a clip proves, and what it does not."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pydantic import BaseModel, ConfigDict

from nirvis_capture.clip_exposures import ExposureSummary
from nirvis_capture.host_delay import HOST_JITTER_NS
from nirvis_capture.pairing import Event, PairingSummary
from nirvis_capture.profile import Profile

Claim = Literal["synchrony", "integrity"]


class Certificate(BaseModel):
    """Written at the close of a clip, covered by its own digest, proved again by ``nirvis verify``."""

    model_config = ConfigDict(frozen=True)

    claim: Claim
    """``synchrony``: pairs are exposures of one pulse, and the clip is unaltered; ``integrity``: only the latter."""
    pairing: PairingSummary
    pairs: int
    """Complete pairs."""
    rows: int
    frames: dict[str, int]
    """Frames by arm."""
    exposures: ExposureSummary | None = None
    """None in clips of earlier versions."""
    not_proved: tuple[str, ...]
    ended: str
    """Why the recording ended."""
    recovered: str = ""
    """What was rescued from an unfinished clip, and what was not; empty for a clip that its recorder closed."""
    previous: str = ""
    """`sha256` of the part before this one; empty for the first clip of a recording."""
    end_time: str
    """ISO 8601 with offset."""
    software: str
    covers: dict[str, str]
    """sha256 of every part of the file, by its path; ``header`` covers names, attributes and texts."""
    sha256: str = ""
    """sha256 of everything above: the identity of the clip."""

    def sealed(self) -> Certificate:
        """The same certificate with its digest."""
        return self.model_copy(update={"sha256": digest(self.model_dump_json())})


def digest(certificate_json: str) -> str:
    """sha256 of a certificate as it is stored, without its own ``sha256``; fields of later versions included."""
    fields = json.loads(certificate_json)
    fields.pop("sha256", None)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def certify(
    summary: PairingSummary,
    frames: dict[str, int],
    rows: int,
    ended: str,
    end_time: datetime,
    covers: dict[str, str],
    profile: Profile,
    exposures: ExposureSummary,
    previous: str = "",
    recovered: str = "",
) -> Certificate:
    """The certificate of a clip with these frames; synchrony is claimed only where an anchor held."""
    unanchored = summary.counts[Event.UNANCHORED.name]
    pairs = summary.counts[Event.PAIR.name]
    anchored = summary.anchor is not None and summary.anchor.holds
    return Certificate(
        claim=claim(summary),
        pairing=summary,
        pairs=pairs,
        rows=rows,
        frames=frames,
        exposures=exposures,
        not_proved=(
            *_not_proved(summary, anchored, unanchored),
            *_not_real(profile),
            *(_NOT_RECOVERED if recovered else ()),
        ),
        ended=ended,
        previous=previous,
        recovered=recovered,
        end_time=end_time.isoformat(timespec="microseconds"),
        software=software(),
        covers=covers,
    ).sealed()


def claim(summary: PairingSummary) -> Claim:
    """What a clip with this pairing may claim."""
    anchored = summary.anchor is not None and summary.anchor.holds
    paired = summary.counts[Event.PAIR.name] or not summary.counts[Event.UNANCHORED.name]
    return "synchrony" if anchored and paired else "integrity"


_NOT_RECOVERED = (
    "integrity before the rescue: the digests were made when the clip was recovered, not while it was recorded",
    "completeness: what was recorded after the last flush is lost",
)


def software() -> str:
    """Name and version of this program."""
    try:
        return f"nirvis {version('nirvis')}"
    except PackageNotFoundError:
        return "nirvis (not installed)"


def _not_real(profile: Profile) -> tuple[str, ...]:
    """What a clip cannot prove because no real camera recorded it."""
    if profile.nir.backend == "simulated":
        return ("reality: the rig is simulated",)
    if profile.replay is not None and profile.replay.clip is None:
        return ("that the arms were in step at first: pictures and videos are stamped anew as they are replayed",)
    return ()


def _not_proved(summary: PairingSummary, anchored: bool, unanchored: int) -> tuple[str, ...]:
    open_questions = ["absolute skew: not measured", "authorship: the digests prove integrity, not who wrote the clip"]
    if summary.anchor is None or not anchored:
        note = f" ({summary.anchor.note})" if summary.anchor and summary.anchor.note else ""
        open_questions.append(f"synchrony: not anchored{note}")
        return tuple(open_questions)
    if summary.anchor.evidence == "pause" and summary.period_ns / 4 < HOST_JITTER_NS:
        open_questions.append(
            "that neither arm lost its very first frame: no clock latches, and host times are too coarse"
        )
    if unanchored:
        open_questions.append(
            f"synchrony of {unanchored} frames: their times and arrivals leave open what belongs together"
        )
    return tuple(open_questions)
