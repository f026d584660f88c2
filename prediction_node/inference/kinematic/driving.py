"""Routes times speed behaviours, reduced to modes, for all movers at once."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.prediction import MODE_COUNT
from prediction_node.inference.kinematic.hypotheses import (
    ROUTES_PER_MOVER,
    Hypotheses,
    free_only,
    hypotheses,
    lane_candidates,
)
from prediction_node.inference.kinematic.leaders import NO_LEADER, leaders, light_stops
from prediction_node.inference.kinematic.modes import representatives
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.paths import Paths, paths_of
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.speeds import Speeds, drive, wanted_speeds

# Modes are told apart by where they are at these knots of the speed profiles (2.8 and 5.2 s).
COMPARED_KNOTS = (7, 13)
FARTHEST_APART_M = 25.0


def drive_movers(
    movers: Movers,
    road: Road | None,
    colours: np.ndarray | None,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """(N, MODE_COUNT, POSE_COUNT, 3) poses relative to the movers, (N, MODE_COUNT) probabilities."""
    if road is None:
        rows = free_only(movers)
        leader = np.full(len(rows), NO_LEADER)
        gap = stop = np.full(len(rows), np.inf)
    else:
        found = lane_candidates(movers, road, parameters)
        rows = hypotheses(movers, found, road, parameters)
        leader, gap = leaders(movers, rows, found, road)
        stop = light_stops(movers, rows, colours, road, parameters)
    paths = paths_of(movers, rows, road, parameters)
    wanted, needed_braking = wanted_speeds(movers, rows, paths, parameters)
    weight = _feasible(rows, needed_braking, len(movers), parameters)
    primary = _heaviest(rows, weight, len(movers))
    speeds = drive(movers, rows, paths, wanted, leader, gap, stop, primary, parameters)
    slot_weight, slot_row = _slots(rows, weight, len(movers))
    behaviours = len(parameters.behaviour_weight)
    share = np.array(parameters.behaviour_weight) / sum(parameters.behaviour_weight)
    place = _places(speeds, paths, slot_row)
    hypothesis_weight = (slot_weight[:, :, None] * share).reshape(len(movers), -1)
    chosen, probability = representatives(place, hypothesis_weight, FARTHEST_APART_M)
    row = slot_row[np.arange(len(movers))[:, None], chosen // behaviours].ravel()
    distance = speeds.at_poses((chosen % behaviours).ravel(), row)
    xy, yaw = paths.at(row, distance)
    pose = np.concatenate([xy, yaw[..., None]], axis=-1)
    pose = pose.reshape(len(movers), MODE_COUNT, *pose.shape[1:])
    pose[..., 2] -= np.where(movers.reversing, np.pi, 0.0)[:, None, None]
    return pose, probability


def _feasible(
    rows: Hypotheses, needed_braking: np.ndarray, n: int, parameters: KinematicParameters
) -> np.ndarray:
    """(M,) weights, less for routes with curves the vehicle is too fast for."""
    excess = np.maximum(needed_braking - parameters.comfortable_braking_mps2, 0.0)
    weight = rows.weight * np.exp(-np.minimum(excess, 30.0))
    total = np.bincount(rows.mover, weights=weight, minlength=n)
    return np.asarray(weight / total[rows.mover])


def _heaviest(rows: Hypotheses, weight: np.ndarray, n: int) -> np.ndarray:
    """(N,) row of each mover's likeliest route."""
    order = np.lexsort((-weight, rows.mover))
    return np.asarray(order[np.searchsorted(rows.mover[order], np.arange(n))])


def _slots(rows: Hypotheses, weight: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, ROUTES_PER_MOVER) weights and rows, 0 and the mover's first row where there is none."""
    begin = np.searchsorted(rows.mover, np.arange(n))
    rank = np.arange(len(rows)) - begin[rows.mover]
    slot_weight = np.zeros((n, ROUTES_PER_MOVER))
    slot_weight[rows.mover, rank] = weight
    slot_row = np.repeat(begin[:, None], ROUTES_PER_MOVER, axis=1)
    slot_row[rows.mover, rank] = np.arange(len(rows))
    return slot_weight, slot_row


def _places(speeds: Speeds, paths: Paths, slot_row: np.ndarray) -> np.ndarray:
    """(N, slots * behaviours, instants, 2) where every hypothesis is at COMPARED_KNOTS."""
    distance = speeds.distance_m[list(COMPARED_KNOTS)]  # (instants, behaviours, M)
    knots, behaviours, m = distance.shape
    xy, _ = paths.at(np.arange(m), distance.reshape(-1, m).T)
    xy = xy.reshape(m, knots, behaviours, 2).transpose(0, 2, 1, 3)
    return xy[slot_row].reshape(len(slot_row), -1, knots, 2)
