"""What must hold for every raster."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ATTRIBUTE_NAMES, MODALITY_NAMES, ObjectClass
from prediction_node.domain.scene import History, Scene
from prediction_node.raster import Raster, Rasterizer, RasterParameters
from prediction_node.raster.manifest import (
    CELLS,
    CHANNELS,
    FAR_CELL_M,
    INDEX,
    NEAR_CELL_M,
    as_dict,
    digest,
)

CELL_M = {'near': NEAR_CELL_M, 'far': FAR_CELL_M}
GROUPS = {channel.group: None for channel in CHANNELS}


@pytest.fixture(scope='module')
def rasterizer() -> Rasterizer:
    return Rasterizer()


def physical(picture: np.ndarray, name: str) -> np.ndarray:
    channel = CHANNELS[INDEX[name]]
    return (picture[..., INDEX[name]].astype(float) - channel.offset) * channel.scale


def centre_of(picture: np.ndarray, name: str, cell_m: float) -> np.ndarray:
    """(2,) x, y in the view frame of the middle of what a share channel shows."""
    share = physical(picture, name)
    along = (0.5 * (CELLS - 1) - np.arange(CELLS)) * cell_m
    return np.array([along @ share.sum(axis=1), along @ share.sum(axis=0)]) / share.sum()


def largest_difference(first: Raster, second: Raster) -> int:
    return max(
        int(np.abs(a.astype(int) - b.astype(int)).max())
        for a, b in ((first.near, second.near), (first.far, second.far))
    )


def test_the_manifest_is_whole() -> None:
    assert len(INDEX) == len(CHANNELS) == 64
    assert list(GROUPS) == [
        *('map', 'lights', 'agents', 'pasts', 'state', 'attributes', 'modalities', 'ego')
    ]
    for name in (*(f'attribute_{each}' for each in ATTRIBUTE_NAMES), 'has_front_wheel_angle_rad'):
        assert CHANNELS[INDEX[name]].group == 'attributes'
    for name in MODALITY_NAMES:
        assert CHANNELS[INDEX[f'seen_by_{name}']].group == 'modalities'
    for channel in CHANNELS:
        assert channel.scale > 0.0
        assert channel.offset in (0, 128)
        assert channel.meaning
    # The warp leaves zeros between the map's channels and the 32nd.
    assert sum(channel.group == 'map' for channel in CHANNELS) <= 29
    assert not any(channel.offset for channel in CHANNELS[23:32])
    # At least 100 m around the robotaxi.
    assert 0.5 * CELLS * FAR_CELL_M >= 100.0


def test_the_digest_is_that_of_the_meaning() -> None:
    assert digest() == digest()
    assert len(digest()) == 64
    assert as_dict()['channels'][INDEX['speed_limit']]['scale'] == 0.2


@settings(max_examples=20)
@given(
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)),
    st.tuples(st.floats(-30, 30), st.floats(-10, 10), st.floats(-np.pi, np.pi)),
)
def test_turning_and_shifting_the_world_changes_nothing(
    world_of: Any,
    lamps_of: Any,
    turn_rad: float,
    shift_m: tuple[float, float],
    ego: tuple[float, float, float],
) -> None:
    lights = lamps_of((7, 1, 1, 0.9, 0.4), (8, 3, 4, 0.5, 2.0))
    here = Rasterizer().draw(world_of().scene(ego=ego, lights=lights))
    there = Rasterizer().draw(world_of(turn_rad, shift_m).scene(ego=ego, lights=lights))
    assert largest_difference(here, there) <= 2
    offset = np.array([channel.offset for channel in CHANNELS])
    shown = {CHANNELS[i].group for i in np.flatnonzero((here.far != offset).any(axis=(0, 1)))}
    assert shown == set(GROUPS)


@settings(max_examples=30)
@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-np.pi, np.pi))
def test_a_view_sees_what_an_ego_there_would_see(
    town: Any, rasterizer: Rasterizer, x: float, y: float, yaw: float
) -> None:
    scene = town.scene(present=False)
    moved = town.scene(present=False, ego=(x, y, yaw))
    view = Transform.from_xyz_yaw(np.array([x, y, 0.0]), yaw)
    assert largest_difference(rasterizer.draw(scene, view), rasterizer.draw(moved)) == 0


@settings(max_examples=40)
@given(
    st.floats(-30, 30),
    st.floats(-30, 30),
    st.floats(-np.pi, np.pi),
    st.floats(0.3, 12.0),
    st.floats(0.3, 3.0),
)
def test_shares_of_an_agent_sum_to_its_area(
    town: Any, rasterizer: Rasterizer, x: float, y: float, yaw: float, length: float, width: float
) -> None:
    rows = [{'x': x, 'y': y, 'yaw': yaw, 'length': length, 'width': width}]
    raster = rasterizer.draw(town.scene(rows, with_map=False))
    for name, cell_m in CELL_M.items():
        picture = getattr(raster, name)
        touched = np.count_nonzero(picture[..., INDEX['car']])
        # Each cell is rounded to a byte.
        slack = 0.5 / 255.0 * (touched + 2.0 * (length + width) / cell_m + 8.0)
        area = physical(picture, 'car').sum()
        assert area == pytest.approx(length * width / cell_m**2, abs=slack)
        # Where in a cell a body lies is not seen.
        np.testing.assert_allclose(centre_of(picture, 'car', cell_m), [x, y], atol=0.5 * cell_m)


@settings(max_examples=40)
@given(
    st.floats(-30, 30),
    st.floats(-30, 30),
    st.floats(-np.pi, np.pi),
    st.floats(-np.pi, np.pi),
)
def test_a_pedestrian_moved_by_20_cm_is_seen_to_have_moved(
    town: Any, rasterizer: Rasterizer, x: float, y: float, yaw: float, course: float
) -> None:
    walker = {'label': ObjectClass.PEDESTRIAN, 'length': 0.5, 'width': 0.6, 'yaw': yaw}
    moved = {'x': x + 0.2 * np.cos(course), 'y': y + 0.2 * np.sin(course), **walker}
    first = rasterizer.draw(town.scene([{'x': x, 'y': y, **walker}]))
    second = rasterizer.draw(town.scene([moved]))
    at = INDEX['pedestrian']
    change = np.abs(first.near[..., at].astype(int) - second.near[..., at].astype(int))
    assert change.max() >= 15
    there, here = (centre_of(r.near, 'pedestrian', NEAR_CELL_M) for r in (second, first))
    ahead = np.array([np.cos(course), np.sin(course)])
    np.testing.assert_allclose(there - here, 0.2 * ahead, atol=0.1)
    assert (there - here) @ ahead > 0.1


def permuted(scene: Scene, order: np.ndarray) -> Scene:
    past = History(**{f.name: getattr(scene.history, f.name)[order] for f in fields(History)})
    return replace(scene, agents=scene.agents.select(order), history=past)


@settings(max_examples=30)
@given(st.permutations(range(14)))
def test_the_order_of_agents_does_not_matter(
    town: Any, rasterizer: Rasterizer, order: list[int]
) -> None:
    rng = np.random.default_rng(3)
    rows = [
        # So close that many overlap.
        {
            'x': rng.uniform(-4, 4),
            'y': rng.uniform(-4, 4),
            'yaw': rng.uniform(-3, 3),
            'speed': rng.uniform(0, 20),
            'label': int(rng.integers(0, 9)),
            'existence': rng.uniform(0.2, 1.0),
            'attributes': {'brake': rng.uniform(0, 1)},
        }
        for _ in range(14)
    ]
    scene = town.scene(rows)
    first = rasterizer.draw(scene)
    assert largest_difference(first, rasterizer.draw(permuted(scene, np.array(order)))) == 0


def test_a_raster_depends_on_its_scene_alone(town: Any, lamps_of: Any) -> None:
    scene = town.scene(lights=lamps_of((7, 1, 1, 1.0, 0.0)))
    fresh = Rasterizer().draw(scene)
    used = Rasterizer(RasterParameters(tiles=256, tiles_ahead=3))
    memory = Raster.blank()
    for x in np.linspace(-4000.0, 4000.0, 23):
        used.draw(town.scene(ego=(x, 0.5 * x, 0.01 * x)), into=memory)
    assert used.draw(scene, into=memory) is memory
    assert largest_difference(fresh, memory) == 0


def test_two_maps_do_not_mix(world_of: Any) -> None:
    first, second = world_of(), world_of(0.7, (50.0, 20.0))
    rasterizer = Rasterizer(RasterParameters(maps=1))
    alone = Rasterizer().draw(first.scene())
    for _ in range(2):
        rasterizer.draw(second.scene(ego=(20.0, 0.0, 1.0)))
        assert largest_difference(rasterizer.draw(first.scene()), alone) == 0


def test_without_a_map_only_bodies_are_drawn(town: Any, rasterizer: Rasterizer) -> None:
    bare, full = rasterizer.draw(town.scene(with_map=False)), rasterizer.draw(town.scene())
    for name in CELL_M:
        for i, channel in enumerate(CHANNELS):
            picture = getattr(bare, name)[..., i]
            if channel.group in ('map', 'lights'):
                assert np.all(picture == channel.offset), channel.name
            else:
                np.testing.assert_array_equal(picture, getattr(full, name)[..., i])


def test_nobody_and_nothing_is_empty(town: Any, rasterizer: Rasterizer) -> None:
    raster = rasterizer.draw(town.scene([], with_map=False, present=False))
    empty = np.array([channel.offset for channel in CHANNELS], np.uint8)
    assert np.all(raster.near == empty)
    assert np.all(raster.far == empty)


def test_a_robotaxi_that_is_not_there_is_not_drawn(town: Any, rasterizer: Rasterizer) -> None:
    there, gone = rasterizer.draw(town.scene()), rasterizer.draw(town.scene(present=False))
    own = [INDEX['ego'], INDEX['past_ego']]
    others = [i for i in range(len(CHANNELS)) if i not in own]
    assert not gone.near[..., own].any()
    np.testing.assert_array_equal(there.near[..., others], gone.near[..., others])
    area = physical(there.near, 'ego').sum() * NEAR_CELL_M**2
    assert area == pytest.approx(4.9 * 1.9, rel=0.01)
    np.testing.assert_allclose(centre_of(there.near, 'ego', NEAR_CELL_M), [1.4, 0.0], atol=0.02)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_agents_that_are_nowhere_do_no_harm(town: Any, rasterizer: Rasterizer, bad: float) -> None:
    scene = town.scene()
    place = scene.agents.position_m.copy()
    place[0, 0] = bad
    broken = replace(scene, agents=replace(scene.agents, position_m=place))
    picture = rasterizer.draw(broken).near
    others = permuted(scene, np.arange(1, len(scene.agents)))
    np.testing.assert_array_equal(
        picture[..., INDEX['heavy']], rasterizer.draw(others).near[..., INDEX['heavy']]
    )
