"""The page that an evaluation leaves: figures, groups, the worst pictures, every clip; one file, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from nirvis_capture.picture_file import in_eight_bits, read_picture
from nirvis_capture.report import Report, Rgb
from nirvis_capture.wording import counted
from nirvis_training.evaluation import DISTANCE_HEADER, PREDICTION, Evaluation, Example, distance_rows, shown
from nirvis_training.judgement import TITLES, ClipScores, Group, Judgement, Scores
from nirvis_training.protocol import FIGURES, Metric

GROUP_TITLES: dict[Group, str] = {"mode": "By mode", "place": "By place", "hour": "By hour of the day", "rig": "By rig"}
_KEY_FIGURES: tuple[Metric, ...] = ("psnr_rgb_db", "ssim_rgb", "ciede2000", "lpips_alex_v0_1", "warp_error")


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """``report.html`` beside the pictures of the evaluation, which it contains."""
    report = Report(
        f"{evaluation.run}: how close to the visible truth",
        lead=f"{_method(evaluation)}, best weights, on {evaluation.extent} "
        f"(set {evaluation.subset} of {', '.join(evaluation.datasets)}).",
    )
    prediction, before = evaluation.overall[PREDICTION], evaluation.overall["input"]
    report.numbers(
        (f"{prediction[m].mean:.{FIGURES[m].digits}f}", f"{FIGURES[m].title}{_before(before, m)}")
        for m in _KEY_FIGURES
        if m in prediction
    )
    report.heading("Beside answers that need no training")
    report.table(["", *titles(evaluation)], unbroken(score_rows(evaluation, evaluation.overall)), emphasised=0)
    note_intervals(report, evaluation)
    add_distances(report, evaluation)
    _examples(report, folder, evaluation)
    _groups(report, evaluation)
    _clips(report, evaluation)
    add_protocol(report, evaluation)
    return report.write(folder / "report.html")


def titles(judgement: Judgement) -> list[str]:
    """Of the metrics that were computed, with an arrow to the better side."""
    return [f"{FIGURES[m].title} {'↑' if FIGURES[m].higher_is_better else '↓'}" for m in judgement.metrics]


def score_rows(judgement: Judgement, scores: dict[str, Scores]) -> list[list[str]]:
    return [
        [TITLES.get(name, name), *(shown(scores.get(name, {}), metric) for metric in judgement.metrics)]
        for name in judgement.contestants
        if scores.get(name)
    ]


def unbroken(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Figures that stay on one line with their interval."""
    return [[cell.replace(" ", "\u00a0") if cell[:1].isdigit() else cell for cell in row] for row in rows]


def note_intervals(report: Report, judgement: Judgement) -> None:
    report.paragraph(
        "Mean over clips and its 95 % interval (Student's, of the spread of clips within their mode), where there "
        "are two clips more than modes. ↑ higher is better, ↓ lower is better. The row of the truth says how steady "
        "the visible video itself is.",
        note=True,
    )
    for what, reason in judgement.not_computed.items():
        report.paragraph(f"Not computed: {what}: {reason}.", note=True)


def add_distances(report: Report, judgement: Judgement) -> None:
    """FID and KID, of all pictures and of each mode; other groups are in the JSON and, of the prediction, below."""
    if not judgement.distances:
        return
    report.heading("Distances between collections")
    for title, found in judgement.main_distances():
        report.paragraph(f"{title} pictures", note=True)
        report.table(DISTANCE_HEADER, unbroken(distance_rows(found)))
    report.paragraph(
        f"Against the visible pictures of the {judgement.protocol.reference} set, in pool3 features of Inception-V3. "
        "FID grows as pictures get fewer: compare only figures of equally many. KID has no such bias; ± is the "
        "deviation over its subsets.",
        note=True,
    )
    if not judgement.backbones["inception"].published:
        report.paragraph("These are not the weights of published figures: compare with this file only.", note=True)


