"""Which map nodes a scene needs, and what they are to its actors.

Stands alone: imports nothing of ours but `compiled`, see there.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

# Nodes farther than this from all actors, and from where they go, say nothing.
REACH_M = 120.0
# What an actor reaches in this time is as near as the actor itself.
LOOK_AHEAD_S = 4.0
MAX_LOOK_AHEAD_M = 60.0
# A metre between an actor and the robotaxi counts as this much between a node and the actor.
FAR_ACTOR_WEIGHT = 0.2
# Rounding must not choose between nodes that are equally near: compared in these units.
DISTANCE_UNITS_PER_M = 1000.0
# On a node: this far outside of its borders, and before or behind it, at most.
ON_MARGIN_M = 0.3
ON_ENDS_M = 1.0
# Between heading and lane, of who drives along it; the opposite sign: against it.
ALONG_COS = 0.3
# How far ahead lanes are followed, and neighbours looked for.
AHEAD_M = 120.0
BESIDE_AHEAD_M = 60.0
MAX_VISITED = 128
MAX_ON = 8
# Places in MAP_RELATIONS; a test holds them to it.
ON, AHEAD, LEFT, RIGHT, ONCOMING = 1, 2, 3, 4, 5


@compiled
def choose_nodes(
    actor_xy_m: np.ndarray,
    actor_velocity_mps: np.ndarray,
    ego_xy_m: np.ndarray,
    xy_m: np.ndarray,
    direction: np.ndarray,
    length_m: np.ndarray,
    most: int,
) -> np.ndarray:
    """Ascending rows of the at most `most` nodes nearest to any of the A actors.

    actor_xy_m (A, 2), actor_velocity_mps (A, 2), ego_xy_m (2,) in the nodes' coordinates; nodes
    (Q, 2) with directions and lengths (Q,). Nodes and the ways of actors are taken as straight.
    """
    actors, count = len(actor_xy_m), len(xy_m)
    if actors == 0 or count == 0:
        return np.zeros(0, np.int64)
    low_x, high_x = actor_xy_m[0, 0], actor_xy_m[0, 0]
    low_y, high_y = actor_xy_m[0, 1], actor_xy_m[0, 1]
    ux, uy = np.empty(actors), np.empty(actors)
    ahead, penalty = np.empty(actors), np.empty(actors)
    for a in range(actors):
        x, y = actor_xy_m[a, 0], actor_xy_m[a, 1]
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
        vx, vy = actor_velocity_mps[a, 0], actor_velocity_mps[a, 1]
        speed = math.sqrt(vx * vx + vy * vy)
        ux[a], uy[a] = (vx / speed, vy / speed) if speed > 1e-3 else (1.0, 0.0)
        ahead[a] = min(speed * LOOK_AHEAD_S, MAX_LOOK_AHEAD_M)
        penalty[a] = FAR_ACTOR_WEIGHT * math.hypot(x - ego_xy_m[0], y - ego_xy_m[1])
    found = np.empty(count, np.int64)
    score = np.empty(count)
    total = 0
    around = REACH_M + MAX_LOOK_AHEAD_M
    for q in range(count):
        x, y = xy_m[q, 0], xy_m[q, 1]
        # Boxes turn with the axes of the map: only what is surely out of reach is left out here.
        if not (low_x - around <= x <= high_x + around and low_y - around <= y <= high_y + around):
            continue
        best, nearest = 1e18, 1e18
        for a in range(actors):
            dx, dy = x - actor_xy_m[a, 0], y - actor_xy_m[a, 1]
            along = ux[a] * dx + uy[a] * dy
            across = ux[a] * dy - uy[a] * dx
            past = max(max(-along, along - ahead[a]), 0.0)
            away = math.sqrt(past * past + across * across)
            nearest, best = min(nearest, away), min(best, away + penalty[a])
        if nearest > REACH_M:
            continue
        found[total] = q
        score[total] = np.rint((best - 0.5 * length_m[q]) * DISTANCE_UNITS_PER_M)
        total += 1
    if total > most:
        order = np.argsort(score[:total], kind='mergesort')[:most]
        return np.sort(found[:total][order])
    return found[:total].copy()


@compiled
def nearest_on_line(
    x_m: float, y_m: float, points: np.ndarray
) -> tuple[float, float, float, float]:
    """Square of the distance to a polyline (P, 2), direction there, and metres past its ends."""
    best, beyond = 1e18, 0.0
    ux, uy = 1.0, 0.0
    last = len(points) - 2
    for k in range(last + 1):
        sx, sy = points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1]
        length = math.sqrt(sx * sx + sy * sy)
        if length < 1e-9:
            continue
        sx, sy = sx / length, sy / length
        dx, dy = x_m - points[k, 0], y_m - points[k, 1]
        along = sx * dx + sy * dy
        inside = min(max(along, 0.0), length)
        ex, ey = dx - inside * sx, dy - inside * sy
        square = ex * ex + ey * ey
        if square < best - 1e-9:
            best, ux, uy = square, sx, sy
            beyond = 0.0
            if (k == 0 and along < 0.0) or (k == last and along > length):
                beyond = abs(along - inside)
    return best, ux, uy, beyond


@compiled
def write_relations(
    row: np.ndarray,
    actor_xy_m: np.ndarray,
    actor_yaw_rad: np.ndarray,
    steers: np.ndarray,
    chosen: np.ndarray,
    xy_m: np.ndarray,
    direction: np.ndarray,
    point_m: np.ndarray,
    length_m: np.ndarray,
    half_width_m: np.ndarray,
    lane: np.ndarray,
    directed: np.ndarray,
    following_offsets: np.ndarray,
    following: np.ndarray,
    left_offsets: np.ndarray,
    left: np.ndarray,
    right_offsets: np.ndarray,
    right: np.ndarray,
    oncoming_offsets: np.ndarray,
    oncoming: np.ndarray,
    ruling_offsets: np.ndarray,
    ruling: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write what the `chosen` (P,) of Q nodes are to A actors into rows `row` (A,) of `out`.

    actor_xy_m (A, 2) in the nodes' coordinates. Who `steers` (A,) is on a lane only if headed
    along it. Edges as in `MapNodes`.
    """
    column = np.full(len(xy_m), -1, np.int64)
    for p in range(len(chosen)):
        column[chosen[p]] = p
    stack = np.empty(MAX_VISITED, np.int64)
    gone = np.empty(MAX_VISITED)
    for a in range(len(row)):
        mark = out[row[a]]
        cos, sin = math.cos(actor_yaw_rad[a]), math.sin(actor_yaw_rad[a])
        used = 0
        for p in range(len(chosen)):
            q = chosen[p]
            if lane[q] < 0:
                continue
            dx, dy = actor_xy_m[a, 0] - xy_m[q, 0], actor_xy_m[a, 1] - xy_m[q, 1]
            near = 0.5 * length_m[q] + half_width_m[q] + ON_MARGIN_M + ON_ENDS_M
            if dx * dx + dy * dy > near * near:
                continue
            ux, uy = direction[q, 0], direction[q, 1]
            x, y = ux * dx + uy * dy, ux * dy - uy * dx
            square, lx, ly, beyond = nearest_on_line(x, y, point_m[q])
            widest = half_width_m[q] + ON_MARGIN_M
            if beyond > ON_ENDS_M or square > widest * widest:
                continue
            if steers[a] and directed[q]:
                facing = (cos * ux + sin * uy) * lx + (ux * sin - uy * cos) * ly
                if facing < -ALONG_COS:
                    mark[p] = ONCOMING
                if facing < ALONG_COS:
                    continue
            mark[p] = ON
            if used < MAX_ON:
                stack[used], gone[used] = q, -0.5 * length_m[q]
                used += 1
        # Nearest first: nodes are visited in the order in which they are reached.
        at = 0
        while at < used:
            q, there = stack[at], gone[at] + length_m[stack[at]]
            at += 1
            if there > AHEAD_M:
                continue
            for e in range(following_offsets[q], following_offsets[q + 1]):
                then = following[e]
                seen = False
                for k in range(used):
                    seen = seen or stack[k] == then
                if seen or used == MAX_VISITED:
                    continue
                stack[used], gone[used] = then, there
                used += 1
                if column[then] >= 0 and mark[column[then]] != ON:
                    mark[column[then]] = AHEAD
        for k in range(used):
            q = stack[k]
            for e in range(ruling_offsets[q], ruling_offsets[q + 1]):
                if column[ruling[e]] >= 0:
                    mark[column[ruling[e]]] = AHEAD
            if gone[k] > BESIDE_AHEAD_M:
                continue
            for e in range(left_offsets[q], left_offsets[q + 1]):
                p = column[left[e]]
                if p >= 0 and mark[p] == 0:
                    mark[p] = LEFT
            for e in range(right_offsets[q], right_offsets[q + 1]):
                p = column[right[e]]
                if p >= 0 and mark[p] == 0:
                    mark[p] = RIGHT
        for k in range(used):
            q = stack[k]
            if gone[k] > BESIDE_AHEAD_M:
                continue
            for e in range(oncoming_offsets[q], oncoming_offsets[q + 1]):
                p = column[oncoming[e]]
                if p >= 0 and mark[p] == 0:
                    mark[p] = ONCOMING


