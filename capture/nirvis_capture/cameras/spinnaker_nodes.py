"""Nodes of a Spinnaker camera by name: asked before they are touched, and put back as they were found."""

from __future__ import annotations

from typing import Any

from nirvis_capture.cameras.genicam import Refused, Value
from nirvis_capture.cameras.genicam_changes import Changes
from nirvis_capture.cameras.genicam_leftovers import Leftovers
from nirvis_capture.cameras.spinnaker_errors import speaking

_POINTERS: dict[type, str] = {bool: "CBooleanPtr", str: "CEnumerationPtr", int: "CIntegerPtr", float: "CFloatPtr"}


class Nodes:
    """One node map of a camera; reading raises what Spinnaker raises.

    sdk
        The PySpin module.
    serial
        For messages.
    leftovers
        See `Changes`; None for nodes of the driver, which end with the program.
    """

    def __init__(self, sdk: Any, node_map: Any, serial: str, leftovers: Leftovers | None = None) -> None:
        self._sdk = sdk
        self._map = node_map
        self._serial = serial
        self.changes = Changes(self, serial, leftovers)

    def restore(self) -> list[str]:
        """Put back what was changed, and let go of the camera; gives the names that would not go back."""
        try:
            return self.changes.restore()
        finally:
            self._map = None

    def read(self, name: str) -> Value | None:
        kind, pointer = self._found(name)
        if kind is None or not self._sdk.IsReadable(pointer):
            return None
        value: Value = kind(pointer.GetCurrentEntry().GetSymbolic() if kind is str else pointer.GetValue())
        return value

    def bounds(self, name: str) -> tuple[float, float] | None:
        """Least and greatest value of a number as things stand; None where the camera has no such feature."""
        kind, pointer = self._found(name)
        if kind not in (int, float) or not self._sdk.IsReadable(pointer):
            return None
        return kind(pointer.GetMin()), kind(pointer.GetMax())

    def steps(self, name: str) -> range | None:
        """Every value that an integer may have as things stand; None where the camera has no such feature."""
        kind, pointer = self._found(name)
        if kind is not int or not self._sdk.IsReadable(pointer):
            return None
        return range(pointer.GetMin(), pointer.GetMax() + 1, max(1, pointer.GetInc()))

    def is_writable(self, name: str) -> bool:
        return bool(self._sdk.IsWritable(self._found(name)[1]))

    def write(self, name: str, value: Value) -> None:
        kind, pointer = self._found(name)
        refusal = self._refusal(kind, pointer, value)
        if refusal:
            said = f"{value:g}" if isinstance(value, float) else value
            raise Refused(f"Camera {self._serial} refuses {name} = {said}: {refusal}.")
        with speaking(self._sdk, f"Camera {self._serial}", f"set {name}"):
            if kind is str:
                pointer.SetIntValue(self._sdk.CEnumEntryPtr(pointer.GetEntryByName(value)).GetValue())
            else:
                pointer.SetValue(value)

    def execute(self, name: str) -> bool:
        command = self._sdk.CCommandPtr(self._map.GetNode(name))
        if not (self._sdk.IsAvailable(command) and self._sdk.IsWritable(command)):
            return False
        command.Execute()
        return True

    def _found(self, name: str) -> tuple[type | None, Any]:
        """Of which kind a node is, and the pointer to it; None where it is absent or not available now."""
        node = self._map.GetNode(name)
        for kind, pointer_class in _POINTERS.items():
            pointer = getattr(self._sdk, pointer_class)(node)
            if self._sdk.IsAvailable(pointer):
                return kind, pointer
        return None, pointer

    def _refusal(self, kind: type | None, pointer: Any, value: Value) -> str:
        """Why a value cannot be written now; empty when it can."""
        if kind is None:
            return "it has no such feature, or not in its present state"
        if kind is not type(value) and (kind, type(value)) != (float, int):
            return "the feature is of another kind"
        if not self._sdk.IsWritable(pointer):
            return "the feature is read-only in its present state"
        if isinstance(value, str):
            entry = self._sdk.CEnumEntryPtr(pointer.GetEntryByName(value))
            return "" if self._sdk.IsAvailable(entry) and self._sdk.IsReadable(entry) else "it has no such entry"
        return "" if isinstance(value, bool) else _beyond(pointer, value)


def _beyond(pointer: Any, value: float) -> str:
    low, high = pointer.GetMin(), pointer.GetMax()
    step = pointer.GetInc() if isinstance(value, int) else 0
    if low <= value <= high and not (step and (value - low) % step):
        return ""
    return f"allowed are {low:g} to {high:g}" + (f" in steps of {step}" if step > 1 else "")
