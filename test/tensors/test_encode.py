"""Encoding: right shapes, known answers, and no dependence on what must not matter."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ATTRIBUTE_NAMES, ObjectClass
from prediction_node.domain.lights import LightColour
from prediction_node.domain.scene import History, Scene
from prediction_node.domain.tensors import (
    HISTORY_NAMES,
    MAP_NAMES,
    MAP_RELATIONS,
    STATE_NAMES,
    Sizes,
    check_arrays,
    encoder_inputs,
)
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.tensors.encode import Encoder, NodeMemory, encode
from prediction_node.tensors.kernels import nodes as node_kernels
from prediction_node.tensors.map_nodes import MapNodes

SIZES = Sizes(agents=16, map_nodes=64)
STATE = {name: i for i, name in enumerate(STATE_NAMES)}
PAST = {name: i for i, name in enumerate(HISTORY_NAMES)}
MAP = {name: i for i, name in enumerate(MAP_NAMES)}
RELATION = {name: i for i, name in enumerate(MAP_RELATIONS)}


def tensors(scene: Scene, sizes: Sizes = SIZES, view: Transform | None = None) -> Any:
    proposals = KinematicEngine(KinematicParameters()).predict(scene)
    return encode(scene, proposals, sizes, view)


def assert_same(a: Any, b: Any, atol: float = 2e-4) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5, atol=atol, err_msg=name)


def test_every_tensor_of_the_contract_is_there(scene_of: Any) -> None:
    check_arrays(tensors(scene_of()), encoder_inputs(SIZES), SIZES)
    without = dataclasses.replace(SIZES, map_nodes=0)
    arrays = tensors(scene_of(), without)
    check_arrays(arrays, encoder_inputs(without), without)
    assert not [name for name in arrays if 'map' in name]


@settings(max_examples=25)
@given(
    turn=st.floats(-np.pi, np.pi),
    x=st.floats(-5e6, 5e6),
    y=st.floats(-5e6, 5e6),
)
def test_where_the_world_lies_does_not_matter(
    scene_of: Any, turn: float, x: float, y: float
) -> None:
    assert_same(tensors(scene_of(turn, (x, y))), tensors(scene_of()))


def test_agents_in_another_order_are_rows_in_another_order(scene_of: Any, reordered: Any) -> None:
    scene = scene_of()
    order = np.random.default_rng(0).permutation(len(scene.agents))
    one, other = tensors(scene), tensors(reordered(scene, order))
    rows = np.concatenate([[0], 1 + order])
    n = len(order)
    for name in one:
        if name.startswith('actor'):
            np.testing.assert_array_equal(other[name][: n + 1], one[name][rows], err_msg=name)
        elif name.startswith('proposal'):
            np.testing.assert_array_equal(other[name][:n], one[name][order], err_msg=name)
        else:
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)


def test_another_view_moves_poses_and_nothing_else(scene_of: Any) -> None:
    scene = scene_of(0.4, (100.0, -20.0))
    view = scene.ego.map_from_base @ Transform.from_xyz_yaw(np.array([5.0, -3.0, 0.0]), 0.7)
    here, there = tensors(scene), tensors(scene, view=view)
    for name in ('actor_pose', 'map_pose'):
        cos, sin = np.cos(0.7), np.sin(0.7)
        known = here[name.replace('pose', 'valid')] > 0
        xy = there[name][known, :2] @ np.array([[cos, sin], [-sin, cos]]) + [5.0, -3.0]
        np.testing.assert_allclose(xy, here[name][known, :2], atol=1e-3)
        turn = np.arctan2(here[name][known, 3], here[name][known, 2]) - np.arctan2(
            there[name][known, 3], there[name][known, 2]
        )
        np.testing.assert_allclose(np.cos(turn - 0.7), 1.0, atol=1e-6)
    rest = [name for name in here if not name.endswith('_pose')]
    assert_same({n: here[n] for n in rest}, {n: there[n] for n in rest}, atol=0.0)


def test_states_and_pasts_are_in_own_frames(scene_of: Any) -> None:
    scene = scene_of(2.0, (1e6, 2e6))
    arrays = tensors(scene)
    state, past = arrays['actor_state'], arrays['actor_history']
    n = len(scene.agents)
    speed = np.hypot(*scene.agents.velocity_mps.T)
    np.testing.assert_allclose(state[1 : n + 1, STATE['speed_mps']], speed, atol=1e-5)
    np.testing.assert_allclose(state[1 : n + 1, STATE['slip_speed_mps']], 0.0, atol=1e-5)
    # Everybody went straight: own x is minus the speed times the time back.
    back = -0.1 * np.arange(SIZES.history - 1, -1, -1)
    valid = arrays['actor_history_valid'][1 : n + 1]
    np.testing.assert_array_equal(valid, scene.history.valid)
    expected = np.where(valid > 0, speed[:, None] * back, 0.0)
    np.testing.assert_allclose(past[1 : n + 1, :, PAST['x_m']], expected, atol=1e-4)
    np.testing.assert_allclose(past[1 : n + 1, :, PAST['y_m']], 0.0, atol=1e-4)
    np.testing.assert_allclose(past[1 : n + 1, :, PAST['cos_yaw']], valid, atol=1e-6)
    assert not arrays['actor_valid'][n + 1 :].any()
    assert not state[n + 1 :].any()
    # Row 1 heads along the town's x axis, the axis of its covariance.
    np.testing.assert_allclose(state[1, STATE['sigma_along_m']], 0.3, atol=1e-5)
    np.testing.assert_allclose(state[1, STATE['sigma_across_m']], 0.2, atol=1e-5)


def test_what_was_not_reported_or_seen_is_zero(scene_of: Any) -> None:
    state = tensors(scene_of())['actor_state']
    brake = ATTRIBUTE_INDEX['brake']
    value, has = (
        STATE[f'attribute_{ATTRIBUTE_NAMES[brake]}'],
        STATE[f'has_{ATTRIBUTE_NAMES[brake]}'],
    )
    last = len(scene_of().agents)
    assert state[1, has] == 1.0
    assert state[1, value] == pytest.approx(0.8)
    assert state[last, has] == 0.0
    assert state[last, value] == 0.0
    assert state[1, STATE['seen_by_camera']] == 1.0
    assert state[1, STATE['seen_by_lidar']] == 0.0


def test_the_robotaxi_is_row_zero_unless_nobody_drives(scene_of: Any) -> None:
    arrays = tensors(scene_of())
    assert arrays['actor_valid'][0] == 1.0
    assert arrays['actor_state'][0, STATE['is_ego']] == 1.0
    assert not arrays['actor_state'][1:, STATE['is_ego']].any()
    np.testing.assert_allclose(arrays['actor_pose'][0], [1.4, 0.0, 1.0, 0.0], atol=1e-6)
    assert arrays['actor_history_valid'][0].all()
    nobody = tensors(scene_of(present=False))
    assert nobody['actor_valid'][0] == 0.0
    assert not nobody['actor_state'][0].any()
    assert not nobody['actor_history'][0].any()
    assert not nobody['actor_map_kind'][0].any()
    unknown_past = encode(dataclasses.replace(scene_of(), ego_history=None), None, SIZES)
    np.testing.assert_array_equal(np.flatnonzero(unknown_past['actor_history_valid'][0]), [30])


def test_a_coarser_history_takes_every_so_many_instants(scene_of: Any) -> None:
    fine = tensors(scene_of())
    coarse = tensors(scene_of(), dataclasses.replace(SIZES, history=8, history_step_s=0.4))
    np.testing.assert_array_equal(coarse['actor_history'], fine['actor_history'][:, 2::4])
    longer = tensors(scene_of(), dataclasses.replace(SIZES, history=41))
    assert not longer['actor_history_valid'][:, :10].any()
    np.testing.assert_array_equal(longer['actor_history'][:, 10:], fine['actor_history'])
    with pytest.raises(ValueError, match=r'multiple of 0\.1 s'):
        tensors(scene_of(), dataclasses.replace(SIZES, history_step_s=0.25))


def test_proposals_stand_in_own_frames(scene_of: Any) -> None:
    scene = scene_of(1.0, (-3e5, 40.0))
    proposals = KinematicEngine(KinematicParameters()).predict(scene)
    arrays = encode(scene, proposals, SIZES)
    n = len(scene.agents)
    own = arrays['proposal'][:n].astype(float)
    yaw = scene.agents.yaw_rad[:, None, None]
    x = np.cos(yaw) * own[..., 0] - np.sin(yaw) * own[..., 1]
    y = np.sin(yaw) * own[..., 0] + np.cos(yaw) * own[..., 1]
    back = np.stack([x, y], -1) + scene.agents.position_m[:, None, None, :2]
    np.testing.assert_allclose(back, proposals.pose[:, :, 1:, :2], atol=1e-4)
    assert np.abs(own[:, :, 0, 2]).max() <= np.pi
    turned = own[..., 2] + yaw - proposals.pose[:, :, 1:, 2]
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-6)
    weight = np.exp(arrays['proposal_log_weight'][:n])
    np.testing.assert_allclose(weight, proposals.probability, atol=1e-6)
    assert not encode(scene, None, SIZES)['proposal'].any()


def test_too_many_agents_are_refused(scene_of: Any) -> None:
    with pytest.raises(ValueError, match='at most 4 agents, got 10'):
        tensors(scene_of(), dataclasses.replace(SIZES, agents=4))
    with pytest.raises(ValueError, match='proposals must be'):
        tensors(scene_of(), dataclasses.replace(SIZES, modes=20))


def lanes_by_relation(scene: Scene, row: int, relation: str) -> set[int]:
    """Ids of the lanes of which a piece is `relation` to the actor of `row`; -1: a signal."""
    nodes = MapNodes.of(scene.lane_map)
    arrays = tensors(scene)
    # Nothing is too far away, so the nodes of the scene are those of the map.
    assert arrays['map_valid'].sum() == len(nodes)
    at = np.flatnonzero(arrays['actor_map_kind'][row] == RELATION[relation])
    lanes = nodes.lane[at]
    return {int(scene.lane_map.id[lane]) if lane >= 0 else -1 for lane in lanes}


def test_what_the_map_is_to_actors(scene_of: Any) -> None:
    scene = scene_of(0.3, (50.0, 60.0))
    # Row 0, the robotaxi, and row 1, a car, drive on the lane that a light rules, 10.
    for row in (0, 1):
        assert lanes_by_relation(scene, row, 'on') == {10}
        assert lanes_by_relation(scene, row, 'ahead') == {10, 12, 13, 14, -1}
        assert lanes_by_relation(scene, row, 'left') == {11}
    assert lanes_by_relation(scene, 2, 'right') == {10}
    assert lanes_by_relation(scene, 2, 'oncoming') == {15}
    assert lanes_by_relation(scene, 3, 'on') == {15}
    assert lanes_by_relation(scene, 3, 'oncoming') == {11}
    assert lanes_by_relation(scene, 4, 'on') == {13}  # turns left, straddling nothing else
    assert lanes_by_relation(scene, 5, 'on') == {18}
    # On a crosswalk, whichever way it is headed, the walkway that meets it lies ahead.
    assert 16 in lanes_by_relation(scene, 6, 'on')
    assert 17 in lanes_by_relation(scene, 6, 'ahead')
    assert lanes_by_relation(scene, 7, 'on') == {17}
    assert 16 in lanes_by_relation(scene, 7, 'ahead')
    assert not lanes_by_relation(scene, 9, 'on')


def test_who_drives_against_a_lane_is_not_on_it(scene_of: Any) -> None:
    scene = scene_of(bodies=[(45.0, 0.0, np.pi, 8.0, ObjectClass.CAR)])
    assert 10 in lanes_by_relation(scene, 1, 'oncoming')
    assert 10 not in lanes_by_relation(scene, 1, 'on')


def test_relations_have_the_contracts_numbers() -> None:
    for name in ('on', 'ahead', 'left', 'right', 'oncoming'):
        assert getattr(node_kernels, name.upper()) == RELATION[name]


def test_nodes_say_what_the_map_says(scene_of: Any) -> None:
    scene = scene_of()
    arrays = tensors(scene)
    nodes = MapNodes.of(scene.lane_map)
    feature = arrays['map_feature'][: len(nodes)]
    lane = np.where(nodes.lane >= 0, scene.lane_map.id[nodes.lane], -1)
    assert (feature[lane == 16][:, MAP['kind_crosswalk']] == 1.0).all()
    assert (feature[lane == 13][:, MAP['turn_left']] == 1.0).all()
    assert (feature[lane == 13][:, MAP['gives_way']] == 1.0).all()
    assert (feature[lane == 15][:, MAP['has_way']] == 1.0).all()
    np.testing.assert_allclose(feature[lane == 10][:, MAP['half_width_m']], 1.75, atol=1e-5)
    np.testing.assert_allclose(feature[lane == 10][:, MAP['length_m']], 130.0 / 7.0, atol=1e-4)
    np.testing.assert_array_equal(
        feature[lane == 10][:, MAP['ends_at_stop_line']], [0, 0, 0, 0, 0, 0, 1]
    )
    assert (feature[lane >= 0][:, MAP['length_m']] <= 20.0 + 1e-4).all()
    # The pieces of a lane join: the last point of one is the first of the next.
    of_lane = np.flatnonzero(lane == 13)
    pose, point = arrays['map_pose'][of_lane], arrays['map_point'][of_lane]
    cos, sin = pose[:, 2:3], pose[:, 3:4]
    x = pose[:, 0:1] + cos * point[..., 0] - sin * point[..., 1]
    y = pose[:, 1:2] + sin * point[..., 0] + cos * point[..., 1]
    np.testing.assert_allclose([x[0, -1], y[0, -1]], [x[1, 0], y[1, 0]], atol=1e-4)
    np.testing.assert_allclose([x[0, 0], y[0, 0]], [60.0, 0.0], atol=1e-4)
    np.testing.assert_allclose([x[1, -1], y[1, -1]], [80.0, 20.0], atol=1e-4)
    light = feature[lane == -1]
    assert light[:, MAP['kind_light']].tolist() == [1.0]
    np.testing.assert_allclose(arrays['map_pose'][len(nodes) - 1], [59.0, 0, 1, 0], atol=1e-4)


def ruled(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Red, amber, green, unknown and age, of lane 10 and of the signal."""
    nodes = MapNodes.of(scene.lane_map)
    feature = tensors(scene)['map_feature'][: len(nodes)]
    first = MAP['light_red']
    on_lane = feature[nodes.lane == 0][:, first : first + 5]
    assert (on_lane == on_lane[0]).all()
    assert not feature[nodes.lane == 1][:, first : first + 5].any()
    return on_lane[0], feature[nodes.lane < 0][0, first : first + 5]


