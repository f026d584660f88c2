"""Rotations in space: matrices, quaternions x, y, z, w, and the motion under a constant twist."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.frames import Transform


def matrices_from_quaternions(quaternion_xyzw: np.ndarray) -> np.ndarray:
    """(N, 4) quaternions of any length above zero to (N, 3, 3) rotation matrices."""
    return _matrices(np.ascontiguousarray(quaternion_xyzw, dtype=np.float64))


@compiled
def _matrices(quaternion: np.ndarray) -> np.ndarray:
    out = np.empty((len(quaternion), 3, 3))
    for i in range(len(quaternion)):
        x, y, z, w = quaternion[i, 0], quaternion[i, 1], quaternion[i, 2], quaternion[i, 3]
        twice = 2.0 / (x * x + y * y + z * z + w * w)
        out[i, 0, 0] = 1.0 - twice * (y * y + z * z)
        out[i, 0, 1] = twice * (x * y - z * w)
        out[i, 0, 2] = twice * (x * z + y * w)
        out[i, 1, 0] = twice * (x * y + z * w)
        out[i, 1, 1] = 1.0 - twice * (x * x + z * z)
        out[i, 1, 2] = twice * (y * z - x * w)
        out[i, 2, 0] = twice * (x * z - y * w)
        out[i, 2, 1] = twice * (y * z + x * w)
        out[i, 2, 2] = 1.0 - twice * (x * x + y * y)
    return out


@compiled
def quaternion_from_matrix(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """(3, 3) rotation to a unit quaternion x, y, z, w.

    Shepperd, "Quaternion from rotation matrix", 1978: start from the largest component.
    """
    a, b, c = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    d, e, f = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    g, h, i = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    # Each is a row of 4 q q^T, and so the quaternion up to its length.
    largest = max(a + e + i, a - e - i, e - a - i, i - a - e)
    if largest == a + e + i:
        x, y, z, w = h - f, c - g, d - b, 1.0 + a + e + i
    elif largest == a - e - i:
        x, y, z, w = 1.0 + a - e - i, b + d, c + g, h - f
    elif largest == e - a - i:
        x, y, z, w = b + d, 1.0 - a + e - i, f + h, c - g
    else:
        x, y, z, w = c + g, f + h, 1.0 - a - e + i, d - b
    length = math.sqrt(x * x + y * y + z * z + w * w)
    return x / length, y / length, z / length, w / length


def interpolate(first: Transform, second: Transform, share: float) -> Transform:
    """The transform at `share` of the way: a straight line, and the shortest turn at even speed.

    The turn is that of Shoemake's slerp ("Animating rotation with quaternion curves", 1985).
    """
    rotation = _interpolated(
        np.ascontiguousarray(first.rotation), np.ascontiguousarray(second.rotation), float(share)
    )
    translation_m = first.translation_m + share * (second.translation_m - first.translation_m)
    return Transform(rotation, translation_m)


@compiled
def _interpolated(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    between = np.zeros((3, 3))
    for row in range(3):
        for column in range(3):
            for k in range(3):
                between[row, column] += first[k, row] * second[k, column]
    x, y, z, w = quaternion_from_matrix(between)
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < 1e-12:
        return second.copy()
    half = math.atan2(sine, abs(w))
    scale = math.sin(share * half) / sine
    if w < 0.0:
        scale = -scale
    quaternion = np.array([[x * scale, y * scale, z * scale, math.cos(share * half)]])
    turn = _matrices(quaternion)[0]
    out = np.zeros((3, 3))
    for row in range(3):
        for column in range(3):
            for k in range(3):
                out[row, column] += first[row, k] * turn[k, column]
    return out


def skew(vector: np.ndarray) -> np.ndarray:
    """(3, 3) matrix S with S @ b equal to the cross product of (3,) `vector` and b."""
    x, y, z = (float(v) for v in vector)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def constant_twist(
    linear_mps: np.ndarray, angular_radps: np.ndarray, dt_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and translation (3,) of a body after `dt_s` of a twist held in its own axes.

    The exponential map of rigid motions (Murray, Li and Sastry, "Robotic Manipulation", section
    2.3).
    """
    s = skew(angular_radps * dt_s)
    angle = math.sqrt(float(s[0, 1] ** 2 + s[0, 2] ** 2 + s[1, 2] ** 2))
    if angle < 1e-4:  # series, exact to rounding at this size
        a, b, c = 1.0 - angle**2 / 6.0, 0.5 - angle**2 / 24.0, 1.0 / 6.0 - angle**2 / 120.0
    else:
        a = math.sin(angle) / angle
        b = (1.0 - math.cos(angle)) / angle**2
        c = (angle - math.sin(angle)) / angle**3
    squared = s @ s
    rotation = np.eye(3) + a * s + b * squared
    translation = (np.eye(3) + b * s + c * squared) @ (linear_mps * dt_s)
    return rotation, translation


def matrix_from_roll_pitch_yaw(roll_rad: float, pitch_rad: float, yaw_rad: float) -> np.ndarray:
    """(3, 3) turn about fixed x, then y, then z (the convention of URDF and tf)."""
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_z @ about_y @ about_x)
