"""Where the robotaxi was: a bounded history of odometry, interpolated and carried on."""

from __future__ import annotations

import bisect

from prediction_node.domain.errors import FrameError
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.ego_motion import EgoMotion
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.rotations import interpolate

# Within this a real vehicle moves a centimetre off at most.
_CERTAIN_NS = 100_000_000


class OdometryBuffer:
    """Sorted, bounded history of the ego's motion."""

    def __init__(self, parameters: ObservationParameters) -> None:
        self._capacity = parameters.odometry_messages
        self._gap_ns = nanoseconds(parameters.odometry_gap_s)
        self._reach_ns = nanoseconds(parameters.max_coasting_s)
        self._edge_ns = nanoseconds(parameters.odometry_edge_s)
        self._sigma_mps2 = parameters.coasting_sigma_mps2
        self._sigma_radps2 = parameters.coasting_sigma_radps2
        self._stamps: list[int] = []
        self._motions: list[EgoMotion] = []

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def newest(self) -> EgoMotion | None:
        return self._motions[-1] if self._motions else None

    def clear(self) -> None:
        self._stamps.clear()
        self._motions.clear()

    def insert(self, motion: EgoMotion) -> bool:
        """Keep a motion in its place; False if its stamp is known. Drops the oldest when full."""
        index = bisect.bisect_left(self._stamps, motion.stamp_ns)
        if index < len(self._stamps) and self._stamps[index] == motion.stamp_ns:
            return False
        self._stamps.insert(index, motion.stamp_ns)
        self._motions.insert(index, motion)
        if len(self._stamps) > self._capacity:
            del self._stamps[0], self._motions[0]
        return True

    def at(self, stamp_ns: int) -> EgoMotion:
        """The motion at a stamp: between two messages interpolated, after the newest carried on.

        Raises FrameError well before the oldest message, well within a gap too long to bridge, and
        further ahead of the newest than the coasting time.
        """
        if not self._stamps:
            raise FrameError('no odometry has come yet')
        index = bisect.bisect_left(self._stamps, stamp_ns)
        if index == len(self._stamps):
            newest = self._motions[-1]
            if stamp_ns - newest.stamp_ns > self._reach_ns:
                raise FrameError(
                    f'stamp {stamp_ns} is {seconds(stamp_ns - newest.stamp_ns):.3f} s after the '
                    f'newest odometry, allowed is {seconds(self._reach_ns):.3f} s'
                )
            return self._carry_on(newest, stamp_ns)
        after = self._motions[index]
        if after.stamp_ns == stamp_ns:
            return after
        before = self._motions[index - 1] if index else None
        if before is not None and after.stamp_ns - before.stamp_ns <= self._gap_ns:
            return _between(before, after, stamp_ns)
        if after.stamp_ns - stamp_ns <= self._edge_ns:
            return self._carry_on(after, stamp_ns)
        if before is not None and stamp_ns - before.stamp_ns <= self._edge_ns:
            return self._carry_on(before, stamp_ns)
        raise FrameError(
            f'stamp {stamp_ns} is {seconds(after.stamp_ns - stamp_ns):.3f} s before '
            + ('the oldest odometry' if before is None else 'the end of a gap in the odometry')
            + f', allowed are {seconds(self._edge_ns):.3f} s'
        )

    def _carry_on(self, motion: EgoMotion, stamp_ns: int) -> EgoMotion:
        """Beyond the messages: the further, the less certain, but for the first moments."""
        if abs(stamp_ns - motion.stamp_ns) <= _CERTAIN_NS:
            return motion.carried_on(stamp_ns)
        return motion.carried_on(
            stamp_ns, sigma_mps2=self._sigma_mps2, sigma_radps2=self._sigma_radps2
        )


def _between(before: EgoMotion, after: EgoMotion, stamp_ns: int) -> EgoMotion:
    """Straight line, shortest turn, and twist in proportion."""
    share = seconds(stamp_ns - before.stamp_ns) / seconds(after.stamp_ns - before.stamp_ns)
    return EgoMotion(
        stamp_ns=stamp_ns,
        map_from_base=interpolate(before.map_from_base, after.map_from_base, share),
        velocity_mps=before.velocity_mps + share * (after.velocity_mps - before.velocity_mps),
        turn_rate_radps=before.turn_rate_radps
        + share * (after.turn_rate_radps - before.turn_rate_radps),
        pose_covariance=(before if share < 0.5 else after).pose_covariance,
        velocity_covariance=(before if share < 0.5 else after).velocity_covariance,
    )
