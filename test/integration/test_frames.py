"""Sources in frames that lead nowhere are named; the others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.bags.writer import BagWriter
from prediction_node.resources import share_path

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'
DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray'
SAMPLE = share_path('samples', 'lankershim')
# On the wire a name ends with a zero; the same length keeps the rest of the message in its place.
REPLACED = {
    '/perception/camera/tracks': (b'camera\0', b'kamera\0'),  # a frame_id that nobody publishes
    '/tf_static': (b'thermal\0', b'another\0'),  # so that the frame `thermal` is not in tf
}


def spoiled_bag(folder: Path) -> Path:
    """The sample, its camera in an unknown frame and its thermal camera without a transform."""
    changed = set()
    with BagReader(SAMPLE / 'bag') as source, BagWriter(folder) as target:
        for topic in source.topics:
            target.add_topic(topic.name, topic.type, latched=topic.name == '/tf_static')
        for log_ns, topic, _, data in source.messages():
            old, new = REPLACED.get(topic, (b'', b''))
            message = bytes(data)
            if old and old in message:
                message = message.replace(old, new)
                changed.add(topic)
            target.write(topic, log_ns, message)
    assert changed == set(REPLACED)
    return folder


def statuses(diagnostics: list[Any]) -> dict[str, Any]:
    """The newest status of each name."""
    return {s.name.removeprefix('prediction: '): s for array in diagnostics for s in array.status}


def told(status: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_unknown_frames_are_named_and_the_rest_goes_on(
    listener: Any, start_node: Callable[..., Any], play: Callable[..., Any], tmp_path: Path
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    diagnostics = listener.hear('/diagnostics', DIAGNOSTICS_TYPE, raw=False)
    node = start_node(map__path=str(SAMPLE / 'map.osm'))
    play(bag=spoiled_bag(tmp_path / 'spoiled'))

    def named(source: str) -> bool:
        status = statuses(diagnostics).get(f'input {source}')
        return status is not None and told(status)['state'] == 'no_transform'

    listener.until(lambda: named('camera') and named('thermal'), 60, 'both sources named')
    listener.until(
        lambda: bool(objects) and len(cdr.read_predicted_objects(objects[-1]).object_id) > 10,
        30,
        'predictions from the other sources',
    )
    newest = statuses(diagnostics)
    assert 'kamera' in told(newest['input camera'])['last_refusal']
    assert 'thermal' in told(newest['input thermal'])['last_refusal']
    for source in ('camera', 'thermal'):
        assert newest[f'input {source}'].level == b'\x01'
        assert int(told(newest[f'input {source}'])['refused.frame']) > 0
        assert told(newest[f'input {source}'])['lost'] == 'True'
    for source in ('lidar', 'radar'):
        assert told(newest[f'input {source}'])['lost'] == 'False'
        assert int(told(newest[f'input {source}'])['accepted']) > 0
    assert newest['cycle'].level == b'\x01'
    assert 'camera lost' in newest['cycle'].message
    assert node.child.poll() is None
    assert 'Traceback' not in node.output, node.output
