"""Names and numbers of PySpin that nirvis meets, and its exception."""

from __future__ import annotations

ERRORS = {
    "SUCCESS": 0,
    "ERROR": -1001,
    "NOT_INITIALIZED": -1002,
    "RESOURCE_IN_USE": -1004,
    "ACCESS_DENIED": -1005,
    "INVALID_HANDLE": -1006,
    "INVALID_PARAMETER": -1009,
    "IO": -1010,
    "TIMEOUT": -1011,
    "ABORT": -1012,
    "NOT_AVAILABLE": -1014,
    "BUSY": -1022,
}
GENICAM_ERRORS = {"OUT_OF_RANGE": -2002, "ACCESS": -2006, "TIMEOUT": -2007}
IMAGE_STATUS = {"NO_ERROR": 0, "MISSING_PACKETS": 3, "DATA_INCOMPLETE": 9}
EVENT_TIMEOUT_INFINITE = 2**64 - 1


class SpinnakerException(Exception):
    def __init__(self, code: str, said: str) -> None:
        self.errorcode = {**{f"GENICAM_{name}": number for name, number in GENICAM_ERRORS.items()}, **ERRORS}[code]
        self.message = f"Spinnaker: {said} [{self.errorcode}]"
        super().__init__(self.message)
