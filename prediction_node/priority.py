"""Which agents matter most to the robotaxi, for when there are more than a cycle can carry."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import VULNERABLE, class_mask

_HORIZON_S = 8.0
_VULNERABLE_BONUS_M = 30.0


def closest_approach_m(agents: Agents, ego: Ego) -> np.ndarray:
    """(N,) least distance to the ego within 8 s if everybody keeps its velocity, in metres."""
    offset = agents.position_m[:, :2] - ego.position_m
    ego_velocity = ego.map_from_base.rotation_2d @ ego.velocity_mps
    relative = agents.velocity_mps - ego_velocity
    speed_squared = np.maximum(np.einsum('ni,ni->n', relative, relative), 1e-6)
    time = np.clip(-np.einsum('ni,ni->n', offset, relative) / speed_squared, 0.0, _HORIZON_S)
    closest: np.ndarray = np.hypot(*(offset + relative * time[:, None]).T)
    return closest


def most_at_risk(agents: Agents, ego: Ego, count: int) -> np.ndarray:
    """Indices, ascending, of the `count` agents of most risk to the ego.

    Risk falls with the closest approach; vulnerable road users count as 30 m closer, and nearness
    now breaks ties, so that the choice hardly flickers from cycle to cycle.
    """
    if len(agents) <= count:
        return np.arange(len(agents))
    distance = np.hypot(*(agents.position_m[:, :2] - ego.position_m).T)
    score = closest_approach_m(agents, ego) + 0.2 * distance
    score -= np.where(class_mask(VULNERABLE)[agents.label], _VULNERABLE_BONUS_M, 0.0)
    return np.sort(np.argsort(score, kind='stable')[:count])
