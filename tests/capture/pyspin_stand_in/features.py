"""Features of a camera with their access rules, and the node classes through which PySpin shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pyspin_stand_in.codes import SpinnakerException

Value = bool | int | float | str


class Memory:
    """The values of all features of one device; those behind a selector have one for each of its entries."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self.features = features
        self.streaming = False
        self.gone = False
        self.fails_after: int | None = None
        """How many writes succeed before one fails."""
        self._values: dict[tuple[str, Value], Value] = {}

    def __getitem__(self, name: str) -> Value:
        """The value that the selector points at now; the power-on value when there is none."""
        return self.at(name, self._selected(name))

    def at(self, name: str, selected: Value) -> Value:
        feature = self.features[name]
        if feature.computed is not None:
            return feature.computed(self)
        start = feature.power_on.get(selected, feature.value)
        return self._values.get((name, selected), start)

    def __setitem__(self, name: str, value: Value) -> None:
        self._values[name, self._selected(name)] = value

    def set_at(self, name: str, selected: Value, value: Value) -> None:
        self._values[name, selected] = value

    def snapshot(self) -> dict[tuple[str, Value], Value]:
        """Every setting that differs from what the camera has after power-on."""
        return {
            (name, selected): value
            for (name, selected), value in self._values.items()
            if self.features[name].setting
            and value != self.features[name].power_on.get(selected, self.features[name].value)
        }

    def state(self) -> dict[tuple[str, Value], Value]:
        return dict(self._values)

    def put(self, state: Mapping[tuple[str, Value], Value]) -> None:
        """Become as it was when `state` was asked for."""
        self._values = dict(state)

    def _selected(self, name: str) -> Value:
        selector = self.features[name].selector
        return "" if selector is None else self[selector]


Rule = Callable[[Memory], bool]


def always(_: Memory) -> bool:
    return True


@dataclass(frozen=True)
class Feature:
    """One feature as the XML of a camera defines it."""

    value: Value
    """After power-on."""
    entries: tuple[str, ...] = ()
    selector: str | None = None
    power_on: Mapping[Value, Value] = field(default_factory=dict)
    """By entry of the selector, where it is not `value`."""
    available: Rule = always
    writable: Rule = always
    limits: Callable[[Memory], tuple[float, float]] | None = None
    step: int = 1
    while_streaming: bool = False
    setting: bool = True
    """False: a figure that the camera writes itself."""
    computed: Callable[[Memory], Value] | None = None
    command: Callable[[Memory], None] | None = None
    moves: Callable[[Memory], None] | None = None
    """What the camera changes by itself once this was written."""


class INode:
    """What a node map gives; it keeps the camera alive, as in PySpin."""

    def __init__(self, name: str, memory: Memory, keeps: object) -> None:
        self.name = name
        self.memory = memory
        self.keeps = keeps

    @property
    def feature(self) -> Feature:
        return self.memory.features[self.name]

    def available(self) -> bool:
        self.check()
        return self.feature.available(self.memory)

    def readable(self) -> bool:
        return self.available() and self.feature.command is None

    def writable(self) -> bool:
        if not self.available() or (self.memory.streaming and not self.feature.while_streaming):
            return False
        return self.feature.computed is None and self.feature.writable(self.memory)

    def check(self) -> None:
        if self.memory.gone:
            raise SpinnakerException("IO", "Could not access the camera: it was removed.")

    def write(self, value: Value) -> None:
        if self.memory.fails_after is not None:
            self.memory.fails_after -= 1
            if self.memory.fails_after < 0:
                self.memory.fails_after = None
                raise SpinnakerException("GENICAM_TIMEOUT", f"Writing {self.name} timed out.")
        self.memory[self.name] = value
        if self.feature.moves is not None:
            self.feature.moves(self.memory)


class NodeMap:
    def __init__(self, memory: Memory, keeps: object) -> None:
        self._memory = memory
        self._keeps = keeps

    def GetNode(self, name: str) -> INode | None:  # noqa: N802
        return INode(name, self._memory, self._keeps) if name in self._memory.features else None


