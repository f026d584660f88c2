"""Where messages were seen from: the frames they use, in the map, at their own stamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.observation.ego_motion import EgoMotion
from prediction_node.observation.frame_tracks import FrameTracks
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.timeline import EgoTimeline
from prediction_node.observation.transforms import TransformBuffer


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """Where a message was seen from."""

    map_from_frame: Transform  # the message's frame
    sensor_m: np.ndarray  # (3,) the sensor in the map frame: where lines of sight start
    ego: EgoMotion | None  # None for messages in the map frame that need none
    through_ego: bool  # the ego pose was needed, so its uncertainty is the observation's too


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One message, and where it was seen from."""

    tracks: FrameTracks
    source: SourceParameters
    view: Viewpoint


def viewpoint(
    tracks: FrameTracks,
    source: SourceParameters,
    timeline: EgoTimeline,
    transforms: TransformBuffer,
    parameters: ObservationParameters,
) -> Viewpoint:
    """Where a message was seen from, at its own stamp. Raises FrameError where that is unknown.

    A message in the map frame needs the ego only for velocities relative to the sensor, and for
    noise along the line of sight; the sensor is then taken to be at the base frame.
    """
    if tracks.frame_id == parameters.map_frame:
        needs_ego = (
            source.velocity_reference == 'relative_to_sensor'
            or not tracks.has_position_covariance.all()
        )
        ego = timeline.at(tracks.stamp_ns) if needs_ego else None
        sensor_m = np.zeros(3) if ego is None else ego.map_from_base.translation_m
        return Viewpoint(Transform.identity(), sensor_m, ego, through_ego=False)
    ego = timeline.at(tracks.stamp_ns)
    base_from_frame = transforms.lookup(parameters.base_frame, tracks.frame_id, tracks.stamp_ns)
    map_from_frame = ego.map_from_base @ base_from_frame
    return Viewpoint(map_from_frame, map_from_frame.translation_m, ego, through_ego=True)


class Circumstances(NamedTuple):
    """What the objects of a message share, as arrays over the N objects of all messages."""

    # (2, N) of the source: along and across the line of sight
    range_variance: np.ndarray
    range_ratio: np.ndarray  # growth of the standard deviations with the range
    # (N,) of the source
    velocity_variance: np.ndarray
    yaw_variance: np.ndarray
    sensor_m: np.ndarray  # (2, N) in the map frame
    # of the sensor itself, where velocities are relative to it, else zero
    own_velocity_mps: np.ndarray  # (2, N)
    own_covariance: np.ndarray  # (3, N) xx, xy, yy
    # of the ego, where its pose was needed and has a covariance, else zero
    ego_m: np.ndarray  # (2, N) in the map frame
    ego_covariance: np.ndarray  # (3, N) xx, xy, yy
    ego_with_yaw: np.ndarray  # (2, N) covariance of x and y with yaw
    ego_yaw_variance: np.ndarray  # (N,)

    @classmethod
    def of(cls, messages: Sequence[Seen], message_of: np.ndarray) -> Circumstances:
        """Those of the objects of `messages`; object i belongs to message `message_of[i]`."""
        rows = np.array([_circumstances(message) for message in messages]).T[:, message_of]
        return cls(
            range_variance=rows[0:2],
            range_ratio=rows[2:4],
            velocity_variance=rows[4],
            yaw_variance=rows[5],
            sensor_m=rows[6:8],
            own_velocity_mps=rows[8:10],
            own_covariance=rows[10:13],
            ego_m=rows[13:15],
            ego_covariance=rows[15:18],
            ego_with_yaw=rows[18:20],
            ego_yaw_variance=rows[20],
        )


def _circumstances(message: Seen) -> tuple[float, ...]:
    """The fields of one message in the order above."""
    source, view = message.source, message.view
    sensor_x_m, sensor_y_m, _ = view.sensor_m.tolist()
    noise = (
        source.range_sigma_m**2,
        source.cross_sigma_m**2,
        source.range_sigma_ratio,
        source.bearing_sigma_rad,
        source.velocity_sigma_mps**2,
        source.yaw_sigma_rad**2,
    )
    ego = view.ego
    if ego is None:
        return *noise, sensor_x_m, sensor_y_m, *_NO_VELOCITY, *_NO_EGO
    velocity: tuple[float, ...] = _NO_VELOCITY
    if source.velocity_reference == 'relative_to_sensor':
        own_x_mps, own_y_mps, _ = ego.point_velocity_mps(view.sensor_m).tolist()
        velocity = own_x_mps, own_y_mps, 0.0, 0.0, 0.0
        if ego.velocity_covariance is not None:
            (xx, xy), (_, yy) = ego.velocity_covariance.tolist()
            velocity = own_x_mps, own_y_mps, xx, xy, yy
    pose: tuple[float, ...] = _NO_EGO
    if view.through_ego and ego.pose_covariance is not None:
        ego_x_m, ego_y_m, _ = ego.map_from_base.translation_m.tolist()
        (xx, xy, x_yaw), (_, yy, y_yaw), (_, _, yaw_yaw) = ego.pose_covariance.tolist()
        pose = ego_x_m, ego_y_m, xx, xy, yy, x_yaw, y_yaw, yaw_yaw
    return *noise, sensor_x_m, sensor_y_m, *velocity, *pose


_NO_VELOCITY = (0.0,) * 5
_NO_EGO = (0.0,) * 8
