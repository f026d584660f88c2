"""Small recordings to read, cut and spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from prediction_node.bags.types import type_store
from prediction_node.bags.values import Message
from prediction_node.bags.writer import BagWriter


class Recordings:
    """Builders of recordings of texts on the topics /even and /odd, 10 ms apart."""

    START_NS = 1_700_000_000_000_000_000
    STEP_NS = 10_000_000
    STRING = 'std_msgs/msg/String'

    def text_message(self, text: str) -> bytes:
        """CDR bytes of a std_msgs/String."""
        store = type_store()
        return bytes(store.serialize_cdr(store.types[self.STRING](data=text), self.STRING))

    def content(self, count: int, bytes_each: int = 200) -> list[Message]:
        """Messages, each with a text that tells it from all others."""
        return [
            Message(
                self.START_NS + i * self.STEP_NS,
                '/even' if i % 2 == 0 else '/odd',
                self.STRING,
                self.text_message(f'{i} ' + chr(97 + i % 26) * bytes_each),
            )
            for i in range(count)
        ]

    def write_mcap(self, folder: Path, messages: list[Message], *, level: int = 1) -> Path:
        with BagWriter(folder, level=level) as bag:
            for name in dict.fromkeys(m.topic for m in messages):
                bag.add_topic(name, self.STRING)
            for message in messages:
                bag.write(message.topic, message.log_ns, message.data)
        return folder

    def write_sqlite(self, folder: Path, messages: list[Message]) -> Path:
        with Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
            topics = {
                name: bag.add_connection(name, self.STRING, typestore=type_store())
                for name in dict.fromkeys(m.topic for m in messages)
            }
            for message in messages:
                bag.write(topics[message.topic], message.log_ns, message.data)
        return folder

    def file_of(self, folder: Path) -> Path:
        """The only storage file in a folder."""
        (file,) = (f for f in folder.iterdir() if f.suffix in ('.mcap', '.db3'))
        return file


@pytest.fixture(scope='session')
def recordings() -> Recordings:
    return Recordings()


@pytest.fixture(params=['mcap', 'sqlite3'])
def write_bag(
    request: pytest.FixtureRequest, recordings: Recordings
) -> Callable[[Path, list[Message]], Path]:
    return recordings.write_mcap if request.param == 'mcap' else recordings.write_sqlite
