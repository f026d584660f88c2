"""What the scene remembers."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class SceneParameters:
    """Histories on a uniform grid of 0.1 s."""

    history_s: float = parameter(
        3.0, 'How far the histories reach back from the present.', unit='s', low=0.1, high=20.0
    )
    max_gap_s: float = parameter(
        0.25,
        'Longest gap between two observations that a history bridges by interpolation; '
        'instants inside a longer gap stay masked.',
        unit='s',
        low=0.0,
        high=2.0,
    )
    max_tracks: int = parameter(
        2048,
        'Tracks remembered at most; the ones unseen for longest are forgotten first.',
        low=1,
        high=100_000,
    )

    def __post_init__(self) -> None:
        check(self, 'scene.')
