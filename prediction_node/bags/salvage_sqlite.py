"""Read a .db3 file that rosbags refuses: what was stored before the first flaw, by log time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote

import apsw
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

from prediction_node.bags.cut_file import CUT_FILE_VFS, is_cut
from prediction_node.bags.values import Damage, Message, Topic

_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
# What a database made of damaged bytes may raise: its own errors, and texts that are none.
_FLAWS = (apsw.Error, UnicodeDecodeError)


class SalvagedSqlite:
    """The readable part of a .db3 file. `reason`: why rosbags refused it, None if it did not."""

    def __init__(self, path: Path, reason: str | None) -> None:
        self._path = path
        self.damage: list[Damage] = []
        self.topics: list[Topic] = []
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self._topic_of: dict[int, tuple[str, str]] = {}
        self._rows: list[tuple[int, int, int]] = []  # log time, row, topic
        self._db, flaws = self._open()
        if self._db is not None:
            flaws.append(self._scan(self._db))
        self._rows.sort()
        if self._rows:
            self.start_ns, self.end_ns = self._rows[0][0], self._rows[-1][0]
        found = [flaw for flaw in flaws if flaw] or ([reason] if reason else [])
        self.damage += [Damage(path.name, flaw, self.end_ns) for flaw in found]

    def _open(self) -> tuple[apsw.Connection | None, list[str | None]]:
        """The database, with the write-ahead log where there is one of use, and flaws met."""
        address = f'file:{quote(str(self._path.resolve()))}'
        flaws: list[str | None] = []
        log = self._path.with_name(f'{self._path.name}-wal')
        if log.exists() and log.stat().st_size:
            try:
                db = apsw.Connection(f'{address}?mode=ro', flags=_READ_ONLY)
                db.execute('SELECT count(*) FROM topics').fetchone()
                return db, flaws
            except _FLAWS as error:
                flaws.append(f'its write-ahead log cannot be used ({error})')
        try:
            vfs = CUT_FILE_VFS if is_cut(self._path) else None
            db = apsw.Connection(f'{address}?immutable=1', flags=_READ_ONLY, vfs=vfs)
        except _FLAWS as error:
            return None, [*flaws, f'it cannot be opened ({error})']
        return db, flaws

    def _scan(self, db: apsw.Connection) -> str | None:
        """Find the rows that can be read whole. Returns the flaw that ended it, if any."""
        try:
            columns = {row[1] for row in db.execute('PRAGMA table_info(topics)')}
            qos = 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"
            digest = 'type_description_hash' if 'type_description_hash' in columns else "''"
            described = db.execute(f'SELECT id, name, type, {qos}, {digest} FROM topics').fetchall()
        except _FLAWS as error:
            return f'its topics cannot be read ({error})'
        flaw = None
        counts = {key: 0 for key, *_ in described if isinstance(key, int)}
        try:
            # By row number, so that SQLite walks the table and no index that may be lost.
            rows = db.execute('SELECT id, topic_id, timestamp, data FROM messages ORDER BY id')
            for row, topic, log_ns, data in rows:
                whole = isinstance(row, int) and isinstance(log_ns, int) and isinstance(data, bytes)
                if whole and topic in counts:
                    counts[topic] += 1
                    self._rows.append((log_ns, row, topic))
        except _FLAWS as error:
            flaw = f'its messages cannot be read to the end ({error})'
        definitions = _definitions(db)
        for key, name, message_type, profiles, type_hash in described:
            if not isinstance(key, int):
                continue  # no message can be of it
            name, message_type = str(name), str(message_type)
            self._topic_of[key] = (name, message_type)
            self.topics.append(
                Topic(
                    name,
                    message_type,
                    counts[key],
                    _profiles(str(profiles)),
                    str(type_hash or ''),
                    definitions.get(message_type, ''),
                )
            )
        return flaw

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Messages of the named topics (None: of all) in the order of their log times."""
        for log_ns, row, topic in self._rows:
            name, message_type = self._topic_of[topic]
            if self._db is not None and (topics is None or name in topics):
                one = self._db.execute('SELECT data FROM messages WHERE id = ?', (row,))
                found = one.fetchone()
                if found is not None and isinstance(found[0], bytes):
                    yield Message(log_ns, name, message_type, found[0])

    def close(self) -> None:
        if self._db is not None:
            self._db.close()


def _definitions(db: apsw.Connection) -> dict[str, str]:
    """Message type -> its recorded definition."""
    try:
        rows = db.execute(
            'SELECT topic_type, encoded_message_definition FROM message_definitions'
            " WHERE encoding = 'ros2msg'"
        ).fetchall()
    except _FLAWS:
        return {}  # older recorders wrote none
    return {str(name): str(definition) for name, definition in rows}


def _profiles(text: str) -> tuple[Qos, ...]:
    """None if they cannot be read, since replay needs none."""
    try:
        return tuple(parse_qos(text))
    except Exception:  # text of a damaged file: whatever it raises, it is no profile
        return ()
