"""``nirvis train``: a new training run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tomlkit
from cyclopts import Parameter
from tomlkit.exceptions import TOMLKitError

from nirvis_capture.errors import WrongOption
from nirvis_capture.settings import TomlValue
from nirvis_capture.wording import counted
from nirvis_training.config import USUAL_CONFIG, load_config, shipped_configs
from nirvis_training.errors import ConfigError
from nirvis_training.run_folder import refuse_taken

if TYPE_CHECKING:
    from nirvis_training.method_settings.base import MethodSettings
    from nirvis_training.run_folder import Best, RunFolder


_CONFIGS = (
    f"A TOML file, or a configuration that comes with nirvis: {', '.join(shipped_configs())}. {USUAL_CONFIG} takes "
    "minutes on a processor and no other file; nirvis methods says which others want pretrained weights."
)


_NEGATIVE = -0.1
"""Luma correlation below which pictures are negatives, and not only unlike what they should be."""


def train(
    config: Annotated[str, Parameter(help=_CONFIGS)] = USUAL_CONFIG,
    /,
    *,
    dataset: str | None = None,
    session: Path | None = None,
    out: Path | None = None,
    changes: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    place_unknown_as: Literal["recording"] | None = None,
) -> None:
    """Train a network to see visible colour in near infrared.

    Ctrl-C and SIGTERM write a checkpoint and end the run; `nirvis resume` goes on from there. On several GPUs:
    torchrun --nproc-per-node N -m nirvis train … (docs/training.md).

    Parameters
    ----------
    dataset
        Folder of registered pairs with catalogue.csv and splits.csv. Or folder of shards, as export-dataset --format
        shards writes it, or its URL in a store, such as s3://bucket/shards.
    session
        Instead of --dataset: a folder of clips. What is missing is registered into its folder pairs, catalogued and
        split first.
    out
        Folder for the run, which must not exist yet; by default a new one in the dataset's folder runs. Of a dataset in
        a store it has to be given.
    changes
        Change one setting, as in --set method.width=32; may be repeated.
    place_unknown_as
        With --session: let a recording without a place count as a place of its own when splitting.
    """
    settings = load_config(config, parse_changes(changes))
    if (dataset is None) == (session is None):
        raise WrongOption(
            "Give one of --dataset (registered pairs) and --session (clips): what shall be learnt from? "
            "Clips to try it with: nirvis twin render --out streets"
        )
    if out is None and "://" in (dataset or ""):
        raise WrongOption(f"{dataset} is a store, where no run can be: give --out a folder of this machine.")
    home = session or Path(dataset or "")
    out = out or home / "runs" / f"{Path(config).stem}-{datetime.now().astimezone():%Y%m%dT%H%M%S}"
    refuse_taken(out)
    if session is not None:
        if os.environ.get("WORLD_SIZE", "1") != "1":
            raise WrongOption("--session is for one process: register first, then give --dataset.")
        from nirvis.session import prepare_session

        dataset = str(prepare_session(session, place_unknown_as))
    from nirvis.training_bar import training_bar
    from nirvis_training.distribution import is_first_process
    from nirvis_training.loop import train as run_training

    with training_bar() as show:
        run = run_training(settings, dataset or home, out, show, lambda made: print(f"training into {made.path}"))
    if is_first_process():
        tell(run)


def tell(run: RunFolder) -> None:
    """Print how the training ended, and what to do next."""
    status, best = run.status, run.best
    trained = f"{counted(status.samples, 'sample')} in {status.seconds:.0f} s"
    print(f"{status.state}: {trained}; perceptual features: {run.features}")
    if best is not None:
        print(f"best weights: {_reached(best)} at {counted(best.samples, 'sample')}")
        if not run.config.method.paired and (likeness := best.val_luma_correlation or 0.0) < _NEGATIVE:
            print(_negative(likeness, run.config.method))
    print(f"next: nirvis resume {run.path}" if status.state == "interrupted" else run.path)


def _negative(likeness: float, method: MethodSettings) -> str:
    """What it means when light and dark come out exchanged, and what helps."""
    remedy = "another seed, or more samples"
    if "identity_weight" in type(method).model_fields:
        remedy = f"--set method.identity_weight=5, or {remedy}"
    return (
        f"they make negatives: the luma of their validation pictures goes against what it should be (correlation "
        f"{likeness:.2f}). What is only told to find its way back can find it from a negative as well. Try {remedy}"
    )


def _reached(best: Best) -> str:
    if best.val_psnr_db is None or best.val_ssim is None:
        return "the newest, for want of visible partners to score by,"
    return f"{best.val_psnr_db:.2f} dB PSNR, SSIM {best.val_ssim:.3f}"


def parse_changes(assignments: Iterable[str]) -> dict[str, TomlValue]:
    """``method.width=16`` → ``{"method.width": 16}``; what is no TOML value is taken as text."""
    changes = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not all(path.split(".")):
            raise ConfigError("--set", [f"{assignment}: wants a setting and its value, as in method.width=32"])
        changes[path] = _value(text)
    return changes


def _value(text: str) -> TomlValue:
    try:
        value: TomlValue = tomlkit.value(text).unwrap()
        return value
    except TOMLKitError:
        return text
