"""Known scenes: every channel shows what the manifest says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneMap, Polylines, Relation
from prediction_node.domain.lights import LightColour, LightShape
from prediction_node.raster import Raster, Rasterizer
from prediction_node.raster.manifest import CELLS, CHANNELS, FAR_CELL_M, INDEX, NEAR_CELL_M

RED, AMBER, GREEN = LightColour.RED, LightColour.AMBER, LightColour.GREEN
DISC, LEFT, UP = LightShape.CIRCLE, LightShape.LEFT_ARROW, LightShape.UP_ARROW


@pytest.fixture(scope='module')
def rasterizer() -> Rasterizer:
    return Rasterizer()


def at(raster: Raster, name: str, x_m: float, y_m: float, scale: str = 'near') -> float:
    """The physical value in the cell around a place of the view frame."""
    picture, cell_m = (raster.near, NEAR_CELL_M) if scale == 'near' else (raster.far, FAR_CELL_M)
    row, column = (int(np.floor(0.5 * CELLS - v / cell_m)) for v in (x_m, y_m))
    channel = CHANNELS[INDEX[name]]
    return float((int(picture[row, column, INDEX[name]]) - channel.offset) * channel.scale)


@pytest.mark.parametrize(
    ('name', 'x', 'y', 'value'),
    [
        ('drivable', -20.1, 0.1, 1.0),
        ('drivable', -20.1, -5.9, 0.0),
        ('bicycle_lane', -20.1, -3.1, 1.0),
        ('sidewalk', -20.1, -6.1, 1.0),
        ('crosswalk', 5.1, 1.1, 1.0),
        ('crosswalk', 8.1, 1.1, 0.0),
        ('parking', -15.1, 11.1, 1.0),
        ('building', -32.1, 27.1, 1.0),
        ('parking', -32.1, 27.1, 0.0),
        ('direction_x', -20.1, 0.1, 1.0),
        ('direction_x', -20.1, 3.6, -1.0),
        ('direction_y', -20.1, 0.1, 0.0),
        ('speed_limit', -20.1, 0.1, 13.8),
        ('speed_limit', -20.1, -6.1, 0.0),
        ('turns_left', 26.1, 8.1, 1.0),
        ('turns_left', 30.1, -1.1, 0.0),
        ('gives_way', 26.1, 8.1, 1.0),
        ('has_way', -20.1, 3.6, 1.0),
        ('has_way', -20.1, 0.1, 0.0),
        ('light_ruled', 30.1, 0.1, 1.0),
        ('light_ruled', -20.1, 0.1, 0.0),
    ],
)
def test_the_map_is_where_it_is(
    town: Any, rasterizer: Rasterizer, name: str, x: float, y: float, value: float
) -> None:
    assert at(rasterizer.draw(town.scene([])), name, x, y) == pytest.approx(value, abs=0.12)


def test_lines_are_half_a_cell_wide(town: Any, rasterizer: Rasterizer) -> None:
    raster = rasterizer.draw(town.scene([]))
    for picture, cell_m in ((raster.near, NEAR_CELL_M), (raster.far, FAR_CELL_M)):
        ground = picture[..., INDEX['stop_line']].sum() / 255.0 * cell_m**2
        assert ground == pytest.approx(3.5 * 0.5 * cell_m, rel=0.05)
    # A row of cells across the road on which nothing but borders along x can lie.
    row = raster.near[int(0.5 * CELLS + 40), :, INDEX['border_solid']]
    # Right borders of two road lanes, bicycle lane, walkway; left ones of bicycle lane (solid).
    assert row.sum() / 255.0 == pytest.approx(5 * 0.5, rel=0.05)


def test_far_and_near_show_the_same_ground(town: Any, rasterizer: Rasterizer) -> None:
    raster = rasterizer.draw(town.scene())
    names = ['drivable', 'sidewalk', 'building', 'crosswalk', 'pedestrian', 'bicycle', 'past_motor']
    for name in names:
        near = raster.near[..., INDEX[name]].astype(float)
        far = raster.far[..., INDEX[name]].astype(float)
        along = np.abs((0.5 * (CELLS - 1) - np.arange(CELLS)) * FAR_CELL_M)
        inner = along < 0.5 * CELLS * NEAR_CELL_M - 0.5 * FAR_CELL_M + 1e-6
        ground = near.sum() * NEAR_CELL_M**2
        assert far[np.ix_(inner, inner)].sum() * FAR_CELL_M**2 == pytest.approx(ground, rel=0.1)


def test_directions_turn_with_the_view(town: Any, rasterizer: Rasterizer) -> None:
    raster = rasterizer.draw(town.scene([], ego=(-20.0, 0.0, np.pi / 2)))
    assert at(raster, 'direction_x', 0.1, 0.1) == pytest.approx(0.0, abs=0.02)
    assert at(raster, 'direction_y', 0.1, 0.1) == pytest.approx(-1.0, abs=0.02)


def two_way(lane_map: LaneMap) -> LaneMap:
    """Its lane 100 may be driven both ways: a second row against it."""
    rows = np.append(np.arange(len(lane_map)), 0)

    def lines(each: Polylines) -> Polylines:
        return Polylines.of([*(each[i] for i in range(len(lane_map))), each[0][::-1]])

    def relation(each: Relation) -> Relation:
        return Relation.of([*(each[i] for i in range(len(lane_map))), ()])

    one_way = lane_map.one_way[rows]
    one_way[[0, -1]] = False
    per_lane = {
        name: getattr(lane_map, name)[rows]
        for name in (
            *('kind', 'turn', 'speed_limit_mps', 'has_speed_limit', 'left_border_kind'),
            *('right_border_kind', 'left_change', 'right_change'),
        )
    }
    return replace(
        lane_map,
        id=np.append(lane_map.id, -lane_map.id[0]),
        centreline=lines(lane_map.centreline),
        left_border=lines(lane_map.right_border),
        right_border=lines(lane_map.left_border),
        one_way=one_way,
        **per_lane,
        **{
            name: relation(getattr(lane_map, name))
            for name in (
                *('successors', 'predecessors', 'left', 'right', 'yields_to', 'lane_lights'),
            )
        },
    )


def test_a_lane_driven_both_ways_covers_once_and_points_nowhere(
    town: Any, rasterizer: Rasterizer
) -> None:
    scene = town.scene([])
    there = rasterizer.draw(scene)
    both = rasterizer.draw(replace(scene, lane_map=two_way(town.lane_map)))
    for name in ('drivable', 'centreline'):
        first, second = (r.near[..., INDEX[name]].astype(int) / 255.0 for r in (there, both))
        assert second.sum() == pytest.approx(first.sum(), rel=0.01)
    assert at(both, 'direction_x', -20.1, -0.6) == pytest.approx(0.0, abs=0.02)
    assert at(both, 'speed_limit', -20.1, -0.6) == pytest.approx(13.8, abs=0.12)


@pytest.mark.parametrize(
    ('lamps', 'straight', 'left'),
    [
        ([(7, RED, DISC, 0.8, 0.0)], 'red', 'red'),
        ([(7, GREEN, DISC, 0.8, 0.0)], 'green', 'green'),
        ([(7, RED, DISC, 0.8, 0.0), (7, GREEN, LEFT, 0.8, 0.0)], 'red', 'green'),
        ([(7, AMBER, UP, 0.8, 0.0)], 'amber', None),
        ([(7, LightColour.WHITE, DISC, 0.8, 0.0)], 'unknown', 'unknown'),
        ([(99, RED, DISC, 0.8, 0.0)], None, None),
        ([], None, None),
    ],
)
def test_lights_colour_the_lanes_they_rule(
    town: Any,
    rasterizer: Rasterizer,
    lamps_of: Any,
    lamps: list[Any],
    straight: str | None,
    left: str | None,
) -> None:
    raster = rasterizer.draw(town.scene([], lights=lamps_of(*lamps)))
    for (x, y), expected in (((35.1, 0.1), straight), ((27.6, 13.1), left)):
        for name in ('red', 'amber', 'green', 'unknown'):
            strength = 0.8 if name == expected else 0.0
            for scale in ('near', 'far'):
                shown = at(raster, f'light_{name}', x, y, scale)
                assert shown == pytest.approx(strength, abs=0.01), (name, scale)
    lit = raster.near[..., INDEX['light_red']][:, :].astype(bool)
    row = int(0.5 * CELLS - 9.0 / NEAR_CELL_M)
    red = any(colour == RED and group == 7 for group, colour, *_ in lamps)
    assert lit[row - 1 : row + 1, CELLS // 2 - 2 : CELLS // 2 + 2].any() == red


def test_the_age_of_a_light_is_seen(town: Any, rasterizer: Rasterizer, lamps_of: Any) -> None:
    for age_s, shown_s in ((0.0, 0.0), (1.2, 1.2), (60.0, 10.2), (-5.0, 0.0)):
        raster = rasterizer.draw(town.scene([], lights=lamps_of((7, RED, DISC, 1.0, age_s))))
        assert at(raster, 'light_age', 35.1, 0.1) == pytest.approx(shown_s, abs=0.03)


def test_neighbours_under_one_light_show_no_seam(
    samples_folder: Any, town: Any, rasterizer: Rasterizer, lamps_of: Any
) -> None:
    lane_map = town.lane_map
    all_lanes = replace(
        lane_map, light_lanes=Relation.of([(0, 3), ()]), light_stop_line=Relation.of([(), ()])
    )
    scene = replace(town.scene([], lights=lamps_of((7, RED, DISC, 0.6, 0.0))), lane_map=all_lanes)
    raster = rasterizer.draw(scene)
    # Lanes 0 and 3 meet at y = 1.75, in the middle of a cell.
    for y in (0.1, 1.6, 1.9, 3.4):
        assert at(raster, 'light_red', -20.1, y) == pytest.approx(0.6, abs=0.01)


def test_agents_are_what_they_are(town: Any, rasterizer: Rasterizer) -> None:
    raster = rasterizer.draw(
        town.scene(
            [
                {'x': 20.0, 'y': 10.0, 'yaw': np.pi / 2, 'speed': 8.0, 'existence': 0.5,
                 'age': 0.5, 'attributes': {'brake': 1.0, 'hazard': 0.0,
                                            'front_wheel_angle_rad': -0.4}},
            ]
        )
    )  # fmt: skip
    expected = {
        'car': 0.5,
        'heavy': 0.0,
        'velocity_x': 0.0,
        'velocity_y': 8.0,
        'heading_x': 0.0,
        'heading_y': 1.0,
        'length': 4.5,
        'width': 1.8,
        'sigma_position': 0.3,
        'sigma_speed': 0.5,
        'attribute_brake': 1.0,
        'attribute_hazard': -1.0,
        'attribute_parked': 0.0,
        'attribute_front_wheel_angle_rad': -0.4,
        'has_front_wheel_angle_rad': 1.0,
        'seen_by_radar': np.exp(-0.5),
    }
    for name, value in expected.items():
        # The second is a byte's half of the coarsest unit among them.
        assert at(raster, name, 20.1, 10.1) == pytest.approx(value, abs=0.02), name


@pytest.mark.parametrize('label', list(ObjectClass))
def test_every_class_has_its_channel(town: Any, rasterizer: Rasterizer, label: ObjectClass) -> None:
    names = ('car', 'heavy', 'motorcycle', 'bicycle', 'pedestrian', 'animal', 'unknown')
    raster = rasterizer.draw(town.scene([{'x': 20.0, 'y': 10.0, 'label': label, 'speed': 3.0}]))
    shown = [name for name in names if at(raster, name, 20.1, 10.1) > 0.9]
    heavy = label in (ObjectClass.TRUCK, ObjectClass.BUS, ObjectClass.TRAILER)
    assert shown == ['heavy' if heavy else label.name.lower()]
    pasts = [n for n in ('past_motor', 'past_two_wheeler', 'past_walker') if at(raster, n, 18, 10)]
    walks = label in (ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL)
    rides = label in (ObjectClass.MOTORCYCLE, ObjectClass.BICYCLE)
    assert pasts == ['past_walker' if walks else 'past_two_wheeler' if rides else 'past_motor']


def test_a_small_agent_keeps_its_values_in_large_cells(town: Any, rasterizer: Rasterizer) -> None:
    # In the middle of a far cell.
    place = 0.5 * FAR_CELL_M + 14 * FAR_CELL_M
    walker = {'x': place, 'y': place, 'label': 7, 'length': 0.5, 'width': 0.5, 'speed': 2.0}
    raster = rasterizer.draw(town.scene([walker]))
    assert at(raster, 'velocity_x', place, place, 'far') == pytest.approx(2.0, abs=0.01)
    assert at(raster, 'pedestrian', place, place, 'far') == pytest.approx(0.25 / 1.96, abs=0.003)


def test_pasts_fade_and_gaps_stay_empty(town: Any, rasterizer: Rasterizer) -> None:
    scene = town.scene([{'x': 20.1, 'y': 12.1, 'speed': 10.0}])
    strength = [
        at(rasterizer.draw(scene), 'past_motor', 20.1 - d, 12.1) for d in (1, 6, 11, 16, 21, 26)
    ]
    assert strength == sorted(strength, reverse=True)
    assert strength[0] > 0.9
    assert 0.1 < strength[-1] < 0.3
    valid = scene.history.valid.copy()
    valid[:, :21] = False
    late = replace(scene, history=replace(scene.history, valid=valid))
    raster = rasterizer.draw(late)
    assert at(raster, 'past_motor', 14.1, 12.1) == pytest.approx(strength[1], abs=1e-9)
    assert at(raster, 'past_motor', 4.1, 12.1) == 0.0


def test_a_short_history_is_a_short_past(town: Any, rasterizer: Rasterizer) -> None:
    scene = town.scene([{'x': 20.1, 'y': 12.1, 'speed': 10.0}])
    past = scene.history
    short = replace(
        scene,
        history=type(past)(
            past.position_m[:, -4:], past.yaw_rad[:, -4:], past.velocity_mps[:, -4:],
            past.valid[:, -4:],
        ),
    )  # fmt: skip
    raster = rasterizer.draw(short)
    assert at(raster, 'past_motor', 18.6, 12.1) > 0.9
    assert at(raster, 'past_motor', 14.1, 12.1) == 0.0
