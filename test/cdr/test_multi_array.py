"""std_msgs/Float32MultiArray."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prediction_node import cdr
from prediction_node.domain.errors import MessageError

ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
LABELS = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), max_size=9)


@given(values=ARRAYS, data=st.data())
def test_values_shape_and_labels_come_back(values: np.ndarray, data: Any) -> None:
    labels = tuple(data.draw(LABELS) for _ in range(values.ndim))
    again, names = cdr.read_float32_multi_array(cdr.write_float32_multi_array(values, labels))
    np.testing.assert_array_equal(again, values)
    assert again.shape == values.shape
    assert names == labels


def test_rosbags_reads_it(messages: Any) -> None:
    values = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    data = cdr.write_float32_multi_array(values, ('object', 'mode', 'pose'))
    message = messages.store.deserialize_cdr(data, 'std_msgs/msg/Float32MultiArray')
    layout = [(d.label, d.size, d.stride) for d in message.layout.dim]
    assert layout == [('object', 2, 24), ('mode', 3, 12), ('pose', 4, 4)]
    assert message.layout.data_offset == 0
    np.testing.assert_array_equal(message.data, values.ravel())
    raw = bytes(
        messages.store.serialize_cdr(message, 'std_msgs/msg/Float32MultiArray', little_endian=False)
    )
    again, _ = cdr.read_float32_multi_array(raw)
    np.testing.assert_array_equal(again, values)


@pytest.mark.ros
def test_rclpy_reads_it(ros: Any) -> None:
    from rclpy.serialization import deserialize_message

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = cdr.write_float32_multi_array(values, ('1.5', 'mode'))
    message = deserialize_message(data, ros.message_class('std_msgs/msg/Float32MultiArray'))
    assert [(d.label, d.size, d.stride) for d in message.layout.dim] == [
        ('1.5', 2, 6),
        ('mode', 3, 3),
    ]
    np.testing.assert_array_equal(np.array(message.data, np.float32), values.ravel())


def test_labels_must_match_dimensions() -> None:
    with pytest.raises(MessageError, match='must have 2 labels, got 1'):
        cdr.write_float32_multi_array(np.zeros((2, 3)), ('object',))


def test_damage_is_refused() -> None:
    data = cdr.write_float32_multi_array(np.ones((2, 3)), ('object', 'mode'))
    for length in range(len(data)):
        with pytest.raises(MessageError, match=r'at byte \d+'):
            cdr.read_float32_multi_array(data[:length])
    for offset in range(4, len(data) - 3, 4):
        lying = data[:offset] + struct.pack('<I', 0xFFFFFFFF) + data[offset + 4 :]
        try:
            values, _ = cdr.read_float32_multi_array(lying)
        except MessageError:
            continue
        assert values.shape == (2, 3)  # a stride or a number was hit: the shape is still exact
