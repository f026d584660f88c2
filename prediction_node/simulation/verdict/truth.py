"""Where everybody really was."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import rotation_2d, wrap_angle, yaw_from_quaternion
from prediction_node.domain.message_arrays import TrackedObjectsArrays


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """N road users but the robotaxi at `stamp_ns`, in the map frame."""

    stamp_ns: int
    uuid: tuple[bytes, ...]  # N, 16 bytes each
    label: np.ndarray  # (N,)
    pose: np.ndarray  # (N, 3) x_m, y_m of the middle, yaw_rad
    size_m: np.ndarray  # (N, 3)
    velocity_mps: np.ndarray  # (N, 2) over ground

    @classmethod
    def of_message(cls, arrays: TrackedObjectsArrays) -> Truth:
        """From the simulator's message: one class per object."""
        yaw = yaw_from_quaternion(arrays.orientation)
        pose = np.concatenate([arrays.position[:, :2], yaw[:, None]], axis=1)
        velocity = np.einsum('nij,nj->ni', rotation_2d(yaw), arrays.twist_linear[:, :2])
        return cls(
            arrays.stamp_ns,
            tuple(row.tobytes() for row in arrays.object_id),
            arrays.class_label[arrays.class_offsets[:-1]],
            pose,
            arrays.dimensions,
            velocity,
        )


@dataclass(frozen=True, slots=True, eq=False)
class EgoTruth:
    """The robotaxi at `stamp_ns`: middle of its box, heading, speed along it."""

    stamp_ns: int
    pose: np.ndarray  # (3,) x_m, y_m, yaw_rad
    speed_mps: float


class TruthTape:
    """The last seconds of truth, and everybody's way through them."""

    def __init__(self, length_s: float) -> None:
        self._length_ns = round(length_s * 1e9)
        self._frames: deque[tuple[Truth, dict[bytes, int]]] = deque()

    def add(self, truth: Truth) -> None:
        """A newer instant; one that is not newer is ignored."""
        if self._frames and truth.stamp_ns <= self._frames[-1][0].stamp_ns:
            return
        self._frames.append((truth, {uuid: i for i, uuid in enumerate(truth.uuid)}))
        while self._frames[0][0].stamp_ns < truth.stamp_ns - self._length_ns:
            self._frames.popleft()

    @property
    def newest_ns(self) -> int | None:
        return self._frames[-1][0].stamp_ns if self._frames else None

    def at(self, stamp_ns: int) -> Truth | None:
        """Everybody who is there in the frames around an instant; None outside of the tape."""
        pair = self._around(stamp_ns)
        if pair is None:
            return None
        (before, _), (after, rows_after), share = pair
        kept = [i for i, uuid in enumerate(before.uuid) if uuid in rows_after]
        to = [rows_after[before.uuid[i]] for i in kept]
        return Truth(
            stamp_ns,
            tuple(before.uuid[i] for i in kept),
            before.label[kept],
            _between(before.pose[kept], after.pose[to], share),
            before.size_m[kept],
            before.velocity_mps[kept],
        )

    def ways(self, uuid: tuple[bytes, ...], stamps_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, T, 2) positions of these road users at T instants; (N, T) whether they are known."""
        position = np.zeros((len(uuid), len(stamps_ns), 2))
        valid = np.zeros((len(uuid), len(stamps_ns)), bool)
        for t, stamp_ns in enumerate(stamps_ns.tolist()):
            pair = self._around(stamp_ns)
            if pair is None:
                continue
            (before, rows_before), (after, rows_after), share = pair
            for i, name in enumerate(uuid):
                a, b = rows_before.get(name), rows_after.get(name)
                if a is not None and b is not None:
                    step = after.pose[b, :2] - before.pose[a, :2]
                    position[i, t] = before.pose[a, :2] + share * step
                    valid[i, t] = True
        return position, valid

    def _around(
        self, stamp_ns: int
    ) -> tuple[tuple[Truth, dict[bytes, int]], tuple[Truth, dict[bytes, int]], float] | None:
        if not self._frames or not (
            self._frames[0][0].stamp_ns <= stamp_ns <= self._frames[-1][0].stamp_ns
        ):
            return None
        low, high = 0, len(self._frames) - 1
        while low < high:
            middle = (low + high) // 2
            if self._frames[middle][0].stamp_ns >= stamp_ns:
                high = middle
            else:
                low = middle + 1
        after = self._frames[low]
        if after[0].stamp_ns == stamp_ns:
            return after, after, 0.0
        before = self._frames[low - 1]
        span_ns = after[0].stamp_ns - before[0].stamp_ns
        return before, after, (stamp_ns - before[0].stamp_ns) / span_ns


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    out = a + share * (b - a)
    out[:, 2] = a[:, 2] + share * wrap_angle(b[:, 2] - a[:, 2])
    return np.asarray(out)
