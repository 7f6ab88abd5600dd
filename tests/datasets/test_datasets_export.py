"""Exports, each read back by the library that its users would use."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest
from PIL import Image
from skimage import io

from nirvis.app import app
from nirvis_capture.errors import WrongOption
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import ExportRefused, ImportRefused
from nirvis_datasets.export.exporter import export_dataset
from nirvis_datasets.export.formats import FORMATS
from nirvis_datasets.external.gather import gather
from nirvis_datasets.external.importer import Source, write_imported
from nirvis_datasets.external.layouts import LAYOUTS
from nirvis_datasets.shards import write_shards
from nirvis_datasets.split import Split, SplitRow
from nirvis_registration.errors import DamagedPairsFile, PairsDiskFull
from nirvis_registration.pair_file import PairsFile

WritePairs = Callable[..., Path]


@pytest.fixture
def dataset(tmp_path: Path, write_pairs: WritePairs) -> Path:
    """Two day recordings and one night recording at three places, split."""
    folder = tmp_path / "ours"
    for name, mode, n in (("a", "day", 3), ("b", "day", 2), ("c", "night", 2)):
        write_pairs(folder / f"{name}.pairs.h5", n, recording_id=f"r{name}", mode=mode, place=f"Quay {name}_1")
    Catalogue.build(folder).write()
    rows = "ra,Quay a_1,day,train\nrb,Quay b_1,day,test\nrc,Quay c_1,night,train\n"
    (folder / "splits.csv").write_text(f"recording_id,place,mode,set\n{rows}")
    return folder


def truth(dataset: Path, name: str, row: int) -> tuple[np.ndarray, np.ndarray]:
    with PairsFile.open(dataset / f"{name}.pairs.h5") as pairs:
        return pairs.source(row), pairs.target(row)


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and np.array_equal(first, second)


def test_vsiad_is_read_by_scikit_image_and_by_its_lists(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "vsiad"
    assert export_dataset(dataset, out, "vsiad").samples == 7
    train = (out / "train.txt").read_text().split()
    assert train == [
        *(f"Quay-a-1_Scene6_a-00000{i}.bmp" for i in range(3)),
        *(f"Quay-c-1_Scene1_c-00000{i}.bmp" for i in range(2)),
    ]
    assert (out / "val.txt").read_text() == ""
    for folder, side in (("src", 0), ("tar", 1)):
        assert same(io.imread(out / folder / train[2]), truth(dataset, "a", 2)[side])


def test_vsiad_comes_back_as_it_went(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "vsiad", "vsiad")
    back = gather(tmp_path / "vsiad", LAYOUTS["vsiad"])
    write_imported(back, tmp_path / "back", Source("vsiad", "vsiad", "nir850"))
    entries = Catalogue.read(tmp_path / "back" / "catalogue.csv").pairs
    assert [(e.place, e.mode, e.pairs) for e in entries] == [
        ("Quay-a-1", "day", 3),
        ("Quay-b-1", "day", 2),
        ("Quay-c-1", "night", 2),
    ]
    assert sorted(Split.read(tmp_path / "back" / "splits.csv").sets.values()) == ["test", "train", "train"]
    with PairsFile.open(tmp_path / "back" / entries[2].path) as pairs:
        assert same(pairs.target(1), truth(dataset, "c", 1)[1])


def test_unaligned_is_read_by_pillow(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "ab", "unaligned")
    names = sorted(path.name for path in (tmp_path / "ab" / "trainA").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "ab" / "trainB").iterdir())
    assert len(names) == 5
    assert same(np.asarray(Image.open(tmp_path / "ab" / "testB" / "b-000001.png")), truth(dataset, "b", 1)[1])


def test_strips_hold_consecutive_frames(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "ab", "unaligned", strip=2)
    names = sorted(path.name for path in (tmp_path / "ab" / "trainA").iterdir())
    assert names == ["a-000000.png", "c-000000.png"]
    strip = np.asarray(Image.open(tmp_path / "ab" / "trainA" / "a-000000.png"))
    assert same(strip, np.concatenate([truth(dataset, "a", i)[0] for i in (0, 1)], axis=1))


def test_frames_that_are_not_consecutive_make_no_strip(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "ab", "unaligned", strip=2, every=2)
    assert not (tmp_path / "ab" / "trainA").exists()


def test_unpaired_pictures_go_where_they_can(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "ab", "unaligned")
    for path in (tmp_path / "ab" / "trainA").iterdir():
        path.rename(path.with_name(f"other-{path.name}"))
    imported = gather(tmp_path / "ab", LAYOUTS["unaligned"])
    write_imported(imported, tmp_path / "frames", Source("unaligned", "ab", "nir"))
    export_dataset(tmp_path / "frames", tmp_path / "again", "unaligned")
    counts = {path.name: len(list(path.iterdir())) for path in (tmp_path / "again").iterdir() if path.is_dir()}
    assert counts == {"trainA": 5, "trainB": 5, "testA": 2, "testB": 2}
    with pytest.raises(ExportRefused, match="has no pair in a set"):
        export_dataset(tmp_path / "frames", tmp_path / "no", "side-by-side")


def test_side_by_side_is_read_by_pillow(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "p", "side-by-side")
    picture = np.asarray(Image.open(tmp_path / "p" / "train" / "c-000001.png"))
    assert same(picture, np.concatenate(truth(dataset, "c", 1), axis=1))


def test_videos_are_read_by_pyav(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "v", "mp4")
    with av.open(str(tmp_path / "v" / "train" / "a-source.mp4")) as video:
        assert video.streams.video[0].average_rate == 45
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 3
    # A pixel of the green ramp, where the halved chroma of yuv420p costs least.
    assert np.abs(frames[2].astype(int) - truth(dataset, "a", 2)[0]).mean() < 6


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_shards_are_read_by_webdataset(dataset: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    export_dataset(dataset, tmp_path / "w", "webdataset")
    shards = webdataset.WebDataset(str(tmp_path / "w" / "train-000000.tar"), shardshuffle=False, empty_check=False)
    samples = list(shards.decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [*(f"a-00000{i}" for i in range(3)), "c-000000", "c-000001"]
    assert same(samples[4]["source.png"], truth(dataset, "c", 1)[0])
    assert same(samples[4]["target.png"], truth(dataset, "c", 1)[1])
    assert samples[4]["valid.png"][0, 0].max() == 0
    assert samples[4]["json"]["mode"] == "night"


def test_shards_are_the_same_each_time(dataset: Path, tmp_path: Path) -> None:
    for name in "xy":
        export_dataset(dataset, tmp_path / name, "webdataset")
    assert (tmp_path / "x" / "test-000000.tar").read_bytes() == (tmp_path / "y" / "test-000000.tar").read_bytes()


def test_shards_for_training_are_written_for_each_set(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app(
        ["export-dataset", str(dataset), "--out", str(tmp_path / "s"), "--format", "shards", "--pairs-per-shard", "4"],
        result_action="return_value",
    )
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 's' / 'train'}: 5 pairs in 2 shards",
        f"{tmp_path / 's' / 'test'}: 2 pairs in 1 shard",
    ]


def test_image_folder_has_its_metadata(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "h", "imagefolder")
    rows = [json.loads(line) for line in (tmp_path / "h" / "train" / "metadata.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert (rows[3]["recording_id"], rows[3]["mode"], rows[3]["place"]) == ("rc", "night", "Quay c_1")
    picture = np.asarray(Image.open(tmp_path / "h" / "train" / rows[3]["target_file_name"]))
    assert same(picture, truth(dataset, "c", 0)[1])


def test_image_folder_is_read_by_hugging_face_datasets(dataset: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("datasets", reason="Hugging Face datasets needs Python 3.11")
    if not hasattr(library, "load_dataset"):
        pytest.skip("Hugging Face datasets needs Python 3.11; datasets is a folder here, not the library")
    export_dataset(dataset, tmp_path / "h", "imagefolder")
    loaded = library.load_dataset(str(tmp_path / "h"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 5, "test": 2}
    assert same(np.asarray(loaded["train"][3]["source"]), truth(dataset, "c", 0)[0])


def test_sixteen_bit_stays_in_png_and_is_refused_by_bmp(tmp_path: Path, write_pairs: WritePairs) -> None:
    folder = tmp_path / "deep"
    write_pairs(folder / "a.pairs.h5", bit_depth=12)
    Catalogue.build(folder).write()
    notes = export_dataset(folder, tmp_path / "png", "vsiad", pictures="png").notes
    # Pillow and scikit-image read 16-bit colour as 8, which the note says.
    read = cv2.imread(str(tmp_path / "png" / "src" / "Quay_Scene6_a-000001.png"), cv2.IMREAD_UNCHANGED)
    assert same(read[..., ::-1], truth(folder, "a", 1)[0])
    assert any("IMREAD_UNCHANGED" in note for note in notes)
    with pytest.raises(ExportRefused, match="BMP holds 8 bit and the pictures have 16: choose --pictures png"):
        export_dataset(folder, tmp_path / "bmp", "vsiad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "png"]
    notes = export_dataset(folder, tmp_path / "mp4", "mp4").notes
    assert any("reduced to 8" in note for note in notes)


def test_the_card_says_what_it_is(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "quays", "side-by-side", licence="CC BY 4.0")
    card = (tmp_path / "quays" / "README.md").read_text()
    assert card.startswith('---\nlicense: other\nlicense_name: "CC BY 4.0"\n')
    for text in (
        "# quays",
        "| twin | day | nir | GS3-U3-15S4C | ICX285 | open | 400 to 1000 nm |",
        "| train | day | 1 | 3 | 0 |",
        "| train | night | 1 | 2 | 0 |",
        "| Quay b_1 | 1 | 2 | day |",
        Catalogue.read(dataset / "catalogue.csv").entries[0].sha256,
    ):
        assert text in card


def test_a_dataset_without_licence_says_so(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "q", "side-by-side")
    assert "nobody but its makers may use" in (tmp_path / "q" / "README.md").read_text()


def test_recordings_without_a_set_are_left_out_and_said(dataset: Path, tmp_path: Path) -> None:
    csv = dataset / "splits.csv"
    csv.write_text(csv.read_text().replace("rb,Quay b_1,day,test\n", ""))
    exported = export_dataset(dataset, tmp_path / "p", "side-by-side")
    assert exported.samples == 5
    assert exported.notes == ("left out, being in no set: 1 recording, the first rb",)


@pytest.mark.parametrize("words", [("--format", "tiff"), ("--format", "vsiad", "--strip", "3")])
def test_wrong_words_are_one_line(dataset: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(WrongOption) as refused:
        app(["export-dataset", str(dataset), "--out", str(tmp_path / "x"), *words], result_action="return_value")
    assert "\n" not in str(refused.value)


def test_what_is_there_is_not_touched(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    for taken in (tmp_path / "there", tmp_path / "there" / "mine.txt"):
        with pytest.raises(ExportRefused, match=f"{taken} is there already, and no empty folder"):
            export_dataset(dataset, taken, "vsiad")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]


def test_an_unknown_format_is_answered_with_all_that_there_are(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match=r"known are vsiad, .*, shards\."):
        export_dataset(dataset, tmp_path / "x", "vsaid")


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_file_is_one_line_and_leaves_nothing(dataset: Path, tmp_path: Path, name: str) -> None:
    damaged = dataset / "b.pairs.h5"
    damaged.write_bytes(damaged.read_bytes()[:-5000])
    with pytest.raises(DamagedPairsFile) as refused:
        export_dataset(dataset, tmp_path / "out" / "x", name)
    assert str(refused.value).startswith(f"{damaged} is damaged")
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_nothing_behind(dataset: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "full" / "out"
    with pytest.raises(ExportRefused) as refused, full_disk(after=400):
        export_dataset(dataset, out, name)
    assert str(refused.value) == f"{out} cannot be written: File too large. Nothing was left there."
    assert list(out.parent.iterdir()) == []


def test_a_disk_without_room_for_the_mask_is_left_empty(small_disk: Path, write_pairs: WritePairs) -> None:
    with pytest.raises(PairsDiskFull):
        write_pairs(small_disk / "in" / "a.pairs.h5", 1, size=(640, 480))
    assert list((small_disk / "in").iterdir()) == []


def test_shards_on_a_full_disk_leave_nothing_behind(noisy: Path, small_disk: Path) -> None:
    (noisy / "splits.csv").write_text("recording_id,place,mode,set\nr,Quay,day,train\n")
    with pytest.raises(ExportRefused) as refused:
        write_shards(noisy, "train", small_disk / "out", pairs_per_shard=4)
    reason = "cannot be written: No space left on device. No shard was left there."
    assert str(refused.value) == f"{small_disk / 'out'} {reason}"
    assert list((small_disk / "out").iterdir()) == []


def test_an_import_on_a_full_disk_leaves_no_file_behind(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, tmp_path / "vsiad", "vsiad")
    gathered = gather(tmp_path / "vsiad", LAYOUTS["vsiad"])
    with pytest.raises(ImportRefused, match=r"pairs.h5 cannot be written: .*File too large"), full_disk(after=400):
        write_imported(gathered, tmp_path / "in", Source("vsiad", "vsiad", "nir850"))
    assert list((tmp_path / "in").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a disk can be mounted by root only: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("name", ["vsiad", "unaligned", "side-by-side", "webdataset", "imagefolder"])
def test_a_disk_that_is_really_full_is_left_empty(noisy: Path, small_disk: Path, name: str) -> None:
    with pytest.raises(ExportRefused) as refused:
        export_dataset(noisy, small_disk / "out", name)
    reason = "cannot be written: No space left on device. Nothing was left there."
    assert str(refused.value) == f"{small_disk / 'out'} {reason}"
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("layout", ["vsiad", "unaligned"])
@pytest.mark.parametrize("room", [pytest.param(20_000, id="at-once"), pytest.param(200_000, id="midway")])
def test_an_import_onto_a_full_disk_leaves_no_file(
    noisy: Path, tmp_path: Path, small_disk: Path, layout: str, compression: str | None, room: int
) -> None:
    """In a process of its own, whose end shows whether HDF5 was closed."""
    export_dataset(noisy, tmp_path / "set", layout)
    compressed = ["--compression", compression] if compression else []
    command = [sys.executable, "-m", "nirvis", "import-dataset", layout, str(tmp_path / "set"), *compressed]
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    ended = subprocess.run([*command, "--out", str(small_disk / "in")], capture_output=True, text=True, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr
    assert compression is None or "is full: nothing of this recording was kept." in ended.stderr
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["other"]


@pytest.fixture
def noisy(tmp_path: Path, write_pairs: WritePairs) -> Path:
    """Sixteen pairs of noise, 295 kB that cannot be made smaller."""
    path = write_pairs(tmp_path / "noisy" / "a.pairs.h5", n=16)
    with h5py.File(path, "r+") as file:
        for side in ("source", "target"):
            file[side][:] = np.random.default_rng(1).integers(0, 256, file[side].shape, np.uint8)
    Catalogue.build(path.parent).write()
    return path.parent


@pytest.mark.parametrize("format_name", [*FORMATS, "shards"])
@pytest.mark.parametrize("paths", [("a/b", "a-b"), ("a.b", "a-b")])
def test_files_whose_pictures_would_have_one_name_are_refused(
    tmp_path: Path, write_pairs: Callable[..., Path], format_name: str, paths: tuple[str, str]
) -> None:
    folder = tmp_path / "ours"
    for recording, path in zip("rs", paths, strict=True):
        write_pairs(folder / f"{path}.pairs.h5", recording_id=recording, place=recording)
    Catalogue.build(folder).write()
    rows = (SplitRow(recording_id=recording, place=recording, mode="day", set="train") for recording in "rs")
    Split(tuple(rows)).write(folder / "splits.csv")
    with pytest.raises(ExportRefused, match=r"would both be called a-b-000000.* Rename one"):
        app(
            ["export-dataset", str(folder), "--out", str(tmp_path / "out"), "--format", format_name],
            result_action="return_value",
        )
    assert not (tmp_path / "out").exists()
