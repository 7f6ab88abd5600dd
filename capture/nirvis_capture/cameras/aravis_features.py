"""The node map of a camera that Aravis opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nirvis_capture.cameras.genicam import Refused, Value
from nirvis_capture.errors import CameraError


@dataclass(frozen=True, slots=True)
class Driver:
    """Aravis, once it is imported."""

    aravis: Any
    error: type[Exception]
    """What its calls raise."""


class AravisFeatures:
    """Features of one camera by name. Once the camera did not answer, nothing waits for it again."""

    def __init__(self, driver: Driver, device: Any, serial: str) -> None:
        self._driver = driver
        self._device = device
        self._serial = serial
        self._gone = False
        # Without this Aravis hands values to the camera that it knows to be out of range.
        device.set_range_check_policy(driver.aravis.RangeCheckPolicy.ENABLE)

    def read(self, name: str) -> Value | None:
        if not self._offers(name):
            return None
        with self.answers(f"read {name}"):
            value: Value = getattr(self._device, f"get_{self._kind(name)}_feature_value")(name)
            return value

    def bounds(self, name: str) -> tuple[float, float] | None:
        kind = self._kind(name) if self._offers(name) else ""
        if kind not in ("float", "integer"):
            return None
        with self.answers(f"tell the range of {name}"):
            low, high = getattr(self._device, f"get_{kind}_feature_bounds")(name)
            return float(low), float(high)

    def steps(self, name: str) -> range | None:
        """Every value that an integer may have as things stand; None where the camera has no such feature."""
        if not self._offers(name) or self._kind(name) != "integer":
            return None
        with self.answers(f"tell the range of {name}"):
            low, high = self._device.get_integer_feature_bounds(name)
            return range(low, high + 1, max(1, self._device.get_integer_feature_increment(name)))

    def is_writable(self, name: str) -> bool:
        with self.answers(f"look for {name}"):
            return self._offers(name) and not self._device.get_feature(name).is_locked()

    def write(self, name: str, value: Value) -> None:
        kind = self._kind(name)
        convert = {"string": str, "boolean": bool, "float": float, "integer": int}[kind]
        with self.answers(f"write {name}"):
            try:
                getattr(self._device, f"set_{kind}_feature_value")(name, convert(value))
            except self._driver.error as error:
                if _timed_out(self._driver, error):
                    raise
                raise Refused(
                    f"Camera {self._serial} refuses {name} = {value}{self._allowed(name, kind)}. "
                    "Change that value in the profile."
                ) from None

    def execute(self, name: str) -> bool:
        if not self._offers(name):
            return False
        with self.answers(f"execute {name}"):
            self._device.execute_command(name)
        return True

    @contextmanager
    def answers(self, what: str) -> Iterator[None]:
        """Calls of the driver. Raises `CameraError` when the camera refuses, or does not answer any more."""
        if self._gone:
            raise CameraError(f"Camera {self._serial} does not answer any more; check its cable and power.")
        try:
            yield
        except self._driver.error as error:
            self._gone = _timed_out(self._driver, error)
            raise CameraError(f"Camera {self._serial} failed to {what}: {error}.") from None

    def _offers(self, name: str) -> bool:
        with self.answers(f"look for {name}"):
            return bool(self._device.get_feature(name) is not None and self._device.is_feature_available(name))

    def _kind(self, name: str) -> str:
        node, aravis = self._device.get_feature(name), self._driver.aravis
        # An enumeration is an integer as well.
        kinds = (
            (aravis.GcBoolean, "boolean"),
            (aravis.GcEnumeration, "string"),
            (aravis.GcFloat, "float"),
            (aravis.GcInteger, "integer"),
        )
        return next((kind for node_class, kind in kinds if isinstance(node, node_class)), "string")

    def _allowed(self, name: str, kind: str) -> str:
        try:
            if kind == "string":
                entries = self._device.dup_available_enumeration_feature_values_as_strings(name)
                return f"; it allows {', '.join(entries)}"
            low, high = getattr(self._device, f"get_{kind}_feature_bounds")(name)
        except (self._driver.error, AttributeError):
            return ""
        return f"; it allows {low:g} to {high:g}"


def _timed_out(driver: Driver, error: Any) -> bool:
    aravis = driver.aravis
    return bool(error.matches(aravis.device_error_quark(), aravis.DeviceError.TIMEOUT))
