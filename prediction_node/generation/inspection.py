"""A second look at a finished bag: does anything in its truth jump, or run into something else?

Nothing is taken from the simulator: this reads /ground_truth/objects and odometry back, as anybody
could, and has a box test of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.domain.frames import rotation_2d, yaw_from_quaternion
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.message_arrays import OdometryArrays, TrackedObjectsArrays
from prediction_node.domain.stamps import seconds
from prediction_node.vehicle.messages import ODOMETRY, TRUTH

TOLERANCE_M = 0.2  # of jumps beyond what the speed explains, and of how deep boxes overlap
MOVING_MPS = 0.1
EGO = b'ego'


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one or two road users at one instant of the bag."""

    kind: str  # 'jump' or 'overlap'
    time_s: float  # since the first truth
    who: str
    metres: float

    def __str__(self) -> str:
        return f'{self.kind} of {self.metres:.2f} m at {self.time_s:.1f} s: {self.who}'


@dataclass
class Inspection:
    """What a bag's truth holds."""

    instants: int = 0
    classes: set[str] = field(default_factory=set)
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Bodies:
    """N boxes at one instant."""

    id: list[bytes]
    name: list[str]
    centre_m: np.ndarray  # (N, 2)
    yaw_rad: np.ndarray  # (N,)
    speed_mps: np.ndarray  # (N,)
    size_m: np.ndarray  # (N, 2) length, width


def inspect_bag(
    bag: Path,
    *,
    ego_size_m: tuple[float, float] = (4.9, 1.9),
    ego_centre_offset_m: float = 1.4,
    tolerance_m: float = TOLERANCE_M,
) -> Inspection:
    """Every truth message of a bag against the one before, and every box against its neighbours.

    The robotaxi, which is not in the truth, takes part by its odometry. Raises BagError.
    """
    found = Inspection()
    last: dict[bytes, tuple[float, np.ndarray, float]] = {}
    start_ns = -1
    for truth, odometry in _instants(bag):
        start_ns = truth.stamp_ns if start_ns < 0 else start_ns
        time_s = seconds(truth.stamp_ns - start_ns)
        bodies = _bodies(truth, odometry, ego_size_m, ego_centre_offset_m)
        found.instants += 1
        found.classes.update(CLASS_NAMES[label] for label in truth.class_label.tolist())
        found.flaws += _jumps(bodies, last, time_s, tolerance_m)
        found.flaws += _overlaps(bodies, time_s, tolerance_m)
    return found


def _instants(bag: Path) -> Iterator[tuple[TrackedObjectsArrays, OdometryArrays | None]]:
    """Each truth with the odometry of the same instant, None if there is none within 5 ms.

    Odometry arrives later than it is stamped, so a truth waits for what comes next.
    """
    waiting: list[TrackedObjectsArrays] = []
    before: OdometryArrays | None = None
    with BagReader(bag) as reader:
        for _, topic, _, data in reader.messages([TRUTH, ODOMETRY]):
            if topic == TRUTH:
                waiting.append(cdr.read_tracked_objects(data))
                continue
            odometry = cdr.read_odometry(data)
            while waiting and waiting[0].stamp_ns <= odometry.stamp_ns:
                truth = waiting.pop(0)
                yield truth, _nearest(truth.stamp_ns, before, odometry)
            before = odometry
    for truth in waiting:
        yield truth, _nearest(truth.stamp_ns, before)


def _nearest(stamp_ns: int, *candidates: OdometryArrays | None) -> OdometryArrays | None:
    known = [each for each in candidates if each is not None]
    best = min(known, key=lambda each: abs(each.stamp_ns - stamp_ns), default=None)
    return best if best is not None and abs(best.stamp_ns - stamp_ns) <= 5_000_000 else None


