"""The hot path as message objects would do it: what `prediction_node.cdr` is measured against.

Only the benchmark uses this. It builds and reads messages the way a node written with rclpy alone
does.
"""

from __future__ import annotations

import importlib
from typing import Any

from prediction_node.domain.message_arrays import PredictedObjectsArrays
from prediction_node.domain.stamps import to_sec_nanosec


def deserialize(data: bytes, type_name: str) -> Any:
    """A message object; `type_name` is of the form package/msg/Name."""
    from rclpy.serialization import deserialize_message

    return deserialize_message(data, _message_class(type_name))


def serialize(message: Any) -> bytes:
    from rclpy.serialization import serialize_message

    return bytes(serialize_message(message))


def _message_class(type_name: str) -> Any:
    package, folder, name = type_name.split('/')
    return getattr(importlib.import_module(f'{package}.{folder}'), name)


def predicted_objects_message(arrays: PredictedObjectsArrays) -> Any:
    """autoware_perception_msgs/PredictedObjects out of message objects, one per pose."""
    from autoware_perception_msgs.msg import PredictedObject, PredictedObjects

    message = PredictedObjects()
    sec, nanosec = to_sec_nanosec(arrays.stamp_ns)
    message.header.stamp.sec = sec
    message.header.stamp.nanosec = nanosec
    message.header.frame_id = arrays.frame_id
    for i in range(len(arrays.object_id)):
        item = PredictedObject()
        item.object_id.uuid = arrays.object_id[i]
        item.existence_probability = float(arrays.existence_probability[i])
        item.classification = _classification(arrays, i)
        _set_kinematics(item.kinematics, arrays, i)
        item.kinematics.predicted_paths = _paths(arrays, i)
        item.shape.type = int(arrays.shape_type[i])
        item.shape.footprint.points = _footprint(arrays, i)
        _set_xyz(item.shape.dimensions, arrays.dimensions[i].tolist())
        message.objects.append(item)
    return message


def _classification(arrays: PredictedObjectsArrays, i: int) -> list[Any]:
    from autoware_perception_msgs.msg import ObjectClassification

    rows = range(arrays.class_offsets[i], arrays.class_offsets[i + 1])
    return [
        ObjectClassification(
            label=int(arrays.class_label[row]), probability=float(arrays.class_probability[row])
        )
        for row in rows
    ]


def _footprint(arrays: PredictedObjectsArrays, i: int) -> list[Any]:
    from geometry_msgs.msg import Point32

    begin, end = arrays.footprint_offsets[i : i + 2]
    return [Point32(x=x, y=y, z=z) for x, y, z in arrays.footprint[begin:end].tolist()]


def _paths(arrays: PredictedObjectsArrays, i: int) -> list[Any]:
    from autoware_perception_msgs.msg import PredictedPath
    from builtin_interfaces.msg import Duration
    from geometry_msgs.msg import Point, Pose, Quaternion

    sec, nanosec = to_sec_nanosec(arrays.path_time_step_ns)
    paths = []
    for row in range(arrays.path_offsets[i], arrays.path_offsets[i + 1]):
        poses = [
            Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))
            for (x, y, z), (qx, qy, qz, qw) in zip(
                arrays.path_position[row].tolist(),
                arrays.path_orientation[row].tolist(),
                strict=True,
            )
        ]
        paths.append(
            PredictedPath(
                path=poses,
                time_step=Duration(sec=sec, nanosec=nanosec),
                confidence=float(arrays.path_confidence[row]),
            )
        )
    return paths


def _set_kinematics(kinematics: Any, arrays: PredictedObjectsArrays, i: int) -> None:
    pose = kinematics.initial_pose_with_covariance
    twist = kinematics.initial_twist_with_covariance
    acceleration = kinematics.initial_acceleration_with_covariance
    _set_xyz(pose.pose.position, arrays.position[i].tolist())
    x, y, z, w = arrays.orientation[i].tolist()
    _set_xyz(pose.pose.orientation, [x, y, z])
    pose.pose.orientation.w = w
    pose.covariance = arrays.pose_covariance[i].ravel()
    _set_xyz(twist.twist.linear, arrays.twist_linear[i].tolist())
    _set_xyz(twist.twist.angular, arrays.twist_angular[i].tolist())
    twist.covariance = arrays.twist_covariance[i].ravel()
    _set_xyz(acceleration.accel.linear, arrays.acceleration_linear[i].tolist())
    _set_xyz(acceleration.accel.angular, arrays.acceleration_angular[i].tolist())
    acceleration.covariance = arrays.acceleration_covariance[i].ravel()


def _set_xyz(vector: Any, xyz: list[float]) -> None:
    vector.x, vector.y, vector.z = xyz
