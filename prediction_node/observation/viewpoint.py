"""Where messages were seen from: the frames they use, in the map, at their own stamps."""

from __future__ import annotations

from dataclasses import dataclass

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


def circumstances(message: Seen) -> tuple[float, ...]:
    """What the objects of a message share: the columns that `turning` names, in their order."""
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
