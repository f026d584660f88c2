"""What became of one scene: the part that is the same for the same seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prediction_node.domain.errors import DataError


@dataclass(frozen=True)
class Rejection:
    """One window that was thrown away: the seed it came from, and why."""

    seed: int
    reason: str


@dataclass(frozen=True)
class SceneReport:
    """What one finished scene holds. No times of the machine: the same seed, the same report."""

    scenario: str
    seed: int  # of the world that was kept; the scene's own unless windows were rejected
    agents: Mapping[str, int]  # road users but the robotaxi, by class
    agent_seconds: float  # of those that move or are near the robotaxi
    messages: int = 0  # in the bag
    counts: Mapping[str, int] = field(default_factory=dict)  # what the world smoothed, by kind
    rejected: tuple[Rejection, ...] = ()
    conditions: Mapping[str, Any] = field(default_factory=dict)  # of the scenario

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any], origin: str) -> SceneReport:
        """From `as_dict`, as JSON gives it back. Raises DataError naming `origin`."""
        try:
            rejected = tuple(
                Rejection(int(r['seed']), str(r['reason'])) for r in values['rejected']
            )
            return cls(
                scenario=str(values['scenario']),
                seed=int(values['seed']),
                agents={str(k): int(v) for k, v in values['agents'].items()},
                agent_seconds=float(values['agent_seconds']),
                messages=int(values['messages']),
                counts={str(k): int(v) for k, v in values['counts'].items()},
                rejected=rejected,
                conditions=dict(values['conditions']),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise DataError(f'{origin} is no report of a scene: {problem!r}') from problem


@dataclass(frozen=True)
class Finished:
    """A scene that is in its place, with the CPU time spent on it."""

    seed: int
    report: SceneReport
    cpu_s: float


@dataclass(frozen=True)
class Failed:
    """A scene that is not there, and why. `hopeless`: no other scene would fare better."""

    seed: int
    reason: str
    cpu_s: float = 0.0
    hopeless: bool = False


Outcome = Finished | Failed
