"""``nirvis export``: one file that anything can run."""

from __future__ import annotations

from pathlib import Path


def export(run: Path, /, *, out: Path | None = None) -> None:
    """Write the best weights of a run as ONNX, with the contract that says what goes in and what comes out.

    Parameters
    ----------
    run
        Folder of a training run.
    out
        File to write, model.onnx in the run folder by default; its contract also lies beside it as .json.
    """
    from nirvis_training.export import export as write_model

    print(write_model(run, out or run / "model.onnx"))
