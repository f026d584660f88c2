"""How likely a plan of the robotaxi ends in a collision, by the weighted futures of the others.

Where another's centre is at one instant is a Gaussian around each of its modes. Two boxes overlap
when the vector between their centres lies in the Minkowski sum of the one and the mirrored other;
its bounding rectangle along the robotaxi's axes stands for it here: exact for parallel and for
perpendicular boxes, a little too large for others. The Gaussian is integrated over that rectangle
(the integral of Lambert, Gruyer and Saint Pierre, "A fast Monte Carlo algorithm for collision
probability estimation", ICARCV 2008): as a product of two error functions where its axes are those
of the robotaxi, else along by Gauss and Legendre's rule and across in closed form.

Errors of one future are much alike from one instant to the next, so until an instant a mode
collides with the largest probability of any instant so far, not as if each were another throw of
the dice. Modes are weighted as they are at the instant, agents are independent of each other.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.agents import Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.prediction import POSE_COUNT, STEP_S, Prediction

_AHEAD_S = STEP_S * np.arange(POSE_COUNT)
_SMALLEST_M = 0.3  # of a body: nobody is a point
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_EVERY = 2  # boxes are compared every 0.2 s, in which a car does not drive through another


def collision(
    plan: EgoPlan, ego: Ego, prediction: Prediction, weight: np.ndarray | None = None
) -> np.ndarray:
    """(POSE_COUNT,) probability that the robotaxi, driving the plan, has hit somebody until pose k.

    Never falls, and rises only while the plan lasts. `weight` (N, MODE_COUNT, W) are the modes'
    probabilities at W instants that divide the horizon evenly, the last at its end; None: those of
    the prediction at every instant.
    """
    pose, _, planned = plan.at(_AHEAD_S)
    pose[:, 0] += ego.centre_offset_m * np.cos(pose[:, 2])
    pose[:, 1] += ego.centre_offset_m * np.sin(pose[:, 2])
    if weight is None:
        weight = prediction.probability[:, :, None]
    half = 0.5 * np.maximum(prediction.agents.size_m[:, :2], _SMALLEST_M)
    free = _free(
        pose,
        planned,
        0.5 * np.asarray(ego.size_m[:2], float),
        np.ascontiguousarray(prediction.pose),
        np.ascontiguousarray(prediction.sigma),
        np.ascontiguousarray(weight, dtype=np.float64),
        np.ascontiguousarray(half),
        _NODES,
        _WEIGHTS,
        _EVERY,
    )
    return np.asarray(1.0 - free)


@compiled
def _free(
    ego: np.ndarray,
    planned: np.ndarray,
    ego_half_m: np.ndarray,
    pose: np.ndarray,
    sigma: np.ndarray,
    weight: np.ndarray,
    half_m: np.ndarray,
    nodes: np.ndarray,
    node_weights: np.ndarray,
    every: int,
) -> np.ndarray:
    """(T,) probability of no collision with anybody until each pose."""
    n, modes, steps = pose.shape[0], pose.shape[1], pose.shape[2]
    slices = weight.shape[2]
    free = np.ones(steps)
    worst = np.empty(modes)
    ego_reach = math.sqrt(ego_half_m[0] ** 2 + ego_half_m[1] ** 2)
    for i in range(n):
        reach = ego_reach + math.sqrt(half_m[i, 0] ** 2 + half_m[i, 1] ** 2)
        worst[:] = 0.0
        so_far = 0.0
        for t in range(steps):
            # An instant belongs to the slice that ends next.
            s = min((max(t, 1) - 1) * slices // (steps - 1), slices - 1)
            total = 0.0
            for m in range(modes):
                share = weight[i, m, s]
                if share <= 0.0:
                    continue
                if planned[t] and worst[m] < 1.0 and t % every == 0:
                    dx, dy = pose[i, m, t, 0] - ego[t, 0], pose[i, m, t, 1] - ego[t, 1]
                    sx, sy = sigma[i, m, t, 0], sigma[i, m, t, 1]
                    far = reach + 4.0 * max(sx, sy)
                    if dx * dx + dy * dy < far * far:
                        hit = _overlap(
                            dx, dy, ego[t, 2], pose[i, m, t, 2] - ego[t, 2],
                            sx, sy, sigma[i, m, t, 2],
                            ego_half_m, half_m[i], nodes, node_weights, worst[m],
                        )  # fmt: skip
                        worst[m] = max(worst[m], hit)
                total += share * worst[m]
            so_far = min(max(so_far, total), 1.0)
            free[t] *= 1.0 - so_far
    return free


@compiled
def _overlap(
    dx: float,
    dy: float,
    ego_yaw_rad: float,
    turn_rad: float,
    sigma_x_m: float,
    sigma_y_m: float,
    rho: float,
    ego_half_m: np.ndarray,
    half_m: np.ndarray,
    nodes: np.ndarray,
    node_weights: np.ndarray,
    known: float,
) -> float:
    """Probability that two boxes overlap whose centres are (dx, dy) apart on average, map frame.

    0 where it is not above `known`, as far as that is seen at once.
    """
    cos, sin = math.cos(ego_yaw_rad), math.sin(ego_yaw_rad)
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    c, s = abs(math.cos(turn_rad)), abs(math.sin(turn_rad))
    a = ego_half_m[0] + c * half_m[0] + s * half_m[1]
    b = ego_half_m[1] + s * half_m[0] + c * half_m[1]
    xx, yy, xy = sigma_x_m * sigma_x_m, sigma_y_m * sigma_y_m, rho * sigma_x_m * sigma_y_m
    floor = 0.0025  # (5 cm)^2: nothing is known better, and no variance may vanish
    vv_along = max(cos * cos * xx + 2.0 * cos * sin * xy + sin * sin * yy, floor)
    vv_across = max(sin * sin * xx - 2.0 * cos * sin * xy + cos * cos * yy, floor)
    mixed = cos * sin * (yy - xx) + (cos * cos - sin * sin) * xy
    sd, sd_across = math.sqrt(vv_along), math.sqrt(vv_across)
    root = 1.0 / (sd * math.sqrt(2.0))
    share = 0.5 * (math.erf((a - along) * root) - math.erf((-a - along) * root))
    if share <= known:
        return 0.0
    root = 1.0 / (sd_across * math.sqrt(2.0))
    other = 0.5 * (math.erf((b - across) * root) - math.erf((-b - across) * root))
    if other <= known:
        return 0.0
    if abs(mixed) < 0.1 * sd * sd_across:
        return float(share * other)
    slope = mixed / vv_along
    rest = math.sqrt(max(vv_across - slope * mixed, floor))
    low, high = max(-a, along - 4.0 * sd), min(a, along + 4.0 * sd)
    if low >= high:
        return 0.0
    middle, width = 0.5 * (low + high), 0.5 * (high - low)
    root = 1.0 / (rest * math.sqrt(2.0))
    total = 0.0
    for k in range(len(nodes)):
        x = middle + width * nodes[k]
        z = (x - along) / sd
        centre = across + slope * (x - along)
        inside = 0.5 * (math.erf((b - centre) * root) - math.erf((-b - centre) * root))
        total += node_weights[k] * math.exp(-0.5 * z * z) * inside
    return float(min(total * width / (sd * math.sqrt(2.0 * math.pi)), 1.0))
