"""The errors of datasets, below `NirvisError`.

NirvisError
└── DatasetError        a folder, catalogue, split or pairs file that cannot become batches
    ├── TableError      catalogue.csv or splits.csv is missing, or a line of it cannot be read
    ├── SplitError      recordings that cannot be divided without leakage
    ├── FramesFileError a file of frames that cannot be used
    ├── ImportRefused   a folder or video that is not what it was said to be
    └── ExportRefused   a dataset that cannot be written in a format, or there
"""

from __future__ import annotations

from pathlib import Path

from nirvis_capture.errors import NirvisError


class DatasetError(NirvisError):
    """A folder, catalogue, split or pairs file that cannot become batches."""


class TableError(DatasetError):
    """``catalogue.csv`` or ``splits.csv`` is missing, or a line of it cannot be read."""


class SplitError(DatasetError):
    """Recordings that cannot be divided into sets without leakage."""


class FramesFileError(DatasetError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be used as frames: {reason}. Import it again: nirvis import-dataset")


class ImportRefused(DatasetError):
    """A folder or video that is not what it was said to be."""


class ExportRefused(DatasetError):
    """A dataset that cannot be written in a format, or to a place."""
