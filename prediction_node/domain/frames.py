"""Rigid transforms and angles. Frames after REP 105; x forward, y left, z up; yaw
counter-clockwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MAP = 'map'
BASE_LINK = 'base_link'


def wrap_angle(angle_rad: np.ndarray) -> np.ndarray:
    """The same angles in [-pi, pi)."""
    wrapped: np.ndarray = (np.asarray(angle_rad) + np.pi) % (2.0 * np.pi) - np.pi
    return wrapped


def direction_rad(vectors: np.ndarray) -> np.ndarray:
    """(..., 2 or 3) vectors to (...) directions of their horizontal parts.

    The components are copied first: with numpy 1.26, arctan2 of column views was seen to differ in
    the last bit between runs, depending on where its output came to lie; of copies it never did.
    """
    v = np.asarray(vectors, dtype=np.float64)
    return np.asarray(np.arctan2(v[..., 1].copy(), v[..., 0].copy()))


def yaw_from_quaternion(quaternion_xyzw: np.ndarray) -> np.ndarray:
    """(..., 4) unit quaternions x, y, z, w to (...) yaw about z (Z-Y-X Euler convention)."""
    x, y, z, w = np.moveaxis(np.asarray(quaternion_xyzw, dtype=np.float64), -1, 0)
    yaw: np.ndarray = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return yaw


def quaternion_from_yaw(yaw_rad: np.ndarray) -> np.ndarray:
    """(...) yaw to (..., 4) quaternions x, y, z, w that turn about z only."""
    half = 0.5 * np.asarray(yaw_rad, dtype=np.float64)
    out = np.zeros((*half.shape, 4))
    out[..., 2] = np.sin(half)
    out[..., 3] = np.cos(half)
    return out


def rotation_2d(yaw_rad: np.ndarray | float) -> np.ndarray:
    """(...) angles to (..., 2, 2) matrices that turn column vectors counter-clockwise."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    out = np.empty((*np.shape(cos), 2, 2))
    out[..., 0, 0], out[..., 0, 1] = cos, -sin
    out[..., 1, 0], out[..., 1, 1] = sin, cos
    return out


def rotate_covariance(covariance: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(..., D, D) covariances expressed after the rotations (..., D, D): R C R^T."""
    turned: np.ndarray = rotation @ covariance @ np.swapaxes(rotation, -1, -2)
    return turned


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """Rigid motion from a source to a target frame; name it `target_from_source`."""

    rotation: np.ndarray  # (3, 3)
    translation_m: np.ndarray  # (3,)

    @classmethod
    def identity(cls) -> Transform:
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_quaternion(cls, translation_m: np.ndarray, quaternion_xyzw: np.ndarray) -> Transform:
        """From a translation (3,) and a quaternion (4,) of any length above 1e-6.

        Raises ValueError for a quaternion that is not finite or has no length.
        """
        # Plain floats: for a single quaternion they are several times as fast as arrays.
        x, y, z, w = np.asarray(quaternion_xyzw, dtype=np.float64).tolist()
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        if not 1e-6 <= norm < math.inf:
            raise ValueError(f'quaternion must have a length, got {[x, y, z, w]}')
        x, y, z, w = x / norm, y / norm, z / norm, w / norm
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        return cls(rotation, np.asarray(translation_m, dtype=np.float64).copy())

    @classmethod
    def from_xyz_yaw(cls, xyz_m: np.ndarray, yaw_rad: float) -> Transform:
        rotation = np.eye(3)
        rotation[:2, :2] = rotation_2d(yaw_rad)
        return cls(rotation, np.asarray(xyz_m, dtype=np.float64).copy())

    @property
    def yaw_rad(self) -> float:
        return float(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))

    @property
    def rotation_2d(self) -> np.ndarray:
        """(2, 2) turn by the yaw alone: what horizontal vectors undergo on nearly flat ground."""
        return rotation_2d(self.yaw_rad)

    def apply(self, points_m: np.ndarray) -> np.ndarray:
        """Map (..., 3) points from the source to the target frame."""
        mapped: np.ndarray = np.asarray(points_m) @ self.rotation.T + self.translation_m
        return mapped

    def inverse(self) -> Transform:
        return Transform(self.rotation.T, -self.rotation.T @ self.translation_m)

    def __matmul__(self, other: Transform) -> Transform:
        """`a_from_c = a_from_b @ b_from_c`."""
        return Transform(
            self.rotation @ other.rotation, self.rotation @ other.translation_m + self.translation_m
        )
