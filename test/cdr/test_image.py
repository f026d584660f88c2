"""Images agree with a foreign serialiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.domain.errors import MessageError


@pytest.mark.parametrize('frame_id', ['', 'base_link', 'm'])
@pytest.mark.parametrize('shape', [(4, 6, 3), (1, 1, 3), (0, 0, 3)])
def test_a_foreign_reader_sees_the_same_pixels(frame_id: str, shape: tuple[int, ...]) -> None:
    from rosbags.typesys import Stores, get_typestore

    rgb = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    data = cdr.write_image(rgb, 5_000_000_007, frame_id)
    store = get_typestore(Stores.ROS2_JAZZY)
    image: Any = store.deserialize_cdr(data, 'sensor_msgs/msg/Image')
    assert (image.height, image.width, image.step) == (shape[0], shape[1], 3 * shape[1])
    assert (image.encoding, image.is_bigendian) == ('rgb8', 0)
    assert image.header.frame_id == frame_id
    assert image.header.stamp.nanosec == 7
    np.testing.assert_array_equal(image.data.reshape(shape), rgb)


@pytest.mark.parametrize('rgb', [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3)), np.zeros(3)])
def test_what_is_no_picture_is_refused(rgb: np.ndarray) -> None:
    with pytest.raises(MessageError, match=r'Image\.data'):
        cdr.write_image(rgb, 0, 'map')
