"""Tracks from the frame of their message into the map, at the message's own stamp."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import Orientation
from prediction_node.domain.observations import SensorTracks
from prediction_node.observation.ego_motion import EgoMotion
from prediction_node.observation.frame_tracks import FrameTracks
from prediction_node.observation.judging import Judge
from prediction_node.observation.parameters import ObservationParameters, SourceParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.timeline import EgoTimeline
from prediction_node.observation.transforms import TransformBuffer

# A heading less certain than this (57 degrees) is none; senders say so with a large variance.
_UNSUREST_YAW_RAD = 1.0
# A body's x axis within 6 degrees of the vertical has no heading.
_FLATTEST_HEADING = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """Where a message was seen from."""

    map_from_frame: Transform  # the message's frame
    sensor_m: np.ndarray  # (3,) the sensor in the map frame: where lines of sight start
    ego: EgoMotion | None  # None for messages in the map frame that need none
    through_ego: bool  # the ego pose was needed, so its uncertainty is the observation's too


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


def to_map(
    tracks: FrameTracks,
    source: SourceParameters,
    view: Viewpoint,
    parameters: ObservationParameters,
) -> tuple[SensorTracks, Counter[Reason]]:
    """Turn and move `tracks` into the map, and count the objects that do not survive it.

    Velocities relative to the sensor become velocities over ground: that of the sensor itself,
    which is the ego's plus yaw rate times lever arm, is added. The ego's own uncertainty is added
    where the odometry gives it. Refused are position covariances which are singular in the map
    plane, and speeds over ground beyond the bound.
    """
    n = len(tracks)
    rotation = view.map_from_frame.rotation
    position = view.map_from_frame.apply(tracks.position_m)
    sight = position[:, :2] - view.sensor_m[:2]

    covariance = (rotation @ tracks.position_covariance @ rotation.T)[:, :2, :2]
    trace = covariance[:, 0, 0] + covariance[:, 1, 1]
    judge = Judge(n)
    judge.require(
        ~tracks.has_position_covariance | (_determinant(covariance) > 1e-9 * trace * trace),
        Reason.POSITION_COVARIANCE,
    )
    if not tracks.has_position_covariance.all():
        assumed = _sight_covariance(sight, source)
        covariance = np.where(tracks.has_position_covariance[:, None, None], covariance, assumed)
    covariance = covariance + np.eye(2) * parameters.min_sigma_m**2
    if view.through_ego and view.ego is not None and view.ego.pose_covariance is not None:
        covariance = covariance + _ego_covariance(position, view.ego, view.ego.pose_covariance)

    forward = tracks.axes[:, :, 0] @ rotation.T
    heading_ok = np.einsum('ni,ni->n', forward[:, :2], forward[:, :2]) > _FLATTEST_HEADING**2
    up = rotation[2]  # the map's z axis in the message's frame
    yaw_variance = np.einsum('i,nij,j->n', up, tracks.axes_covariance, up)
    measured_yaw = tracks.has_axes_covariance & (yaw_variance > 0.0)
    heading_ok &= ~measured_yaw | (yaw_variance <= _UNSUREST_YAW_RAD**2)
    yaw_variance = np.where(measured_yaw, yaw_variance, source.yaw_sigma_rad**2)
    if view.through_ego and view.ego is not None and view.ego.pose_covariance is not None:
        yaw_variance = yaw_variance + view.ego.pose_covariance[2, 2]

    velocity = (tracks.velocity_mps @ rotation.T)[:, :2]
    velocity_covariance = (rotation @ tracks.velocity_covariance @ rotation.T)[:, :2, :2]
    velocity_covariance = np.where(
        tracks.has_velocity_covariance[:, None, None],
        velocity_covariance,
        np.eye(2) * source.velocity_sigma_mps**2,
    )
    velocity_covariance = velocity_covariance + np.eye(2) * parameters.min_sigma_mps**2
    # The floor mends a variance of zero, but not the rounding errors of a huge one.
    judge.require(
        ~tracks.has_velocity | (_determinant(velocity_covariance) > 0.0),
        Reason.VELOCITY_COVARIANCE,
    )
    if source.velocity_reference == 'relative_to_sensor' and view.ego is not None:
        velocity = velocity + view.ego.point_velocity_mps(view.sensor_m)[:2]
        if view.ego.velocity_covariance is not None:
            velocity_covariance = velocity_covariance + view.ego.velocity_covariance
    speed_squared = np.einsum('ni,ni->n', velocity, velocity)
    judge.require(
        ~tracks.has_velocity | (speed_squared <= parameters.max_speed_mps**2), Reason.VELOCITY
    )
    in_map = SensorTracks(
        source=tracks.source,
        modality=source.modality_kind,
        stamp_ns=tracks.stamp_ns,
        frame_id=parameters.map_frame,
        id_hash=tracks.id_hash,
        has_id=tracks.has_id,
        position_m=position,
        position_covariance=covariance,
        orientation=np.where(heading_ok, tracks.orientation, Orientation.UNAVAILABLE).astype(
            np.int8
        ),
        yaw_rad=np.arctan2(forward[:, 1], forward[:, 0]),
        yaw_variance=yaw_variance,
        has_velocity=tracks.has_velocity,
        velocity_mps=velocity,
        velocity_covariance=velocity_covariance,
        has_yaw_rate=tracks.has_turn_rate,
        yaw_rate_radps=tracks.turn_rate_radps @ up,
        has_size=tracks.has_size,
        size_m=tracks.size_m,
        has_class=tracks.has_class,
        class_probabilities=tracks.class_probabilities,
        existence=tracks.existence,
        attributes=tracks.attributes,
        has_attribute=tracks.has_attribute,
    )
    if not judge.good.all():
        in_map = in_map.select(judge.good)
    return in_map, judge.refused


def _determinant(covariance: np.ndarray) -> np.ndarray:
    """(N,) of symmetric (N, 2, 2)."""
    return np.asarray(covariance[:, 0, 0] * covariance[:, 1, 1] - covariance[:, 0, 1] ** 2)


def _sight_covariance(sight_m: np.ndarray, source: SourceParameters) -> np.ndarray:
    """(N, 2, 2) the source's own noise: along and across the lines of sight (N, 2)."""
    range_m = np.sqrt(np.einsum('ni,ni->n', sight_m, sight_m))
    along = np.where(
        (range_m > 0.0)[:, None], sight_m / np.maximum(range_m, 1e-9)[:, None], (1.0, 0.0)
    )
    along_variance = source.range_sigma_m**2 + (source.range_sigma_ratio * range_m) ** 2
    across_variance = source.cross_sigma_m**2 + (source.bearing_sigma_rad * range_m) ** 2
    # C = across * I + (along - across) * u u^T
    difference = (along_variance - across_variance)[:, None, None]
    return np.asarray(
        across_variance[:, None, None] * np.eye(2)
        + difference * along[:, :, None] * along[:, None, :]
    )


def _ego_covariance(
    position_m: np.ndarray, ego: EgoMotion, pose_covariance: np.ndarray
) -> np.ndarray:
    """(N, 2, 2) what the uncertainty of the ego's x, y, yaw does to points (N, 3) seen from it."""
    arm = position_m[:, :2] - ego.map_from_base.translation_m[:2]
    jacobian = np.zeros((len(arm), 2, 3))
    jacobian[:, 0, 0] = jacobian[:, 1, 1] = 1.0
    jacobian[:, 0, 2], jacobian[:, 1, 2] = -arm[:, 1], arm[:, 0]
    return np.asarray(jacobian @ pose_covariance @ np.swapaxes(jacobian, 1, 2))
