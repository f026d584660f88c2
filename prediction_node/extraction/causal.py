"""Agents as an observer at an instant knows them: from a recording's past and present only."""

from __future__ import annotations

import hashlib

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import CLASS_COUNT, MODALITY_COUNT, ObjectClass
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import History
from prediction_node.domain.stamps import NS_PER_S

# Parabolas through the last positions: over 0.7 s for the velocity, which changes fast, and over
# 1 s for the acceleration, which is noisy.
VELOCITY_S = 0.7
ACCELERATION_S = 1.0
# Whoever sways as he goes, and is followed by a point of his body: lines in place of parabolas,
# whose slope at their end is mostly sway. Over 0.7 s they foresee recorded walkers a fifth better
# and cyclists two fifths, and no turn rate found in their positions tells where they go.
SWAYING = (ObjectClass.PEDESTRIAN, ObjectClass.BICYCLE, ObjectClass.ANIMAL)
# Slower than this the direction of motion says less than the recorded orientation.
MIN_COURSE_SPEED_MPS = 2.0
POSITION_SIGMA_M = 0.2
YAW_SIGMA_RAD = 0.05
SPEED_SIGMA_MPS = 0.3
YAW_RATE_SIGMA_RADPS = 0.1


def observed_agents(recording: Recording, now: int) -> tuple[Agents, np.ndarray]:
    """All road users valid at instant `now` and their rows in the recording.

    Nothing after `now` is looked at. Velocity, acceleration and yaw rate come from parabolas
    through the unbroken past positions, of SWAYING classes velocity from lines and the others are
    zero; where it is shorter than three steps, from backward differences. Attributes are those of
    the instant.
    """
    row = np.flatnonzero(recording.valid[:, now])
    n = len(row)
    dt_s = _step_s(recording)
    age = unbroken_steps(recording.valid[row], now)
    position = recording.position_m[row]
    short, long = steps_of(recording, VELOCITY_S), steps_of(recording, ACCELERATION_S)
    velocity, _ = _fits(position, age, now, short, dt_s, degree=2)
    _, acceleration = _fits(position, age, now, long, dt_s, degree=2)
    sways = np.isin(recording.label[row], SWAYING)
    velocity[sways], acceleration[sways] = _fits(
        position[sways], age[sways], now, short, dt_s, degree=1
    )
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    course = np.arctan2(velocity[:, 1], velocity[:, 0])
    yaw = recording.yaw_rad[row, now]
    forward = np.cos(course - yaw) > 0.0
    body = np.where(forward, course, wrap_angle(course + np.pi))
    yaw = np.where(speed > MIN_COURSE_SPEED_MPS, body, yaw)
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    turn = velocity[:, 0] * acceleration[:, 1] - velocity[:, 1] * acceleration[:, 0]
    yaw_rate = np.where(
        speed > MIN_COURSE_SPEED_MPS, turn / np.maximum(speed, MIN_COURSE_SPEED_MPS) ** 2, 0.0
    )
    sigma = (
        POSITION_SIGMA_M,
        POSITION_SIGMA_M,
        YAW_SIGMA_RAD,
        SPEED_SIGMA_MPS,
        YAW_RATE_SIGMA_RADPS,
    )
    classes = np.zeros((n, CLASS_COUNT))
    classes[np.arange(n), recording.label[row]] = 1.0
    agents = Agents(
        stamp_ns=int(recording.stamp_ns[now]),
        uuid=np.stack([_uuid(recording.track_id[r]) for r in row])
        if n
        else np.zeros((0, 16), np.uint8),
        position_m=position[:, now],
        yaw_rad=yaw,
        velocity_mps=velocity,
        yaw_rate_radps=np.clip(yaw_rate, -1.0, 1.0),
        acceleration_mps2=(acceleration * heading).sum(axis=-1),
        covariance=np.broadcast_to(np.diag(np.square(sigma)), (n, 5, 5)).copy(),
        size_m=recording.size_m[row],
        class_probabilities=classes,
        existence=np.ones(n),
        attributes=recording.attributes[row, now],
        has_attribute=recording.has_attribute[row, now],
        modality_age_s=np.zeros((n, MODALITY_COUNT)),
    )
    return agents, row


def history_until(recording: Recording, row: np.ndarray, now: int, steps: int) -> History:
    """Pasts of rows (N,): `steps` instants before `now`, and `now`; masked before the start."""
    index = now + np.arange(-steps, 1)
    known = index >= 0
    at = np.maximum(index, 0)
    return History(
        position_m=recording.position_m[row][:, at, :2],
        yaw_rad=recording.yaw_rad[row][:, at],
        velocity_mps=recording.velocity_mps[row][:, at],
        valid=recording.valid[row][:, at] & known,
    )


def unbroken_steps(valid: np.ndarray, now: int) -> np.ndarray:
    """(N,) how many instants before `now` are valid without a gap, for valid (N, T)."""
    gap = ~valid[:, : now + 1][:, ::-1]
    return np.where(gap.any(axis=1), np.argmax(gap, axis=1), now + 1) - 1


def steps_of(recording: Recording, time_s: float) -> int:
    """Instants of the recording that make up a time; three at least."""
    return max(3, round(time_s / _step_s(recording)))


def _fits(
    position: np.ndarray, age: np.ndarray, now: int, steps: int, dt_s: float, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) velocity and acceleration at `now` by least squares over `steps` or fewer steps, of
    parabolas (degree 2) or lines (1: no acceleration).
    """
    velocity = np.zeros((len(position), 2))
    acceleration = np.zeros((len(position), 2))
    for past in range(1, steps + 1):
        rows = np.flatnonzero(age >= past if past == steps else age == past)
        if not len(rows):
            continue
        t = dt_s * np.arange(-past, 1)
        window = position[rows, now - past : now + 1, :2] - position[rows, now, None, :2]
        # Rows of the pseudo-inverse: coefficients of t and t^2. Two steps make no good parabola.
        curved = degree > 1 and past > 2
        fit = np.linalg.pinv(np.vander(t, 3 if curved else 2, increasing=True))
        velocity[rows] = np.einsum('t,ntc->nc', fit[1], window)
        if curved:
            acceleration[rows] = 2.0 * np.einsum('t,ntc->nc', fit[2], window)
    return velocity, acceleration


def _step_s(recording: Recording) -> float:
    stamps = recording.stamp_ns
    return float(stamps[1] - stamps[0]) / NS_PER_S if len(stamps) > 1 else 0.1


def _uuid(track_id: str) -> np.ndarray:
    digest = hashlib.sha256(track_id.encode()).digest()[:16]
    return np.frombuffer(digest, np.uint8)
