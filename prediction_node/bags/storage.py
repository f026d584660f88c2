"""One storage file of a recording: read through rosbags, or salvaged where rosbags refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from rosbags.interfaces import ConnectionExtRosbag2
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapReader

from prediction_node.bags.cut_file import is_cut
from prediction_node.bags.salvage_mcap import SalvagedMcap
from prediction_node.bags.salvage_sqlite import SalvagedSqlite
from prediction_node.bags.values import Damage, Message, Topic
from prediction_node.domain.errors import BagError

MCAP_SUFFIX = '.mcap'
SQLITE_SUFFIX = '.db3'
SUFFIXES = (MCAP_SUFFIX, SQLITE_SUFFIX)


class Storage(Protocol):
    """A file with messages. `damage` may grow while messages are read."""

    topics: list[Topic]
    start_ns: int | None  # None if no message can be read
    end_ns: int | None  # of the last message
    damage: list[Damage]

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Messages of the named topics (None: of all) in the order of their log times."""
        ...

    def close(self) -> None: ...


def open_storage(path: Path) -> Storage:
    """Open a .mcap or .db3 file, damaged or not. Raises BagError if it is not there or neither."""
    if path.suffix not in SUFFIXES:
        raise BagError(f'{path} is neither a rosbag2 folder nor a .mcap or .db3 file')
    try:
        with path.open('rb') as file:
            empty = not file.read(1)
    except OSError as error:
        raise BagError(f'{path} cannot be read: {error.strerror}') from error
    if empty:
        return _Empty(path)
    if path.suffix == SQLITE_SUFFIX and (_log_beside(path) or is_cut(path)):
        # Of the log rosbags would see nothing, of a cut last page zeros.
        return SalvagedSqlite(path, None)
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # bytes of a damaged file may raise anything in there
        reason = f'{error}'.splitlines()[0] if str(error) else type(error).__name__
        if path.suffix == MCAP_SUFFIX:
            return SalvagedMcap(path, reason)
        return SalvagedSqlite(path, reason)
    if isinstance(reader.storage, McapReader) and not reader.storage.chunks:
        # Without an index rosbags gives messages as they lie, and stops where times step back.
        reader.close()
        return SalvagedMcap(path, None)
    return _Whole(path, reader)


def _log_beside(path: Path) -> bool:
    log = path.with_name(f'{path.name}-wal')
    return log.exists() and log.stat().st_size > 0


class _Empty:
    """A file of no bytes: a recorder that was killed before it wrote any."""

    def __init__(self, path: Path) -> None:
        self.topics: list[Topic] = []
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.damage = [Damage(path.name, 'the file is empty')]

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        return iter(())

    def close(self) -> None:
        pass


class _Whole:
    """A file whose index rosbags could read. A flaw met on the way ends it there."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._path = path
        self._reader = reader
        self.damage: list[Damage] = []
        self.topics = [
            Topic(
                name=c.topic,
                type=c.msgtype,
                count=c.msgcount,
                qos=tuple(c.ext.offered_qos_profiles)
                if isinstance(c.ext, ConnectionExtRosbag2)
                else (),
                type_hash=c.digest or '',
                definition=c.msgdef.data,
            )
            for c in reader.connections
        ]
        self.start_ns = reader.start_time if reader.message_count else None
        self.end_ns = reader.end_time - 1 if reader.message_count else None

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        wanted = [c for c in self._reader.connections if topics is None or c.topic in topics]
        last_ns = self.start_ns
        if not wanted:
            return
        source = self._reader.messages(wanted)
        while True:
            try:
                connection, log_ns, data = next(source)
            except StopIteration:
                return
            except Exception as error:  # as in open_storage
                reason = f'{error}'.splitlines()[0] if str(error) else type(error).__name__
                self.damage.append(Damage(self._path.name, reason, last_ns, self.end_ns))
                return
            last_ns = log_ns
            yield Message(log_ns, connection.topic, connection.msgtype, data)

    def close(self) -> None:
        self._reader.close()
