"""The number of a frame: counted by its camera where the frame carries that, else by the transport."""

from __future__ import annotations

from nirvis_capture.frame_counter import CounterRule, FrameCounter


class FrameNumbers:
    """Ids of one arming; frames that carry no count, as incomplete ones, fall in among those that do."""

    def __init__(self, rule: CounterRule) -> None:
        self._counter = FrameCounter(rule)
        self._ahead_of_block = 0
        """What the counter of the camera is ahead of the counter of the transport."""

    def frame_id(self, block: int, counted: int | None) -> int:
        """The id of the next frame.

        block
            Its number by the transport, which only rises.
        counted
            Its number by the camera, which may wrap; None where the frame does not carry it.
        """
        if counted is None:
            return block + self._ahead_of_block
        frame_id = self._counter.unwrap(counted)
        self._ahead_of_block = frame_id - block
        return frame_id
