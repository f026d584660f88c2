"""How fast each hypothesis drives: intelligent driver model with behaviours.

Treiber, Hennecke, Helbing: Congested traffic states in empirical observations and microscopic
simulations, Physical Review E 62 (2000). Of free road and interaction only the worse counts,
which keeps the wanted gap an equilibrium at every speed (Schakel, van Arem, Netten: Effects of
cooperative adaptive cruise control on traffic flow stability, 2010). The present acceleration fades
into the model's.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

HARDEST_BRAKING_MPS2 = 6.0
MAX_ACCELERATION_MPS2 = 4.0
MIN_WANTED_MPS = 1.0
# A steady slow vehicle is about to stop or to drive off; only a steady fast one goes on like that.
STEADY_MPS = 6.0
DRIVES_OFF_MPS = 1.0
# Who stands farther behind, or at the side of the lane, does not wait for the one ahead.
QUEUE_GAP_M = 12.0
QUEUE_OFFSET_M = 1.3
# Up to so many usual gaps ahead a vehicle still sets the speed of the one behind.
HOLDS_BACK = 2.0
# So far ahead in time a steady past tells what is wanted; nobody stays slow for ever.
STEADY_LASTS_S = 5.0
MIN_CURVATURE_1PM = 1e-4
LEAST_GAP_M = 0.3
LIGHT_TIME_GAP_S = 0.5
# Haste beyond twice the wanted speed squared brakes no harder.
MAX_HASTE = 4.0


@compiled
def free_share(speed_mps: float, gap_m: float, standstill_gap_m: float, time_gap_s: float) -> float:
    """How far drivers chose their speed themselves: 0 where the usual gap ahead is used up.

    Who drives steadily below the limit with nothing ahead has reasons that the map does not show;
    behind a slow leader a steady speed says nothing of what the driver wants.
    """
    wanted = standstill_gap_m + speed_mps * time_gap_s
    share = HOLDS_BACK * wanted / max(gap_m, LEAST_GAP_M)
    return max(1.0 - share * share, 0.0)


@compiled
def wanted_speeds(
    mover: np.ndarray,
    obstacle_gap_m: np.ndarray,
    speed_mps: np.ndarray,
    steadiness: np.ndarray,
    step_m: np.ndarray,
    curvature_1pm: np.ndarray,
    limit_mps: np.ndarray,
    limit_known: np.ndarray,
    kept_speed: float,
    kept_speed_unlimited: float,
    kept_excess: float,
    lateral_acceleration_mps2: float,
    comfortable_braking_mps2: float,
    standstill_gap_m: float,
    time_gap_s: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(M, NODES) speed wanted along the path, braking ahead of curves; (M,) braking needed now.

    M paths as in `Paths`, `obstacle_gap_m` (M,) how far ahead a vehicle or a red light holds the
    mover back, inf: none; N movers.
    """
    rows, nodes = curvature_1pm.shape
    wanted = np.empty((rows, nodes))
    needed = np.empty(rows)
    for row in range(rows):
        speed = speed_mps[mover[row]]
        steady = steadiness[mover[row]] * free_share(
            speed, obstacle_gap_m[row], standstill_gap_m, time_gap_s
        )
        # exp(-(k c)^2) node by node: each factor is the one before times exp(-2 c^2).
        pace = step_m[row] / max(speed, MIN_WANTED_MPS) / STEADY_LASTS_S
        lasting, factor = 1.0, math.exp(-pace * pace)
        shrinks = factor * factor
        hardest = -math.inf
        for k in range(nodes):
            free = limit_mps[row, k] == math.inf
            usual = speed if free else limit_mps[row, k]
            kept = kept_speed if limit_known[row, k] else kept_speed_unlimited
            kept += (1.0 - kept) * steady * lasting
            lasting *= factor
            factor *= shrinks
            if speed > usual:
                kept = kept_excess
            # What does not follow lanes chose its speed with its curve in mind.
            curvature = 0.0 if free else abs(curvature_1pm[row, k])
            in_curve2 = lateral_acceleration_mps2 / max(curvature, MIN_CURVATURE_1PM)
            here = max(kept * speed + (1.0 - kept) * usual, MIN_WANTED_MPS)
            here = min(here, max(math.sqrt(in_curve2), MIN_WANTED_MPS))
            wanted[row, k] = here * here
            distance = max(k * step_m[row], 1.0)
            hardest = max(hardest, (speed * speed - in_curve2) / (2.0 * distance))
        needed[row] = hardest
        # Backwards in squares of speeds: nowhere more than braking still brings down in time.
        slows = 2.0 * comfortable_braking_mps2 * step_m[row]
        allowed = math.inf
        for k in range(nodes - 1, -1, -1):
            allowed = min(allowed + slows, wanted[row, k])
            wanted[row, k] = math.sqrt(max(allowed, MIN_WANTED_MPS * MIN_WANTED_MPS))
    return wanted, needed


@compiled
def pressure(
    speed_mps: float,
    closing_mps: float,
    gap_m: float,
    time_gap_s: float,
    standstill_gap_m: float,
    root_mps2: float,
) -> float:
    """(wanted gap / gap)^2 of the intelligent driver model.

    `root_mps2`: twice the square root of acceleration times braking.
    """
    dynamic = speed_mps * (time_gap_s + closing_mps / root_mps2)
    share = (standstill_gap_m + max(dynamic, 0.0)) / max(gap_m, LEAST_GAP_M)
    return share * share


