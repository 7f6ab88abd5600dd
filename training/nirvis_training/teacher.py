"""Whether a run can teach another: its weights are there, and it saw such pictures as its pupil sees.

All of it is asked before a run folder is made. A teacher of other pictures would not fail: it would answer, wrongly,
and the pupil would learn that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.errors import ProfileError
from nirvis_capture.profile import Mode, Profile, parse_profile
from nirvis_registration.geometry import Size
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import NotARun, TeacherError
from nirvis_training.method_settings import CompactSettings
from nirvis_training.methods.base import Method
from nirvis_training.run_folder import DatasetRecord, RunFolder


def pinned(config: TrainingConfig) -> TrainingConfig:
    """The same configuration with the checksum of its teacher, whose weights no resumption may find changed.

    Raises `TeacherError`.
    """
    method = config.method
    if not isinstance(method, CompactSettings) or method.teacher is None:
        return config
    sha256 = _weights_of(Path(method.teacher), method.teacher_sha256)
    return config.model_copy(update={"method": method.model_copy(update={"teacher_sha256": sha256})})


def load_teacher(path: Path, sha256: str | None) -> Method:
    """The best weights of a run, which learn nothing. Raises `TeacherError` where there are none, or others."""
    # Methods are found by name where the one that is taught is registered.
    from nirvis_training.methods import load_method

    _weights_of(path, sha256)
    try:
        return load_method(RunFolder(path)).requires_grad_(False)
    except NotARun as error:
        raise _no_teacher(path, error) from None


def refuse_unfit(
    config: TrainingConfig, record: DatasetRecord, profiles: Mapping[str, str], teachers: Iterable[Method]
) -> None:
    """Raises `TeacherError` when the teacher that a configuration names saw other pictures than this run shall see.

    record, profiles
        What the run shall be trained on, and the hardware profile of each of its modes as TOML text.
    teachers
        The loaded teacher, or none.
    """
    if not isinstance(config.method, CompactSettings) or config.method.teacher is None:
        return
    path = Path(config.method.teacher)
    for teacher in teachers:
        if config.crop % teacher.multiple_of:
            raise TeacherError(
                path,
                f"its networks see sides that are multiples of {teacher.multiple_of} px, and crop is {config.crop}",
                f"Set crop to a multiple of {teacher.multiple_of}.",
            )
    if differences := list(_differences(path, config, record, profiles)):
        raise TeacherError(
            path,
            f"{'; '.join(differences)}. It would answer to pictures such as it never saw, and its answers be learnt",
            "Name a run that was trained on such pictures as these, or leave method.teacher out.",
        )


def _differences(
    path: Path, config: TrainingConfig, record: DatasetRecord, profiles: Mapping[str, str]
) -> Iterator[str]:
    teacher = RunFolder(path)
    learnt, seen = teacher.config.data.source, config.data.source
    if learnt != seen:
        yield f"it learnt from {learnt} sources, and this run sees {seen} (data.source)"
    absent = [source.mode for source in record.sources if source.mode not in teacher.modes]
    if absent:
        yield f"it learnt from {', '.join(teacher.modes)} pictures, and this run sees {', '.join(absent)} too"
    yield from _other_sizes(_sizes(teacher.config, teacher.dataset), _sizes(config, record))
    yield from _other_arms(_rigs(path, teacher.profiles), _rigs(path, profiles.values()))


def _other_sizes(learnt: Mapping[Mode, Size], seen: Mapping[Mode, Size]) -> Iterator[str]:
    for mode in sorted(learnt.keys() & seen.keys()):
        if learnt[mode] != seen[mode]:
            (width, height), (own_width, own_height) = learnt[mode], seen[mode]
            own = f"{own_width}×{own_height} (resize)"
            yield f"its {mode} pictures were {width}×{height} px, and those of this run are {own}"


def _other_arms(learnt: Mapping[Mode, Profile], seen: Mapping[Mode, Profile]) -> Iterator[str]:
    for mode in sorted(learnt.keys() & seen.keys()):
        for arm in ARMS:
            its, own = _light(learnt[mode], arm), _light(seen[mode], arm)
            if its != own:
                yield f"its {mode} pictures of arm {arm} show {its}, and those of this run {own}"


def _light(profile: Profile, arm: Arm) -> str:
    low, high = profile.arm(arm).filter.passband_nm
    return f"{low:g} to {high:g} nm"


def _sizes(config: TrainingConfig, record: DatasetRecord) -> dict[Mode, Size]:
    """Width and height of the pictures of each mode as crops are taken from them."""
    resized = config.resize and (config.resize[1], config.resize[0])
    return {source.mode: resized or source.geometry.size for source in record.sources}


def _rigs(path: Path, profiles: Iterable[str]) -> dict[Mode, Profile]:
    try:
        return {profile.mode: profile for profile in map(parse_profile, profiles)}
    except ProfileError as error:
        raise _no_teacher(path, error) from None


def _weights_of(path: Path, sha256: str | None) -> str:
    """Checksum of the best weights of a run, which has to be `sha256` where that is given."""
    try:
        found = RunFolder(path).weights_sha256
    except NotARun as error:
        raise _no_teacher(path, error) from None
    if sha256 is not None and found != sha256.lower():
        raise TeacherError(
            path,
            f"its best weights have sha256 {found}, and method.teacher_sha256 wants {sha256}: they are others than "
            "this run was meant to learn from, or began with",
            "Bring those back; or begin a new run without teacher_sha256, or with the one found.",
        )
    return found


def _no_teacher(path: Path, error: Exception) -> TeacherError:
    return TeacherError(
        path, str(error).rstrip("."), "Name the folder of a run that has best.safetensors, or leave method.teacher out."
    )
