"""The errors of datasets, below `NirvisError`.

NirvisError
└── DatasetError        a folder, catalogue, split or pairs file that cannot become batches
    ├── TableError      catalogue.csv or splits.csv is missing, or a line of it cannot be read
    └── SplitError      recordings that cannot be divided without leakage
"""

from __future__ import annotations

from nirvis_capture.errors import NirvisError


class DatasetError(NirvisError):
    """A folder, catalogue, split or pairs file that cannot become batches."""


class TableError(DatasetError):
    """``catalogue.csv`` or ``splits.csv`` is missing, or a line of it cannot be read."""


class SplitError(DatasetError):
    """Recordings that cannot be divided into sets without leakage."""