@compiled
def integrate(
    mover: np.ndarray,
    offset_m: np.ndarray,
    leader: np.ndarray,
    leader_gap_m: np.ndarray,
    stop_gap_m: np.ndarray,
    primary: np.ndarray,
    step_m: np.ndarray,
    wanted_mps: np.ndarray,
    speed_mps: np.ndarray,
    stands: np.ndarray,
    present_mps2: np.ndarray,
    smoothness: np.ndarray,
    brakes: np.ndarray,
    acceleration_mps2: np.ndarray,
    behaviour_mps2: np.ndarray,
    knots: int,
    knot_s: float,
    comfortable_braking_mps2: float,
    standstill_gap_m: float,
    time_gap_s: float,
    least_time_gap_s: float,
    reaction_s: float,
    acceleration_decay_s: float,
    braking_decay_s: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(knots, M, B) distances and speeds of B behaviours of M hypotheses.

    M hypotheses with offsets from their lane, leaders (a mover, negative: none) and gaps to them
    and to red lights (inf: none), step and wanted speed (M, NODES) along the path; N movers, whose
    likeliest row `primary` (N,), driven with the first behaviour, is what followers see.
    """
    rows, nodes = wanted_mps.shape
    behaviours = len(behaviour_mps2)
    distance = np.empty((knots, rows, behaviours))
    speed = np.empty((knots, rows, behaviours))
    root = np.empty(rows)
    time_gap = np.empty(rows)
    # Share of the present acceleration left amid the coming knot, and how it falls per knot.
    kept = np.empty(rows)
    fades = np.empty(rows)
    # Whoever stands has a reason: only a leader that drives off, or an eager behaviour, ends it.
    waits = np.empty(rows, np.bool_)
    queues = np.empty(rows, np.bool_)
    for row in range(rows):
        i = mover[row]
        v = speed_mps[i]
        for b in range(behaviours):
            distance[0, row, b], speed[0, row, b] = 0.0, v
        root[row] = 2.0 * math.sqrt(acceleration_mps2[i] * comfortable_braking_mps2)
        gap = leader_gap_m[row] if leader[row] >= 0 else math.inf
        # Who is already closer than usual wants the present gap.
        present_gap = (gap - standstill_gap_m) / max(v, 0.1)
        least = min(least_time_gap_s, time_gap_s)
        time_gap[row] = min(max(present_gap, least), time_gap_s)
        # An acceleration nobody knows gives way at once, a known one as drivers change theirs.
        trust = smoothness[i] * min(v / STEADY_MPS, 1.0)
        fade_s = reaction_s + trust * (acceleration_decay_s - reaction_s)
        # Braking with nothing ahead has an end in view that the map does not show.
        free = free_share(v, min(gap, stop_gap_m[row]), standstill_gap_m, time_gap_s)
        fade_s += brakes[i] * free * max(braking_decay_s - fade_s, 0.0)
        kept[row] = math.exp(-0.5 * knot_s / fade_s)
        fades[row] = math.exp(-knot_s / fade_s)
        waits[row] = stands[i]
        queues[row] = gap < QUEUE_GAP_M and abs(offset_m[row]) < QUEUE_OFFSET_M
    for knot in range(1, knots):
        for row in range(rows):
            i = mover[row]
            follows = leader[row] >= 0
            per_m = 1.0 / step_m[row]
            leader_s, leader_v = 0.0, 0.0
            if follows:
                ahead = primary[leader[row]]
                leader_s, leader_v = distance[knot - 1, ahead, 0], speed[knot - 1, ahead, 0]
                if queues[row] and leader_v > DRIVES_OFF_MPS:
                    waits[row] = False
            for b in range(behaviours):
                s, v = distance[knot - 1, row, b], speed[knot - 1, row, b]
                node = min(int(s * per_m), nodes - 1)
                ratio = v / wanted_mps[row, node]
                hold = ratio * ratio * min(ratio * ratio, MAX_HASTE)
                if follows:
                    gap = leader_gap_m[row] + leader_s - s
                    hold = max(
                        hold,
                        pressure(v, v - leader_v, gap, time_gap[row], standstill_gap_m, root[row]),
                    )
                if stop_gap_m[row] < math.inf:
                    gap = stop_gap_m[row] - s
                    hold = max(
                        hold, pressure(v, v, gap, LIGHT_TIME_GAP_S, standstill_gap_m, root[row])
                    )
                a = acceleration_mps2[i] * (1.0 - hold) + behaviour_mps2[b]
                a = min(max(a, -HARDEST_BRAKING_MPS2), MAX_ACCELERATION_MPS2)
                a += kept[row] * (present_mps2[i] - a)
                faster = max(v + knot_s * a, 0.0)
                if waits[row] and behaviour_mps2[b] <= 0.0:
                    faster = 0.0
                distance[knot, row, b] = s + 0.5 * knot_s * (v + faster)
                speed[knot, row, b] = faster
            kept[row] *= fades[row]
    return distance, speed
