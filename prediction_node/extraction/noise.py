"""Agents known exactly as a fusion of noisy sensors would know them.

Errors of a fusion are no white noise: they wander, because a filter remembers and because
reflections do. So position, heading, speed and turn rate of every track carry errors that change
slowly (first-order Gauss-Markov processes), larger far away and while a track is young. Sizes and
classes are wrong in the same way for as long as a track lives. Now and then a track is lost and
found again under another id, with no past. The figures are those measured of this package's fusion
over modelled sensors; docs/samples.md says how.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.domain.kinds import (
    CLASS_COUNT,
    FRONT_WHEEL_ANGLE,
    MOTOR_VEHICLES,
    ObjectClass,
    class_mask,
)
from prediction_node.domain.stamps import NS_PER_S

# Errors, one sigma, of tracks that are a second old or older.
POSITION_SIGMA_M = 0.035
POSITION_SIGMA_PER_M = 0.0006  # of distance to the viewpoint
YAW_SIGMA_RAD = 0.02
WALKER_YAW_SIGMA_RAD = 0.06
SPEED_SIGMA_MPS = 0.15
TURN_SIGMA_RADPS = 0.03
ACCELERATION_SIGMA_MPS2 = 0.35
SIZE_SIGMA = 0.05  # share
WHEEL_SIGMA_RAD = 0.02
# What the fusion says of its errors; more than they are.
CLAIMED_POSITION_M = 0.05
CLAIMED_POSITION_PER_M = 0.0006
CLAIMED_YAW_RAD = 0.02
CLAIMED_WALKER_YAW_RAD = 0.3
CLAIMED_SPEED_MPS = 0.24
CLAIMED_TURN_RADPS = 0.03
YOUNG_S = 0.5  # errors of a new track fade with this time constant
YOUNG_FACTOR = 2.0  # by how much they are larger at first
MEMORY_S = 0.5  # of the slow errors
NEW_ID_PER_S = 0.004
MISLED = 0.1  # share of the tracks whose class the fusion doubts for as long as they live
CLASS_CERTAINTY, DOUBTED_CERTAINTY = (0.9, 1.0), (0.1, 0.6)
FIRST_CERTAINTY = 0.5  # share of the certainty that the first sightings give
CLASS_S = 1.0  # time constant with which it grows
ATTRIBUTE_CERTAINTY = (0.9, 0.95)
ATTRIBUTE_S = 0.3  # time constant with which it grows out of one half
ATTRIBUTE_WRONG = 0.01  # share of the attributes that a track has the wrong way round
SEEN_AGO_S = 0.1  # latency and cycle of a sensor
_WALKER = ~class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))
_CONFUSED_WITH = {
    ObjectClass.CAR: ObjectClass.TRUCK,
    ObjectClass.TRUCK: ObjectClass.BUS,
    ObjectClass.BUS: ObjectClass.TRUCK,
    ObjectClass.TRAILER: ObjectClass.TRUCK,
    ObjectClass.MOTORCYCLE: ObjectClass.BICYCLE,
    ObjectClass.BICYCLE: ObjectClass.PEDESTRIAN,
    ObjectClass.PEDESTRIAN: ObjectClass.BICYCLE,
    ObjectClass.ANIMAL: ObjectClass.PEDESTRIAN,
    ObjectClass.UNKNOWN: ObjectClass.CAR,
}
_RIVAL = np.array([_CONFUSED_WITH[ObjectClass(c)] for c in range(CLASS_COUNT)])
_SLOW = 6  # along, across, yaw, speed, turn rate, acceleration


@dataclasses.dataclass(eq=False)
class _Errors:
    """What is wrong about one track."""

    born_ns: int
    seen_ns: int
    generation: int  # ids it has had before
    slow: np.ndarray  # (_SLOW,) standard normal, wandering
    size: np.ndarray  # (3,) standard normal
    certainty: float
    attribute: np.ndarray  # (A,) certainty, negative: the wrong way round


class Distortion:
    """Applies errors to the same tracks instant after instant; `rng` decides all of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._errors: dict[int, _Errors] = {}

    def apply(
        self, agents: Agents, row: np.ndarray, exact: np.ndarray, viewpoint_m: np.ndarray
    ) -> Agents:
        """The agents with errors.

        row (N,): which track each is, the same at all instants, which must not go back. exact (N,)
        bool: whom to leave alone. viewpoint_m (2,): errors grow with the distance from it.
        """
        stamp_ns = agents.stamp_ns
        errors = [self._of(int(r), stamp_ns, agents.attributes.shape[1]) for r in row]
        if not errors:
            return agents
        touched = ~exact
        slow = np.stack([e.slow for e in errors]) * touched[:, None]
        age_s = np.array([(stamp_ns - e.born_ns) / NS_PER_S for e in errors])
        young = 1.0 + YOUNG_FACTOR * np.exp(-age_s / YOUNG_S)
        offset = agents.position_m[:, :2] - viewpoint_m
        distance = np.hypot(offset[:, 0], offset[:, 1])
        place_m = (POSITION_SIGMA_M + POSITION_SIGMA_PER_M * distance) * young
        claimed_m = (CLAIMED_POSITION_M + CLAIMED_POSITION_PER_M * distance) * young
        walker = _WALKER[agents.label]
        yaw_rad = np.where(walker, WALKER_YAW_SIGMA_RAD, YAW_SIGMA_RAD) * np.sqrt(young)
        speed_mps = SPEED_SIGMA_MPS * young
        turn_radps = np.where(walker, 0.0, TURN_SIGMA_RADPS)
        frame = rotation_2d(agents.yaw_rad)
        position, velocity = agents.position_m.copy(), agents.velocity_mps.copy()
        position[:, :2] += np.einsum('nij,nj->ni', frame, place_m[:, None] * slow[:, :2])
        # Walkers' speeds err in any direction, those of bodies with wheels along their heading.
        aside = np.where(walker, slow[:, 1], 0.0)
        error = speed_mps[:, None] * np.column_stack([slow[:, 3], aside])
        velocity += np.einsum('nij,nj->ni', frame, error)
        turned = np.where(walker, 0.0, yaw_rad * slow[:, 2])
        velocity = np.einsum('nij,nj->ni', rotation_2d(turned), velocity)
        size = np.stack([e.size for e in errors])
        claimed = np.stack(
            [
                claimed_m,
                claimed_m,
                np.where(walker, CLAIMED_WALKER_YAW_RAD, CLAIMED_YAW_RAD) * np.sqrt(young),
                CLAIMED_SPEED_MPS * young,
                CLAIMED_TURN_RADPS * young,
            ]
        )
        told = touched[:, None]
        return dataclasses.replace(
            agents,
            uuid=np.stack([self._uuid(u, e) for u, e in zip(agents.uuid, errors, strict=True)]),
            position_m=position,
            yaw_rad=wrap_angle(agents.yaw_rad + yaw_rad * slow[:, 2]),
            velocity_mps=velocity,
            yaw_rate_radps=agents.yaw_rate_radps + turn_radps * slow[:, 4],
            acceleration_mps2=agents.acceleration_mps2 + ACCELERATION_SIGMA_MPS2 * slow[:, 5],
            covariance=np.einsum('kn,kl->nkl', np.square(claimed), np.eye(5)),
            size_m=agents.size_m * np.exp(SIZE_SIGMA * size * told),
            class_probabilities=np.where(
                told, _classes(agents, errors, age_s), agents.class_probabilities
            ),
            existence=np.where(touched, 0.98 - 0.03 * np.exp(-age_s / YOUNG_S), agents.existence),
            attributes=np.where(told, _attributes(agents, errors, slow, age_s), agents.attributes),
            modality_age_s=agents.modality_age_s + SEEN_AGO_S * told,
        )

    def _of(self, row: int, stamp_ns: int, attributes: int) -> _Errors:
        """The errors of a track at an instant."""
        rng, errors = self._rng, self._errors.get(row)
        if errors is None:
            errors = self._new(stamp_ns, 0, attributes)
        elif stamp_ns > errors.seen_ns:
            gap_s = (stamp_ns - errors.seen_ns) / NS_PER_S
            # Whom nobody saw for a second the fusion has forgotten.
            if gap_s > 1.0 or rng.random() < NEW_ID_PER_S * gap_s:
                errors = self._new(stamp_ns, errors.generation + 1, attributes)
            else:
                kept = float(np.exp(-gap_s / MEMORY_S))
                fresh = rng.standard_normal(_SLOW)
                errors.slow = kept * errors.slow + np.sqrt(1.0 - kept**2) * fresh
                errors.seen_ns = stamp_ns
        self._errors[row] = errors
        return errors

    def _new(self, stamp_ns: int, generation: int, attributes: int) -> _Errors:
        rng = self._rng
        right = np.where(rng.random(attributes) < ATTRIBUTE_WRONG, -1.0, 1.0)
        return _Errors(
            born_ns=stamp_ns,
            seen_ns=stamp_ns,
            generation=generation,
            slow=rng.standard_normal(_SLOW),
            size=rng.standard_normal(3),
            certainty=float(
                rng.uniform(*(DOUBTED_CERTAINTY if rng.random() < MISLED else CLASS_CERTAINTY))
            ),
            attribute=right * rng.uniform(*ATTRIBUTE_CERTAINTY, attributes),
        )

    def _uuid(self, uuid: np.ndarray, errors: _Errors) -> np.ndarray:
        if errors.generation == 0:
            return uuid
        text = uuid.tobytes() + errors.generation.to_bytes(4, 'little')
        return np.frombuffer(hashlib.sha256(text).digest()[:16], np.uint8)