def _bodies(
    truth: TrackedObjectsArrays,
    odometry: OdometryArrays | None,
    ego_size_m: tuple[float, float],
    ego_centre_offset_m: float,
) -> _Bodies:
    ids = [row.tobytes() for row in truth.object_id]
    names = [
        f'{CLASS_NAMES[label]} {each[:4].hex()}'
        for label, each in zip(truth.class_label.tolist(), ids, strict=True)
    ]
    centre = truth.position[:, :2]
    yaw = yaw_from_quaternion(truth.orientation)
    speed = np.hypot(truth.twist_linear[:, 0].copy(), truth.twist_linear[:, 1].copy())
    size = truth.dimensions[:, :2]
    if odometry is not None:
        ids, names = [*ids, EGO], [*names, 'the robotaxi']
        ego_yaw = float(yaw_from_quaternion(odometry.orientation))
        ahead = ego_centre_offset_m * np.array([np.cos(ego_yaw), np.sin(ego_yaw)])
        centre = np.vstack([centre, odometry.position[:2] + ahead])
        yaw = np.append(yaw, ego_yaw)
        speed = np.append(speed, np.hypot(*odometry.twist_linear[:2]))
        size = np.vstack([size, ego_size_m])
    return _Bodies(ids, names, centre, yaw, speed, size)


def _jumps(
    bodies: _Bodies,
    last: dict[bytes, tuple[float, np.ndarray, float]],
    time_s: float,
    tolerance_m: float,
) -> Iterator[Flaw]:
    """Bodies that came farther than the greater of their two speeds explains; updates `last`."""
    for k, each in enumerate(bodies.id):
        here, speed = bodies.centre_m[k], float(bodies.speed_mps[k])
        if each in last:
            then_s, there, before = last[each]
            excess = np.hypot(*(here - there)) - max(speed, before) * (time_s - then_s)
            if excess > tolerance_m:
                yield Flaw('jump', time_s, bodies.name[k], float(excess))
        last[each] = (time_s, here, speed)


def _overlaps(bodies: _Bodies, time_s: float, tolerance_m: float) -> Iterator[Flaw]:
    """Pairs of boxes of which one moves at least, and that reach into each other."""
    radius = 0.5 * np.hypot(bodies.size_m[:, 0].copy(), bodies.size_m[:, 1].copy())
    offset = bodies.centre_m[:, None] - bodies.centre_m[None]
    near = np.hypot(offset[..., 0], offset[..., 1]) < radius[:, None] + radius[None]
    moving = bodies.speed_mps > MOVING_MPS
    first, second = np.nonzero(np.triu(near & (moving[:, None] | moving[None]), 1))
    depth = overlap_depth_m(
        bodies.centre_m[first],
        bodies.yaw_rad[first],
        bodies.size_m[first],
        bodies.centre_m[second],
        bodies.yaw_rad[second],
        bodies.size_m[second],
    )
    for k in np.flatnonzero(depth > tolerance_m):
        who = f'{bodies.name[first[k]]} and {bodies.name[second[k]]}'
        yield Flaw('overlap', time_s, who, float(depth[k]))


def overlap_depth_m(
    centre_a_m: np.ndarray,
    yaw_a_rad: np.ndarray,
    size_a_m: np.ndarray,
    centre_b_m: np.ndarray,
    yaw_b_rad: np.ndarray,
    size_b_m: np.ndarray,
) -> np.ndarray:
    """(P,) how far boxes would have to move apart, 0 or less where they are apart.

    By the separating axis theorem: the least overlap of their shadows on the four edge directions.
    Centres (P, 2), sizes (P, 2) length and width.
    """
    axes_a = np.swapaxes(rotation_2d(yaw_a_rad), -1, -2)  # rows: ahead, left
    axes_b = np.swapaxes(rotation_2d(yaw_b_rad), -1, -2)
    axes = np.concatenate([axes_a, axes_b], axis=1)  # (P, 4, 2)
    apart = np.abs(np.einsum('pkd,pd->pk', axes, centre_b_m - centre_a_m))
    reach_a = np.abs(axes @ np.swapaxes(axes_a, -1, -2)) @ (0.5 * size_a_m)[..., None]
    reach_b = np.abs(axes @ np.swapaxes(axes_b, -1, -2)) @ (0.5 * size_b_m)[..., None]
    depth: np.ndarray = (reach_a[..., 0] + reach_b[..., 0] - apart).min(axis=1)
    return depth
