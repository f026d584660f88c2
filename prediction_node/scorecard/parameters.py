"""How the running node scores itself, and what it keeps to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class ScorecardParameters:
    """Running figures, and the worst moments as recordings."""

    enabled: bool = parameter(True, 'Score predictions as their future arrives.')
    half_life_s: float = parameter(
        600.0, 'After this time a score counts half.', unit='s', low=1.0, high=1e6
    )
    seen_within_s: float = parameter(
        0.3,
        'Only agents that a sensor saw this recently are a truth: what coasts is prediction.',
        unit='s',
        low=0.05,
        high=2.0,
    )
    driven_within_m: float = parameter(
        1.0,
        'A candidate was driven if the robotaxi never was farther from it.',
        unit='m',
        low=0.1,
        high=10.0,
    )
    moments: int = parameter(
        4, 'Worst moments kept for ~/save_worst_moments; 0: none.', low=0, high=64
    )
    lead_s: float = parameter(
        4.0, 'A moment is kept from this time before its prediction.', unit='s', low=1, high=60
    )
    memory_mb: float = parameter(
        128.0, 'Messages kept for moments take no more than this.', unit='MB', low=1, high=65_536
    )
    folder: str = parameter('worst_moments', 'Where moments are saved.', fixed_after_configure=True)

    def __post_init__(self) -> None:
        check(self, 'scorecard.')