def _classes(agents: Agents, errors: list[_Errors], age_s: np.ndarray) -> np.ndarray:
    """(N, CLASS_COUNT) most of the belief in the true class, the rest in the one it is taken for
    most often, and in none.
    """
    label = agents.label
    grown = 1.0 - (1.0 - FIRST_CERTAINTY) * np.exp(-age_s / CLASS_S)
    certainty = np.array([e.certainty for e in errors]) * grown
    out = np.zeros((len(label), CLASS_COUNT))
    rows = np.arange(len(label))
    out[rows, label] = certainty
    out[rows, _RIVAL[label]] += 0.6 * (1.0 - certainty)
    out[:, ObjectClass.UNKNOWN] += 0.4 * (1.0 - certainty)
    return out


def _attributes(
    agents: Agents, errors: list[_Errors], slow: np.ndarray, age_s: np.ndarray
) -> np.ndarray:
    """(N, A) as probabilities with doubt; the front wheel's angle with an error."""
    belief = np.stack([e.attribute for e in errors])
    right = (agents.attributes > 0.5) == (belief > 0.0)
    grown = 1.0 - np.exp(-(age_s + SEEN_AGO_S) / ATTRIBUTE_S)
    certainty = 0.5 + (np.abs(belief) - 0.5) * grown[:, None]
    out = np.where(right, certainty, 1.0 - certainty)
    out[:, FRONT_WHEEL_ANGLE] = (
        agents.attributes[:, FRONT_WHEEL_ANGLE] + WHEEL_SIGMA_RAD * slow[:, 4]
    )
    return np.where(agents.has_attribute, out, 0.0)
