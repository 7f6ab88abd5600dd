"""The two forms in which the recorder stores frames, plain and compressed, beside each other on the same pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from bars import Bar

from nirvis_capture.compression import Compression
from nirvis_capture.settings import TomlValue

_LOOP_S = 0.1
"""Of the street; as many pictures as the noise has, about."""
_CONTENTS = ("street", "noise")


@dataclass(frozen=True)
class Way:
    """What the recorder writes, and in which form."""

    content: str
    compression: Compression

    @property
    def changes(self) -> dict[str, TomlValue]:
        """To a profile; both contents are made before, so that the cameras only copy them."""
        return {
            "twin.content": self.content,
            "twin.loop_seconds": _LOOP_S,
            "recording.compression": self.compression,
        }


PLAIN_NOISE = "plain_noise"
WAYS = {
    PLAIN_NOISE: Way("noise", "none"),
    "compressed_noise": Way("noise", "bitshuffle-lz4"),
    "plain_street": Way("loop", "none"),
    "compressed_street": Way("loop", "bitshuffle-lz4"),
}


@dataclass
class Clips:
    """What the clips of each way took, over all rounds."""

    seconds: dict[str, float] = field(default_factory=dict)
    stored_mb: dict[str, float] = field(default_factory=dict)

    def add(self, way: str, took_s: float, stored_mb: float) -> None:
        self.seconds[way] = self.seconds.get(way, 0.0) + took_s
        self.stored_mb[way] = self.stored_mb.get(way, 0.0) + stored_mb


def compression_bars(clips: Clips, frames_mb: float) -> list[Bar]:
    """The compressed clip beside the plain one of the same pictures, in time and in size.

    frames_mb
        Megabytes of the frames that each way was given.
    """
    seconds = clips.seconds
    return [
        *(
            Bar(f"record.compressed_vs_plain_{of}", seconds[f"plain_{of}"] / seconds[f"compressed_{of}"], "ratio")
            for of in _CONTENTS
        ),
        *(
            Bar(f"record.compression_{of}", frames_mb / clips.stored_mb[f"compressed_{of}"], "ratio")
            for of in _CONTENTS
        ),
        *(
            Bar(f"record.{way}_mb_s", frames_mb / took_s, "MB/s")
            for way, took_s in seconds.items()
            if way != PLAIN_NOISE
        ),
    ]
