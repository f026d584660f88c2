"""Where the robotaxi is expected when: scripted events are laid in its way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.simulation.network.demand import TRAVEL_SHARE, Traffic
from prediction_node.simulation.network.ego_route import arrival_s
from prediction_node.simulation.network.plan import PlannedEdge

# Events begin after traffic has come to itself and early enough to be seen.
_FIRST_S = 16.0
_FIRST_SHARE = 0.45
_LAST_SHARE = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The robotaxi's expected way through a city."""

    traffic: Traffic
    route: tuple[str, ...]
    duration_s: float
    window_s: tuple[float, float]  # when events may begin
    ahead: tuple[tuple[PlannedEdge, float], ...]  # edges on the way, expected arrival within window

    def count(self, per_min: float) -> int:
        """How many events of a kind: at least one if there are any at all."""
        minutes = (self.window_s[1] - self.window_s[0]) / 60.0
        return max(1, round(per_min * minutes)) if per_min > 0.0 else 0

    def instant_s(self, expected_s: float, rng: np.random.Generator) -> float:
        """An instant soon after this one, within the window."""
        return float(np.clip(expected_s + rng.uniform(0.0, 6.0), *self.window_s))


def course_of(
    traffic: Traffic,
    route: tuple[str, ...],
    duration_s: float,
    window_s: tuple[float, float] | None = None,
) -> Course:
    """The course along a route; by default events begin in the middle of the run."""
    first = min(_FIRST_S, _FIRST_SHARE * duration_s)
    window = window_s or (first, max(first, _LAST_SHARE * duration_s))
    planned = {edge.id: edge for edge in traffic.plan.edges}
    arrivals = arrival_s(traffic.graphs['taxi'], route, TRAVEL_SHARE)
    stations = [(planned[edge], t) for edge, t in zip(route, arrivals, strict=True)]
    # One is on an edge until the next is reached.
    leaving = [*arrivals[1:], arrivals[-1] + 1e9]
    ahead = [
        station
        for station, until in zip(stations, leaving, strict=True)
        if until > window[0] and station[1] < window[1]
    ]
    return Course(traffic, route, duration_s, window, tuple(ahead or stations[:1]))
