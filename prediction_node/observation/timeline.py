"""The robotaxi's own time line: odometry in, scene time and ego motion out."""

from __future__ import annotations

from collections import deque

from prediction_node.domain.errors import FrameError
from prediction_node.domain.message_arrays import OdometryArrays
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.clock import SceneClock, SceneTime, Verdict
from prediction_node.observation.ego_motion import EgoMotion, read_odometry
from prediction_node.observation.monitor import InputMonitor
from prediction_node.observation.odometry import OdometryBuffer
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason, Refused
from prediction_node.observation.transforms import TransformBuffer


class EgoTimeline:
    """Queues odometry until a release, lets the clock judge it, keeps what is on the time line."""

    def __init__(
        self,
        parameters: ObservationParameters,
        transforms: TransformBuffer,
        monitor: InputMonitor,
    ) -> None:
        self._parameters = parameters
        self._transforms = transforms
        self._monitor = monitor
        self._clock = SceneClock(parameters)
        self._buffer = OdometryBuffer(parameters)
        self._waiting: deque[tuple[int, EgoMotion]] = deque(maxlen=parameters.odometry_messages)
        self._aside: EgoMotion | None = None
        self._tolerance_ns = nanoseconds(parameters.jump_threshold_s)
        self._last_now_ns: int | None = None

    @property
    def newest(self) -> EgoMotion | None:
        return self._buffer.newest

    def expected_ns(self, arrival_ns: int) -> int | None:
        """Scene time when something arrives, None before the first odometry."""
        return self._clock.expected_ns(arrival_ns)

    def at(self, stamp_ns: int) -> EgoMotion:
        """The ego at a stamp. Raises FrameError where the odometry does not reach."""
        return self._buffer.at(stamp_ns)

    def put(self, arrays: OdometryArrays, arrival_ns: int) -> None:
        """Judge the values of a message and queue it for the next release.

        The oldest one makes room.
        """
        try:
            motion = read_odometry(arrays, self._transforms, self._parameters)
        except Refused as refusal:
            self._monitor.refused(refusal.reason, str(refusal))
            return
        except FrameError as error:
            self._monitor.refused(Reason.FRAME, str(error))
            return
        if len(self._waiting) == self._waiting.maxlen:
            self._monitor.refused(Reason.OVERFLOW, 'more odometry than the buffer holds')
        self._waiting.append((arrival_ns, motion))

    def driving_time(self, now_ns: int) -> tuple[int, bool]:
        """`now_ns` made monotonic, and whether the driving clock has gone back: all starts anew."""
        last_ns = self._last_now_ns
        self._last_now_ns = now_ns
        if last_ns is None or now_ns >= last_ns:
            return now_ns, False
        if last_ns - now_ns <= self._tolerance_ns:
            self._last_now_ns = last_ns
            return last_ns, False
        self._clock.restart(f'the driving clock went back by {seconds(last_ns - now_ns):.3f} s')
        self._buffer.clear()
        self._aside = None
        kept = [item for item in self._waiting if item[0] <= now_ns]
        self._waiting.clear()
        self._waiting.extend(kept)
        return now_ns, True

    def release(self, now_ns: int) -> tuple[SceneTime, EgoMotion | None, bool]:
        """Scene time, the ego at it (None when lost), and whether a new time line has begun."""
        come = sorted(
            (item for item in self._waiting if item[0] <= now_ns),
            key=lambda item: (item[0], item[1].stamp_ns),
        )
        later = [item for item in self._waiting if item[0] > now_ns]
        self._waiting.clear()
        self._waiting.extend(later)
        jumped = False
        for arrival_ns, motion in come:
            jumped |= self._take(motion, arrival_ns)
        time = self._clock.release(now_ns)
        if time.stamp_ns is None or time.lost:
            return time, None, jumped
        try:
            return time, self._buffer.at(time.stamp_ns), jumped
        except FrameError as error:
            # Only while scene time stands still far ahead of a stream that was held up.
            self._monitor.refused(Reason.FRAME, str(error))
            return time, None, jumped

    def _take(self, motion: EgoMotion, arrival_ns: int) -> bool:
        """Let the clock judge one message and keep it in its place; true for a new time line."""
        verdict = self._clock.offer(motion.stamp_ns, arrival_ns)
        if verdict is Verdict.ASIDE:
            self._refuse_aside()
            self._aside = motion
            return False
        if verdict is Verdict.JUMPED:
            self._buffer.clear()
            if self._aside is not None:
                self._buffer.insert(self._aside)
                self._monitor.accepted()
        else:
            self._refuse_aside()
        self._aside = None
        if self._buffer.insert(motion):
            self._monitor.accepted()
        else:
            self._monitor.refused(Reason.DUPLICATE, f'stamp {motion.stamp_ns} ns has come before')
        return verdict is Verdict.JUMPED

    def _refuse_aside(self) -> None:
        if self._aside is not None:
            self._monitor.refused(
                Reason.JUMP, f'stamp {self._aside.stamp_ns} ns is off the time line, and alone'
            )
