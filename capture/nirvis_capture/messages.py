"""What the recorder process and its clients say to each other: one JSON object per line over a local socket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from nirvis_capture.camera import Arm
from nirvis_capture.exposure import Exposure
from nirvis_capture.profile import Light, Mode
from nirvis_capture.ring import Alarm
from nirvis_capture.wording import counted

State = Literal["idle", "armed", "recording", "finalising", "failed"]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UseProfile(Message):
    """Work with this profile; refused while another one records."""

    command: Literal["use"] = "use"
    text: str


class ArmCameras(Message):
    command: Literal["arm"] = "arm"


class DisarmCameras(Message):
    command: Literal["disarm"] = "disarm"


class Record(Message):
    """Begin a recording; arms the cameras first where needed."""

    command: Literal["record"] = "record"
    folder: Path
    seconds: Annotated[float, Field(gt=0)] | None = None
    """Length in exposures: ``seconds`` times the trigger rate; until `Stop` when absent."""
    place: str = ""
    light: Light = "day"
    notes: str = ""
    operator: str = ""
    exposures: dict[Arm, Exposure] = {}
    """Where metering begins, and what stays where it fails; as the profile or the last metering has them when empty."""


class Stop(Message):
    """End the recording and wait until its clip is certified."""

    command: Literal["stop"] = "stop"


class AskStatus(Message):
    command: Literal["status"] = "status"


class Shutdown(Message):
    """Finish the recording, release the cameras, and end the process."""

    command: Literal["shutdown"] = "shutdown"


Command = UseProfile | ArmCameras | DisarmCameras | Record | Stop | AskStatus | Shutdown
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


class Reply(Message):
    result: JsonValue = None
    error: str | None = None
    exit_status: int = 0


class RecorderStatus(Message):
    """The recorder at one moment."""

    state: State
    rig: str
    opening: Literal["", "preview", "recording"] = ""
    """What the cameras are being opened and armed for at this moment, which may take a while."""
    metering: bool = False
    """Whether both arms are looked through at this moment, to set their exposures for a recording."""
    holds_cameras: bool = False
    """Whether cameras are open, or about to be: no other program can have them."""
    clients: int = 0
    """Programs that are connected, the one that asks among them."""
    process: int = 0
    """Number of the recorder process."""
    mode: Mode | None = None
    """None until a client has said which profile to use."""
    recording_id: str | None = None
    """Of the running recording, else of the last one."""
    seconds: float = 0.0
    """Recorded time of that recording."""
    seconds_before: float = 0.0
    """How much of it the pre-trigger had kept from before the recording."""
    part: int = 0
    """Number of the clip of that recording that is being taken, from 1."""
    pairs: int = 0
    """Complete pairs of the recording, or since arming when nothing was recorded yet."""
    dropped: dict[str, int] = {}
    """Events that are no pair, by the lower-case name of `pairing.Event`; only those that happened."""
    lost_rows: int = 0
    """Rows that were paired but could not be written."""
    ring_fill: float = 0.0
    """Share of the ring in use; the recording ends at 1."""
    ring_peak: float = 0.0
    """The highest share of that recording."""
    ring_alarm: Alarm = ""
    """``filling`` from 75 %: nothing is lost yet; ``full``: the recording had to end."""
    write_mb_s: float = 0.0
    """Megabytes (10⁶) per second written during the last second."""
    write_p99_ms: float = 0.0
    residual_p50_us: float | None = None
    """What the clock fit leaves in the newest pairs: median, in microseconds."""
    residual_p99_us: float | None = None
    """The same, 99th percentile."""
    health: dict[Arm, dict[str, float]] = {}
    """What each camera tells of itself and its transport since arming; empty for drivers that tell nothing."""
    ranges: dict[Arm, dict[str, tuple[float, float]]] = {}
    """Least and greatest value of the settings that the open cameras tell; empty while they are let go."""
    exposures: dict[Arm, Exposure] = {}
    """As the open cameras were set; empty while they are let go."""
    disk_minutes_left: float | None = None
    """Minutes of recording until ``min_free_gb`` is reached."""
    clip: Path | None = None
    """The last finished clip."""
    folder: Path | None = None
    """Where the running recording goes, else the last one, else where the profile says."""
    message: str = ""
    """What the operator should know: a warning, or why a recording ended; empty when all is well."""
    preview: Path | None = None
    """File of the preview `Slot`, once the cameras were armed."""

    @property
    def doing(self) -> str:
        """What the recorder does, in words."""
        if self.metering:
            return "it meters the light for a recording"
        if self.opening:
            return "it opens its cameras" + (" for a recording" if self.opening == "recording" else "")
        if self.state in ("recording", "finalising"):
            return f"{self.state} for {self.seconds:.0f} s, {counted(self.pairs, 'pair')}"
        if self.state == "armed":
            return "armed, records nothing"
        return f"{self.state}, its cameras are {'open' if self.holds_cameras else 'free'}"
