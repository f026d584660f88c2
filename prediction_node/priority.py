"""Which agents matter most to the robotaxi, for when there are more than a cycle can carry."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import VULNERABLE, class_mask

_HORIZON_S = 8.0
_VULNERABLE_BONUS_M = 30.0
_FEWEST = 16  # never fewer, however slow the machine
_SAFETY = 0.8
_EASY = 0.6  # below this share of the budget there is room for more


def closest_approach_m(agents: Agents, ego: Ego) -> np.ndarray:
    """(N,) least distance to the ego within 8 s if everybody keeps its velocity, in metres."""
    offset = agents.position_m[:, :2] - ego.position_m
    relative = agents.velocity_mps - ego.map_velocity_mps
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


class AgentBudget:
    """How many agents a cycle may predict so that it ends in time.

    Two cycles over budget in a row cut the number to what would have fitted: a single one may be a
    hiccup of the machine. Every cycle well below it doubles the number again, up to `most`.
    """

    def __init__(self, most: int, budget_ms: float) -> None:
        self._most = most
        self._budget_ms = budget_ms
        self._was_over = False
        self.limit = most

    def after(self, response_ms: float, predicted: int) -> None:
        """Learn from a cycle that took `response_ms` for `predicted` agents."""
        over = response_ms > self._budget_ms
        if over and self._was_over:
            fitting = int(_SAFETY * predicted * self._budget_ms / response_ms)
            self.limit = max(min(_FEWEST, self._most), min(self.limit, fitting))
        elif response_ms < _EASY * self._budget_ms:
            self.limit = min(self._most, 2 * self.limit)
        self._was_over = over
