"""The demo from the first frame to the report, one line for each station."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nirvis.commands.evaluate import table
from nirvis.demo.page import write_page
from nirvis.demo.takes import Take
from nirvis.demo.way import Registered, Way, prepare, prove, record, register
from nirvis.progress import progress_bar
from nirvis.session import catalogue_and_split
from nirvis.training_bar import training_bar
from nirvis_registration.settings import RegistrationSettings
from nirvis_training.colorize_files import colorize_to
from nirvis_training.config import load_config
from nirvis_training.evaluate import evaluate
from nirvis_training.evaluation import Evaluation
from nirvis_training.export import export
from nirvis_training.loop import train
from nirvis_training.protocol import Protocol

REGISTRATION = RegistrationSettings(size=(320, 240), frames=2, features=2000)
"""A quarter of the pixels of the default, so that three minutes suffice to learn from them; corners still agree to
about 0.1 px of the sensor."""
SCORED_PAIRS = 6
"""Pairs of a clip that are scored: they hardly differ within seconds."""


def go(out: Path, takes: Sequence[Take], lead: str, train_seconds: float, seed: int) -> Evaluation:
    """Every station in turn; ends by printing where things are and what the numbers were."""
    way = prepare(out)
    recorded = prove(record(way, takes))
    registered = register(way, [clip.path for clip in recorded], REGISTRATION)
    catalogue_and_split(way.pairs, place_unknown_as="recording")
    learn(way, train_seconds, seed)
    evaluation = judge(way)
    export(way.run, way.model)
    show_colour(way, registered, evaluation)
    write_page(way, lead, recorded, registered, evaluation)
    print("\n".join(summary(way, evaluation)))
    return evaluation


def learn(way: Way, seconds: float, seed: int) -> None:
    """Train the narrow network for a while."""
    config = load_config("ssn_demo", {"max_seconds": seconds, "seed": seed})
    with training_bar() as show:
        train(config, way.pairs, way.run, show)


def judge(way: Way) -> Evaluation:
    """Score the held-out clips."""
    with progress_bar("evaluate", "pair") as show:
        return evaluate(way.run, way.pairs, protocol=Protocol(pairs_per_clip=SCORED_PAIRS), progress=show)


def show_colour(way: Way, registered: Sequence[Registered], evaluation: Evaluation) -> None:
    """Colour a held-out night clip as a video; a day clip where no night clip was held out."""
    tested = {Path(clip.clip).name for clip in evaluation.by_clip}
    held_out = [clip for clip in registered if clip.pairs.name in tested]
    chosen = min(held_out, key=lambda clip: clip.mode != "night")
    with progress_bar("colorize", "picture") as show:
        colorize_to(way.model, chosen.clip, way.video, side_by_side=True, progress=show)


def summary(way: Way, evaluation: Evaluation) -> list[str]:
    """What the demo ends by printing."""
    verdict = "beats" if evaluation.beats_baselines() else "does not beat"
    return [
        "",
        *table(evaluation),
        f"The prediction {verdict} input, grey world and mean colour in PSNR and CIEDE2000.",
        "",
        f"clips   {way.clips}",
        f"pairs   {way.pairs}",
        f"run     {way.run}",
        f"model   {way.model}",
        f"video   {way.video}",
        f"report  {way.report}",
    ]
