"""A bag that starts again is one reset, told once, and predictions go on within a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
MAP = str(share_path('samples', 'lankershim', 'map.osm'))


def test_the_sample_twice_on_the_steady_clock(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear_timed(OBJECTS, OBJECTS_TYPE)
    node = start_node(map__path=MAP)
    player = play('--loops', '2')
    listener.until(lambda: player.child.poll() is not None, 90, 'the end of the second round')
    read = [(received, cdr.read_predicted_objects(data)) for received, data in objects]
    full = [(received, m.stamp_ns) for received, m in read if len(m.object_id)]
    stamps_ns = np.array([stamp for _, stamp in full], np.int64)
    back = np.flatnonzero(np.diff(stamps_ns) < 0)
    assert len(back) == 1
    assert stamps_ns[back[0]] - stamps_ns[back[0] + 1] > 5_000_000_000
    silence_s = (full[back[0] + 1][0] - full[back[0]][0]) / 1e9
    assert silence_s < 1.0
    assert len(full) - back[0] > 60  # and all of the second round was predicted
    resets = [line for line in node.output.splitlines() if 'start anew' in line]
    assert len(resets) == 1, node.output
    assert 'Traceback' not in node.output
