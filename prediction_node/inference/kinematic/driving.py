"""Routes times speed behaviours, reduced to modes, for all movers at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
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
from prediction_node.inference.kinematic.paths import Paths, Place, paths_of
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.speeds import Speeds, drive, wanted_speeds

# Modes are told apart by where they are at these knots of the speed profiles: 2.5 and 5 s.
COMPARED_KNOTS = (5, 10)
FARTHEST_APART_M = 25.0
# Lit brake lights make slower behaviours so many times likelier, and one more.
BRAKE_LIGHT_GAIN = 1.0
PARKED_STAYS = 0.97


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """The chosen modes of N movers."""

    paths: Paths
    speeds: Speeds
    row: np.ndarray  # (N, MODE_COUNT) path of each mode
    behaviour: np.ndarray  # (N, MODE_COUNT) its speed behaviour
    probability: np.ndarray  # (N, MODE_COUNT), rows sum to one

    def places(self, part: np.ndarray) -> Place:
        """Where movers `part` (K,) are: arrays (K, MODE_COUNT, POSE_COUNT)."""
        row = self.row[part].ravel()
        distance = self.speeds.at_poses(self.behaviour[part].ravel(), row)
        return self.paths.at(row, distance).reshaped((len(part), MODE_COUNT, POSE_COUNT))


def drive_movers(
    movers: Movers,
    road: Road | None,
    colours: np.ndarray | None,
    parameters: KinematicParameters,
) -> Drive:
    """The modes of all movers."""
    if road is None:
        rows = free_only(movers)
        leader = np.full(len(rows), NO_LEADER)
        gap = stop = np.full(len(rows), np.inf)
    else:
        found = lane_candidates(movers, road, parameters)
        rows = hypotheses(movers, found, road, parameters)
        leader, gap = leaders(movers, rows, found, road)
        stop = light_stops(movers, rows, colours, road, parameters)
        on_call = movers.attribute(ATTRIBUTE_INDEX['emergency_active']) > 0.5
        stop = np.where(on_call[rows.mover], np.inf, stop)
    paths = paths_of(movers, rows, road, parameters)
    wanted, needed_braking = wanted_speeds(movers, rows, paths, np.minimum(gap, stop), parameters)
    weight = _feasible(rows, needed_braking, len(movers), parameters)
    primary = _heaviest(rows, weight, len(movers))
    speeds = drive(movers, rows, paths, wanted, leader, gap, stop, primary, parameters)
    slot_weight, slot_row = _slots(rows, weight, len(movers))
    behaviours = len(parameters.behaviour_weight)
    share = _behaviour_shares(movers, parameters)
    x, y = _places(speeds, paths, slot_row)
    hypothesis_weight = (slot_weight[:, :, None] * share[:, None]).reshape(len(movers), -1)
    chosen, probability = representatives(x, y, hypothesis_weight, FARTHEST_APART_M)
    row = slot_row[np.arange(len(movers))[:, None], chosen // behaviours]
    return Drive(paths, speeds, row, chosen % behaviours, probability)


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
    # Rounding must not choose between routes that weigh the same.
    order = np.lexsort((-np.round(weight, 9), rows.mover))
    return np.asarray(order[np.searchsorted(rows.mover[order], np.arange(n))])


def _behaviour_shares(movers: Movers, parameters: KinematicParameters) -> np.ndarray:
    """(N, behaviours) weights: who stands mostly goes on standing, the nominal behaviour."""
    weight = np.array(parameters.behaviour_weight)
    brakes = movers.attribute(ATTRIBUTE_INDEX['brake'])[:, None]
    slower = np.array(parameters.behaviour_acceleration_mps2) < 0.0
    usual = weight * np.where(slower, 1.0 + BRAKE_LIGHT_GAIN * brakes, 1.0)
    usual /= usual.sum(axis=1, keepdims=True)
    parked = movers.attribute(ATTRIBUTE_INDEX['parked'])
    stays = np.maximum(parameters.standing_stays, PARKED_STAYS * parked)[:, None]
    standing = (1.0 - stays) * usual
    standing[:, :1] += stays
    return np.where(movers.stands[:, None], standing, usual)


def _slots(rows: Hypotheses, weight: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, ROUTES_PER_MOVER) weights and rows, 0 and the mover's first row where there is none."""
    begin = np.searchsorted(rows.mover, np.arange(n))
    rank = np.arange(len(rows)) - begin[rows.mover]
    slot_weight = np.zeros((n, ROUTES_PER_MOVER))
    slot_weight[rows.mover, rank] = weight
    slot_row = np.repeat(begin[:, None], ROUTES_PER_MOVER, axis=1)
    slot_row[rows.mover, rank] = np.arange(len(rows))
    return slot_weight, slot_row


def _places(speeds: Speeds, paths: Paths, slot_row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y (N, instants, slots * behaviours) of every hypothesis at COMPARED_KNOTS."""
    distance = speeds.distance_m[list(COMPARED_KNOTS)]  # (instants, behaviours, M)
    knots, behaviours, m = distance.shape
    columns = paths.xy_at(np.arange(m), distance.reshape(-1, m).T)
    x, y = (
        column.reshape(m, knots, behaviours)[slot_row]
        .transpose(0, 2, 1, 3)
        .reshape(len(slot_row), knots, -1)
        for column in columns
    )
    return x, y
