"""The kinematic predictor on a city's map: routes through junctions, red lights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneKind, LaneMap, Turn
from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters
from prediction_node.lanelet.polyline import project
from prediction_node.simulation.city_map import lanelet_ids

BEFORE_M = 30.0
SPEED_MPS = 9.0


def approaches(lane_map: LaneMap) -> list[int]:
    """Road lanes that end before a signal and are long enough to stand back from it."""
    ruled = [set(lane_map.light_lanes[g].tolist()) for g in range(len(lane_map.light_group_id))]
    behind = set().union(*ruled)
    return [
        lane
        for lane in np.flatnonzero(
            (lane_map.kind == LaneKind.ROAD) & (lane_map.turn == Turn.NONE)
        ).tolist()
        if behind & set(lane_map.successors[lane].tolist()) and length(lane_map, lane) > BEFORE_M
    ]


def length(lane_map: LaneMap, lane: int) -> float:
    return float(np.hypot(*np.diff(lane_map.centreline[lane][:, :2], axis=0).T).sum())


def scene_of(lane_map: LaneMap, lanes: list[int], lights: LightStates, agents_of: Any) -> Scene:
    """A car in every lane, BEFORE_M from its end."""
    place, yaw = [], []
    for lane in lanes:
        line = lane_map.centreline[lane][:, :2]
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = along[-1] - BEFORE_M
        here, ahead = (
            np.array([np.interp(s, along, line[:, k]) for k in (0, 1)]) for s in (at, at + 1.0)
        )
        place.append(here)
        yaw.append(np.arctan2(*(ahead - here)[::-1]))
    n = len(lanes)
    xy, course = np.array(place), np.array(yaw)
    velocity = SPEED_MPS * np.stack([np.cos(course), np.sin(course)], axis=-1)
    agents = agents_of(
        n, position_m=np.column_stack([xy, np.zeros(n)]), yaw_rad=course, velocity_mps=velocity
    )
    back_s = 0.1 * np.arange(30)[::-1]
    history = History(
        xy[:, None] - back_s[:, None] * velocity[:, None],
        np.tile(course[:, None], (1, 30)),
        np.tile(velocity[:, None], (1, 30, 1)),
        np.ones((n, 30), bool),
    )
    nowhere = Transform.from_xyz_yaw(np.array([1e4, 1e4, 0.0]), 0.0)
    ego = Ego(agents.stamp_ns, nowhere, np.zeros(2), 0.0, np.array([4.8, 1.9, 1.6]))
    return Scene(agents.stamp_ns, agents, history, ego, lane_map, lights)


def all_showing(lane_map: LaneMap, colour: LightColour, stamp_ns: int) -> LightStates:
    n = len(lane_map.light_group_id)
    return LightStates(
        lane_map.light_group_id, np.full(n, colour, np.int8),
        np.full(n, LightShape.CIRCLE, np.int8), np.ones(n), np.full(n, stamp_ns),
    )  # fmt: skip


def beyond_m(lane_map: LaneMap, lanes: list[int], prediction: Prediction) -> np.ndarray:
    """(N,) how far the front of the likeliest path's last pose lies past its lane's end."""
    likeliest = prediction.probability.argmax(axis=1)
    pose = prediction.pose[np.arange(len(lanes)), likeliest, -1]
    out = []
    for lane, (x, y, yaw) in zip(lanes, pose, strict=True):
        line = lane_map.centreline[lane][:, :2]
        ahead = line[-1] - line[-2]
        front = np.array([x + 2.25 * np.cos(yaw), y + 2.25 * np.sin(yaw)])
        out.append((front - line[-1]) @ ahead / np.hypot(*ahead))
    return np.array(out)


@pytest.mark.parametrize('colour', [LightColour.RED, LightColour.GREEN])
def test_lights_hold_and_release_predicted_cars(
    city_map: Any, agents_of: Any, colour: LightColour
) -> None:
    lane_map = city_map.loaded
    lanes = approaches(lane_map)
    assert len(lanes) >= 6
    lights = all_showing(lane_map, colour, agents_of().stamp_ns)
    prediction = KinematicEngine(KinematicParameters()).predict(
        scene_of(lane_map, lanes, lights, agents_of)
    )
    assert (prediction.agents.label == ObjectClass.CAR).all()
    past = beyond_m(lane_map, lanes, prediction)
    if colour == LightColour.RED:
        assert past.max() < 0.5
    else:
        assert (past > 3.0).mean() > 0.8


def test_predicted_cars_follow_ways_through_junctions(city_map: Any, agents_of: Any) -> None:
    """The likeliest path stays near lanes that connect, where the way bends, too."""
    lane_map = city_map.loaded
    lanes = approaches(lane_map)
    scene = scene_of(lane_map, lanes, LightStates.none(), agents_of)
    prediction = KinematicEngine(KinematicParameters()).predict(scene)
    for row, lane in enumerate(lanes):
        near, edge = {lane}, {lane}
        for _ in range(8):
            edge = {int(k) for a in edge for k in lane_map.successors[a]}
            edge |= {int(k) for a in edge for s in (lane_map.left, lane_map.right) for k in s[a]}
            near |= edge
        near |= {int(k) for a in near for s in (lane_map.left, lane_map.right) for k in s[a]}
        path = prediction.pose[row, prediction.probability[row].argmax(), :, :2]
        away = np.min([project(lane_map.centreline[k], path)[1] for k in near], axis=0)
        assert away.max() < 1.0


def test_routes_lead_through_intersections(city_map: Any) -> None:
    """From nearly everywhere on the road more than 100 m on, through a junction."""
    lane_map = city_map.loaded
    roads = np.flatnonzero((lane_map.kind == LaneKind.ROAD) & (lane_map.turn == Turn.NONE))
    reach = np.array([length(lane_map, k) for k in range(len(lane_map))])
    far = reach.copy()
    for _ in range(12):
        far = np.array(
            [
                reach[k] + max((far[j] for j in lane_map.successors[k]), default=0.0)
                for k in range(len(lane_map))
            ]
        )
    inner = [lane for lane in roads.tolist() if len(lane_map.successors[lane])]
    assert len(inner) > 20
    assert np.mean(far[inner] > 100.0) == 1.0
    outward = [lane for lane in roads.tolist() if not len(lane_map.successors[lane])]
    # Only where the network ends do lanes end.
    network = city_map.network
    ends = {edge.end for edge in network.edges.values() if edge.end} - {
        edge.start for edge in network.edges.values() if edge.start
    }
    fringe = {j for j, junction in network.junctions.items() if junction.kind == 'dead_end'} | ends
    name = {number: lane for lane, number in lanelet_ids(network).items()}
    for lane in outward:
        edge = network.edges[network.lanes[name[int(lane_map.id[lane])]].edge]
        assert edge.end in fringe
