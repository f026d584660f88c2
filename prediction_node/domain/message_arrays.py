"""Messages as the wire carries them, one array per field over all objects: between `cdr` and its
users.

Values are untouched: nothing is scaled, rotated, masked or judged here. Ragged members
(classifications
of an object, hypotheses of a detection) are flat arrays with an `*_offsets` array of N + 1 entries:
object i owns rows offsets[i] to offsets[i + 1].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class TrackedObjectsArrays:
    """autoware_perception_msgs/TrackedObjects with N objects."""

    stamp_ns: int
    frame_id: str
    object_id: np.ndarray  # (N, 16) uint8
    existence_probability: np.ndarray  # (N,) float32
    class_offsets: np.ndarray  # (N + 1,) int64
    class_label: np.ndarray  # (C,) uint8
    class_probability: np.ndarray  # (C,) float32
    position: np.ndarray  # (N, 3)
    orientation: np.ndarray  # (N, 4) x, y, z, w
    pose_covariance: np.ndarray  # (N, 6, 6) x, y, z, roll, pitch, yaw
    orientation_availability: np.ndarray  # (N,) uint8
    twist_linear: np.ndarray  # (N, 3) in the object's own frame
    twist_angular: np.ndarray  # (N, 3)
    twist_covariance: np.ndarray  # (N, 6, 6)
    acceleration_linear: np.ndarray  # (N, 3)
    acceleration_angular: np.ndarray  # (N, 3)
    acceleration_covariance: np.ndarray  # (N, 6, 6)
    is_stationary: np.ndarray  # (N,) bool
    shape_type: np.ndarray  # (N,) uint8
    footprint_offsets: np.ndarray  # (N + 1,) int64
    footprint: np.ndarray  # (F, 3) float32
    dimensions: np.ndarray  # (N, 3) length, width, height


@dataclass(frozen=True, slots=True, eq=False)
class Detection3DArrayArrays:
    """vision_msgs/Detection3DArray with N detections and H hypotheses over all of them."""

    stamp_ns: int
    frame_id: str
    detection_stamp_ns: np.ndarray  # (N,) int64
    detection_frame_id: tuple[str, ...]  # N
    hypothesis_offsets: np.ndarray  # (N + 1,) int64
    hypothesis_class_id: tuple[str, ...]  # H
    hypothesis_score: np.ndarray  # (H,)
    hypothesis_position: np.ndarray  # (H, 3)
    hypothesis_orientation: np.ndarray  # (H, 4)
    hypothesis_covariance: np.ndarray  # (H, 6, 6)
    position: np.ndarray  # (N, 3) bbox centre
    orientation: np.ndarray  # (N, 4)
    size: np.ndarray  # (N, 3)
    id: tuple[str, ...]  # N


@dataclass(frozen=True, slots=True, eq=False)
class RadarTracksArrays:
    """radar_msgs/RadarTracks with N tracks. Covariances are xx, xy, xz, yy, yz, zz."""

    stamp_ns: int
    frame_id: str
    uuid: np.ndarray  # (N, 16) uint8
    position: np.ndarray  # (N, 3)
    velocity: np.ndarray  # (N, 3)
    acceleration: np.ndarray  # (N, 3)
    size: np.ndarray  # (N, 3)
    classification: np.ndarray  # (N,) uint16
    position_covariance: np.ndarray  # (N, 6) float32
    velocity_covariance: np.ndarray  # (N, 6) float32
    acceleration_covariance: np.ndarray  # (N, 6) float32
    size_covariance: np.ndarray  # (N, 6) float32


@dataclass(frozen=True, slots=True, eq=False)
class OdometryArrays:
    """nav_msgs/Odometry."""

    stamp_ns: int
    frame_id: str
    child_frame_id: str
    position: np.ndarray  # (3,)
    orientation: np.ndarray  # (4,)
    pose_covariance: np.ndarray  # (6, 6)
    twist_linear: np.ndarray  # (3,) in child_frame_id
    twist_angular: np.ndarray  # (3,)
    twist_covariance: np.ndarray  # (6, 6)


@dataclass(frozen=True, slots=True, eq=False)
class TransformsArrays:
    """tf2_msgs/TFMessage with N transforms: each maps child to parent coordinates."""

    stamp_ns: np.ndarray  # (N,) int64
    frame_id: tuple[str, ...]  # N parents
    child_frame_id: tuple[str, ...]  # N
    translation: np.ndarray  # (N, 3)
    rotation: np.ndarray  # (N, 4)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficLightGroupsArrays:
    """autoware_perception_msgs/TrafficLightGroupArray with E elements over all groups."""

    stamp_ns: int
    group_id: np.ndarray  # (E,) int64, the group of each element
    color: np.ndarray  # (E,) uint8
    shape: np.ndarray  # (E,) uint8
    status: np.ndarray  # (E,) uint8
    confidence: np.ndarray  # (E,) float32


@dataclass(frozen=True, slots=True, eq=False)
class PredictedObjectsArrays:
    """autoware_perception_msgs/PredictedObjects with N objects; object i has its own path count.

    Paths of object i are rows path_offsets[i] to path_offsets[i + 1]; every path has T poses.
    """

    stamp_ns: int
    frame_id: str
    object_id: np.ndarray  # (N, 16) uint8
    existence_probability: np.ndarray  # (N,) float32
    class_offsets: np.ndarray  # (N + 1,) int64
    class_label: np.ndarray  # (C,) uint8
    class_probability: np.ndarray  # (C,) float32
    position: np.ndarray  # (N, 3)
    orientation: np.ndarray  # (N, 4)
    pose_covariance: np.ndarray  # (N, 6, 6)
    twist_linear: np.ndarray  # (N, 3) in the object's own frame
    twist_angular: np.ndarray  # (N, 3)
    twist_covariance: np.ndarray  # (N, 6, 6)
    acceleration_linear: np.ndarray  # (N, 3)
    acceleration_angular: np.ndarray  # (N, 3)
    acceleration_covariance: np.ndarray  # (N, 6, 6)
    path_offsets: np.ndarray  # (N + 1,) int64
    path_pose: np.ndarray  # (P, T, 7) position x, y, z and orientation x, y, z, w
    path_time_step_ns: int
    path_confidence: np.ndarray  # (P,) float32
    shape_type: np.ndarray  # (N,) uint8
    footprint_offsets: np.ndarray  # (N + 1,) int64
    footprint: np.ndarray  # (F, 3) float32
    dimensions: np.ndarray  # (N, 3)

    @property
    def path_position(self) -> np.ndarray:
        """(P, T, 3)."""
        return np.asarray(self.path_pose[..., :3])

    @property
    def path_orientation(self) -> np.ndarray:
        """(P, T, 4) quaternions x, y, z, w."""
        return np.asarray(self.path_pose[..., 3:])


@dataclass(frozen=True, slots=True, eq=False)
class TrajectoryArrays:
    """autoware_planning_msgs/Trajectory with T points."""

    stamp_ns: int
    frame_id: str
    time_from_start_ns: np.ndarray  # (T,) int64
    position: np.ndarray  # (T, 3)
    orientation: np.ndarray  # (T, 4) x, y, z, w
    longitudinal_velocity: np.ndarray  # (T,) float32, and all below
    lateral_velocity: np.ndarray  # (T,)
    acceleration: np.ndarray  # (T,)
    heading_rate: np.ndarray  # (T,)
    front_wheel_angle: np.ndarray  # (T,)
    rear_wheel_angle: np.ndarray  # (T,)


@dataclass(frozen=True, slots=True, eq=False)
class CandidateTrajectoriesArrays:
    """autoware_internal_planning_msgs/CandidateTrajectories: N trajectories, G generators.

    From version 1.14 on a trajectory carries a command for the turn indicators; None: the layout
    before it, which has none.
    """

    trajectories: tuple[TrajectoryArrays, ...]  # N
    generator_id: np.ndarray  # (N, 16) uint8, who made each
    info_id: np.ndarray  # (G, 16) uint8
    info_name: tuple[str, ...]  # G
    indicator_stamp_ns: np.ndarray | None = None  # (N,) int64
    indicator_command: np.ndarray | None = None  # (N,) uint8

    def with_indicators(self) -> CandidateTrajectoriesArrays:
        """The same in the layout that has turn indicators: no command, at each one's stamp."""
        if self.indicator_command is not None:
            return self
        stamps = np.array([each.stamp_ns for each in self.trajectories], np.int64)
        none = np.zeros(len(stamps), np.uint8)
        return replace(self, indicator_stamp_ns=stamps, indicator_command=none)

    def select(self, rows: np.ndarray) -> CandidateTrajectoriesArrays:
        """The trajectories of the integers `rows`, in their order; all generators stay."""
        stamp, command = self.indicator_stamp_ns, self.indicator_command
        return CandidateTrajectoriesArrays(
            tuple(self.trajectories[row] for row in rows),
            self.generator_id[rows],
            self.info_id,
            self.info_name,
            None if stamp is None else stamp[rows],
            None if command is None else command[rows],
        )
