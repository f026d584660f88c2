"""What a replay went through, in numbers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

from prediction_node.pipeline import Release


@dataclass
class Counts:
    """What a replay went through."""

    messages: int = 0
    releases: int = 0
    first_release_ns: int | None = None
    last_release_ns: int | None = None
    modes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    resets: int = 0
    pauses: int = 0
    agents: int = 0  # published, summed over releases
    most_agents: int = 0
    shed: int = 0

    def add(self, release: Release) -> None:
        self.releases += 1
        if self.first_release_ns is None:
            self.first_release_ns = release.release_ns
        self.last_release_ns = release.release_ns
        self.modes[release.mode] += 1
        self.reasons.update(release.reasons)
        self.resets += bool(release.notice)
        self.agents += len(release.prediction.agents)
        self.most_agents = max(self.most_agents, len(release.prediction.agents))
        self.shed += release.shed

    def of_releases(self, releases: Counts) -> Counts:
        """These counts of the recording with those counted where the releases were made."""
        return dataclasses.replace(releases, messages=self.messages, pauses=self.pauses)
