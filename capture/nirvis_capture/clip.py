"""Read a raw clip: headers and tables at once, frames one by one."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Raw
from nirvis_capture.certificate import Certificate
from nirvis_capture.clip_frames import read_frame
from nirvis_capture.clip_layout import FORMAT, PAIR_TABLES, PART_SUFFIX, VERSION, Group, arm_path, temperature_c, text
from nirvis_capture.errors import DamagedClip, NewerClip, NotAClip
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Cfa, Mode, Profile, parse_profile
from nirvis_capture.versioned_file import Refusals, opening

_REFUSALS = Refusals(NotAClip, NewerClip, DamagedClip)
PAIR_DTYPE = np.dtype([(name, dtype) for name, dtype in PAIR_TABLES.items()])


class Track:
    """The frames of one arm."""

    def __init__(self, path: Path, group: Group) -> None:
        self._path = path
        self._group = group
        self._frames = group["data"]
        self.shape: tuple[int, int] = (int(self._frames.shape[1]), int(self._frames.shape[2]))
        """Height and width of a frame."""
        self.cfa = cast(Cfa, str(group.attrs["cfa"]))
        self.bit_depth = int(group.attrs["bit_depth"])
        self.black_level_dn = float(group.attrs["black_level_dn"])
        self.serial = str(group.attrs["serial"])
        self.model = str(group.attrs["model"])
        self.pixel_format = str(group.attrs["pixel_format"])
        self.mirror = bool(group.attrs["mirror"])
        self.timestamp_resolution_ns = int(group.attrs["timestamp_resolution_ns"])
        self.temperature_c = temperature_c(group)
        """Of the sensor when the recording began; None where it is not known."""

    def __len__(self) -> int:
        return int(self._frames.shape[0])

    def frame(self, index: int) -> Raw:
        """Raw counts ``(H, W)`` of one exposure. Raises `DamagedClip` when they cannot be read."""
        try:
            return read_frame(self._frames, index)
        except OSError as error:
            raise DamagedClip(self._path, f"frame {index} of {self._group.name} cannot be read ({error})") from None

    @cached_property
    def frame_id(self) -> NDArray[np.int64]:
        return self._column("frame_id")

    @cached_property
    def timestamp_ns(self) -> NDArray[np.int64]:
        """Start of each exposure on the clock of the camera."""
        return self._column("timestamp_ns")

    @cached_property
    def host_ns(self) -> NDArray[np.int64]:
        """Arrival of each frame on the monotonic clock of the host."""
        return self._column("host_ns")

    @cached_property
    def exposure_us(self) -> NDArray[np.float64]:
        return self._column("exposure_us")

    @cached_property
    def gain_db(self) -> NDArray[np.float64]:
        return self._column("gain_db")

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """`nirvis_capture.camera.FrameStatus` of each frame."""
        return self._column("status")

    def _column(self, name: str) -> NDArray[Any]:
        values: NDArray[Any] = self._group[name][:]
        return values


class Clip:
    """A clip that was closed cleanly, open for reading. A context manager."""

    def __init__(self, path: Path, file: Group) -> None:
        """Use `Clip.open`."""
        self.path = path
        self.file = file
        """The h5py file, for `nirvis_capture.verify`."""
        entry = file["entry"]
        self.recording_id = text(entry["recording_id"])
        self.part = int(entry["part"][()])
        self.mode = cast(Mode, text(entry["mode"]))
        self.place = text(entry["place"])
        self.light = text(entry["light"])
        self.notes = text(entry["notes"])
        self.operator = text(entry["operator"])
        self.start_time = datetime.fromisoformat(text(entry["start_time"]))
        self.end_time = datetime.fromisoformat(text(entry["end_time"]))
        self.profile: Profile = parse_profile(text(entry["profile"]), origin=f"profile in {path}")
        self.certificate = Certificate.model_validate_json(text(entry["certificate"]))
        self.arms: dict[Arm, Track] = {arm: Track(path, file[arm_path(arm)]) for arm in ARMS}

    @classmethod
    def open(cls, path: Path | str) -> Clip:
        """Open a clip. Raises `NotAClip`, `NewerClip` or `DamagedClip`, each with one line that says why."""
        path = Path(path)
        if path.is_file() and path.name.endswith(PART_SUFFIX):
            raise DamagedClip(
                path,
                "its recording still runs, or was never closed, so it has no certificate; nirvis recover rescues it "
                "then",
            )
        with opening(path, FORMAT, VERSION, _REFUSALS) as file:
            if not text(file["entry/certificate"]):
                raise DamagedClip(path, "it has no certificate: its recording was never closed")
            return cls(path, file)

    def __enter__(self) -> Clip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()

    def __len__(self) -> int:
        """Number of complete pairs."""
        return len(self.complete)

    @property
    def sha256(self) -> str:
        """Identity of the clip."""
        return self.certificate.sha256

    @cached_property
    def pairs(self) -> NDArray[np.void]:
        """The pair table: ``nir_index vis_index`` (-1: no partner) ``residual_ns event``."""
        group = self.file["entry/pairs"]
        table = np.empty(group["event"].shape, PAIR_DTYPE)
        for name in PAIR_TABLES:
            table[name] = group[name][:]
        return table

    @cached_property
    def complete(self) -> NDArray[np.int64]:
        """``(K, 2)`` indices of the frames of every complete pair: nir, vis."""
        table = self.pairs[self.pairs["event"] == Event.PAIR]
        return np.stack([table["nir_index"], table["vis_index"]], axis=1)

    @cached_property
    def trigger_index(self) -> NDArray[np.int64]:
        """``(K,)`` number of the pulse of every complete pair, from 0; pulses that made no pair are counted as well.

        From the clock of the nir camera, step by step, so that its drift adds nothing up.
        """
        times_ns = self.arms["nir"].timestamp_ns[self.complete[:, 0]]
        steps = np.rint(np.diff(times_ns) / self.profile.trigger.period_ns).astype(np.int64)
        return np.concatenate([np.zeros(min(1, len(times_ns)), np.int64), np.maximum(steps, 1).cumsum()])

    def pair(self, k: int) -> tuple[Raw, Raw]:
        """Raw counts of nir and vis of the k-th complete pair."""
        nir_index, vis_index = self.complete[k]
        return self.arms["nir"].frame(int(nir_index)), self.arms["vis"].frame(int(vis_index))
