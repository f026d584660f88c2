"""What bodies of each class can do."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the motion of the middle of a body."""

    speed_mps: float
    acceleration_mps2: float  # along; of bodies that do not steer in any direction
    braking_mps2: float
    reverse_mps: float
    curvature_1pm: float
    lateral_mps2: float
    turn_radps: float
    steers: bool  # moves along its heading only


# Braking and cornering of vehicles are what dry roads allow, close to 1 g, and less for high and
# heavy ones; curvature follows from turning circles between kerbs of 8 to 25 m. Running people
# seldom exceed 4 m/s outside of races; dogs and deer reach 15.
_LIMITS: dict[ObjectClass, Limits] = {
    ObjectClass.UNKNOWN: Limits(12.0, 8.0, 8.0, 12.0, 10.0, 8.0, 4.0, False),
    ObjectClass.CAR: Limits(60.0, 6.0, 9.5, 6.0, 0.24, 9.0, 1.5, True),
    ObjectClass.TRUCK: Limits(40.0, 4.0, 8.0, 4.0, 0.18, 5.0, 1.0, True),
    ObjectClass.BUS: Limits(40.0, 4.0, 8.0, 4.0, 0.14, 5.0, 1.0, True),
    ObjectClass.TRAILER: Limits(40.0, 4.0, 8.0, 4.0, 0.24, 5.0, 1.0, True),
    ObjectClass.MOTORCYCLE: Limits(70.0, 9.0, 10.0, 2.0, 0.5, 9.0, 2.0, True),
    ObjectClass.BICYCLE: Limits(20.0, 4.0, 7.0, 2.0, 0.8, 7.0, 2.5, True),
    ObjectClass.PEDESTRIAN: Limits(4.5, 6.0, 6.0, 4.5, 10.0, 6.0, 5.0, False),
    ObjectClass.ANIMAL: Limits(15.0, 12.0, 12.0, 15.0, 10.0, 12.0, 8.0, False),
}
# Something unknown that is so fast is some vehicle.
UNKNOWN_STEERS_MPS = 4.0
_FAST_UNKNOWN = Limits(60.0, 9.0, 10.0, 6.0, 0.5, 9.0, 2.0, True)
LIMITS: tuple[Limits, ...] = (*(_LIMITS[c] for c in ObjectClass), _FAST_UNKNOWN)
# (classes + 1, 8) in the order of the fields.
LIMIT_TABLE = np.array([astuple(limits) for limits in LIMITS], dtype=np.float64)
# Where heading or speed are uncertain, a path may begin with another one: so many sigmas off, and
# no more than that.
FIRST_SIGMAS = 2.0
FIRST_TURN_RAD = 0.1
FIRST_SPEED_MPS = 2.0


def limit_rows(agents: Agents) -> np.ndarray:
    """(N,) rows of LIMITS: the likeliest class, and the last one for the fast unknown."""
    label = agents.label
    speed = np.hypot(agents.velocity_mps[:, 0], agents.velocity_mps[:, 1])
    fast = (label == ObjectClass.UNKNOWN) & (speed > UNKNOWN_STEERS_MPS)
    return np.where(fast, CLASS_COUNT, label).astype(np.int64)


def freedoms(agents: Agents) -> np.ndarray:
    """(N, 2) by how much heading and speed may differ from the present ones at once."""
    variance = np.maximum(
        np.stack([agents.covariance[:, 2, 2], agents.covariance[:, 3, 3]], 1), 0.0
    )
    most = np.array([FIRST_TURN_RAD, FIRST_SPEED_MPS])
    return np.asarray(np.minimum(FIRST_SIGMAS * np.sqrt(variance), most))
