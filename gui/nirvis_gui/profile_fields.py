"""Every setting of a hardware profile as a field of a form, read from the pydantic model; no widgets."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import tomlkit
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tomlkit.exceptions import TOMLKitError

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.profile import Profile
from nirvis_capture.settings import TomlValue
from nirvis_capture.trigger import secondary_pace, unknown_readout
from nirvis_gui.texts import tr

Kind = Literal["choice", "flag", "number", "text", "toml"]
"""``toml``: a list or a table, written as in the file."""

UNITS = {
    "us": "µs", "ms": "ms", "s": "s", "seconds": "s", "minutes": "min", "db": "dB", "hz": "Hz", "nm": "nm", "um": "µm",
    "px": "px", "gb": "GB", "mb": "MB", "dn": "DN", "e": "e⁻", "deg": "°", "ppm": "ppm", "bytes": "bytes", "ev": "EV",
}  # fmt: skip
"""What the last word of a name says of its value."""
_SAID_OF_INPUT = re.compile(r"\bInput should be\b")
"""How the model begins; at a field it is clear what is meant."""
_COMMON = ("nir", "vis", "trigger", "recording", "metering")
_OF_BACKEND = {"simulated": "twin", "replay": "replay", "spinnaker": "spinnaker", "aravis": "aravis"}


@dataclass(frozen=True)
class Field:
    """One setting."""

    path: str
    """As in the file: ``nir.roi.width``."""
    kind: Kind
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    optional: bool = False
    help: str = ""

    @property
    def label(self) -> str:
        """The name below its group, without the unit."""
        words = self.path.split(".")[1:] or [self.path]
        stem = words[-1].rpartition("_")[0] if self.unit and "_" in words[-1] else words[-1]
        return " ".join([*words[:-1], stem]).replace("_", " ")

    @property
    def limits(self) -> str:
        """The range in words; empty where there is none."""
        if self.low is None and self.high is None:
            return ""
        low = "" if self.low is None else f"{self.low:,.12g}"
        return f"{low} … {self.high:,.12g}" if self.high is not None else tr("from {low}").format(low=low)


def groups(profile: Profile) -> dict[str, tuple[Field, ...]]:
    """The fields that matter to the backend of a profile, by table; those outside of any table come first."""
    fields = tuple(_fields(Profile, ""))
    tables = (*_COMMON, _OF_BACKEND[profile.nir.backend])
    found = {"rig": tuple(field for field in fields if "." not in field.path)}
    return found | {table: tuple(f for f in fields if f.path.startswith(f"{table}.")) for table in tables}


Ranges = Mapping[Arm, Mapping[str, tuple[float, float]]]
"""What open cameras tell of themselves, as in `RecorderStatus.ranges`."""


def camera_limits(profile: Profile, ranges: Ranges) -> dict[str, str]:
    """What the cameras of a profile can do, by path.

    From what open cameras tell; before, from their sensors and from how fast they read them out.
    """
    limits = {}
    for arm in ARMS:
        sensor = profile.arm(arm).sensor
        limits[f"{arm}.roi.width"] = tr("≤ {most} px of the sensor").format(most=sensor.width_px)
        limits[f"{arm}.roi.height"] = tr("≤ {most} px of the sensor").format(most=sensor.height_px)
        limits[f"{arm}.exposure_us"] = tr("≤ {most:,.0f} at {rate:g} Hz").format(
            most=1e6 / profile.trigger.rate_hz, rate=profile.trigger.rate_hz
        )
    pace = secondary_pace(profile)
    if pace is not None and not unknown_readout(profile):
        limits["trigger.rate_hz"] = tr("≤ {most:.1f}: what {arm} surely follows").format(
            most=pace.safe_rate_hz, arm=profile.trigger.secondary
        )
    for arm, told in ranges.items():
        for setting, (low, high) in told.items():
            text = tr("{low:,.6g} … {high:,.6g} by the camera as it is set now")
            limits[f"{arm}.{setting}"] = text.format(low=low, high=high)
    return limits


def shown(profile: Profile) -> dict[str, str]:
    """The value of every field as it is written in a form, by path."""
    values = profile.model_dump(mode="json")
    return {field.path: _written(_at(values, field.path)) for field in _fields(Profile, "")}


def parsed(field: Field, text: str) -> TomlValue:
    """What was entered, as a value for the file; None where an optional setting is left out.

    What is no value of its kind stays a text, which the model refuses in its own words.
    """
    text = text.strip()
    if field.optional and not text:
        return None
    if field.kind == "flag":
        return text == "true"
    if field.kind in ("choice", "text"):
        return int(text) if field.kind == "choice" and text.isdigit() else text
    try:
        value: TomlValue = tomlkit.value(text).unwrap()
        return value
    except TOMLKitError:
        return text


def placed(mistakes: Sequence[str], paths: Sequence[str]) -> dict[str, str]:
    """Every mistake at the field that it belongs to, by path; those that belong to none by the empty path."""
    found: dict[str, str] = {}
    for mistake in mistakes:
        where, _, text = mistake.partition(": ")
        path = next((p for p in sorted(paths, key=len, reverse=True) if re.match(rf"{re.escape(p)}\b", where)), "")
        told = text if path == where else mistake
        if not path:
            # A rule over several fields names the one that it is about.
            path = next((p for p in sorted(paths, key=len, reverse=True) if p in mistake), "")
            told = text if path else mistake
        told = _SAID_OF_INPUT.sub(tr("must be"), told)
        found[path] = f"{found[path]}; {told}" if path in found else told
    return found


def _fields(model: type[BaseModel], prefix: str) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if info.exclude:
            continue
        path, inner = prefix + name, _model_of(info.annotation)
        if inner is not None:
            yield from _fields(inner, f"{path}.")
        else:
            yield _field(path, info)


def _field(path: str, info: FieldInfo) -> Field:
    optional, kinds = _without_none(info.annotation)
    choices = tuple(str(value) for value in get_args(kinds[0])) if get_origin(kinds[0]) is Literal else ()
    kind: Kind = "toml"
    if choices:
        kind = "choice"
    elif kinds[0] is bool:
        kind = "flag"
    elif set(kinds) <= {int, float}:
        kind = "number"
    elif get_origin(kinds[0]) is None:
        kind = "text"
    low = next((float(m.ge if isinstance(m, Ge) else m.gt) for m in info.metadata if isinstance(m, Ge | Gt)), None)  # type: ignore[arg-type]
    high = next((float(m.le if isinstance(m, Le) else m.lt) for m in info.metadata if isinstance(m, Le | Lt)), None)  # type: ignore[arg-type]
    unit = UNITS.get(path.rpartition("_")[2], "")
    return Field(path, kind, unit, choices, low, high, optional, " ".join((info.description or "").split()))


def _model_of(annotation: Any) -> type[BaseModel] | None:
    _, kinds = _without_none(annotation)
    return kinds[0] if isinstance(kinds[0], type) and issubclass(kinds[0], BaseModel) else None


def _without_none(annotation: Any) -> tuple[bool, tuple[Any, ...]]:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = tuple(kind for kind in get_args(annotation) if kind is not type(None))
        return len(kinds) < len(get_args(annotation)), kinds
    return False, (annotation,)


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list | dict):
        return str(_inline(value).as_string())
    return str(value)


def _inline(value: Any) -> Any:
    """Lists and tables in one line; what is not set is left out."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({key: _inline(inner) for key, inner in value.items() if inner is not None})
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(_inline(inner) for inner in value)
        return array
    return value
