"""Hot messages between CDR bytes and arrays, with numpy, without message objects.

Readers accept XCDR1 in both byte orders and return arrays in memory of their own (fields of one
record share a block, so they may be strided). Every count and length is checked against the bytes
at hand before anything is allocated for it; a malformed buffer raises MessageError, which names
message, field and byte offset.
Writers give little-endian XCDR1 bytes, as `Publisher.publish` takes them.
"""

from __future__ import annotations

from prediction_node.cdr.detections import read_detection3d_array, write_detection3d_array
from prediction_node.cdr.image import write_image
from prediction_node.cdr.lanelet_map import (
    LaneletMapBlob,
    read_lanelet_map_bin,
    write_lanelet_map_bin,
)
from prediction_node.cdr.markers import write_marker_array
from prediction_node.cdr.multi_array import read_float32_multi_array, write_float32_multi_array
from prediction_node.cdr.odometry import read_odometry, write_odometry
from prediction_node.cdr.predicted_objects import read_predicted_objects, write_predicted_objects
from prediction_node.cdr.radar_tracks import read_radar_tracks, write_radar_tracks
from prediction_node.cdr.tracked_objects import read_tracked_objects, write_tracked_objects
from prediction_node.cdr.traffic_lights import (
    read_traffic_light_groups,
    write_traffic_light_groups,
)
from prediction_node.cdr.trajectories import (
    read_candidate_trajectories,
    read_trajectory,
    write_candidate_trajectories,
    write_scored_candidate_trajectories,
    write_trajectory,
)
from prediction_node.cdr.transforms import read_transforms, write_transforms

__all__ = [
    'LaneletMapBlob',
    'read_candidate_trajectories',
    'read_detection3d_array',
    'read_float32_multi_array',
    'read_lanelet_map_bin',
    'read_odometry',
    'read_predicted_objects',
    'read_radar_tracks',
    'read_tracked_objects',
    'read_traffic_light_groups',
    'read_trajectory',
    'read_transforms',
    'write_candidate_trajectories',
    'write_detection3d_array',
    'write_float32_multi_array',
    'write_image',
    'write_lanelet_map_bin',
    'write_marker_array',
    'write_odometry',
    'write_predicted_objects',
    'write_radar_tracks',
    'write_scored_candidate_trajectories',
    'write_tracked_objects',
    'write_traffic_light_groups',
    'write_trajectory',
    'write_transforms',
]
