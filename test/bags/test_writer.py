"""Recordings are written whole or not at all, and the same messages give the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rosbags.rosbag2 import Reader

from prediction_node.bags import types
from prediction_node.bags.reader import BagReader
from prediction_node.bags.writer import BagWriter
from prediction_node.domain.errors import BagError


def test_the_same_messages_give_the_same_bytes(tmp_path: Path, recordings: Any) -> None:
    messages = recordings.content(200, 20_000)
    first = recordings.write_mcap(tmp_path / 'a' / 'bag', messages)
    second = recordings.write_mcap(tmp_path / 'b' / 'bag', messages)
    for name in ('bag_0.mcap', 'metadata.yaml'):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_nothing_is_left_of_a_recording_that_failed(tmp_path: Path, recordings: Any) -> None:
    folder = tmp_path / 'bag'

    def fail_half_way() -> None:
        with BagWriter(folder) as bag:
            bag.add_topic('/text', recordings.STRING)
            bag.write('/text', recordings.START_NS, recordings.text_message('x' * 3_000_000))
            raise RuntimeError('power cut')

    with pytest.raises(RuntimeError, match='power cut'):
        fail_half_way()
    assert list(folder.iterdir()) == []


def test_an_earlier_recording_stays_until_the_new_one_is_whole(
    tmp_path: Path, recordings: Any
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', recordings.content(10))
    before = (folder / 'bag_0.mcap').read_bytes()
    bag = BagWriter(folder)
    bag.add_topic('/text', recordings.STRING)
    bag.write('/text', recordings.START_NS, recordings.text_message('new'))
    assert (folder / 'bag_0.mcap').read_bytes() == before
    bag.close()
    assert (folder / 'bag_0.mcap').read_bytes() != before
    assert {f.name for f in folder.iterdir()} == {'bag_0.mcap', 'metadata.yaml'}


def test_a_full_disk_is_one_sentence(tmp_path: Path, recordings: Any) -> None:
    """/dev/full refuses every write, as a full disk does."""
    full = Path('/dev/full')
    if not full.exists():
        pytest.skip('this system has no /dev/full')
    bag = BagWriter(tmp_path / 'bag')
    bag._file._bio.close()
    bag._file._bio = full.open('wb', buffering=0)
    bag.add_topic('/text', recordings.STRING)
    large = recordings.text_message('x' * 2_000_000)

    def fill() -> None:
        for i in range(20):
            bag.write('/text', recordings.START_NS + i, large)

    with pytest.raises(BagError, match=r'cannot be written: No space left on device'):
        fill()
    bag.abort()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(BagError, match='cannot be written'):
        BagWriter(tmp_path / 'file')


def test_wrong_use_is_refused(tmp_path: Path, recordings: Any) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/text', recordings.STRING)
        bag.add_topic('/text', recordings.STRING)
        with pytest.raises(BagError, match='is std_msgs/msg/String, not std_msgs/msg/Bool'):
            bag.add_topic('/text', 'std_msgs/msg/Bool')
        with pytest.raises(BagError, match='was not declared'):
            bag.write('/other', recordings.START_NS, b'')
        with pytest.raises(BagError, match='must be in'):
            bag.write('/text', -1, b'')


def test_late_messages_have_chunks_of_their_own(tmp_path: Path, recordings: Any) -> None:
    """They come back by log time, and no other chunk spans their delay."""
    messages = recordings.content(300, 20_000)
    with BagWriter(tmp_path / 'bag', level=0) as bag:
        for name in ('/even', '/odd'):
            bag.add_topic(name, recordings.STRING)
        odd = [m for m in messages if m.topic == '/odd']
        for i, m in enumerate(m for m in messages if m.topic == '/even'):
            bag.write(m.topic, m.log_ns, m.data)
            if i >= 60:
                bag.write('/odd', odd[i - 60].log_ns, odd[i - 60].data, late=True)
        for m in odd[-60:]:
            bag.write(m.topic, m.log_ns, m.data, late=True)
    with BagReader(tmp_path / 'bag') as reader:
        assert list(reader.messages()) == messages
    with Reader(tmp_path / 'bag' / 'bag_0.mcap') as chunks:
        spans = [c.message_end_time - c.message_start_time for c in chunks.storage.chunks]
    assert len(spans) >= 6
    assert max(spans) <= 110 * recordings.STEP_NS


def test_topics_are_described_before_late_messages(tmp_path: Path, recordings: Any) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/text', recordings.STRING)
        large = recordings.text_message('x' * 2_000_000)
        bag.write('/text', recordings.START_NS, large, late=True)
    file = tmp_path / 'bag' / 'bag_0.mcap'
    file.write_bytes(file.read_bytes()[:-30])
    with BagReader(file) as reader:
        assert [m.data for m in reader.messages()] == [large]


def test_an_empty_recording_is_a_recording(tmp_path: Path, recordings: Any) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/text', recordings.STRING)
    with BagReader(tmp_path / 'bag') as reader:
        assert list(reader.messages()) == []
        assert (reader.start_ns, reader.damage) == (None, [])


def test_unknown_types_travel_with_their_own_definition(tmp_path: Path, recordings: Any) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/odd', 'strange_msgs/msg/Thing', definition='int64 x\n', type_hash='h')
        bag.write('/odd', recordings.START_NS, bytes(12))
    with BagReader(tmp_path / 'bag') as reader:
        (topic,) = reader.topics
        assert (topic.type, topic.definition, topic.type_hash, topic.foreign) == (
            'strange_msgs/msg/Thing',
            'int64 x\n',
            'h',
            False,
        )


def test_the_types_of_the_package_are_known_with_hash_and_definition() -> None:
    name = 'autoware_perception_msgs/msg/PredictedObjects'
    definition = types.definition(name)
    assert definition is not None
    assert 'MSG: autoware_perception_msgs/PredictedPath' in definition
    assert types.hash_of_definition(name, definition) == types.type_hash(name)
    assert types.definition('nobody_msgs/msg/Nothing') is None
    assert types.type_hash('nobody_msgs/msg/Nothing') is None
    assert types.hash_of_definition(name, 'not a definition at all {') is None
