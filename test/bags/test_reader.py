"""Whole recordings in every layout come back as they were written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from prediction_node.bags.reader import BagReader
from prediction_node.bags.types import type_store
from prediction_node.bags.values import Message
from prediction_node.domain.errors import BagError

WriteBag = Callable[[Path, list[Message]], Path]


def test_a_recording_comes_back_as_written(
    tmp_path: Path, write_bag: WriteBag, recordings: Any
) -> None:
    messages = recordings.content(50)
    with BagReader(write_bag(tmp_path / 'bag', messages)) as bag:
        assert [(t.name, t.type, t.count) for t in bag.topics] == [
            ('/even', recordings.STRING, 25),
            ('/odd', recordings.STRING, 25),
        ]
        assert (bag.start_ns, bag.end_ns) == (
            recordings.START_NS,
            recordings.START_NS + 49 * recordings.STEP_NS,
        )
        assert bag.message_count == 50
        assert list(bag.messages()) == messages
        assert bag.damage == []


def test_a_single_file_needs_no_metadata(
    tmp_path: Path, write_bag: WriteBag, recordings: Any
) -> None:
    messages = recordings.content(20)
    file = recordings.file_of(write_bag(tmp_path / 'bag', messages))
    alone = tmp_path / f'alone{file.suffix}'
    shutil.copy(file, alone)
    with BagReader(alone) as bag:
        assert list(bag.messages()) == messages
        assert bag.damage == []


def test_only_the_named_topics_are_read(
    tmp_path: Path, write_bag: WriteBag, recordings: Any
) -> None:
    messages = recordings.content(20)
    with BagReader(write_bag(tmp_path / 'bag', messages)) as bag:
        assert list(bag.messages(['/odd'])) == [m for m in messages if m.topic == '/odd']
        assert list(bag.messages([])) == []


def test_messages_come_by_log_time_and_of_one_time_as_stored(
    tmp_path: Path, write_bag: WriteBag, recordings: Any
) -> None:
    messages = recordings.content(60)
    stored = [*messages[30:], *messages[:30]]
    stored[7] = stored[7]._replace(log_ns=stored[3].log_ns)
    with BagReader(write_bag(tmp_path / 'bag', stored)) as bag:
        assert list(bag.messages()) == sorted(stored, key=lambda m: m.log_ns)


def test_chunks_that_overlap_in_time_are_merged(tmp_path: Path, recordings: Any) -> None:
    """Large messages fill a chunk each; a late one of an early time lies several chunks on."""
    messages = recordings.content(12, 400_000)
    stored = [*messages[1:9], messages[0], *messages[9:]]
    with BagReader(recordings.write_mcap(tmp_path / 'bag', stored)) as bag:
        assert list(bag.messages()) == messages


@pytest.mark.parametrize('mode', [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_compressed_recordings_are_unpacked(
    tmp_path: Path, mode: CompressionMode, recordings: Any
) -> None:
    messages = recordings.content(20)
    with_compression = Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3)
    with_compression.set_compression(mode, CompressionFormat.ZSTD)
    with with_compression as bag:
        topics = {
            name: bag.add_connection(name, recordings.STRING, typestore=type_store())
            for name in ('/even', '/odd')
        }
        for message in messages:
            bag.write(topics[message.topic], message.log_ns, message.data)
    with BagReader(tmp_path / 'bag') as reader:
        assert list(reader.messages()) == messages
        assert reader.damage == []


def test_split_recordings_are_read_in_order(tmp_path: Path, recordings: Any) -> None:
    """A folder with eleven parts: part 10 comes after part 2, with or without metadata."""
    messages = recordings.content(33)
    folder = tmp_path / 'bag'
    folder.mkdir()
    names = []
    for part in range(11):
        recordings.write_mcap(tmp_path / f'part{part}', messages[3 * part : 3 * part + 3])
        names.append(f'bag_{part}.mcap')
        shutil.copy(recordings.file_of(tmp_path / f'part{part}'), folder / names[-1])
    with BagReader(folder) as bag:
        assert list(bag.messages()) == messages
        assert [d.file for d in bag.damage] == ['metadata.yaml']
    text = (tmp_path / 'part0' / 'metadata.yaml').read_text()
    listed = '\n'.join(f'  - {name}' for name in names)
    (folder / 'metadata.yaml').write_text(text.replace('  - part0_0.mcap', listed, 1))
    with BagReader(folder) as bag:
        assert list(bag.messages()) == messages
        assert bag.damage == []
        assert bag.message_count == 33


def test_a_crashed_sqlite_recording_gives_what_its_log_holds(
    tmp_path: Path, recordings: Any
) -> None:
    """A killed recorder leaves its last messages in the write-ahead log beside the file."""
    import sqlite3

    messages = recordings.content(20)
    source = recordings.file_of(recordings.write_sqlite(tmp_path / 'bag', messages[:10]))
    db = sqlite3.connect(source)
    db.execute('PRAGMA journal_mode=WAL')
    topics = dict(db.execute('SELECT name, id FROM topics').fetchall())
    for m in messages[10:]:
        row = (topics[m.topic], m.log_ns, m.data)
        db.execute('INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)', row)
    db.commit()
    crashed = tmp_path / 'crashed'
    crashed.mkdir()
    for file in (source, source.with_name(f'{source.name}-wal')):
        shutil.copy(file, crashed / file.name)
    db.close()
    with BagReader(crashed / source.name) as bag:
        assert list(bag.messages()) == messages


def test_what_is_no_recording_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='does not exist'):
        BagReader(tmp_path / 'nothing')
    with pytest.raises(BagError, match=r'holds no recording: no .mcap or .db3 file'):
        BagReader(tmp_path)
    (tmp_path / 'a.txt').write_text('hello')
    with pytest.raises(BagError, match='neither a rosbag2 folder nor'):
        BagReader(tmp_path / 'a.txt')


def test_a_message_of_ours_is_read_by_rosbags(tmp_path: Path, recordings: Any) -> None:
    """The reader of another hand agrees about folder, definitions and quality of service."""
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import QosDurability

    from prediction_node.bags.writer import BagWriter

    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/text', recordings.STRING, latched=True)
        bag.write('/text', recordings.START_NS, recordings.text_message('hello'))
    with AnyReader([tmp_path / 'bag']) as reader:
        ((connection, log_ns, data),) = list(reader.messages())
        assert (connection.topic, log_ns) == ('/text', recordings.START_NS)
        assert reader.deserialize(data, connection.msgtype).data == 'hello'
        assert connection.ext.offered_qos_profiles[0].durability == QosDurability.TRANSIENT_LOCAL
