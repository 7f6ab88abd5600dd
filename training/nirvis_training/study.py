"""A page for a user study: two translations of one clip side by side, in blind order; answers leave it as CSV.

Forced choice with "no preference" as Wu et al. (2020) asked, ratings of realism and fluency from 1 to 10 as Li et al.
(2021) did. The page is one file that needs no server: videos lie inside, and the order of questions and sides is drawn
anew for every viewer. Names of methods are in it only in base64, so that nobody reads them by accident.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from nirvis_datasets.split import Subset
from nirvis_training.judged_pictures import Judged, JudgedPictures
from nirvis_training.judgement import EvaluationError
from nirvis_training.scoring import Predict, to_picture
from nirvis_training.video import Mp4

SECONDS = 3.0
"""How much of a clip is shown: raters tire, and the page has to travel."""
CLIPS = 12
_SOURCE = ""


@dataclass(frozen=True, slots=True)
class Showing:
    """One clip as a rater may see it, as MP4."""

    clip: str
    source: bytes
    translations: dict[str, bytes]
    """By name of the method."""


def make_study(
    out: Path,
    methods: Mapping[str, Predict],
    dataset: Path,
    subset: Subset = "test",
    *,
    clips: int = CLIPS,
    seconds: float = SECONDS,
) -> Path:
    """Translate the beginnings of clips by every method, and write the page.

    Raises `DatasetError`, and `EvaluationError` when there are not two methods.
    """
    if len(methods) < 2:
        raise EvaluationError(f"a study compares two runs at least, got {', '.join(methods) or 'none'}")
    showings = []
    for entry, rate_hz, opening in itertools.islice(JudgedPictures(dataset, subset).openings(seconds), clips):
        videos = film(opening, methods, rate_hz)
        showings.append(Showing(entry.stem, videos.pop(_SOURCE), videos))
    return write_study(out, showings)


def film(pictures: Iterable[Judged], methods: Mapping[str, Predict], rate_hz: float) -> dict[str, bytes]:
    """MP4s of the input, under an empty name, and of every method's translation, one picture in memory at a time."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{number}.mp4" for number, name in enumerate((_SOURCE, *methods))}
        videos = {name: Mp4(path, rate_hz) for name, path in paths.items()}
        for judged in pictures:
            videos[_SOURCE].write(judged.name, to_picture(judged.source))
            for name, predict in methods.items():
                videos[name].write(judged.name, to_picture(predict(judged.source)))
        for video in videos.values():
            video.finish()
        return {name: path.read_bytes() for name, path in paths.items()}


def write_study(out: Path, showings: Sequence[Showing], title: str = "Which colours look right?") -> Path:
    """One question for every clip and every two methods, as one HTML file."""
    videos: list[bytes] = []

    def place(video: bytes) -> int:
        videos.append(video)
        return len(videos) - 1

    questions = []
    for one in showings:
        source, numbers = place(one.source), {name: place(video) for name, video in one.translations.items()}
        for two in itertools.combinations(one.translations, 2):
            pair = [{"name": _veiled(name), "video": numbers[name]} for name in two]
            questions.append({"clip": one.clip, "source": source, "pair": pair})
    content = {"questions": questions, "videos": [base64.b64encode(video).decode("ascii") for video in videos]}
    page = (files(__package__) / "study.html").read_text(encoding="utf-8")
    # "</" would end the script element, whatever the JSON around it says.
    text = json.dumps(content).replace("</", "<\\/")
    draft = out.with_name(out.name + ".part")
    draft.write_text(page.replace("{{title}}", escape(title)).replace("{{content}}", text), encoding="utf-8")
    os.replace(draft, out)
    return out


def _veiled(name: str) -> str:
    return base64.b64encode(name.encode()).decode("ascii")
