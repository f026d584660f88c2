"""Told to stop, the node ends at once with status 0, whatever it is doing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prediction_node import cdr
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
MAP = share_path('samples', 'lankershim', 'map.osm')
SIGNALS = pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['INT', 'TERM'])


def assert_clean(node: Any, number: int, *, group: bool = False) -> None:
    status, seconds = node.stop(number, group=group)
    assert status == 0, node.output
    assert 'Traceback' not in node.output, node.output
    assert seconds < 3.0


@SIGNALS
def test_while_messages_stream_in(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any], number: int
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    node = start_node(map__path=str(MAP))
    player = play()
    listener.until(
        lambda: bool(objects) and len(cdr.read_predicted_objects(objects[-1]).object_id) > 20,
        60,
        'predictions of more than 20 road users',
    )
    assert player.child.poll() is None
    assert_clean(node, number)
    assert player.stop(number)[0] == 0, player.output


@SIGNALS
def test_while_a_map_file_is_read(
    start_node: Callable[..., Any], tmp_path: Path, number: int
) -> None:
    slow_map = tmp_path / 'map.osm'
    os.mkfifo(slow_map)
    node = start_node(map__path=str(slow_map))
    with slow_map.open('wb') as file:  # opens when the node does: it reads now
        node.child.send_signal(number)
        with contextlib.suppress(BrokenPipeError):  # it may no longer want it
            file.write(MAP.read_bytes())
    assert_clean(node, number)


def children(pid: int) -> list[int]:
    """Processes of multiprocessing below this one."""
    found = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            if b'spawn_main' in Path(f'/proc/{child}/cmdline').read_bytes():
                found.append(int(child))
    return found


@SIGNALS
def test_while_a_map_message_is_read(
    listener: Any, start_node: Callable[..., Any], number: int
) -> None:
    from prediction_node.ros import quality

    speaker = listener.speak(
        '/map/vector_map', 'autoware_map_msgs/msg/LaneletMapBin', quality.LATCHED
    )
    blob = cdr.LaneletMapBlob(0, 'map', '', '', '', memoryview(bytes(1_000_000)))
    node = start_node()
    speaker.publish(cdr.write_lanelet_map_bin(blob))
    listener.until(lambda: bool(children(node.child.pid)), 60, 'the reading process')
    (reader,) = children(node.child.pid)
    assert_clean(node, number, group=True)
    listener.until(lambda: not Path(f'/proc/{reader}').exists(), 5, 'the end of the reader')
