"""Time budgets and thresholds of the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class VerdictParameters:
    """Bounds that a run must keep, and how things are counted."""

    max_response_ms: float = parameter(
        100.0, 'A later answer is a miss.', unit='ms', low=1.0, high=10_000.0
    )
    max_age_ms: float = parameter(
        150.0,
        'Predictions whose stamp is older when they come are a miss.',
        unit='ms',
        low=1,
        high=10_000,
    )
    max_misses: int = parameter(0, 'Misses allowed outside of announced outages.', low=0)
    max_p99_ms: float = parameter(
        40.0, '99th percentile of the response.', unit='ms', low=1.0, high=10_000.0
    )
    max_gap_ms: float = parameter(
        250.0, 'Longest time between two predictions.', unit='ms', low=100.0, high=100_000.0
    )
    max_weight_error: float = parameter(
        1e-6, 'The weights of a road user sum to one within this.', low=0.0, high=1.0
    )
    max_min_ade_5s_m: float = parameter(
        4.0,
        'minADE over five seconds, of any class with enough samples.',
        unit='m',
        low=0.0,
        high=1000.0,
    )
    min_ade_samples: int = parameter(
        100, 'A class with fewer scored predictions is shown, not judged.', low=1
    )
    max_ego_collisions: int = parameter(0, 'Collisions of the robotaxi allowed.', low=0)
    max_ego_hard_brakes: int = parameter(3, 'Hard braking of the robotaxi allowed.', low=0)
    max_degraded_outside: int = parameter(0, 'Degraded cycles allowed while no fault is on.', low=0)
    detect_ms: float = parameter(
        300.0,
        'A fault must be named within this, or three periods of its source.',
        unit='ms',
        low=1.0,
        high=60_000.0,
    )
    detect_periods: float = parameter(
        3.0, 'See detect_ms; the later one counts.', low=1.0, high=100.0
    )
    recover_ms: float = parameter(
        2000.0,
        'After a fault all must be well again within this.',
        unit='ms',
        low=1.0,
        high=60_000.0,
    )
    restart_ms: float = parameter(
        10_000.0,
        'After a restart predictions must come within this.',
        unit='ms',
        low=1.0,
        high=600_000.0,
    )
    must_name: tuple[str, ...] = parameter(
        ('off', 'stuck', 'garbage', 'slow', 'delayed', 'intermittent', 'kill'),
        'Kinds of faults that must be named; the others are only shown.',
        choices=(
            'off', 'stuck', 'garbage', 'wrong', 'slow', 'delayed', 'intermittent', 'clock_jump',
            'burst', 'kill',
        ),
    )  # fmt: skip
    in_time: tuple[str, ...] = parameter(
        ('off', 'garbage', 'intermittent'),
        'Kinds that must be named within detect_ms; the others within recover_ms.',
        choices=('off', 'stuck', 'garbage', 'slow', 'delayed', 'intermittent'),
    )
    overlap_m: float = parameter(
        0.1, 'Boxes that reach deeper into each other have collided.', unit='m', low=0.0, high=2.0
    )
    hard_brake_mps2: float = parameter(
        4.0, 'Stronger braking is hard.', unit='m/s^2', low=1.0, high=12.0
    )
    brake_window_s: float = parameter(
        0.5, 'Braking is the loss of speed over this time.', unit='s', low=0.2, high=5.0
    )
    near_m: float = parameter(
        40.0,
        'Others brake hard only within this distance of the robotaxi.',
        unit='m',
        low=1.0,
        high=1000.0,
    )
    match_m: float = parameter(
        2.0, 'A prediction belongs to the true road user this near.', unit='m', low=0.1, high=10.0
    )
    score_every: int = parameter(
        5, 'One prediction message of so many is scored against the truth.', low=1, high=1000
    )

    def __post_init__(self) -> None:
        check(self, 'verdict.')