def test_lights_show_on_what_they_rule(scene_of: Any, lamps_of: Any) -> None:
    for colour, column in ((LightColour.RED, 0), (LightColour.AMBER, 1), (LightColour.GREEN, 2)):
        for shown in ruled(scene_of(lights=lamps_of(0.4, colour))):
            expected = np.zeros(5)
            expected[column], expected[4] = 0.9, 0.4
            np.testing.assert_allclose(shown, expected, atol=1e-6)
    for lights in (lamps_of(11.0), lamps_of(0.1, LightColour.RED, 777)):
        for shown in ruled(scene_of(lights=lights)):
            np.testing.assert_allclose(shown, [0, 0, 0, 1, 10], atol=1e-6)


def test_the_nearest_nodes_are_kept_when_there_are_too_many(scene_of: Any) -> None:
    scene = scene_of(bodies=[(20.0, 0.0, 0.0, 0.0, ObjectClass.CAR)])
    arrays = tensors(scene, dataclasses.replace(SIZES, map_nodes=6))
    assert arrays['map_valid'].all()
    away = np.hypot(*(arrays['map_pose'][:, :2]).T)
    assert away.max() < 45.0


def test_without_map_or_agents_all_is_padding(scene_of: Any) -> None:
    scene = scene_of(bodies=[], with_map=False)
    arrays = encode(scene, KinematicEngine(KinematicParameters()).predict(scene), SIZES)
    check_arrays(arrays, encoder_inputs(SIZES), SIZES)
    assert not arrays['map_valid'].any()
    np.testing.assert_array_equal(np.flatnonzero(arrays['actor_valid']), [0])
    for name in ('actor_pose', 'map_pose'):
        np.testing.assert_array_equal(arrays[name][1:, 2], 1.0)


def test_the_encoder_remembers_maps_and_gives_the_same(scene_of: Any) -> None:
    memory = NodeMemory(maps=1)
    encoder = Encoder(SIZES, memory)
    one, other = scene_of(), scene_of(1.0)
    for scene in (one, other, one):
        assert_same(encoder.encode(scene, None), encode(scene, None, SIZES), atol=0.0)
    assert memory.nodes_of(one.lane_map) is memory.nodes_of(one.lane_map)
    memory.keep(other.lane_map, memory.nodes_of(one.lane_map))
    assert memory.nodes_of(other.lane_map) is not MapNodes.of(None)


def test_a_short_past_is_padded_at_its_beginning(scene_of: Any) -> None:
    scene = scene_of()
    past = scene.history
    short = History(
        past.position_m[:, -5:], past.yaw_rad[:, -5:], past.velocity_mps[:, -5:], past.valid[:, -5:]
    )
    valid = encode(dataclasses.replace(scene, history=short), None, SIZES)['actor_history_valid']
    n = len(scene.agents)
    np.testing.assert_array_equal(valid[1 : n + 1, -5:], past.valid[:, -5:])
    assert not valid[1 : n + 1, :-5].any()