def add_protocol(report: Report, judgement: Judgement) -> None:
    """What the figures depend on."""
    report.heading("How it was computed")
    protocol = judgement.protocol
    stored = {"round": "rounded to 8 bits", "trunc": "truncated to 8 bits", "none": "not quantised"}[protocol.quantise]
    chosen = (
        "all pictures"
        if protocol.pairs_per_clip is None
        else f"{counted(protocol.pairs_per_clip, 'picture')} of each clip"
    )
    report.paragraph(f"Predictions {stored}; {chosen}; seed of the subsets of KID {protocol.seed}.")
    report.table(["metric", "what it is"], [[FIGURES[m].title, FIGURES[m].meaning] for m in judgement.metrics])
    if judgement.backbones:
        report.table(
            ["pretrained weights", "file", "sha256", "as published"],
            [[n, b.file, b.sha256, "yes" if b.published else "no"] for n, b in judgement.backbones.items()],
        )


def _method(evaluation: Evaluation) -> str:
    return f"{evaluation.method} ({evaluation.variant}), trained on {_rigs(evaluation)}"


def _before(scores: Scores, metric: Metric) -> str:
    return f" (input {scores[metric].mean:.{FIGURES[metric].digits}f})" if metric in scores else ""


def _examples(report: Report, folder: Path, evaluation: Evaluation) -> None:
    report.heading("The worst pictures, and typical ones")
    for example in evaluation.examples:
        figures = (f"{FIGURES[m].title} {value:.{FIGURES[m].digits}f}" for m, value in example.scores.items())
        report.paragraph(f"{example.clip}, {example.name} ({example.why}): {', '.join(figures)}", note=True)
        views = _views(folder, example)
        report.pictures(views, columns=4)


def _views(folder: Path, example: Example) -> list[tuple[Rgb, str]]:
    named = (
        (example.source, "input"),
        (example.prediction, "prediction"),
        (example.target, "truth"),
        (example.error, "CIEDE2000, 0 black to 30 white"),
    )
    return [(in_eight_bits(read_picture(folder / file)), caption) for file, caption in named if file is not None]


def _groups(report: Report, evaluation: Evaluation) -> None:
    for group, values in evaluation.groups.items():
        if len(values) < 2 and group != "rig":
            continue
        report.heading(GROUP_TITLES[group])
        if group == "rig":
            report.paragraph(
                f"Trained on {', '.join(evaluation.trained_on_rigs) or 'no rig'}; rows: tested on.", note=True
            )
        report.table(
            [group, "clips", *titles(evaluation), *_distance_titles(evaluation, group)],
            unbroken(_group_row(evaluation, group, value, scores[PREDICTION]) for value, scores in values.items()),
        )


def _group_row(evaluation: Evaluation, group: Group, value: str, scores: Scores) -> list[str]:
    clips = sum(clip.value_of(group) == value for clip in evaluation.by_clip)
    figures = [shown(scores, metric) for metric in evaluation.metrics]
    return [value, str(clips), *figures, *_group_distances(evaluation, group, value)]


def _distance_titles(evaluation: Evaluation, group: Group) -> list[str]:
    return DISTANCE_HEADER[1:] if group in evaluation.distances else []


def _group_distances(evaluation: Evaluation, group: Group, value: str) -> list[str]:
    """FID and KID of the prediction in one place, say; dashes where it has too few pictures."""
    found = evaluation.distances.get(group, {}).get(value, {})
    if PREDICTION in found:
        ((_, *figures),) = distance_rows({PREDICTION: found[PREDICTION]})
        return figures
    return ["–"] * len(_distance_titles(evaluation, group))


def _rigs(evaluation: Evaluation) -> str:
    return ", ".join(evaluation.trained_on_rigs) or "no rig"


def _clips(report: Report, evaluation: Evaluation) -> None:
    report.heading("Every clip, the worst first")
    report.table(
        ["clip", "mode", "place", "pictures", *titles(evaluation)],
        [
            [clip.clip, clip.mode, clip.place, str(clip.pairs), *(_value(clip, m) for m in evaluation.metrics)]
            for clip in sorted(evaluation.by_clip, key=lambda clip: clip.scores[PREDICTION].get("psnr_rgb_db", 0.0))
        ],
    )


def _value(clip: ClipScores, metric: Metric) -> str:
    scores = clip.scores[PREDICTION]
    return f"{scores[metric]:.{FIGURES[metric].digits}f}" if metric in scores else "–"
