"""What happens in a city beyond what its traffic does by itself.

Values only: the world carries them out. Times are seconds of simulated time from the start of the
run, places are metres in the map frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import ObjectClass


@dataclass(frozen=True, slots=True, eq=False)
class StandingCar:
    """A car parked for good. Nothing of the traffic drives where it stands, so SUMO need not know
    of it.
    """

    id: str
    position_m: np.ndarray  # (2,) middle of its box
    yaw_rad: float
    size_m: np.ndarray  # (3,) length, width, height


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """A walker or an animal that crosses away from crosswalks, along `path_m`.

    It begins when the robotaxi comes within `near_ego_m` of the middle of the path after
    `earliest_s`, and at `start_s` at the latest.
    """

    id: str
    label: ObjectClass  # PEDESTRIAN or ANIMAL
    earliest_s: float
    start_s: float
    near_ego_m: float
    path_m: np.ndarray  # (K, 2), K >= 2
    speed_mps: float
    on_phone: bool

    def __post_init__(self) -> None:
        if self.label not in (ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL):
            raise SimulationError(f'{self.id} cannot cross as a {self.label.name.lower()}')
        if self.path_m.ndim != 2 or self.path_m.shape[1] != 2 or len(self.path_m) < 2:
            raise SimulationError(
                f'the path of {self.id} must have shape (K, 2) with K >= 2, got {self.path_m.shape}'
            )


@dataclass(frozen=True, slots=True)
class PullOut:
    """A car that stands at the kerb until `start_s`; its front wheels turn `notice_s` before."""

    vehicle_id: str
    start_s: float
    notice_s: float


@dataclass(frozen=True, slots=True)
class LateWalker:
    """A walker in the demand who holds a phone and steps onto crosswalks `delay_s` late."""

    person_id: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """All scripted events of a city. Vehicles and persons named by id are in its demand."""

    parked: tuple[StandingCar, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    pull_outs: tuple[PullOut, ...] = ()
    double_parked: tuple[str, ...] = ()  # stand on a driving lane with hazard lights
    emergency: tuple[str, ...] = ()  # on call
    red_light_runners: tuple[str, ...] = ()
    late_walkers: tuple[LateWalker, ...] = ()
