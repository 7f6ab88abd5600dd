"""Division into train, val and test: no leakage, close to the shares, the same every time."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirvis_capture.profile import Light, Mode
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry, Kind
from nirvis_datasets.errors import SplitError, TableError
from nirvis_datasets.split import SUBSETS, Split, counts, split

quick = settings(deadline=None, max_examples=60)
START = datetime(2026, 6, 21, 12, tzinfo=timezone.utc)


def entry(
    recording_id: str,
    place: str = "",
    mode: Mode = "day",
    pairs: int = 100,
    part: int = 1,
    kind: Kind = "pairs",
    light: Light = "day",
) -> Entry:
    return Entry(
        kind=kind,
        path=f"{recording_id}-{part}.{kind}.h5",
        recording_id=recording_id,
        part=part,
        mode=mode,
        light=light,
        place=place,
        start_time=START,
        pairs=pairs,
        sha256=f"{recording_id}-{part}",
        size_bytes=1,
    )


def catalogue(entries: Iterable[Entry]) -> Catalogue:
    return Catalogue(Path("season"), tuple(entries))


def places(n: int, mode: Mode = "day", pairs: int = 100) -> list[Entry]:
    return [entry(f"{mode}{i:03d}", f"{mode} street {i}", mode, pairs) for i in range(n)]


seasons = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(["day", "night"]), st.integers(1, 500)), min_size=1, max_size=30
).map(lambda rows: [entry(f"r{i:02d}", f"place {p}", m, n) for i, (p, m, n) in enumerate(rows)])  # type: ignore[arg-type]


@quick
@given(seasons, st.integers(0, 5))
def test_every_recording_is_in_one_set_and_no_place_in_two(season: list[Entry], seed: int) -> None:
    divided = split(catalogue(season), seed)
    sets_of_place = defaultdict(set)
    for e in season:
        sets_of_place[e.place].add(divided[e.recording_id])
    assert sorted(r.recording_id for r in divided.rows) == [e.recording_id for e in season]
    assert all(len(sets) == 1 for sets in sets_of_place.values())


@quick
@given(seasons, st.integers(0, 5))
def test_a_mode_fills_as_many_sets_as_it_has_places_for(season: list[Entry], seed: int) -> None:
    divided = split(catalogue(season), seed)
    for mode in {e.mode for e in season}:
        filled = {row.set for row in divided.rows if row.mode == mode}
        n_places = len({e.place for e in season if e.mode == mode})
        assert filled >= {1: {"train"}, 2: {"train", "test"}}.get(n_places, set(SUBSETS))


@quick
@given(st.lists(st.integers(1, 1000), min_size=3, max_size=40), st.integers(0, 3))
def test_each_share_is_met_to_within_the_largest_place(pairs: list[int], seed: int) -> None:
    season = [entry(f"r{i}", f"place {i}", pairs=n) for i, n in enumerate(pairs)]
    divided = split(catalogue(season), seed)
    got = Counter({s: sum(e.pairs for e in season if divided[e.recording_id] == s) for s in SUBSETS})
    for subset, share in zip(SUBSETS, (0.6, 0.2, 0.2), strict=True):
        assert abs(got[subset] / sum(pairs) - share) <= max(pairs) / sum(pairs) + 0.05


def test_day_and_night_are_balanced_each_for_itself() -> None:
    season = places(20, "day", 300) + places(10, "night", 50)
    found = {(c.subset, c.mode): c.pairs for c in counts(split(catalogue(season)), catalogue(season))}
    assert found == {
        ("train", "day"): 3600,
        ("val", "day"): 1200,
        ("test", "day"): 1200,
        ("train", "night"): 300,
        ("val", "night"): 100,
        ("test", "night"): 100,
    }


@quick
@given(seasons, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_names_of_files_do_not_matter(season: list[Entry], shuffler: random.Random) -> None:
    moved = [e.model_copy(update={"path": f"elsewhere/{e.sha256}.pairs.h5"}) for e in season]
    shuffler.shuffle(moved)
    assert split(catalogue(season), 3) == split(catalogue(moved), 3)


def test_another_seed_draws_other_places() -> None:
    season = catalogue(places(20))
    assert len({tuple(split(season, seed).recordings("test")) for seed in range(5)}) == 5


def test_two_modes_that_share_places_still_fill_every_set() -> None:
    season = [entry("a", "A"), entry("b", "B")]
    season += [entry(f"n{p}", p, "night", pairs) for p, pairs in (("A", 10), ("B", 10), ("C", 900))]
    for seed in range(10):
        divided = split(catalogue(season), seed)
        assert {divided["a"], divided["b"]} == {"train", "test"}
        assert divided["nC"] == "val"


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        pytest.param(1, {"train": 1}, id="one-place"),
        pytest.param(2, {"train": 1, "test": 1}, id="two-places"),
        pytest.param(3, {"train": 1, "val": 1, "test": 1}, id="three-places"),
        pytest.param(5, {"train": 3, "val": 1, "test": 1}, id="five-places"),
    ],
)
def test_few_places(n: int, expected: dict[str, int]) -> None:
    assert Counter(row.set for row in split(catalogue(places(n))).rows) == expected


def test_parts_of_one_recording_stay_together_and_count_together() -> None:
    season = [*places(4), *(entry("long", "long street", part=part) for part in (1, 2, 3))]
    divided = split(catalogue(season))
    assert len(divided.rows) == 5
    assert sum(c.pairs for c in counts(divided, catalogue(season))) == 700


def test_a_set_with_share_zero_stays_empty() -> None:
    divided = split(catalogue(places(6)), fractions=(80, 0, 20))
    assert divided.recordings("val") == []
    assert divided.recordings("test")


def test_places_of_a_former_split_stay_where_they_are() -> None:
    before = split(catalogue(places(10)))
    after = split(catalogue([*places(10), *places(10, "night")]), seed=7, keep=before)
    assert {r.recording_id: r.set for r in after.rows if r.mode == "day"} == before.sets
    assert Counter(r.set for r in after.rows if r.mode == "night") == {"train": 6, "val": 2, "test": 2}


def test_a_new_recording_at_a_kept_place_joins_its_set() -> None:
    season = places(6)
    before = split(catalogue(season))
    season.append(entry("again", season[2].place, "night"))
    assert split(catalogue(season), keep=before)["again"] == before[season[2].recording_id]


def test_a_missing_place_is_refused_with_the_recordings() -> None:
    with pytest.raises(SplitError, match=r"No place is known for day000, r7: .*--place-unknown-as recording"):
        split(catalogue([*places(2), entry("r7"), entry("day000").model_copy(update={"place": ""})][1:]))


def test_a_recording_without_place_can_count_as_its_own() -> None:
    divided = split(catalogue(entry(f"r{i}") for i in range(5)), place_unknown_as="recording")
    assert Counter(row.set for row in divided.rows) == {"train": 3, "val": 1, "test": 1}


def test_a_place_spelled_in_two_ways_is_one_place() -> None:
    spellings = ["Main Street", "main street", " Main  street "]
    divided = split(catalogue(entry(f"r{i}", place) for i, place in enumerate(spellings)))
    assert {row.set for row in divided.rows} == {"train"}


def test_what_has_no_target_is_left_out() -> None:
    season = [*places(3), entry("led", "yard", "night", light="led_night"), entry("empty", "lane", pairs=0)]
    divided = split(catalogue(season))
    assert divided.left_out == ("empty", "led")
    assert len(divided.rows) == 3


def test_clips_count_only_while_there_are_no_pairs() -> None:
    clips = [entry(f"c{i}", f"p{i}", kind="clip") for i in range(3)]
    assert len(split(catalogue(clips)).rows) == 3
    assert [r.recording_id for r in split(catalogue([*clips, entry("c1", "p1")])).rows] == ["c1"]


def test_a_recording_with_two_places_is_refused() -> None:
    with pytest.raises(SplitError, match=r"Recording r has more than one place in the catalogue \(A, B\)"):
        split(catalogue([entry("r", "A"), entry("r", "B", part=2)]))


@pytest.mark.parametrize(
    "fractions", [(1.0,), (0, 1, 1), (1, -1, 1), (60, 20, 20, 0), (1, 1, math.nan), (math.inf, 1, 1)]
)
def test_wrong_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(SplitError, match="three numbers for train, val and test"):
        split(catalogue(places(3)), fractions=fractions)


def test_splits_csv_round_trip(tmp_path: Path) -> None:
    divided = split(catalogue([*places(6), *places(5, "night")]))
    csv = divided.write(tmp_path / "splits.csv")
    assert Split.read(csv) == divided
    first = f"day000,day street 0,day,{divided['day000']}"
    assert csv.read_text().splitlines()[:2] == ["recording_id,place,mode,set", first]
    assert [path.name for path in tmp_path.iterdir()] == ["splits.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "recording_id,place,mode,set\na,Lane,day,train\nb,lane,night,test\n",
            r"place lane is in train \(recording a\) and in test \(recording b\)",
            id="one-place-in-two-sets",
        ),
        pytest.param(
            "recording_id,place,mode,set\na,x,day,train\na,y,day,test\n",
            "recording a is in train",
            id="one-recording-in-two-sets",
        ),
        pytest.param("recording_id,place,mode,set\na,x,day,training\n", "line 2: column set: .*'training'", id="set"),
        pytest.param("recording_id,place,mode\na,x,day\n", "line 2: column set is missing", id="column-missing"),
        pytest.param("recording_id,place,mode,set,why\na,x,day,val,?\n", "unknown column why", id="column-unknown"),
        pytest.param("recording_id,place,mode,set\na,x,day,val,?\n", "beyond the header", id="too-many-cells"),
    ],
)
def test_an_edited_table_is_checked(tmp_path: Path, text: str, message: str) -> None:
    csv = tmp_path / "splits.csv"
    csv.write_text(text)
    with pytest.raises((SplitError, TableError), match=message):
        Split.read(csv)


def test_a_missing_table_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"There is no splits.csv in .* Make it with: nirvis split"):
        Split.read(tmp_path / "splits.csv")
