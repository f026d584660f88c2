"""A process that was kept from the core counts what it missed and answers afresh, once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray'
MAP = str(share_path('samples', 'lankershim', 'map.osm'))
STALL_S = 0.55
PERIOD_NS = 100_000_000


def misses(diagnostics: list[Any]) -> list[int]:
    """The number of misses in each message that has it."""
    return [
        int(pair.value)
        for array in diagnostics
        for status in array.status
        for pair in status.values
        if pair.key == 'misses'
    ]


def test_a_stall_is_counted_and_followed_by_a_fresh_answer(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any]
) -> None:
    objects = listener.hear_timed(OBJECTS, OBJECTS_TYPE)
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    node = start_node(map__path=MAP)
    play()
    listener.until(
        lambda: bool(objects) and len(cdr.read_predicted_objects(objects[-1][1]).object_id) > 20,
        60,
        'predictions of more than 20 road users',
    )
    going = len(objects)
    listener.until(lambda: len(objects) >= going + 15, 20, 'a second and a half of predictions')
    before = misses(diagnostics)[-1]
    node.child.send_signal(signal.SIGSTOP)
    end = time.monotonic() + STALL_S
    stopped = len(objects)
    try:
        listener.until(lambda: time.monotonic() > end, 5, 'the end of the stall')
        assert len(objects) <= stopped + 1  # one may have been under way
    finally:
        node.child.send_signal(signal.SIGCONT)
    resumed, resumed_ns = len(objects), time.monotonic_ns()
    listener.until(lambda: len(objects) >= resumed + 10, 20, 'ten more predictions')
    told = len(diagnostics)
    listener.until(lambda: bool(misses(diagnostics[told:])), 10, 'diagnostics after the stall')

    assert misses(diagnostics)[-1] - before >= int(STALL_S * 10) - 1
    received_ns = np.array([received for received, _ in objects], np.int64)
    after = received_ns[resumed:] - resumed_ns
    # One at once and one at the next release of the clock, then the rhythm: never all that was
    # missed.
    assert (after < PERIOD_NS).sum() <= 2
    assert (after < 5 * PERIOD_NS).sum() <= 6
    # How far stamps lie behind the clock does not grow by the stall: the answers are of now.
    read = [cdr.read_predicted_objects(data) for _, data in objects[going:]]
    stamps_ns = np.array([m.stamp_ns for m in read], np.int64)
    behind_ms = (received_ns[going:] - stamps_ns - (received_ns[going] - stamps_ns[0])) / 1e6
    usual_ms = np.median(behind_ms[: stopped - going])
    first = resumed - going
    # One more may come of the cycle in which it was stopped; then at once one of now.
    assert behind_ms[first : first + 2].min() < usual_ms + 150.0, behind_ms
    assert behind_ms[first + 2 : first + 5].min() < usual_ms + 150.0, behind_ms
    # Nobody was forgotten; a busy machine may leave out those of least risk, down to 16.
    assert min(len(m.object_id) for m in read[first:]) > 10
