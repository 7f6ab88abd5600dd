"""Sets of other people, each as a small tree that lies as theirs do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis_capture.errors import PictureUnusable
from nirvis_capture.picture_file import PICTURE_SUFFIXES
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.check import check
from nirvis_datasets.errors import DatasetError, ImportRefused
from nirvis_datasets.external.found import Facts, Gathered
from nirvis_datasets.external.gather import gather, gather_folders
from nirvis_datasets.external.importer import Imported, Source, write_imported
from nirvis_datasets.external.layouts import LAYOUTS
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.selection import select
from nirvis_datasets.split import Split, split
from nirvis_registration.pair_file import PairsFile

WIDTH, HEIGHT = 48, 32


def picture(seed: int, width: int = WIDTH, bits: int = 8) -> np.ndarray:
    """A picture of smooth blobs that no other seed has."""
    small = np.random.default_rng(seed).integers(0, 2**bits - 1, (4, 6, 3), np.uint16)
    return cv2.resize(small, (width, HEIGHT)).astype(np.uint8 if bits == 8 else np.uint16)


def put(path: Path, seed: int, width: int = WIDTH, bits: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture(seed, width, bits)[..., ::-1])
    return path


def tree(root: Path, pictures: Mapping[str, int]) -> Path:
    """Pictures by path; the value is their number of tiles."""
    for seed, (name, tiles) in enumerate(pictures.items()):
        put(root / name, seed, WIDTH * tiles)
    return root


def imported(root: Path, layout: str, out: Path, skip_broken: bool = False, published_split: bool = False) -> Imported:
    known = LAYOUTS[layout]
    gathered = gather(root, known, skip_broken)
    return write_imported(gathered, out, Source(layout, root.name, known.band), published_split)


def both(*folders: str, names: tuple[str, ...], tiles: int = 1) -> dict[str, int]:
    return {f"{folder}/{name}": tiles for folder in folders for name in names}


def described(out: Path) -> dict[str, tuple[int, int]]:
    """File → (pairs, frames)."""
    return {entry.path: (entry.pairs, entry.frames or 0) for entry in Catalogue.read(out / "catalogue.csv").entries}


VSIAD = both("VC24/src", "VC24/tar", names=("p1_Scene2_0001.png", "p1_Scene2_0002.png", "p2_Scene7_0001.png"))
KAIST = both(
    *("images/set00/V000/lwir", "images/set00/V000/visible", "images/set09/V001/lwir", "images/set09/V001/visible"),
    names=("I00000.jpg", "I00001.jpg"),
)
FLIR = both("train/thermal_8_bit", names=("FLIR_00001.jpeg",)) | both("train/RGB", names=("FLIR_00001.jpg",))
FLIR_2 = both("images_thermal_train/data", names=("video-abc-frame-000001-x9.jpg", "video-abc-frame-000030-a1.jpg"))
STRIPS = ("0001.png", "0002.png")


@pytest.mark.parametrize(
    ("layout", "pictures", "expected"),
    [
        pytest.param(
            "vsiad", VSIAD, {"vsiad-p1_Scene2.pairs.h5": (2, 0), "vsiad-p2_Scene7.pairs.h5": (1, 0)}, id="vsiad"
        ),
        pytest.param(
            "irvi",
            both("IRVI/triplet/traffic/trainA", "IRVI/triplet/traffic/trainB", names=STRIPS, tiles=3)
            | both("IRVI/single/traffic/testA", "IRVI/single/traffic/testB", names=STRIPS)
            | both("IRVI/single/monitoring/sub-1/testA", "IRVI/single/monitoring/sub-1/testB", names=STRIPS),
            {
                "irvi-monitoring-sub-1-test.pairs.h5": (2, 0),
                "irvi-traffic-test.pairs.h5": (2, 0),
                "irvi-traffic-train.source.frames.h5": (0, 6),
                "irvi-traffic-train.target.frames.h5": (0, 6),
            },
            id="irvi",
        ),
        pytest.param(
            "infraredcity",
            both("trainA", names=STRIPS, tiles=2) | both("trainB", names=("9.png",), tiles=2),
            None,
            id="infraredcity-without-scenes",
        ),
        pytest.param(
            "infraredcity",
            both("downtown/trainA", "downtown/trainB", names=STRIPS, tiles=2) | both("downtown/testA", names=STRIPS),
            {
                "infraredcity-downtown-test.source.frames.h5": (0, 2),
                "infraredcity-downtown-train.source.frames.h5": (0, 4),
                "infraredcity-downtown-train.target.frames.h5": (0, 4),
            },
            id="infraredcity",
        ),
        pytest.param(
            "infraredcity-lite",
            both("Lite/City/clearday/trainA", "Lite/City/trainB", names=STRIPS, tiles=2)
            | both("Lite/Monitor/testA", names=STRIPS),
            {
                "infraredcity-lite-City-clearday-train.source.frames.h5": (0, 4),
                "infraredcity-lite-City-train.target.frames.h5": (0, 4),
                "infraredcity-lite-Monitor-test.source.frames.h5": (0, 2),
            },
            id="infraredcity-lite",
        ),
        pytest.param(
            "infraredcity-adverse",
            both("rain/trainA", "rain/trainB", "snow/trainA", names=STRIPS, tiles=2),
            {
                "infraredcity-adverse-rain-train.source.frames.h5": (0, 4),
                "infraredcity-adverse-rain-train.target.frames.h5": (0, 4),
                "infraredcity-adverse-snow-train.source.frames.h5": (0, 4),
            },
            id="infraredcity-adverse",
        ),
        pytest.param(
            "flowers",
            both("trainA", "trainB", names=STRIPS, tiles=3),
            {"flowers-train.source.frames.h5": (0, 6), "flowers-train.target.frames.h5": (0, 6)},
            id="recycle-gan-flowers",
        ),
        pytest.param(
            "kaist",
            KAIST,
            {"kaist-set00-V000-train.pairs.h5": (2, 0), "kaist-set09-V001-test.pairs.h5": (2, 0)},
            id="kaist",
        ),
        pytest.param(
            "flir-adas",
            FLIR | FLIR_2,
            {
                "flir-adas-train.source.frames.h5": (0, 1),
                "flir-adas-train.target.frames.h5": (0, 1),
                "flir-adas-video-abc-train.source.frames.h5": (0, 2),
            },
            id="flir-adas",
        ),
        pytest.param(
            "flir-aligned",
            both("align/JPEGImages", names=("FLIR_00002_PreviewData.jpeg", "FLIR_00002_RGB.jpg")),
            {"flir-aligned-align.pairs.h5": (1, 0)},
            id="flir-aligned",
        ),
        pytest.param(
            "vot-rgbt",
            both("afterrain/ir", names=("00000001i.jpg", "00000002i.jpg"))
            | both("afterrain/color", names=("00000001v.jpg", "00000002v.jpg")),
            {"vot-rgbt-afterrain.pairs.h5": (2, 0)},
            id="vot-rgbt",
        ),
        pytest.param(
            "epfl",
            both("nirscene1/country", "nirscene1/water", names=("0000_nir.tiff", "0000_rgb.tiff")),
            {"epfl-country.pairs.h5": (1, 0), "epfl-water.pairs.h5": (1, 0)},
            id="epfl",
        ),
        pytest.param(
            "fusion",
            both("cropinfrared", "crop_LR_visible", names=("FLIR_00006.jpg", "FLIR_00008.jpg")),
            {"fusion.pairs.h5": (2, 0)},
            id="roadscene",
        ),
        pytest.param(
            "fusion",
            both("train/ir", "train/vi", "test/ir", "test/vi", names=("00001D.png", "00002N.png")),
            {f"fusion-{light}-{subset}.pairs.h5": (1, 0) for light in ("day", "night") for subset in ("test", "train")},
            id="msrs",
        ),
        pytest.param(
            "unaligned",
            both("trainA", names=STRIPS) | both("trainB", names=("x.png",)),
            {"unaligned-train.source.frames.h5": (0, 2), "unaligned-train.target.frames.h5": (0, 1)},
            id="cyclegan-folders",
        ),
    ],
)
def test_a_set_is_imported_as_it_lies(
    tmp_path: Path, layout: str, pictures: dict[str, int], expected: dict[str, tuple[int, int]] | None
) -> None:
    root = tree(tmp_path / "set", pictures)
    if expected is None:
        with pytest.raises(ImportRefused, match="It looks like flowers or unaligned"):
            imported(root, layout, tmp_path / "out")
        return
    assert not imported(root, layout, tmp_path / "out").left_out
    assert described(tmp_path / "out") == expected


def test_every_layout_is_among_the_trees() -> None:
    (mark,) = test_a_set_is_imported_as_it_lies.pytestmark  # type: ignore[attr-defined]
    assert {case.values[0] for case in mark.args[1]} == set(LAYOUTS)


def test_what_was_imported_is_trained_on_at_once(tmp_path: Path) -> None:
    tree(tmp_path / "set", VSIAD)
    imported(tmp_path / "set", "vsiad", tmp_path / "out")
    first, second = Catalogue.read(tmp_path / "out" / "catalogue.csv").entries
    assert (first.mode, first.place, second.mode, second.place) == ("night", "p1", "day", "p2")
    assert first.start_time is None
    (tmp_path / "out" / "splits.csv").write_text(
        "recording_id,place,mode,set\nvsiad-p1_Scene2,p1,night,train\nvsiad-p2_Scene7,p2,day,val\n"
    )
    train = SampleDataset(tmp_path / "out", "train")
    assert len(train) == 2
    for side, seed in ((train[1]["source"], 1), (train[1]["target"], 4)):
        assert np.array_equal((side.numpy() * 255).round().transpose(1, 2, 0), picture(seed))
    with PairsFile.open(tmp_path / "out" / first.path) as pairs:
        assert (pairs.profile.mode, pairs.profile.nir.filter.passband_nm) == ("night", (825, 875))
        assert pairs.table["clip_index"].tolist() == [1, 2]


def test_sets_of_the_authors_are_kept(tmp_path: Path) -> None:
    tree(tmp_path / "set", KAIST)
    assert any("published" in note for note in imported(tmp_path / "set", "kaist", tmp_path / "out").notes)
    assert Split.read(tmp_path / "out" / "splits.csv").sets == {
        "kaist-set00-V000-train": "train",
        "kaist-set09-V001-test": "test",
    }
    lights = {entry.recording_id: entry.light for entry in Catalogue.read(tmp_path / "out" / "catalogue.csv").entries}
    assert lights == {"kaist-set00-V000-train": "day", "kaist-set09-V001-test": "night"}


@pytest.mark.parametrize("published", [False, True])
def test_a_published_place_in_two_sets_is_told(tmp_path: Path, published: bool) -> None:
    root = tree(tmp_path / "set", VSIAD)
    (root / "VC24" / "train.txt").write_text("p1_Scene2_0001.png\np2_Scene7_0001.png\n")
    (root / "VC24" / "test.txt").write_text("p1_Scene2_0002.png\n")
    (note,) = imported(root, "vsiad", tmp_path / "out", published_split=published).notes
    assert ("place p1 is in" in note) is not published
    assert (tmp_path / "out" / "splits.csv").exists() is published


def test_a_list_that_names_one_side_counts_for_both(tmp_path: Path) -> None:
    names = tuple(f"FLIR_0000{i}_{side}.jpg" for i in (2, 8) for side in ("PreviewData", "RGB"))
    root = tree(tmp_path / "set", both("JPEGImages", names=names))
    (root / "align_train.txt").write_text("FLIR_00002_PreviewData\n")
    (root / "align_validation.txt").write_text("FLIR_00008_PreviewData\n")
    assert not imported(root, "flir-aligned", tmp_path / "out").left_out
    assert described(tmp_path / "out") == {"flir-aligned-test.pairs.h5": (1, 0), "flir-aligned-train.pairs.h5": (1, 0)}


def test_frames_of_a_strip_are_consecutive_and_strips_are_not(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", both("trainA", names=STRIPS, tiles=3))
    imported(root, "flowers", tmp_path / "out")
    with FramesFile.open(tmp_path / "out" / "flowers-train.source.frames.h5") as frames:
        assert frames.frame_index.tolist() == [0, 1, 2, 4, 5, 6]
        assert np.array_equal(frames.frame(4), picture(1, 3 * WIDTH)[:, WIDTH : 2 * WIDTH])


def test_photographs_make_no_windows_and_videos_do(tmp_path: Path) -> None:
    names = tuple(f"{i:04d}_{arm}.tiff" for i in range(3) for arm in ("nir", "rgb"))
    imported(tree(tmp_path / "photos", both("country", names=names)), "epfl", tmp_path / "stills")
    imported(tree(tmp_path / "set", KAIST), "kaist", tmp_path / "video")
    (tmp_path / "stills" / "splits.csv").write_text("recording_id,place,mode,set\nepfl-country,,night,train\n")
    assert len(select(tmp_path / "video", "train", window=2)) == 1
    with pytest.raises(DatasetError, match="has a run of 2 pairs"):
        select(tmp_path / "stills", "train", window=2)


def test_pictures_that_find_no_partner_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, both("s", names=("a.png", "B.png", "c.png")) | both("t", names=("a.png", "b.png", "d.png")))
    put(root / "s" / "e.png", 1, width=40)
    put(root / "t" / "e.png", 1)
    gathered = gather_folders(root / "s", root / "t", Facts("two", "day"), skip_broken=False, pair_by="name")
    assert [len(found) for found in gathered.found] == [2]
    assert gathered.notes == ["two: names of 1 pair differ by case, the first B and b"]
    assert gathered.left_out == [
        f"{root / 's' / 'c.png'}: this source has no partner",
        f"{root / 't' / 'd.png'}: this target has no partner",
        f"{root / 's' / 'e.png'}: 40×32 px, its partner e.png has 48×32 px",
    ]
    by_index = gather_folders(root / "s", root / "t", Facts("two", "day"), skip_broken=False, pair_by="index")
    assert sum(len(found) for found in by_index.found) == 3


def test_names_that_are_equal_but_for_case_on_one_side_are_no_pair(tmp_path: Path) -> None:
    root = tree(tmp_path, both("s", names=("a.png", "A.png")) | both("t", names=("a.png",)))
    gathered = gather_folders(root / "s", root / "t", Facts("two", "day"), skip_broken=False, pair_by="name")
    assert [len(found) for found in gathered.found] == [1]
    assert gathered.left_out == [f"{root / 's' / 'A.png'}: this source has no partner"]


def test_pictures_of_two_sizes_become_two_parts(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", both("ir", "vi", names=("a.png",)) | both("ir", "vi", names=("b.png",), tiles=2))
    imported(root, "fusion", tmp_path / "out")
    entries = Catalogue.read(tmp_path / "out" / "catalogue.csv").entries
    assert [(e.path, e.part, e.width) for e in entries] == [("fusion-2.pairs.h5", 2, 96), ("fusion.pairs.h5", 1, 48)]


def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path) -> None:
    put(tmp_path / "s" / "a.png", 1, bits=16)
    put(tmp_path / "t" / "a.png", 2)
    gathered = gather_folders(tmp_path / "s", tmp_path / "t", Facts("deep", "day"), skip_broken=False, pair_by="name")
    write_imported(gathered, tmp_path / "out", Source("deep", "s and t", "nir"))
    with PairsFile.open(tmp_path / "out" / "deep.pairs.h5") as pairs:
        assert pairs.bit_depth == 16
        assert np.array_equal(pairs.source(0), picture(1, bits=16))
        assert np.array_equal(pairs.target(0), picture(2).astype(np.uint16) * 257)


@pytest.mark.parametrize(("first", "second"), [(8, 16), (16, 8)])
def test_eight_and_sixteen_bits_are_not_mixed_silently(tmp_path: Path, first: int, second: int) -> None:
    root = tree(tmp_path / "set", both("ir", "vi", names=("a.png", "b.png")))
    put(root / "ir" / "a.png", 0, bits=first)
    put(root / "ir" / "b.png", 1, bits=second)
    with pytest.raises(ImportRefused, match=f"{first} bit with one of 48×32 px and {second} bit"):
        imported(root, "fusion", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.h5*"))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _foreign(path: Path) -> None:
    path.write_text("<html>404</html>")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [_truncate, _foreign, _empty])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff"])
def test_a_broken_picture_stops_the_import_or_is_left_out(
    tmp_path: Path, spoil: Callable[[Path], None], suffix: str
) -> None:
    names = (f"a.{suffix}", f"b.{suffix}")
    root = tree(tmp_path / "set", both("ir", "vi", names=names))
    broken = root / "vi" / names[1]
    spoil(broken)
    with pytest.raises(PictureUnusable, match=str(broken)) as refused:
        imported(root, "fusion", tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("out/*.h5*"))
    left_out = imported(root, "fusion", tmp_path / "out", skip_broken=True).left_out
    assert len(left_out) == 2
    assert left_out[0].startswith(str(broken))
    assert described(tmp_path / "out") == {"fusion.pairs.h5": (1, 0)}


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", both("ir", "vi", names=("a.png",)))
    (root / "ir" / "again").symlink_to(root)
    assert imported(root, "fusion", tmp_path / "out").left_out == (
        "ir/again/: a link back to a folder that was seen already",
    )
    assert described(tmp_path / "out") == {"fusion.pairs.h5": (1, 0)}


def test_sets_beside_each_other_are_not_mixed(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "set", both(*(f"{clip}/{arm}" for clip in "xyz" for arm in ("infrared", "visible")), names=STRIPS)
    )
    imported(root, "fusion", tmp_path / "out")
    assert described(tmp_path / "out") == {f"fusion-{clip}.pairs.h5": (2, 0) for clip in "xyz"}
    tree(tmp_path / "two", both("a/s/ir", "a/s/color", "b/s/ir", "b/s/color", names=("00000001.jpg",)))
    with pytest.raises(ImportRefused, match="would both be vot-rgbt-s"):
        imported(tmp_path / "two", "vot-rgbt", tmp_path / "twice")


def test_pictures_of_no_use_are_counted(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", both("ir", "vi", "Segmentation_labels", names=("a.png", "b.png")))
    assert imported(root, "fusion", tmp_path / "out").left_out == (
        "Segmentation_labels/: 2 pictures that fusion has no use for",
    )


@pytest.mark.parametrize("missing", ["ir", "vi"])
def test_one_arm_missing_is_one_line(tmp_path: Path, missing: str) -> None:
    root = tree(tmp_path / "set", both("vi" if missing == "ir" else "ir", names=("a.png",)))
    with pytest.raises(ImportRefused, match=r"has no partner.* --pair-by index"):
        imported(root, "fusion", tmp_path / "out")


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_layout_takes_every_kind_of_picture(tmp_path: Path, suffix: str) -> None:
    root = tree(tmp_path / "set", both("ir", "vi", names=(f"a{suffix}",)))
    imported(root, "fusion", tmp_path / "out")
    assert described(tmp_path / "out") == {"fusion.pairs.h5": (1, 0)}


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_counts_of_a_camera_in_sixteen_bits_are_noticed_and_brought_to_their_range(tmp_path: Path, bits: int) -> None:
    for side in ("s", "t"):
        put(tmp_path / side / "a.png", 1, bits=bits if side == "s" else 16)
    low = picture(1, bits=bits)
    gathered = gather_folders(tmp_path / "s", tmp_path / "t", Facts("deep", "day"), skip_broken=False, pair_by="name")
    as_they_are = write_imported(gathered, tmp_path / "dark", Source("deep", "s and t", "nir"))
    (note,) = as_they_are.notes
    assert note.startswith(f"deep: no source has a value above {low.max()} of 65535")
    assert note.endswith(f"with --bits {bits}")
    (warning,) = (f.text for f in check(tmp_path / "dark").findings if "nearly black" in f.text)
    assert f"in 1 file, the first deep.pairs.h5 ({bits} bits would do)" in warning
    put(tmp_path / "t" / "a.png", 2, bits=bits)
    gathered = gather_folders(tmp_path / "s", tmp_path / "t", Facts("deep", "day"), skip_broken=False, pair_by="name")
    assert not write_imported(gathered, tmp_path / "out", Source("deep", "s and t", "nir", bits=bits)).notes
    with PairsFile.open(tmp_path / "out" / "deep.pairs.h5") as pairs:
        assert np.allclose(pairs.source(0) / 65535, low / (2**bits - 1), atol=1 / 65535)
    with pytest.raises(ImportRefused, match=rf"deep has a value of {low.max()}, which {bits - 1} bits cannot say"):
        write_imported(gathered, tmp_path / "few", Source("deep", "s and t", "nir", bits=bits - 1))


def folders_of(root: Path, **options: object) -> Gathered:
    return gather_folders(root / "s", root / "t", Facts("set", "day"), skip_broken=False, pair_by="name", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("yard", [("004.png", "005.png", "006.png"), STRIPS])
def test_a_sub_folder_is_a_recording_of_its_own(tmp_path: Path, yard: tuple[str, ...]) -> None:
    """Numbers that go on from one to the next, or that begin again: no window spans two of them, each has its own."""
    walk = ("001.png", "002.png", "003.png")
    tree(tmp_path, both("s/walk", "t/walk", names=walk) | both("s/Yard", "t/yard", names=yard))
    gathered = folders_of(tmp_path)
    assert not gathered.left_out
    write_imported(gathered, tmp_path / "out", Source("set", "s and t", "nir"))
    assert described(tmp_path / "out") == {"set-Yard.pairs.h5": (len(yard), 0), "set-walk.pairs.h5": (3, 0)}
    rows = "set-walk,a,day,train\nset-Yard,b,day,train\n"
    (tmp_path / "out" / "splits.csv").write_text(f"recording_id,place,mode,set\n{rows}")
    assert len(select(tmp_path / "out", "train", window=2)) == 2 + len(yard) - 1


def test_photographs_can_be_divided_into_recordings(tmp_path: Path) -> None:
    tree(tmp_path, both("s", "t", names=tuple(f"{i:03d}.png" for i in range(11))))
    write_imported(folders_of(tmp_path, recordings=5), tmp_path / "out", Source("set", "s and t", "nir"))
    found = Catalogue.read(tmp_path / "out" / "catalogue.csv")
    assert [entry.pairs for entry in found.pairs] == [2, 2, 2, 2, 3]
    assert {row.set for row in split(found, place_unknown_as="recording").rows} == {"train", "val", "test"}
    with PairsFile.open(tmp_path / "out" / "set-5.pairs.h5") as pairs:
        assert np.array_equal(pairs.source(2), picture(10))
        assert pairs.table["trigger_index"].tolist() == [-1] * 3
    assert len(folders_of(tmp_path, recordings=99).found) == 11


def test_pictures_whose_numbers_do_not_rise_are_said_to_make_no_windows(tmp_path: Path) -> None:
    tree(tmp_path, both("s", "t", names=("a-1.png", "b-1.png")))
    assert folders_of(tmp_path).notes == [
        "set: the numbers in its names do not rise, so that its pictures are single ones and make no windows"
    ]
