"""Nodes of a Spinnaker camera by name: asked before they are touched, and put back as they were found."""

from __future__ import annotations

from typing import Any, TypeVar

from nirvis_capture.cameras.spinnaker_dialects import NEEDS
from nirvis_capture.errors import CameraError

Value = bool | int | float | str
"""Switch, integer, number, or the name of an enumeration entry."""
_Read = TypeVar("_Read", bool, int, float, str)
_Change = tuple[str, tuple[tuple[str, Value], ...]]
"""A node, and the state of others that its value belongs to."""

_POINTERS = {bool: "CBooleanPtr", int: "CIntegerPtr", float: "CFloatPtr", str: "CEnumerationPtr"}
_ROUNDS = 3
"""Limits depend on each other (exposure on rate, offset on width), so that one pass may not put everything back."""


class Nodes:
    """One node map of a camera.

    sdk
        The PySpin module.
    serial
        For messages.
    """

    def __init__(self, sdk: Any, node_map: Any, serial: str) -> None:
        self._sdk = sdk
        self._map = node_map
        self._serial = serial
        self._before: dict[_Change, Value] = {}

    def offers(self, name: str) -> bool:
        """Whether the camera has a node of that name, and it is available as things stand."""
        return bool(self._sdk.IsAvailable(self._sdk.CValuePtr(self._map.GetNode(name))))

    def read(self, name: str, kind: type[_Read]) -> _Read | None:
        """The value of a node; None where it is absent, not available now, or of another kind."""
        pointer = self._pointer(name, kind)
        if not (self._sdk.IsAvailable(pointer) and self._sdk.IsReadable(pointer)):
            return None
        return kind(pointer.GetCurrentEntry().GetSymbolic() if kind is str else pointer.GetValue())

    def limits(self, name: str, kind: type[_Read]) -> tuple[_Read, _Read]:
        """Least and greatest value of a number, as things stand. Raises `CameraError` when it cannot be read."""
        if self.read(name, kind) is None:
            raise CameraError(f"Camera {self._serial} does not tell the limits of {name}.")
        pointer = self._pointer(name, kind)
        return kind(pointer.GetMin()), kind(pointer.GetMax())

    def step(self, name: str) -> int:
        """Increment of an integer."""
        return int(self._pointer(name, int).GetInc())

    def keep(self, name: str) -> None:
        """Remember a number that the camera moves by itself when others leave it no room, if it is a setting now."""
        value = self.read(name, float)
        if value is not None and self._sdk.IsWritable(self._pointer(name, float)):
            self._before.setdefault((name, self._state_around(name)), value)

    def write(self, name: str, value: Value) -> None:
        """Set a node and remember what it was. Raises `CameraError` with what is allowed instead."""
        before = self._read_as(name, value)
        if before == value:
            return
        refusal = self._refusal(name, value)
        if refusal:
            raise CameraError(f"Camera {self._serial} refuses {name} = {_said(value)}: {refusal}.")
        if before is not None:
            self._before.setdefault((name, self._state_around(name)), before)
        self._set(name, value)

    def try_write(self, name: str, value: Value) -> bool:
        """Set a node that the camera may lack or may have fixed; False when it has another value and keeps it."""
        if self._read_as(name, value) != value:
            if self._refusal(name, value):
                return False
            self.write(name, value)
        return True

    def execute(self, name: str) -> bool:
        """Run a command; False where the camera does not have it."""
        command = self._sdk.CCommandPtr(self._map.GetNode(name))
        if not (self._sdk.IsAvailable(command) and self._sdk.IsWritable(command)):
            return False
        command.Execute()
        return True

    def restore(self) -> list[str]:
        """Put back everything that was changed, the last change first, and let go of the camera.

        Returns the names that would not go back.
        """
        try:
            return self._restored()
        finally:
            self._before.clear()
            self._map = None

    def _restored(self) -> list[str]:
        failed: list[str] = []
        for _ in range(_ROUNDS):
            failed = [change[0] for change, value in reversed(self._before.items()) if not self._undo(change, value)]
            if not failed:
                break
        return failed

    def _undo(self, change: _Change, value: Value) -> bool:
        name, around = change
        try:
            for node, state in (*around, (name, value)):
                if self._read_as(node, state) != state:
                    self._set(node, state)
        except self._sdk.SpinnakerException as error:
            if error.errorcode == self._sdk.SPINNAKER_ERR_IO:
                raise
            return False
        return True

    def _state_around(self, name: str) -> tuple[tuple[str, Value], ...]:
        states = ((node, self._switch(node)) for node in NEEDS.get(name, ()))
        return tuple((node, state) for node, state in states if state is not None)

    def _switch(self, name: str) -> Value | None:
        entry = self.read(name, str)
        return self.read(name, bool) if entry is None else entry

    def _refusal(self, name: str, value: Value) -> str:
        """Why a value cannot be written now; empty when it can."""
        if not self.offers(name):
            return "it has no such feature, or not in its present state"
        pointer = self._pointer(name, type(value))
        if not self._sdk.IsAvailable(pointer):
            return "the feature is of another kind"
        if not self._sdk.IsWritable(pointer):
            return "the feature is read-only in its present state"
        if isinstance(value, str):
            entry = self._sdk.CEnumEntryPtr(pointer.GetEntryByName(value))
            return "" if self._sdk.IsAvailable(entry) and self._sdk.IsReadable(entry) else "it has no such entry"
        return "" if isinstance(value, bool) else _beyond(pointer, value)

    def _set(self, name: str, value: Value) -> None:
        pointer = self._pointer(name, type(value))
        if isinstance(value, str):
            pointer.SetIntValue(self._sdk.CEnumEntryPtr(pointer.GetEntryByName(value)).GetValue())
        else:
            pointer.SetValue(value)

    def _read_as(self, name: str, value: Value) -> Value | None:
        kind: type[Any] = type(value)
        return self.read(name, kind)

    def _pointer(self, name: str, kind: type[Value]) -> Any:
        return getattr(self._sdk, _POINTERS[kind])(self._map.GetNode(name))


def _beyond(pointer: Any, value: float) -> str:
    low, high = pointer.GetMin(), pointer.GetMax()
    step = pointer.GetInc() if isinstance(value, int) else 0
    if low <= value <= high and not (step and (value - low) % step):
        return ""
    return f"allowed are {low:g} to {high:g}" + (f" in steps of {step}" if step > 1 else "")


def _said(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
