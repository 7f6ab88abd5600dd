"""The painted street: what its canvases promise to the imager, and that it never jumps."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from nirvis_capture.twin.scenery.paint import AIR, COVER, LAMP, SUN, Canvas, lay, rectangle, shadow, shine, tone
from nirvis_capture.twin.scenery.scene import Scene, paint_street
from nirvis_capture.twin.scenery.sprite import Sprite
from nirvis_capture.twin.scenery.traffic import Motion
from nirvis_capture.twin.scenery.weather import Weather, falling, wet

SIZE = 300, 220
RED = tone((0.1, 0.1, 0.1, 0.7, 0.8, 0.8, 0.8, 0.8))
WHITE = tone((1.0,) * 8)
SEEDS = range(6)


@cache
def street(seed: int, weather: Weather = "clear", width: int = SIZE[0], height: int = SIZE[1]) -> Scene:
    return paint_street(seed, width, height, weather)


def same(first: Canvas, second: Canvas) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first.sheets, second.sheets, strict=True))


def canvases(scene: Scene) -> list[Canvas]:
    """All that the street is made of."""
    movers = [mover.sprite.canvas for mover in scene.movers(7.3)]
    return [scene.background, *(layer.canvas for layer in scene.layers), *movers]


@pytest.mark.parametrize("weather", ["clear", "overcast", "rain"])
def test_a_seed_gives_the_same_street_again(weather: Weather) -> None:
    first, again = street(3, weather), paint_street.__wrapped__(3, *SIZE, weather)
    assert np.array_equal(first.distance_m, again.distance_m)
    assert all(same(a, b) for a, b in zip(canvases(first), canvases(again), strict=True))


def test_another_seed_gives_another_street() -> None:
    first, other = street(3).background, street(4).background
    assert np.mean(np.any(first.visible != other.visible, axis=2)) > 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_colours_never_exceed_the_cover(seed: int) -> None:
    for canvas in canvases(street(seed, "rain" if seed % 2 else "clear")):
        assert (canvas.visible <= canvas.light[..., COVER, None]).all()
        assert (canvas.infrared <= canvas.light[..., COVER, None]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_can_be_seen_through_the_background(seed: int) -> None:
    assert (street(seed).background.cover >= 254).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sky_itself_is_seen_above_the_ground_only_and_is_endlessly_far(seed: int) -> None:
    scene = street(seed)
    sky = scene.background.light[..., AIR] > 127
    assert not sky[round(scene.view.row(scene.view.facade_m)) + 5 :].any()
    assert np.isinf(scene.distance_m[sky]).mean() > 0.97 if sky.any() else True
    assert np.isfinite(scene.distance_m[~sky]).mean() > 0.97


def test_the_ground_comes_nearer_towards_the_lower_border() -> None:
    scene = street(5)
    rows = scene.distance_m[round(scene.view.row(scene.view.near_kerb_m)) + 2 :]
    assert (np.diff(rows, axis=0) < 0).all()
    assert 4 < rows[-1].min() < 12


@pytest.mark.parametrize("seed", SEEDS)
def test_lamps_are_lit_in_every_street(seed: int) -> None:
    lamp = street(seed).background.light[..., LAMP]
    assert (lamp > 150).sum() > 20
    assert np.mean(lamp > 10) > 0.05


def test_a_sprite_leaves_its_border_empty() -> None:
    for mover in street(2, "rain").movers(3.0):
        light = mover.sprite.canvas.light
        border = np.concatenate([light[0], light[:, 0], light[:, -1]])
        assert not border[:, COVER].any()


def test_a_shadow_is_in_the_sun_and_nowhere_else() -> None:
    canvas = Canvas.blank(40, 30)
    rectangle(canvas, 0, 0, 40, 30, WHITE)
    before = canvas.visible.copy(), canvas.infrared.copy()
    shadow(canvas, [(10, 10), (30, 10), (30, 20), (10, 20)])
    assert np.array_equal(canvas.visible, before[0])
    assert np.array_equal(canvas.infrared, before[1])
    assert canvas.light[15, 20, SUN] < 5
    assert canvas.light[2, 2, SUN] == 255


def test_a_patch_hides_what_is_below_and_shades_what_is_beside_it() -> None:
    ground, patch = Canvas.blank(30, 20), Canvas.blank(10, 10)
    rectangle(ground, 0, 0, 30, 20, WHITE)
    rectangle(patch, 0, 0, 4, 10, RED)
    patch.light[:, 7:, SUN] = 51
    lay(ground, patch, 15, 5)
    assert tuple(ground.visible[10, 16]) == RED.visible
    assert tuple(ground.light[10, 16]) == (255, 255, 0, 0)
    assert tuple(ground.visible[10, 23]) == WHITE.visible
    assert ground.light[10, 23, SUN] == 51


@pytest.mark.parametrize(("left", "top"), [(-6, 5), (25, 15), (-40, 0), (3, 90), (4, -8)])
def test_a_patch_may_reach_over_the_border(left: int, top: int) -> None:
    ground, patch = Canvas.blank(30, 20), Canvas.blank(10, 10)
    rectangle(patch, -1, -1, 11, 11, RED)
    lay(ground, patch, left, top)
    seen = max(0, min(30, left + 10) - max(0, left)) * max(0, min(20, top + 10) - max(0, top))
    assert (ground.cover > 250).sum() == seen


def test_the_light_of_two_lamps_adds() -> None:
    canvas = Canvas.blank(64, 64)
    for _ in range(2):
        shine(canvas, np.full((64, 64), 0.02, np.float32))
    assert np.square(canvas.light[..., LAMP] / 255).mean() == pytest.approx(0.04, rel=0.05)


def test_lit_windows_stand_on_the_fronts_and_pools_on_the_ground() -> None:
    scene = street(1, width=640, height=480)
    lamp, first = scene.background.light[..., LAMP], round(scene.view.row(scene.view.far_kerb_m))
    assert (lamp[: first - 60] > 60).sum() > 100
    road = lamp[first : round(scene.view.row(scene.view.near_kerb_m))]
    assert 5 < np.median(road) < 80


def feet(scene: Scene, time_s: float) -> dict[float, list[float]]:
    """Where everybody stands: columns, by the distance of their track."""
    standing: dict[float, list[float]] = {}
    for mover in scene.movers(time_s):
        standing.setdefault(mover.distance_m, []).append(mover.x + mover.sprite.foot_x)
    return standing


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_jumps_or_vanishes_within_sight(seed: int) -> None:
    scene, step_s = street(seed), 1 / 45
    for time_s in np.arange(0.0, 60.0, 3.07):
        before, after = feet(scene, time_s), feet(scene, time_s + step_s)
        for first, second in ((before, after), (after, before)):
            for distance_m, columns in first.items():
                reach_px = 13 * step_s * scene.view.scale(distance_m) + 0.1
                others = np.array(second.get(distance_m, [np.inf]))
                inside = [x for x in columns if 0 <= x <= scene.view.width]
                assert all(np.abs(others - x).min() <= reach_px for x in inside)


@pytest.mark.parametrize("seed", SEEDS)
def test_vehicles_never_overlap_in_their_lane(seed: int) -> None:
    scene = street(seed)
    lanes = {scene.view.lane_m(lane) for lane in range(scene.view.lanes)}
    for time_s in (0.0, 11.0, 33.0, 1000.0):
        for distance_m, columns in feet(scene, time_s).items():
            gaps_m = np.diff(np.sort(columns)) / scene.view.scale(distance_m)
            assert distance_m not in lanes or (gaps_m > 9.5).all()


def test_those_who_follow_each_other_look_different() -> None:
    for seed in SEEDS:
        scene = street(seed)
        for distance_m in {mover.distance_m for mover in scene.movers(0.0)}:
            row = sorted(
                (m for m in scene.movers(0.0) if m.distance_m == distance_m), key=lambda m: m.x + m.sprite.foot_x
            )
            assert all(a.sprite is not b.sprite for a, b in pairwise(row))


def lane(scene: Scene, time_s: float) -> list[float]:
    return feet(scene, time_s).get(scene.view.lane_m(0), [time_s])


def test_traffic_stops_and_goes_in_some_streets_and_flows_in_others() -> None:
    halts = set()
    for seed in SEEDS:
        halts.add(any(lane(street(seed), t) == lane(street(seed), t + 0.02) for t in np.arange(0.0, 31.0, 2.1)))
    assert halts == {True, False}


@pytest.mark.parametrize("motion", [Motion(7.0), Motion(-9.0, 18.0, 3.0, 6.0), Motion(0.0)])
def test_a_way_is_continuous_and_never_goes_back(motion: Motion) -> None:
    times_s = np.linspace(-5, 80, 20_000)
    ways_m = np.array([motion.way_m(float(t)) for t in times_s]) * np.sign(motion.speed_m_s)
    steps_m = np.diff(ways_m)
    assert steps_m.min() > -1e-9
    assert steps_m.max() <= abs(motion.speed_m_s) * (times_s[1] - times_s[0]) + 1e-9


def test_what_walks_behind_something_says_so() -> None:
    for seed in SEEDS:
        scene = street(seed)
        movers = scene.movers(0.0)
        assert max(mover.layer for mover in movers) == len(scene.layers) - 1
        assert [m.distance_m for m in movers] == sorted((m.distance_m for m in movers), reverse=True)
        near, nearest = (layer.distance_m for layer in scene.layers)
        assert nearest < near < scene.view.near_kerb_m


def test_it_rains_the_same_again() -> None:
    rain, again = street(3, "rain").rain, paint_street.__wrapped__(3, *SIZE, "rain").rain
    assert street(3).rain is None
    assert rain is not None
    assert again is not None
    for sheet, twin in zip(rain.sheets, again.sheets, strict=True):
        assert np.array_equal(sheet.streaks, twin.streaks)
        assert sheet.offset(1.7) == twin.offset(1.7)


def test_curtains_of_rain_have_no_seams() -> None:
    for sheet in falling(5, street(1, width=1400, height=1000).view).sheets:
        tile = sheet.streaks.astype(float)
        for axis in (0, 1):
            steps = np.abs(np.diff(tile, axis=axis)).mean(axis=1 - axis)
            assert np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).mean() < 1.2 * steps.max()
        assert 0.002 < np.mean(tile > 0) < 0.3


def test_drops_fall_evenly() -> None:
    rain = street(4, "rain").rain
    assert rain is not None
    for sheet in rain.sheets:
        high = sheet.streaks.shape[0]
        rows = np.array([sheet.offset(t)[1] for t in np.arange(50) * 1e-3])
        falls = np.diff(rows) % high
        assert falls == pytest.approx(sheet.fall_px_s[1] * 1e-3)


def test_wet_ground_is_darker_where_one_looks_down_and_mirrors_lamps_where_one_looks_along() -> None:
    view = street(1).view
    canvas = Canvas.blank(*SIZE)
    foot = round(view.row(view.far_kerb_m))
    rectangle(canvas, -1, -1, SIZE[0], SIZE[1], tone((0.4,) * 8))
    rectangle(canvas, 140, foot - 40, 160, foot - 10, tone((0.6,) * 8, lamp=1.0))
    ground = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    ground[foot:] = True
    wet(canvas, np.random.default_rng(1), view, ground)
    assert np.median(canvas.infrared[-10:]) < 0.8 * 0.4 * 255
    image = canvas.light[foot + 10 : foot + 40, :, LAMP]
    assert image[:, 145:155].mean() > 60
    assert not image[:, :120].any()
    assert not np.any(canvas.light[: foot - 45, :, LAMP])


def test_under_a_closed_sky_there_is_no_blue() -> None:
    scene = street(1, "overcast")
    sky = scene.background.visible[scene.background.light[..., AIR] > 250].astype(float)
    assert sky[:, 0].mean() < 1.1 * sky[:, 3].mean()


def test_a_wider_canvas_shows_more_of_a_street_by_the_same_lens() -> None:
    seen, wide = street(8), street(8, width=2 * SIZE[0])
    assert wide.view.focal_px == seen.view.focal_px
    assert wide.background.width == wide.distance_m.shape[1] == 2 * SIZE[0]
    for part in (slice(0, 150), slice(450, 600)):
        assert np.std(wide.background.visible[:, part]) > 20
        assert np.isfinite(wide.distance_m[-1, part]).all()
    assert len(wide.movers(0.0)) > len(seen.movers(0.0))


def test_a_mirrored_sprite_stands_on_the_same_spot() -> None:
    canvas = Canvas.blank(9, 5)
    rectangle(canvas, 2, 1, 3, 4, RED)
    sprite = Sprite(canvas, 2.5, 4.0)
    back = sprite.mirrored().mirrored()
    assert back.foot_x == sprite.foot_x
    assert same(back.canvas, canvas)


def test_in_the_shade_a_sprite_has_no_sun_and_no_shadow() -> None:
    canvas = Canvas.blank(9, 5)
    rectangle(canvas, 2, 1, 3, 4, RED)
    canvas.light[:, 6:, SUN] = 40
    shaded = Sprite(canvas, 2.5, 4.0).shaded(0.1).canvas
    assert shaded.light[2, 2, SUN] == pytest.approx(26, abs=1)
    assert (shaded.light[:, 6:, SUN] == 255).all()
    assert same(Sprite(canvas, 2.5, 4.0).shaded(1.0).canvas, canvas)
