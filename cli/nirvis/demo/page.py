"""The page that the demo leaves: what was recorded, how well it was registered, what was learnt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nirvis.demo.way import Recorded, Registered, Way
from nirvis_capture.picture_file import in_eight_bits, read_picture
from nirvis_capture.report import Report, checkerboard
from nirvis_capture.wording import counted
from nirvis_registration.pair_file import PairsFile
from nirvis_training.evaluation import Evaluation, Interval
from nirvis_training.judgement import TITLES, Contestant, Scores
from nirvis_training.protocol import FIGURES, Metric
from nirvis_training.run_folder import RunFolder

_METRICS: tuple[Metric, ...] = ("psnr_rgb_db", "ssim_rgb", "ciede2000")
_SHOWN_CLIPS = 3


def write_page(
    way: Way, lead: str, recorded: Sequence[Recorded], registered: Sequence[Registered], evaluation: Evaluation
) -> Path:
    """One self-contained HTML file beside the video; returns its path."""
    report = Report("nirvis: near infrared, seen in colour", lead=lead)
    _key_figures(report, recorded, registered, evaluation)
    _colour(report, way, registered, evaluation)
    _recordings(report, recorded)
    _registrations(report, registered)
    _training(report, way, evaluation)
    return report.write(way.report)


def _key_figures(
    report: Report, recorded: Sequence[Recorded], registered: Sequence[Registered], evaluation: Evaluation
) -> None:
    prediction, before = evaluation.overall["prediction"], evaluation.overall["input"]
    errors = [clip.corner_error_px for clip in registered]
    report.numbers(
        [
            (
                f"{prediction['psnr_rgb_db'].mean:.1f} dB",
                f"PSNR of the colour (input {before['psnr_rgb_db'].mean:.1f})",
            ),
            (f"{prediction['ciede2000'].mean:.1f}", f"CIEDE2000 (input {before['ciede2000'].mean:.1f})"),
            (str(sum(clip.complete for clip in recorded)), f"pairs in {counted(len(recorded), 'clip')}, all verified"),
            (f"{np.median(errors):.2f} px", "median corner error of registration"),
        ]
    )


def _colour(report: Report, way: Way, registered: Sequence[Registered], evaluation: Evaluation) -> None:
    places = {clip.pairs.name: clip.place for clip in registered}
    report.heading("Colour on clips that the network has not seen")
    for example in evaluation.examples:
        folder = way.run / "evaluation"
        files = (
            (example.source, "input"),
            (example.prediction, "prediction"),
            (example.target, "truth"),
            (example.error, "error, CIEDE2000 from 0 (black) to 30 (white)"),
        )
        pictures = [
            (in_eight_bits(read_picture(folder / name)), caption) for name, caption in files if name is not None
        ]
        report.paragraph(
            f"{places[Path(example.clip).name]}, {example.mode} mode: PSNR {example.scores['psnr_rgb_db']:.1f} dB, "
            f"CIEDE2000 {example.scores['ciede2000']:.1f}",
            note=True,
        )
        report.pictures(pictures, columns=4)
    report.video(way.video.relative_to(way.root), "A night clip of the test set: input and recovered colour")
    _comparison(report, evaluation)


def _comparison(report: Report, evaluation: Evaluation) -> None:
    report.heading("Beside answers that need no training")
    header = ["", *(FIGURES[metric].title for metric in _METRICS)]
    report.table(header, _score_rows(evaluation.overall), emphasised=0)
    for mode, scores in evaluation.groups["mode"].items():
        report.paragraph(f"{mode} clips only", note=True)
        report.table(header, _score_rows(scores), emphasised=0)
    report.paragraph(
        f"Means over clips ({evaluation.extent}) of the test set, with 95 % intervals where "
        "there are two clips more than modes. No recording and no known place is in two sets. PSNR "
        "and SSIM: higher is better; CIEDE2000: lower is better.",
        note=True,
    )


def _recordings(report: Report, recorded: Sequence[Recorded]) -> None:
    report.heading("Recorded and verified")
    report.table(
        ["clip", "mode", "place", "pairs", "losses", "certificate"],
        [[clip.path.name, clip.mode, clip.place, str(clip.complete), str(clip.lost), clip.claim] for clip in recorded],
    )


def _registrations(report: Report, registered: Sequence[Registered]) -> None:
    report.heading("Registered")
    boards = []
    for clip in _spread(registered, _SHOWN_CLIPS):
        with PairsFile.open(clip.pairs) as pairs:
            middle = len(pairs) // 2
            source, target = pairs.source(middle).astype(np.uint8), pairs.target(middle).astype(np.uint8)
            boards.append((checkerboard(source, target), f"{clip.mode}, {clip.place}"))
    report.pictures(boards, columns=len(boards))
    report.paragraph("Near infrared and visible in turn: edges run on across the tiles.", note=True)
    report.table(
        ["clip", "mode", "pairs", "inliers", "corner error against the known transform"],
        [
            [clip.clip.name, clip.mode, str(clip.complete), str(clip.inliers), f"{clip.corner_error_px:.2f} px"]
            for clip in registered
        ],
    )


def _training(report: Report, way: Way, evaluation: Evaluation) -> None:
    run = RunFolder(way.run)
    report.heading("Trained")
    points = [(float(line["samples"]), float(line["val_psnr_db"])) for line in run.metrics() if "val_psnr_db" in line]
    if len(points) > 1:
        report.curve(points, x="samples seen", y="PSNR on the validation clips in dB")
    status = run.status
    report.paragraph(
        f"{evaluation.method} of width {run.config.method.width}: {status.samples} crops of {run.config.crop} px in "
        f"{status.seconds:.0f} s. Perceptual term: {_features(evaluation.features)}"
    )
    for metric, reason in evaluation.not_computed.items():
        report.paragraph(f"{metric} is not computed: {reason}.", note=True)


def _features(features: str) -> str:
    if features == "none":
        return "none; this narrow network was trained without the VGG features of the paper."
    return f"{features}."


def _score_rows(scores: dict[Contestant, Scores]) -> list[list[str]]:
    return [
        [TITLES[name], *(_interval(found[metric]) for metric in _METRICS)]
        for name, found in scores.items()
        if all(metric in found for metric in _METRICS)
    ]


def _interval(value: Interval) -> str:
    if value.low is None or value.high is None:
        return f"{value.mean:.3g}"
    return f"{value.mean:.3g} ({value.low:.3g} to {value.high:.3g})"


def _spread(clips: Sequence[Registered], count: int) -> Iterable[Registered]:
    steps = np.linspace(0, len(clips) - 1, min(count, len(clips)))
    return [clips[round(float(step))] for step in steps]
