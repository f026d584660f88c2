"""Random messages of any type, and the plain field-by-field meaning of each hot message.

Messages are made as objects of the rosbags library, from its own reading of `interfaces/`; where
rclpy is there they are copied into real message objects. Both are oracles that know nothing of
`prediction_node`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from prediction_node import cdr

INTERFACES = Path(__file__).parents[2] / 'interfaces'
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1e308, -1e308, 1e-40])
SECOND_NS = 1_000_000_000


def _stamp(time: Any) -> int:
    return int(time.sec) * SECOND_NS + int(time.nanosec)


def _xyz(vector: Any) -> list[float]:
    return [vector.x, vector.y, vector.z]


def _xyzw(quaternion: Any) -> list[float]:
    return [*_xyz(quaternion), quaternion.w]


def _offsets(groups: list[Any]) -> list[int]:
    return [0, *np.cumsum([len(group) for group in groups]).astype(int).tolist()]


def _kinematics(prefix: str, objects: Any) -> dict[str, Any]:
    def member(obj: Any, name: str) -> Any:
        return getattr(obj.kinematics, prefix + name + '_with_covariance')

    poses = [member(o, 'pose') for o in objects]
    twists = [member(o, 'twist') for o in objects]
    accelerations = [member(o, 'acceleration') for o in objects]
    return {
        'position': [_xyz(p.pose.position) for p in poses],
        'orientation': [_xyzw(p.pose.orientation) for p in poses],
        'pose_covariance': [np.reshape(p.covariance, (6, 6)) for p in poses],
        'twist_linear': [_xyz(t.twist.linear) for t in twists],
        'twist_angular': [_xyz(t.twist.angular) for t in twists],
        'twist_covariance': [np.reshape(t.covariance, (6, 6)) for t in twists],
        'acceleration_linear': [_xyz(a.accel.linear) for a in accelerations],
        'acceleration_angular': [_xyz(a.accel.angular) for a in accelerations],
        'acceleration_covariance': [np.reshape(a.covariance, (6, 6)) for a in accelerations],
    }


def _objects(message: Any, prefix: str) -> dict[str, Any]:
    objects = message.objects
    classes = [c for o in objects for c in o.classification]
    return {
        'stamp_ns': _stamp(message.header.stamp),
        'frame_id': message.header.frame_id,
        'object_id': [o.object_id.uuid for o in objects],
        'existence_probability': [o.existence_probability for o in objects],
        'class_offsets': _offsets([o.classification for o in objects]),
        'class_label': [c.label for c in classes],
        'class_probability': [c.probability for c in classes],
        **_kinematics(prefix, objects),
        'shape_type': [o.shape.type for o in objects],
        'footprint_offsets': _offsets([o.shape.footprint.points for o in objects]),
        'footprint': [_xyz(p) for o in objects for p in o.shape.footprint.points],
        'dimensions': [_xyz(o.shape.dimensions) for o in objects],
    }


def tracked_objects(message: Any) -> dict[str, Any]:
    kinematics = [o.kinematics for o in message.objects]
    return {
        **_objects(message, ''),
        'orientation_availability': [k.orientation_availability for k in kinematics],
        'is_stationary': [k.is_stationary for k in kinematics],
    }


def predicted_objects(message: Any) -> dict[str, Any]:
    paths = [p for o in message.objects for p in o.kinematics.predicted_paths]
    poses = len(paths[0].path) if paths else 0
    shape = (len(paths), poses)
    return {
        **_objects(message, 'initial_'),
        'path_offsets': _offsets([o.kinematics.predicted_paths for o in message.objects]),
        'path_pose': np.reshape(
            [[*_xyz(q.position), *_xyzw(q.orientation)] for p in paths for q in p.path], (*shape, 7)
        ),
        'path_time_step_ns': _stamp(paths[0].time_step) if paths else 0,
        'path_confidence': [p.confidence for p in paths],
    }


def detection3d_array(message: Any) -> dict[str, Any]:
    detections = message.detections
    results = [r for d in detections for r in d.results]
    return {
        'stamp_ns': _stamp(message.header.stamp),
        'frame_id': message.header.frame_id,
        'detection_stamp_ns': [_stamp(d.header.stamp) for d in detections],
        'detection_frame_id': tuple(d.header.frame_id for d in detections),
        'hypothesis_offsets': _offsets([d.results for d in detections]),
        'hypothesis_class_id': tuple(r.hypothesis.class_id for r in results),
        'hypothesis_score': [r.hypothesis.score for r in results],
        'hypothesis_position': [_xyz(r.pose.pose.position) for r in results],
        'hypothesis_orientation': [_xyzw(r.pose.pose.orientation) for r in results],
        'hypothesis_covariance': [np.reshape(r.pose.covariance, (6, 6)) for r in results],
        'position': [_xyz(d.bbox.center.position) for d in detections],
        'orientation': [_xyzw(d.bbox.center.orientation) for d in detections],
        'size': [_xyz(d.bbox.size) for d in detections],
        'id': tuple(d.id for d in detections),
    }


def radar_tracks(message: Any) -> dict[str, Any]:
    tracks = message.tracks
    vectors = ('position', 'velocity', 'acceleration', 'size')
    return {
        'stamp_ns': _stamp(message.header.stamp),
        'frame_id': message.header.frame_id,
        'uuid': [t.uuid.uuid for t in tracks],
        'classification': [t.classification for t in tracks],
        **{name: [_xyz(getattr(t, name)) for t in tracks] for name in vectors},
        **{
            f'{name}_covariance': [getattr(t, f'{name}_covariance') for t in tracks]
            for name in vectors
        },
    }


def odometry(message: Any) -> dict[str, Any]:
    return {
        'stamp_ns': _stamp(message.header.stamp),
        'frame_id': message.header.frame_id,
        'child_frame_id': message.child_frame_id,
        'position': _xyz(message.pose.pose.position),
        'orientation': _xyzw(message.pose.pose.orientation),
        'pose_covariance': np.reshape(message.pose.covariance, (6, 6)),
        'twist_linear': _xyz(message.twist.twist.linear),
        'twist_angular': _xyz(message.twist.twist.angular),
        'twist_covariance': np.reshape(message.twist.covariance, (6, 6)),
    }


def transforms(message: Any) -> dict[str, Any]:
    return {
        'stamp_ns': [_stamp(t.header.stamp) for t in message.transforms],
        'frame_id': tuple(t.header.frame_id for t in message.transforms),
        'child_frame_id': tuple(t.child_frame_id for t in message.transforms),
        'translation': [_xyz(t.transform.translation) for t in message.transforms],
        'rotation': [_xyzw(t.transform.rotation) for t in message.transforms],
    }


def traffic_light_groups(message: Any) -> dict[str, Any]:
    pairs = [
        (g.traffic_light_group_id, e) for g in message.traffic_light_groups for e in g.elements
    ]
    return {
        'stamp_ns': _stamp(message.stamp),
        'group_id': [group for group, _ in pairs],
        **{
            name: [getattr(e, name) for _, e in pairs]
            for name in ('color', 'shape', 'status', 'confidence')
        },
    }


def lanelet_map(message: Any) -> dict[str, Any]:
    return {
        'stamp_ns': _stamp(message.header.stamp),
        'frame_id': message.header.frame_id,
        'version_map_format': message.version_map_format,
        'version_map': message.version_map,
        'name_map': message.name_map,
        'data': bytes(message.data),
    }


@dataclass(frozen=True)
class Codec:
    """One message type: its ROS name, our reader and writer, and what its fields mean."""

    type_name: str
    read: Callable[..., Any]
    write: Callable[..., bytes]
    meaning: Callable[[Any], dict[str, Any]]


CODECS = {
    codec.type_name.rsplit('/', 1)[1]: codec
    for codec in (
        Codec(
            'autoware_perception_msgs/msg/TrackedObjects',
            cdr.read_tracked_objects,
            cdr.write_tracked_objects,
            tracked_objects,
        ),
        Codec(
            'autoware_perception_msgs/msg/PredictedObjects',
            cdr.read_predicted_objects,
            cdr.write_predicted_objects,
            predicted_objects,
        ),
        Codec(
            'vision_msgs/msg/Detection3DArray',
            cdr.read_detection3d_array,
            cdr.write_detection3d_array,
            detection3d_array,
        ),
        Codec(
            'radar_msgs/msg/RadarTracks',
            cdr.read_radar_tracks,
            cdr.write_radar_tracks,
            radar_tracks,
        ),
        Codec('nav_msgs/msg/Odometry', cdr.read_odometry, cdr.write_odometry, odometry),
        Codec('tf2_msgs/msg/TFMessage', cdr.read_transforms, cdr.write_transforms, transforms),
        Codec(
            'autoware_perception_msgs/msg/TrafficLightGroupArray',
            cdr.read_traffic_light_groups,
            cdr.write_traffic_light_groups,
            traffic_light_groups,
        ),
        Codec(
            'autoware_map_msgs/msg/LaneletMapBin',
            cdr.read_lanelet_map_bin,
            cdr.write_lanelet_map_bin,
            lanelet_map,
        ),
    )
}


def assert_means(arrays: Any, meaning: dict[str, Any]) -> None:
    """Every field of the arrays equals what the message says, bit for bit where it is a number."""
    assert set(meaning) == set(type(arrays).__dataclass_fields__)
    for name, expected in meaning.items():
        actual = getattr(arrays, name)
        if isinstance(actual, np.ndarray):
            wanted = np.asarray(expected, dtype=actual.dtype).reshape(actual.shape)
            assert len(actual) == len(expected), name
            np.testing.assert_array_equal(actual, wanted, err_msg=name)
            np.testing.assert_array_equal(
                np.signbit(actual.astype(float)), np.signbit(wanted.astype(float))
            )
        elif isinstance(actual, memoryview):
            assert bytes(actual) == expected, name
        else:
            assert actual == expected, name


class Messages:
    """Random messages and two serialisers."""

    def __init__(self) -> None:
        self.store = get_typestore(Stores.ROS2_JAZZY)
        types: dict[str, Any] = {}
        for path in sorted(INTERFACES.glob('*/msg/*.msg')):
            types.update(
                get_types_from_msg(path.read_text(), f'{path.parents[1].name}/msg/{path.stem}')
            )
        self.store.register({k: v for k, v in types.items() if k not in self.store.fielddefs})

    def random(self, draw: Callable[[Any], Any], codec: Codec, most: int = 3) -> Any:
        """A message whose strings and sequence lengths (up to `most`) are drawn by hypothesis.

        Numbers come from a generator with a drawn seed: drawing each of thousands would be slow.
        """
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        message = self._random(draw, rng, codec.type_name, most)
        if codec.type_name.endswith('PredictedObjects'):
            self._even_paths(draw, rng, message, most)
        return message

    def _random(self, draw: Any, rng: np.random.Generator, type_name: str, most: int) -> Any:
        _, fields = self.store.fielddefs[type_name]
        return self.store.types[type_name](
            **{name: self._value(draw, rng, kind, most) for name, kind in fields}
        )

    def _value(self, draw: Any, rng: np.random.Generator, kind: Any, most: int) -> Any:
        node, detail = kind
        if node == Nodetype.NAME:
            return self._random(draw, rng, detail, most)
        if node == Nodetype.BASE:
            if detail[0] == 'string':
                return draw(TEXT)
            return self._numbers(rng, detail[0], 1)[0].item()
        inner, size = detail
        count = size if node == Nodetype.ARRAY else draw(st.integers(0, most))
        if inner[0] == Nodetype.BASE and inner[1][0] != 'string':
            return self._numbers(rng, inner[1][0], count)
        return [self._value(draw, rng, inner, most) for _ in range(count)]

    @staticmethod
    def _numbers(rng: np.random.Generator, name: str, count: int) -> np.ndarray:
        if name == 'bool':
            return rng.integers(0, 2, count).astype(bool)
        kind = np.dtype(name)
        if kind.kind == 'f':
            values = rng.normal(0.0, 1e6, count)
            special = rng.random(count) < 0.1
            values[special] = rng.choice(SPECIAL, special.sum())
            with np.errstate(over='ignore', under='ignore'):
                return values.astype(kind)
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, count, dtype=kind, endpoint=True)

    def _even_paths(self, draw: Any, rng: np.random.Generator, message: Any, most: int) -> None:
        poses = draw(st.integers(0, most))
        pose = 'geometry_msgs/msg/Pose'
        step = self._random(draw, rng, 'builtin_interfaces/msg/Duration', 0)
        step.nanosec %= SECOND_NS
        for item in message.objects:
            for path in item.kinematics.predicted_paths:
                path.time_step = step
                path.path = [self._random(draw, rng, pose, 0) for _ in range(poses)]

    def strategy(self, codec: Codec, most: int = 3) -> Any:
        return st.composite(lambda draw: self.random(draw, codec, most))()

    def sample(self, codec: Codec, seed: int, count: int = 2, text: str = 'map') -> Any:
        """A message with every sequence of length `count` and every string `text`."""

        def draw(strategy: Any) -> Any:
            if strategy is TEXT:
                return text
            return seed if 'max_value=4294967295' in repr(strategy) else count

        return self.random(draw, codec, count)

    def serialize(self, codec: Codec, message: Any, little_endian: bool = True) -> bytes:
        return bytes(
            self.store.serialize_cdr(message, codec.type_name, little_endian=little_endian)
        )

    def deserialize(self, codec: Codec, data: bytes) -> Any:
        return self.store.deserialize_cdr(data, codec.type_name)


TEXT = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), max_size=12)


class RosMessages:
    """The same messages as objects of rclpy, and its serialiser."""

    def __init__(self) -> None:
        serialization = importlib.import_module('rclpy.serialization')
        self._serialize = serialization.serialize_message
        self._deserialize = serialization.deserialize_message

    @staticmethod
    def message_class(type_name: str) -> Any:
        package, folder, name = type_name.split('/')
        return getattr(importlib.import_module(f'{package}.{folder}'), name)

    def copy(self, message: Any) -> Any:
        """A rosbags message as an rclpy message."""
        ours = self.message_class(message.__msgtype__)()
        for name in ours.get_fields_and_field_types():
            value = getattr(message, name)
            if hasattr(value, '__msgtype__'):
                value = self.copy(value)
            elif isinstance(value, list):
                value = [self.copy(v) if hasattr(v, '__msgtype__') else v for v in value]
            setattr(ours, name, value)
        return ours

    def serialize(self, message: Any) -> bytes:
        return bytes(self._serialize(message))

    def deserialize(self, codec: Codec, data: bytes) -> Any:
        return self._deserialize(data, self.message_class(codec.type_name))


@pytest.fixture(scope='session')
def messages() -> Messages:
    return Messages()


@pytest.fixture(scope='session')
def ros() -> RosMessages:
    reason = 'needs rclpy and the message packages: run through make test or in a sourced ROS 2'
    pytest.importorskip('rclpy', reason=reason)
    for package in ('autoware_perception_msgs', 'vision_msgs', 'radar_msgs', 'tf2_msgs'):
        pytest.importorskip(f'{package}.msg', reason=reason)
    return RosMessages()


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


@pytest.fixture(scope='session')
def codecs() -> dict[str, Codec]:
    return CODECS


@pytest.fixture(scope='session')
def means() -> Callable[[Any, dict[str, Any]], None]:
    return assert_means
