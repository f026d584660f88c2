"""How bad a fault is."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """Figures of the kinds that have one."""

    slow_factor: int = parameter(4, 'slow: one message of this many comes.', low=2, high=100)
    delay_s: float = parameter(
        0.4, 'delayed: messages come this much later.', unit='s', low=0.05, high=10.0
    )
    on_s: float = parameter(
        0.5, 'intermittent: how long the source speaks.', unit='s', low=0.1, high=60.0
    )
    off_s: float = parameter(
        0.5, 'intermittent: how long it is silent.', unit='s', low=0.1, high=60.0
    )
    jump_s: float = parameter(
        1.0, 'clock_jump: stamps are ahead by this.', unit='s', low=-1e6, high=1e6
    )
    burst_factor: int = parameter(10, 'burst: every message comes this often.', low=2, high=1000)
    turn_deg: float = parameter(
        15.0, 'wrong: objects are turned about the sensor by this.', unit='deg', low=-180, high=180
    )
    shift_m: float = parameter(
        2.0, 'wrong: and shifted ahead by this.', unit='m', low=-100, high=100
    )

    def __post_init__(self) -> None:
        check(self, 'faults.')