class _Pointer:
    kinds: ClassVar[tuple[type, ...]] = ()

    def __init__(self, node: INode | None) -> None:
        fits = node is not None and type(node.feature.value) in self.kinds
        self.node = node if fits else None

    def GetValue(self) -> Any:  # noqa: N802
        return self._readable().memory[self._readable().name]

    def SetValue(self, value: Any) -> None:  # noqa: N802
        node = self._writable()
        if node.feature.limits is not None:
            low, high = node.feature.limits(node.memory)
            if not low <= value <= high or ((value - low) % node.feature.step and type(value) is int):
                raise SpinnakerException("GENICAM_OUT_OF_RANGE", f"Value {value} of {node.name} is out of range.")
        node.write(value)

    def GetMin(self) -> Any:  # noqa: N802
        return self._limits()[0]

    def GetMax(self) -> Any:  # noqa: N802
        return self._limits()[1]

    def GetInc(self) -> int:  # noqa: N802
        return self._readable().feature.step

    def _limits(self) -> tuple[float, float]:
        node = self._readable()
        low, high = (0, 0) if node.feature.limits is None else node.feature.limits(node.memory)
        kind = type(node.feature.value)
        return kind(low), kind(high)

    def _readable(self) -> INode:
        if self.node is None or not self.node.readable():
            raise SpinnakerException("GENICAM_ACCESS", "Node is not readable.")
        return self.node

    def _writable(self) -> INode:
        if self.node is None or not self.node.writable():
            raise SpinnakerException("GENICAM_ACCESS", f"Node {self.node and self.node.name} is not writable.")
        return self.node


class CValuePtr(_Pointer):
    kinds = (bool, int, float, str)


class CIntegerPtr(_Pointer):
    kinds = (int,)


class CFloatPtr(_Pointer):
    kinds = (float,)


class CBooleanPtr(_Pointer):
    kinds = (bool,)


class CStringPtr(_Pointer):
    kinds = (str,)


class CCommandPtr(_Pointer):
    kinds = (bool,)

    def Execute(self) -> None:  # noqa: N802
        node = self._writable()
        if node.feature.command is None:
            raise SpinnakerException("GENICAM_ACCESS", f"Node {node.name} is no command.")
        node.feature.command(node.memory)


class CEnumEntryPtr:
    def __init__(self, entry: CEnumEntryPtr | None) -> None:
        self.node = entry.node if entry is not None else None
        self.index = entry.index if entry is not None else -1

    @classmethod
    def of(cls, node: INode, index: int) -> CEnumEntryPtr:
        entry = cls(None)
        entry.node, entry.index = node, index
        return entry

    def GetValue(self) -> int:  # noqa: N802
        return self.index

    def GetSymbolic(self) -> str:  # noqa: N802
        return "" if self.node is None else self.node.feature.entries[self.index]


class CEnumerationPtr(_Pointer):
    kinds = (str,)

    def __init__(self, node: INode | None) -> None:
        super().__init__(node if node is not None and node.feature.entries else None)

    def GetEntryByName(self, name: str) -> CEnumEntryPtr | None:  # noqa: N802
        node = self._readable()
        entries = node.feature.entries
        return CEnumEntryPtr.of(node, entries.index(name)) if name in entries else None

    def GetCurrentEntry(self) -> CEnumEntryPtr:  # noqa: N802
        node = self._readable()
        return CEnumEntryPtr.of(node, node.feature.entries.index(str(node.memory[node.name])))

    def SetIntValue(self, value: int) -> None:  # noqa: N802
        node = self._writable()
        node.write(node.feature.entries[value])


def IsAvailable(pointer: _Pointer | CEnumEntryPtr) -> bool:  # noqa: N802
    return pointer.node is not None and pointer.node.available()


def IsReadable(pointer: _Pointer | CEnumEntryPtr) -> bool:  # noqa: N802
    return pointer.node is not None and pointer.node.readable()


def IsWritable(pointer: _Pointer | CEnumEntryPtr) -> bool:  # noqa: N802
    return pointer.node is not None and pointer.node.writable()
