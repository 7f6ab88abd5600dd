"""The errors of training, below `NirvisError`.

NirvisError
├── ConfigError         a training configuration with mistakes (exit status 2)
├── FeaturesError       a file of pretrained features that cannot be used
├── RunError            a run folder that cannot be used
│   ├── NotARun         no run folder, or one of a later version
│   └── RunTaken        a run folder where a new one should begin, or one that is being trained
├── TrainingError       training cannot go on
│   ├── Diverged        a loss or a gradient is no longer a number
│   ├── OutOfMemory     a step does not fit into the memory
│   └── TeacherError    a run that cannot teach another
└── WeightsError        a file of weights that cannot be used
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nirvis_capture.errors import NirvisError
from nirvis_capture.wording import counted


class ConfigError(NirvisError):
    """A training configuration with mistakes; `mistakes` holds every one, each begins with its path."""

    exit_status = 2

    def __init__(self, origin: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = counted(len(self.mistakes), "mistake")
        super().__init__(
            "\n".join([f"{origin}: {count} in the training configuration", *(f"  {m}" for m in self.mistakes)])
        )


class FeaturesError(NirvisError):
    """A file of pretrained features that cannot be used."""


class RunError(NirvisError):
    """A run folder that cannot be used."""


class NotARun(RunError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a training run: {reason}.")


class RunTaken(RunError):
    """A run folder that is in use, or where another one already is."""


class TrainingError(NirvisError):
    """Training cannot go on."""


class Diverged(TrainingError):
    """`broken` names what is no number, as ``loss term colour`` or ``gradient of generator``."""

    def __init__(self, broken: Sequence[str], samples: int, learning_rate: float) -> None:
        super().__init__(
            f"No longer a number after {counted(samples, 'sample')}: {', '.join(broken)}. This step was not taken. "
            f"Start a new run with a lower learning_rate (now {learning_rate:g}) or a larger batch_size; if it comes "
            "back at the same place, look for a broken pair in the dataset."
        )


class OutOfMemory(TrainingError):
    def __init__(self, batch_size: int, accumulate: int, crop: int, precision: str) -> None:
        remedies = [
            f"accumulate = {2 * accumulate} (takes a batch in more parts; the same step, now {accumulate})",
            f"a smaller batch_size (now {batch_size}) or crop (now {crop})",
            "a smaller method.width",
        ]
        if precision == "fp32":
            remedies.insert(1, 'precision = "bf16"')
        super().__init__(f"There is not enough memory for a training step. What helps: {'; '.join(remedies)}.")


class TeacherError(TrainingError):
    def __init__(self, teacher: Path, reason: str, remedy: str) -> None:
        super().__init__(f"method.teacher = {teacher} cannot teach this run: {reason}. {remedy}")


class WeightsError(NirvisError):
    """A file of weights that cannot be read, or that holds another network."""
