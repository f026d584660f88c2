"""Read a .db3 file that rosbags refuses: what was stored before the first flaw, by log time."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from rosbags.rosbag2.metadata import parse_qos

from prediction_node.bags.values import Damage, Message, Topic


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
        self._db, log_lost = self._connect()
        flaw = self._scan() or reason
        self._rows.sort()
        if self._rows:
            self.start_ns, self.end_ns = self._rows[0][0], self._rows[-1][0]
        if log_lost:
            self.damage.append(Damage(path.name, log_lost, self.end_ns))
        if flaw:
            self.damage.append(Damage(path.name, flaw, self.end_ns))

    def _connect(self) -> tuple[sqlite3.Connection, str | None]:
        """Open for reading: with its write-ahead log where there is one and it can be used."""
        address = f'file:{quote(str(self._path.resolve()))}'
        log = self._path.with_name(f'{self._path.name}-wal')
        lost = None
        if log.exists() and log.stat().st_size:
            db = sqlite3.connect(f'{address}?mode=ro', uri=True)
            try:
                db.execute('SELECT count(*) FROM topics').fetchone()
                return self._prepared(db), None
            except sqlite3.Error as error:
                db.close()
                lost = f'its write-ahead log cannot be used ({error})'
        return self._prepared(sqlite3.connect(f'{address}?mode=ro&immutable=1', uri=True)), lost

    @staticmethod
    def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
        # Tells SQLite to go on although the file has fewer pages than its header says.
        with suppress(sqlite3.Error):
            db.execute('PRAGMA writable_schema=ON')
        db.text_factory = lambda raw: raw.decode('utf-8', 'replace')
        return db

    def _scan(self) -> str | None:
        """Find the rows that can be read whole. Returns the flaw that ended it, if any."""
        try:
            columns = {row[1] for row in self._db.execute('PRAGMA table_info(topics)')}
            qos = 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"
            digest = 'type_description_hash' if 'type_description_hash' in columns else "''"
            described = self._db.execute(
                f'SELECT id, name, type, {qos}, {digest} FROM topics'  # own constants
            ).fetchall()
        except sqlite3.Error as error:
            return f'its topics cannot be read ({error})'
        self._topic_of = {int(row[0]): (str(row[1]), str(row[2])) for row in described}
        flaw = None
        counts = dict.fromkeys(self._topic_of, 0)
        try:
            # By row number, so that SQLite walks the table and no index that may be lost.
            rows = self._db.execute(
                'SELECT id, topic_id, timestamp, data FROM messages ORDER BY id'
            )
            for row, topic, log_ns, data in rows:
                if topic in counts and isinstance(log_ns, int) and isinstance(data, bytes):
                    counts[topic] += 1
                    self._rows.append((log_ns, row, topic))
        except sqlite3.Error as error:
            flaw = f'its messages cannot be read to the end ({error})'
        definitions = self._definitions()
        for key, name, message_type, profiles, type_hash in described:
            try:
                parsed = tuple(parse_qos(str(profiles)))
            except Exception:  # text of a damaged file; replay needs no profile
                parsed = ()
            definition = definitions.get(message_type, '')
            self.topics.append(
                Topic(name, message_type, counts[key], parsed, str(type_hash), definition)
            )
        return flaw

    def _definitions(self) -> dict[str, str]:
        try:
            return dict(
                self._db.execute(
                    'SELECT topic_type, encoded_message_definition FROM message_definitions'
                    " WHERE encoding = 'ros2msg'"
                ).fetchall()
            )
        except sqlite3.Error:
            return {}  # older recorders wrote none

    def messages(self, topics: Collection[str] | None) -> Iterator[Message]:
        """Messages of the named topics (None: of all) in the order of their log times."""
        for log_ns, row, topic in self._rows:
            name, message_type = self._topic_of[topic]
            if topics is None or name in topics:
                found = self._db.execute(
                    'SELECT data FROM messages WHERE id = ?', (row,)
                ).fetchone()
                if found:
                    yield Message(log_ns, name, message_type, found[0])

    def close(self) -> None:
        self._db.close()
