"""What one odometry message holds, judged as plain floats: for so few, arrays are slow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from prediction_node.domain.message_arrays import OdometryArrays
from prediction_node.observation.judging import SHORTEST_QUATERNION, SLACK
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason, Refused


@dataclass(frozen=True, slots=True)
class OdometryValues:
    """The numbers that are used. Matrices are lists of rows."""

    position_m: list[float]
    quaternion: list[float]
    velocity_mps: list[float]
    turn_rate_radps: list[float]
    pose_covariance: list[list[float]]  # 3 by 3 of x, y, yaw
    velocity_covariance: list[list[float]]  # 3 by 3

    @classmethod
    def of(cls, arrays: OdometryArrays) -> OdometryValues:
        x, y, _, _, _, yaw = arrays.pose_covariance.tolist()
        return cls(
            position_m=arrays.position.tolist(),
            quaternion=arrays.orientation.tolist(),
            velocity_mps=arrays.twist_linear.tolist(),
            turn_rate_radps=arrays.twist_angular.tolist(),
            pose_covariance=[[row[0], row[1], row[5]] for row in (x, y, yaw)],
            velocity_covariance=arrays.twist_covariance[:3, :3].tolist(),
        )

    def check(self, parameters: ObservationParameters) -> None:
        """Raise Refused naming the first field that cannot be used."""
        if not _inside(self.position_m, bound := parameters.max_position_m):
            raise _refused(Reason.POSITION, 'pose.position', self.position_m, f'within {bound:g} m')
        # Components beyond 10 belong to no quaternion, whatever its normalisation.
        long_enough = math.hypot(*self.quaternion) > SHORTEST_QUATERNION
        if not (long_enough and _inside(self.quaternion, 10.0)):
            raise _refused(Reason.ORIENTATION, 'pose.orientation', self.quaternion, 'a quaternion')
        if not math.hypot(*self.velocity_mps) <= (bound := parameters.max_speed_mps):
            raise _refused(Reason.VELOCITY, 'twist.linear', self.velocity_mps, f'<= {bound:g} m/s')
        if not _inside(self.turn_rate_radps, bound := parameters.max_yaw_rate_radps):
            raise _refused(
                Reason.YAW_RATE, 'twist.angular', self.turn_rate_radps, f'<= {bound:g} rad/s'
            )
        for covariance, reason, field in (
            (self.pose_covariance, Reason.POSITION_COVARIANCE, 'pose.covariance of x, y, yaw'),
            (self.velocity_covariance, Reason.VELOCITY_COVARIANCE, 'twist.covariance'),
        ):
            if not usable_covariance(covariance, parameters.max_variance):
                raise _refused(reason, field, covariance, 'semidefinite')


def some(matrix: list[list[float]]) -> bool:
    """Whether anything but zeros stands in it."""
    return any(any(row) for row in matrix)


def usable_covariance(rows: list[list[float]], bound: float) -> bool:
    """`judging.semidefinite` for one 3 by 3 matrix, in a tenth of the time."""
    (a, b, e), (b_, d, g), (e_, g_, f) = rows
    if not all(abs(value) <= bound for row in rows for value in row):
        return False
    slack, more = SLACK * (a + d + f), 1.0 + SLACK
    volume = a * (d * f)
    determinant = volume + 2.0 * (b * e * g) - a * (g * g) - d * (e * e) - f * (b * b)
    return (
        min(a, d, f) >= 0.0
        and max(abs(b - b_), abs(e - e_), abs(g - g_)) <= slack
        and b * b <= more * (a * d)
        and e * e <= more * (a * f)
        and g * g <= more * (d * f)
        and determinant >= -SLACK * volume
    )


def _inside(values: list[float], bound: float) -> bool:
    return all(abs(value) <= bound for value in values)


def _refused(reason: Reason, field: str, value: object, bound: str) -> Refused:
    return Refused(reason, f'odometry {field} must be {bound}, got {value}')
