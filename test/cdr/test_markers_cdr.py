"""Markers on the wire: what rclpy reads is what was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.cdr import write_marker_array
from prediction_node.domain.markers import Marker, MarkerType

rclpy_serialization = pytest.importorskip('rclpy.serialization', reason='needs rclpy')
visualization = pytest.importorskip('visualization_msgs.msg', reason='needs visualization_msgs')


def make_marker(
    points: int, kind: MarkerType = MarkerType.LINE_LIST, name: str = 'lanes'
) -> Marker:
    rng = np.random.default_rng(points)
    return Marker(
        name,
        kind,
        0.25,
        rng.normal(0, 50, (points, 3)),
        rng.uniform(0, 1, (points, 4)),
        np.array([1e6, -2e6, 3.0]),
    )


@pytest.mark.parametrize('name', ['', 'a', 'ab', 'abc', 'abcd'])
def test_rclpy_reads_every_field(name: str) -> None:
    drawn = [make_marker(6, name=name), make_marker(9, MarkerType.TRIANGLE_LIST), make_marker(0)]
    data = write_marker_array(drawn, 12_000_000_034, 'map')
    read: Any = rclpy_serialization.deserialize_message(data, visualization.MarkerArray)
    assert len(read.markers) == 3
    for marker, expected in zip(read.markers, drawn, strict=True):
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (12, 34)
        assert marker.header.frame_id == 'map'
        assert marker.ns == expected.name
        assert marker.type == expected.type
        assert marker.pose.position.x == 1e6
        assert marker.pose.orientation.w == 1.0
        np.testing.assert_array_equal(
            [[p.x, p.y, p.z] for p in marker.points],
            expected.points_m.reshape(-1, 3).tolist() or [],
        )
        np.testing.assert_allclose(
            np.array([[c.r, c.g, c.b, c.a] for c in marker.colors]).reshape(-1, 4),
            expected.colours,
            atol=1e-6,
        )
    assert read.markers[0].scale.x == 0.25
    assert read.markers[1].scale.x == 1.0
    assert read.markers[2].action == visualization.Marker.DELETE


def test_the_layout_is_that_of_rclpys_own_bytes() -> None:
    data = write_marker_array([make_marker(4), make_marker(0)], 5, 'map')
    read = rclpy_serialization.deserialize_message(data, visualization.MarkerArray)
    again = rclpy_serialization.serialize_message(read)
    assert 0 <= len(again) - len(data) < 4  # a final padding
    ours, theirs = np.frombuffer(data, np.uint8), np.frombuffer(again[: len(data)], np.uint8)
    # rclpy leaves whatever was in memory in the padding; we leave zeros.
    assert not ours[ours != theirs].any()