@compiled
def write_lights(
    stamp_ns: int,
    lamp_group: np.ndarray,
    lamp_colour: np.ndarray,
    lamp_turns: np.ndarray,
    lamp_is_arrow: np.ndarray,
    lamp_confidence: np.ndarray,
    lamp_stamp_ns: np.ndarray,
    light_offsets: np.ndarray,
    light_lanes: np.ndarray,
    turn: np.ndarray,
    chosen: np.ndarray,
    lane: np.ndarray,
    group: np.ndarray,
    max_age_s: float,
    first: int,
    out: np.ndarray,
) -> None:
    """Write confidences of red, amber, green, unknown, and the age, of what rules the `chosen`.

    To five columns from `first` of `out` (P, .). Lamps (E,): row of the group, -1 for none of this
    map; colour 1 to 3, else unknown; turns it rules as bits; stamps. An arrow rules before a disc,
    then the most confident, then the most restrictive. A signal group shows all its lamps. Where
    a light rules that nobody has seen lately, its colour is surely unknown.
    """
    lanes, groups = len(turn), len(light_offsets) - 1
    rank, best = np.full(lanes, -1.0), np.full(lanes, -1, np.int64)
    ruled = np.zeros(lanes, np.bool_)
    for g in range(groups):
        for e in range(light_offsets[g], light_offsets[g + 1]):
            ruled[light_lanes[e]] = True
    shown, youngest = np.zeros((groups, 4)), np.full(groups, max_age_s)
    for k in range(len(lamp_group)):
        g = lamp_group[k]
        age = max((stamp_ns - lamp_stamp_ns[k]) * 1e-9, 0.0)
        if g < 0 or age > max_age_s:
            continue
        colour = lamp_colour[k] - 1 if 1 <= lamp_colour[k] <= 3 else 3
        shown[g, colour] = max(shown[g, colour], lamp_confidence[k])
        youngest[g] = min(youngest[g], age)
        value = 10.0 * lamp_is_arrow[k] + lamp_confidence[k] + 0.001 * (3 - colour)
        for e in range(light_offsets[g], light_offsets[g + 1]):
            on = light_lanes[e]
            if (lamp_turns[k] >> turn[on]) & 1 and value > rank[on]:
                rank[on], best[on] = value, k
    for p in range(len(chosen)):
        q = chosen[p]
        if lane[q] < 0:
            g = group[q]
            lit = 0.0
            for c in range(4):
                out[p, first + c] = shown[g, c]
                lit = max(lit, shown[g, c])
            if lit == 0.0:
                out[p, first + 3] = 1.0
            out[p, first + 4] = youngest[g]
        elif ruled[lane[q]]:
            k = best[lane[q]]
            if k < 0:
                out[p, first + 3], out[p, first + 4] = 1.0, max_age_s
            else:
                colour = lamp_colour[k] - 1 if 1 <= lamp_colour[k] <= 3 else 3
                out[p, first + colour] = lamp_confidence[k]
                out[p, first + 4] = max((stamp_ns - lamp_stamp_ns[k]) * 1e-9, 0.0)
