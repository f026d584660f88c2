"""How fast each hypothesis drives: intelligent driver model with behaviours, all rows at once.

Treiber, Hennecke, Helbing: Congested traffic states in empirical observations and microscopic
simulations, Physical Review E 62 (2000). Of free road and interaction only the worse counts,
which keeps the wanted gap an equilibrium at every speed (Schakel, van Arem, Netten: Effects of
cooperative adaptive cruise control on traffic flow stability, 2010). The present acceleration fades
into the model's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ObjectClass, class_mask
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.inference.kinematic.hypotheses import Hypotheses
from prediction_node.inference.kinematic.leaders import NO_LEADER
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.paths import NODES, Paths

KNOT_STEPS = 5
KNOT_S = KNOT_STEPS * STEP_S
KNOTS = (POSE_COUNT - 1) // KNOT_STEPS + 1
HARDEST_BRAKING_MPS2 = 6.0
MAX_ACCELERATION_MPS2 = 4.0
MIN_WANTED_MPS = 1.0
# A steady slow vehicle is about to stop or to drive off; only a steady fast one goes on like that.
STEADY_MPS = 6.0
DRIVES_OFF_MPS = 1.0
# Who stands farther behind, or at the side of the lane, does not wait for the one ahead.
QUEUE_GAP_M = 12.0
QUEUE_OFFSET_M = 1.3
_HEAVY = class_mask((ObjectClass.TRUCK, ObjectClass.BUS, ObjectClass.TRAILER))
# Up to so many usual gaps ahead a vehicle still sets the speed of the one behind.
HOLDS_BACK = 2.0
# So far ahead in time a steady past tells what is wanted; nobody stays slow for ever.
STEADY_LASTS_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Speeds:
    """Distances and speeds of B behaviours of M hypotheses at KNOTS instants, KNOT_S apart."""

    distance_m: np.ndarray  # (KNOTS, B, M)
    speed_mps: np.ndarray  # (KNOTS, B, M)

    def at_poses(self, behaviour: np.ndarray, row: np.ndarray) -> np.ndarray:
        """(K, POSE_COUNT) distances of behaviours (K,) of rows (K,).

        Between knots the acceleration is constant, as in the integration.
        """
        knots, _, rows = self.distance_m.shape
        flat = behaviour * rows + row
        s = self.distance_m.reshape(knots, -1).take(flat, axis=1)[:, None]
        v = self.speed_mps.reshape(knots, -1).take(flat, axis=1)[:, None]
        # Poses first, rows last, while computing: long inner loops are what numpy is fast at.
        t = (STEP_S * np.arange(KNOT_STEPS))[:, None]
        out = np.empty((POSE_COUNT, len(flat)))
        inner = out[:-1].reshape(knots - 1, KNOT_STEPS, len(flat))
        np.multiply(v[1:] - v[:-1], t * t / (2.0 * KNOT_S), out=inner)
        inner += v[:-1] * t
        inner += s[:-1]
        out[-1] = s[-1, 0]
        return np.ascontiguousarray(out.T)


def wanted_speeds(
    movers: Movers,
    rows: Hypotheses,
    paths: Paths,
    obstacle_gap_m: np.ndarray,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """(M, NODES) speed wanted along the path, braking ahead of curves; (M,) braking needed now.

    `obstacle_gap_m` (M,): how far ahead a vehicle or a red light holds the mover back, inf: none.
    """
    speed = movers.path_speed_mps[rows.mover][:, None]
    free = np.isinf(paths.speed_limit_mps)
    usual = np.where(free, speed, paths.speed_limit_mps)
    kept = np.where(paths.limit_known, parameters.kept_speed, parameters.kept_speed_unlimited)
    steady = movers.steadiness[rows.mover] * _free_share(speed[:, 0], obstacle_gap_m, parameters)
    ahead_s = paths.step_m[:, None] * np.arange(NODES) / np.maximum(speed, MIN_WANTED_MPS)
    lasting = np.exp(-np.square(ahead_s / STEADY_LASTS_S))
    kept = kept + (1.0 - kept) * steady[:, None] * lasting
    kept = np.where(speed > usual, parameters.kept_excess, kept)
    wanted = np.maximum(kept * speed + (1.0 - kept) * usual, MIN_WANTED_MPS)
    # What does not follow lanes chose its speed with its curve in mind.
    curvature = np.where(free, 0.0, np.abs(paths.curvature_1pm))
    in_curve = np.sqrt(parameters.lateral_acceleration_mps2 / np.maximum(curvature, 1e-4))
    wanted = np.minimum(wanted, np.maximum(in_curve, MIN_WANTED_MPS))
    distance = paths.step_m[:, None] * np.arange(NODES)
    needed = (speed**2 - in_curve**2) / (2.0 * np.maximum(distance, 1.0))
    braking = 2.0 * parameters.comfortable_braking_mps2 * distance
    energy = wanted**2 + braking
    energy = np.minimum.accumulate(energy[:, ::-1], axis=1)[:, ::-1] - braking
    return np.sqrt(np.maximum(energy, MIN_WANTED_MPS**2)), np.asarray(needed.max(axis=1))


def _free_share(
    speed: np.ndarray, gap_m: np.ndarray, parameters: KinematicParameters
) -> np.ndarray:
    """(M,) how far drivers chose their speed themselves: 0 where the usual gap ahead is used up.

    Who drives steadily below the limit with nothing ahead has reasons that the map does not show;
    behind a slow leader a steady speed says nothing of what the driver wants.
    """
    wanted = parameters.standstill_gap_m + speed * parameters.time_gap_s
    share = HOLDS_BACK * wanted / np.maximum(gap_m, 0.3)
    return np.asarray(np.maximum(1.0 - share * share, 0.0))


def drive(
    movers: Movers,
    rows: Hypotheses,
    paths: Paths,
    wanted_mps: np.ndarray,
    leader: np.ndarray,
    leader_gap_m: np.ndarray,
    stop_gap_m: np.ndarray,
    primary: np.ndarray,
    parameters: KinematicParameters,
) -> Speeds:
    """Integrate all behaviours of all rows; leaders drive their `primary` (N,) row nominally."""
    behaviour = np.array(parameters.behaviour_acceleration_mps2)[:, None]
    b, m = len(behaviour), len(rows)
    heavy = _HEAVY[movers.label[rows.mover]]
    accelerate = parameters.comfortable_acceleration_mps2 * np.where(
        heavy, parameters.heavy_acceleration_share, 1.0
    )
    root = 2.0 * np.sqrt(accelerate * parameters.comfortable_braking_mps2)
    follows = leader != NO_LEADER
    leader_row = primary[np.where(follows, leader, 0)]
    start_gap = np.where(follows, leader_gap_m, np.inf)
    flat_wanted = wanted_mps.ravel()
    node_base = np.arange(m) * NODES
    per_step = 1.0 / paths.step_m
    smooth = movers.smoothness[rows.mover]
    trust = smooth * np.minimum(movers.path_speed_mps[rows.mover] / STEADY_MPS, 1.0)
    now = _present_acceleration(movers, parameters)[rows.mover]
    # An acceleration nobody knows gives way at once, a known one as drivers change theirs.
    fade_s = parameters.reaction_s + trust * (
        parameters.acceleration_decay_s - parameters.reaction_s
    )
    # Braking with nothing ahead has an end in view that the map does not show.
    ahead = np.minimum(start_gap, stop_gap_m)
    brakes = movers.brakes[rows.mover] * _free_share(
        movers.path_speed_mps[rows.mover], ahead, parameters
    )
    fade_s = fade_s + brakes * np.maximum(parameters.braking_decay_s - fade_s, 0.0)
    time_gap = _accepted_time_gap(movers, rows, start_gap, parameters)
    distance = np.zeros((KNOTS, b, m))
    speed = np.zeros((KNOTS, b, m))
    v = np.broadcast_to(movers.path_speed_mps[rows.mover], (b, m)).copy()
    s = np.zeros((b, m))
    speed[0] = v
    # Whoever stands has a reason: only a leader that drives off, or an eager behaviour, ends it.
    stands = movers.stands[rows.mover] & (behaviour <= 0.0)
    queues = follows & (start_gap < QUEUE_GAP_M) & (np.abs(rows.offset_m) < QUEUE_OFFSET_M)
    middle_s = KNOT_S * (np.arange(1, KNOTS) - 0.5)
    kept = np.exp(-middle_s[:, None] / fade_s)
    some_stop = bool(np.isfinite(stop_gap_m).any())
    for knot in range(1, KNOTS):
        node = np.minimum((s * per_step).astype(np.int64), NODES - 1)
        wanted = flat_wanted[node_base + node]
        ratio = v / wanted
        haste = ratio * ratio * np.minimum(ratio * ratio, 4.0)
        closing = v - v[0, leader_row]
        gap = np.maximum(start_gap + s[0, leader_row] - s, 0.3)
        pressure = _pressure(v, closing, gap, root, time_gap, parameters)
        if some_stop:
            stop = np.maximum(stop_gap_m - s, 0.3)
            at_light = _pressure(v, v, stop, root, 0.5, parameters)
            pressure = np.maximum(pressure, at_light)
        model = accelerate * (1.0 - np.maximum(haste, pressure)) + behaviour
        stands &= ~(queues & (v[0, leader_row] > DRIVES_OFF_MPS))
        model = np.where(stands, np.minimum(model, 0.0), model)
        a = np.clip(model, -HARDEST_BRAKING_MPS2, MAX_ACCELERATION_MPS2)
        a += kept[knot - 1] * (now - a)
        faster = np.where(stands, 0.0, np.maximum(v + KNOT_S * a, 0.0))
        s = s + 0.5 * KNOT_S * (v + faster)
        v = faster
        distance[knot], speed[knot] = s, v
    return Speeds(distance, speed)


def _present_acceleration(movers: Movers, parameters: KinematicParameters) -> np.ndarray:
    """(N,) acceleration to go on with: the trend of two seconds as far as the speeds follow it.

    The rest is the measured one, as far as the positions were smooth.
    """
    floor = parameters.acceleration_floor
    believed = floor + movers.smoothness * (1.0 - floor)
    measured = parameters.acceleration_gain * believed * movers.acceleration_mps2
    trend = parameters.trend_gain * movers.trend_mps2
    return np.asarray(measured + movers.trend_trust * (trend - measured))


def _accepted_time_gap(
    movers: Movers, rows: Hypotheses, gap_m: np.ndarray, parameters: KinematicParameters
) -> np.ndarray:
    """(M,) time gap each driver wants: the usual one, or the present one of who is closer."""
    speed = np.maximum(movers.path_speed_mps[rows.mover], 0.1)
    present = (gap_m - parameters.standstill_gap_m) / speed
    low = min(parameters.least_time_gap_s, parameters.time_gap_s)
    return np.asarray(np.clip(present, low, parameters.time_gap_s))


def _pressure(
    v: np.ndarray,
    closing: np.ndarray,
    gap: np.ndarray,
    root: np.ndarray,
    time_gap: np.ndarray | float,
    parameters: KinematicParameters,
) -> np.ndarray:
    """(wanted gap / gap)^2 of the intelligent driver model."""
    wanted = parameters.standstill_gap_m + np.maximum(v * (time_gap + closing / root), 0.0)
    share = wanted / gap
    return np.asarray(share * share)
