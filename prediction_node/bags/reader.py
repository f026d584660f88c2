"""Read a rosbag2 folder or file in log-time order, as far as it can be read."""

from __future__ import annotations

import heapq
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from prediction_node.bags import metadata, types
from prediction_node.bags.compression import copy_unpacked, decompress_zstd
from prediction_node.bags.storage import SUFFIXES, Storage, open_storage
from prediction_node.bags.values import Damage, Message, Topic
from prediction_node.domain.errors import BagError

_IDL_MARK = '=' * 80 + '\nIDL:'


class BagReader:
    """A recording: a rosbag2 folder (MCAP or sqlite3, split or not), or one .mcap or .db3 file.

    A damaged recording opens too: `messages` gives its readable part, `damage` says what is lost
    (complete once all messages were read). Raises BagError if nothing can be opened at all, or if
    metadata.yaml names a file outside the folder.
    """

    def __init__(self, path: Path, types_read: Collection[str] | None = None) -> None:
        """`types_read`: message types whose layout must be the one this package knows; None: all
        that it knows. Topics of other types are passed through unjudged.
        """
        self.path = Path(path)
        self._types_read = types_read
        self._stack = ExitStack()
        self._damage: list[Damage] = []
        self._metadata: metadata.Metadata | None = None
        try:
            self._storages: list[tuple[str, Storage]] = []
            for file in self._files():
                storage = open_storage(file)
                self._stack.callback(storage.close)
                self._storages.append((file.name, storage))
            self.topics: tuple[Topic, ...] = tuple(self._merged_topics().values())
        except BaseException:
            self._stack.close()
            raise

    @property
    def start_ns(self) -> int | None:
        """Log time of the first readable message; None if there is none."""
        return min((s.start_ns for _, s in self._storages if s.start_ns is not None), default=None)

    @property
    def end_ns(self) -> int | None:
        """Log time of the last readable message, as far as known before reading."""
        return max((s.end_ns for _, s in self._storages if s.end_ns is not None), default=None)

    @property
    def message_count(self) -> int:
        return sum(topic.count for topic in self.topics)

    @property
    def damage(self) -> list[Damage]:
        """What is wrong, in the order of the files. Grows while messages are read."""
        found = list(self._damage)
        for i, (_, storage) in enumerate(self._storages):
            following = [s.start_ns for _, s in self._storages[i + 1 :] if s.start_ns is not None]
            until_ns = following[0] if following else None
            if until_ns is None and self._metadata is not None:
                until_ns = self._metadata.last_ns
            for flaw in storage.damage:
                known = flaw.lost_until_ns is not None
                begins = flaw.lost_from_ns if flaw.lost_from_ns is not None else self.start_ns
                found.append(
                    flaw if known else replace(flaw, lost_from_ns=begins, lost_until_ns=until_ns)
                )
        return found

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Message]:
        """Messages of the named topics (None: of all) in the order of their log times.

        Messages of one log time come in the order in which they were stored.
        """
        streams = [storage.messages(topics) for _, storage in self._storages]
        merged = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda m: m.log_ns)
        if self._metadata is not None and self._metadata.compression_mode == 'message':
            return self._unpacked(merged)
        return iter(merged)

    def _unpacked(self, messages: Iterator[Message]) -> Iterator[Message]:
        for message in messages:
            try:
                data = decompress_zstd(message.data)
            except Exception as error:  # each build of zstd has its own
                flaw = f'a message of {message.topic} cannot be unpacked ({error})'
                self._damage.append(
                    Damage(self.path.name, flaw, message.log_ns, message.log_ns + 1)
                )
                continue
            yield message._replace(data=data)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _files(self) -> list[Path]:
        """The storage files of the recording, in order."""
        if not self.path.exists():
            raise BagError(f'{self.path} does not exist')
        if not self.path.is_dir():
            return [self.path]
        described = self.path / metadata.FILE_NAME
        try:
            if not described.exists():
                raise BagError(f'{metadata.FILE_NAME} is missing')
            self._metadata = metadata.load(described)
        except BagError as error:
            files = sorted(
                (f for f in self.path.iterdir() if f.suffix in SUFFIXES), key=_split_order
            )
            if not files:
                raise BagError(f'{self.path} holds no recording: no .mcap or .db3 file') from error
            start = Damage(metadata.FILE_NAME, f'{error}; all files found are read', 0, 0)
            self._damage.append(start)
            return files
        return self._named_files(self._metadata)

    def _named_files(self, described: metadata.Metadata) -> list[Path]:
        files = []
        for name in described.files:
            file = self._inside(name)
            if not file.is_file():
                self._damage.append(Damage(name, 'the file is missing'))
            elif described.compression_mode == 'file':
                files.append(self._unpacked_file(file))
            else:
                files.append(file)
        if not files:
            raise BagError(f'{self.path} lacks every file that its {metadata.FILE_NAME} names')
        return files

    def _inside(self, name: str) -> Path:
        """The file of that name in the folder. Raises BagError if it lies elsewhere."""
        folder = self.path.resolve()
        # Bags before version 4 name files relative to the folder's parent.
        plain = Path(name)
        if len(plain.parts) == 2 and plain.parts[0] == folder.name:
            plain = Path(plain.parts[1])
        file = (folder / plain).resolve()
        if plain.is_absolute() or folder not in file.parents:
            raise BagError(
                f'{self.path / metadata.FILE_NAME} names {name!r}, which is not inside the folder'
            )
        return self.path / plain

    def _unpacked_file(self, file: Path) -> Path:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        unpacked = Path(folder) / file.stem
        try:
            copy_unpacked(file, unpacked)
        except OSError as error:
            raise BagError(f'{file} cannot be unpacked: {error}') from error
        except Exception as error:  # what was unpacked is a cut file, read as one
            self._damage.append(Damage(file.name, f'it cannot be unpacked to its end ({error})'))
        return unpacked

    def _merged_topics(self) -> dict[tuple[str, str], Topic]:
        merged: dict[tuple[str, str], Topic] = {}
        named = self._metadata.type_hash if self._metadata is not None else {}
        for _, storage in self._storages:
            for topic in storage.topics:
                key = (topic.name, topic.type)
                if key in merged:
                    merged[key] = replace(merged[key], count=merged[key].count + topic.count)
                else:
                    recorded = topic.type_hash or named.get(topic.name, '')
                    merged[key] = replace(topic, type_hash=recorded)
        return {key: self._judged(topic) for key, topic in merged.items()}

    def _judged(self, topic: Topic) -> Topic:
        """The topic, `foreign` if its messages are laid out otherwise than this package reads."""
        if self._types_read is not None and topic.type not in self._types_read:
            return topic
        known = types.type_hash(topic.type)
        if known is None:
            return topic
        embedded = None
        if topic.definition and not topic.definition.startswith(_IDL_MARK):
            same = topic.definition == types.definition(topic.type)
            embedded = known if same else types.hash_of_definition(topic.type, topic.definition)
        if embedded is not None and embedded != known:
            return self._foreign(topic, f'its definition of {topic.type} is another')
        if topic.type_hash in ('', known):
            return topic
        if embedded is None:
            return self._foreign(topic, f'its type hash is not that of {topic.type}')
        reason = f'{topic.name}: its type hash is not that of {topic.type}, but its definition is'
        self._damage.append(Damage(self.path.name, reason, 0, 0))
        return topic

    def _foreign(self, topic: Topic, reason: str) -> Topic:
        flaw = Damage(
            self.path.name, f'{topic.name}: {reason}; not used', self.start_ns, self.end_ns
        )
        self._damage.append(flaw)
        return replace(topic, foreign=True)


def _split_order(path: Path) -> tuple[str, int, str]:
    """bag_2 before bag_10, as rosbag2 numbers the parts of a split recording."""
    number = re.search(r'_(\d+)$', path.stem)
    if number:
        return path.stem[: number.start()], int(number.group(1)), path.name
    return path.stem, -1, path.name
