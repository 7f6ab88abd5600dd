"""From an image of Spinnaker to a `Frame` that owns its pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import CameraInfo, Frame, FrameStatus, Raw
from nirvis_capture.cameras.genicam import Value, sensor_counts
from nirvis_capture.cameras.genicam_numbers import FrameNumbers
from nirvis_capture.errors import CameraError
from nirvis_capture.frame_counter import counter_rule
from nirvis_capture.profile import ArmSettings

_STORED_BITS = {"8": 8, "12": 16, "12p": 12, "16": 16}


class ImageReader:
    """Reads the images of one arming.

    chunks
        What every image carries.
    counter_node
        Reads the frame counter of the newest image from the camera; None where the image has it itself.
    """

    def __init__(
        self,
        sdk: Any,
        info: CameraInfo,
        settings: ArmSettings,
        chunks: frozenset[str],
        counter_node: Callable[[], Value | None] | None,
    ) -> None:
        self.frames = 0
        self.incomplete: Counter[str] = Counter()
        """Incomplete images by what was wrong with them."""
        self._sdk = sdk
        self._info = info
        self._settings = settings
        self._chunks = chunks
        self._counter_node = counter_node
        self._numbers = FrameNumbers(counter_rule(settings.model))

    def read(self, image: Any, host_ns: int) -> Frame:
        """The frame of an image that is not released yet. Raises `CameraError` when the image has another shape."""
        self.frames += 1
        status = image.GetImageStatus()
        complete = status == self._sdk.SPINNAKER_IMAGE_STATUS_NO_ERROR and not image.IsIncomplete()
        if not complete:
            self.incomplete[str(self._sdk.Image.GetImageStatusDescription(status))] += 1
        chunk = image.GetChunkData() if complete and self._chunks else None
        return Frame(
            pixels=self._pixels(image, complete),
            frame_id=self._frame_id(image, chunk),
            timestamp_ns=int(self._carried(chunk, "Timestamp", image.GetTimeStamp())),
            host_ns=host_ns,
            exposure_us=float(self._carried(chunk, "ExposureTime", self._settings.exposure_us)),
            gain_db=float(self._carried(chunk, "Gain", self._settings.gain_db)),
            status=FrameStatus.COMPLETE if complete else FrameStatus.INCOMPLETE,
        )

    def _carried(self, chunk: Any, name: str, otherwise: float) -> float:
        """What an image says of itself; `otherwise` where it does not."""
        value: float = getattr(chunk, f"Get{name}")() if chunk is not None and name in self._chunks else otherwise
        return value

    def _frame_id(self, image: Any, chunk: Any) -> int:
        """Counted by the camera. The chunks of an incomplete image are missing, so that its transport has to say."""
        block = int(image.GetFrameID())
        return self._numbers.frame_id(block, None if chunk is None else self._counted(chunk, block))

    def _counted(self, chunk: Any, block: int) -> int:
        if self._counter_node is not None:
            counted = self._counter_node()
            return block if counted is None else int(counted)
        return int(self._carried(chunk, "FrameID", block))

    def _pixels(self, image: Any, complete: bool) -> Raw:
        shape = self._info.height, self._info.width
        try:
            return counts(image.GetNDArray(), shape, self._settings)
        except (self._sdk.SpinnakerException, CameraError):
            if complete:
                raise
        # What is left of an incomplete image is not always a picture.
        return np.zeros(shape, self._info.dtype)


def counts(buffer: NDArray[Any], shape: tuple[int, int], settings: ArmSettings) -> Raw:
    """A copy of the counts in a buffer of the driver, unpacked, ``(H, W)``.

    Raises `CameraError` when the buffer does not hold a picture of that shape in the pixel format of the settings.
    """
    pixel_format = settings.pixel_format
    stored = np.ascontiguousarray(buffer).reshape(-1).view(np.uint8)
    if stored.size * 8 != shape[0] * shape[1] * _STORED_BITS[pixel_format.removeprefix("Bayer")[2:]]:
        raise CameraError(
            f"Camera {settings.serial} sent an image of {stored.size} bytes, which is no {pixel_format} of "
            f"{shape[1]} × {shape[0]} pixels; load its default user set in SpinView and try again."
        )
    return sensor_counts(stored, pixel_format, shape, settings.sensor.bit_depth)
