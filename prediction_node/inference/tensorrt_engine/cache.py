"""Engines kept between runs, and refused unless they are exactly what was kept.

A deserialised engine is code: nothing of a file reaches TensorRT before its owner, its length, its
checksum and its key are found right. Files are the user's own (0600), written beside their place
and renamed, so that a reader sees an old file, a whole new one, or none.

A file is: MAGIC, the length of the head (8 bytes, little-endian), SHA-256 of head and body, the
head (JSON: key, and name and length of each part), the body (the parts, one after the other).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import EngineError

MAGIC = b'prediction_node engine 1\n'
SUFFIX = '.engine'
FOLDER = ('prediction_node', 'engines')
MOST_BYTES = 1 << 31
MOST_HEAD_BYTES = 1 << 16
KEPT = 8  # files; the oldest go
_STALE_S = 24 * 3600.0  # what a killed builder left
_PREFIX_BYTES = len(MAGIC) + 8 + 32

Key = Mapping[str, str | int]


class NotKept(EngineError):
    """There is no file for the key."""


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """$XDG_CACHE_HOME/prediction_node/engines, or below ~/.cache. Raises EngineError where there is
    neither.
    """
    environ = os.environ if environ is None else environ
    # The specification says that a relative path is to be ignored.
    named = environ.get('XDG_CACHE_HOME', '')
    if os.path.isabs(named):
        return Path(named).joinpath(*FOLDER)
    try:
        home = Path(environ['HOME']) if environ.get('HOME') else Path.home()
    except RuntimeError as error:
        raise EngineError(f'no place for engines: neither XDG_CACHE_HOME nor HOME: {error}') from (
            error
        )
    return home.joinpath('.cache', *FOLDER)


def digest_of(key: Key) -> str:
    """SHA-256 of a key in hexadecimal: the name of its file."""
    text = json.dumps(dict(key), sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


class EngineCache:
    """Files by key, each a few named parts."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None: the user's. Nothing is made before something is stored."""
        self.folder = cache_folder() if folder is None else folder

    def path(self, key: Key) -> Path:
        """Where the parts of a key lie, or would."""
        return self.folder / f'{digest_of(key)}{SUFFIX}'

    def load(self, key: Key) -> dict[str, bytes]:
        """The parts kept under a key. Raises NotKept where there is no file, EngineError naming it
        and the reason where it must not be used.
        """
        path = self.path(key)
        return unpack(_read(path), key, path)

    def store(self, key: Key, parts: Mapping[str, bytes]) -> Path:
        """Keep parts under a key, in place of what was there. Raises EngineError naming the file
        where it cannot be written; what was there stays.
        """
        path = self.path(key)
        data = pack(key, parts)
        temporary = self.folder / f'.{path.name}.{os.getpid()}.{time.monotonic_ns()}.part'
        try:
            self._make_folder()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            number = os.open(temporary, flags, 0o600)
            try:
                with os.fdopen(number, 'wb') as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        except OSError as error:
            raise EngineError(f'{path}: the engine cannot be kept: {error.strerror}') from error
        self._prune(path)
        return path

    @contextlib.contextmanager
    def building(self, key: Key, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """One builder of a key at a time; `wait` is called when another one is at it already.

        Raises EngineError where the folder cannot be written: better before a build than after.
        """
        path = self.folder / f'{digest_of(key)}.lock'
        try:
            self._make_folder()
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            number = os.open(path, flags, 0o600)
        except OSError as error:
            raise EngineError(f'{path}: engines cannot be kept: {error.strerror}') from error
        try:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if wait is not None:
                    wait()
                fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            # The file stays: without it two builders could hold locks of two files of one name.
            # Unlocked by name: a process forked meanwhile holds the file open too.
            with contextlib.suppress(OSError):
                fcntl.flock(number, fcntl.LOCK_UN)
            os.close(number)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _prune(self, newest: Path) -> None:
        """Forget the oldest engines, and what killed builders left."""
        with contextlib.suppress(OSError):
            now_s = time.time()
            for path in self.folder.glob('.*.part'):
                if now_s - path.stat().st_mtime > _STALE_S:
                    path.unlink()
            engines = [path for path in self.folder.glob(f'*{SUFFIX}') if path != newest]
            engines.sort(key=lambda each: each.stat().st_mtime, reverse=True)
            for path in engines[KEPT - 1 :]:
                path.unlink()


def pack(key: Key, parts: Mapping[str, bytes]) -> bytes:
    """The bytes of a file."""
    head = json.dumps(
        {'key': dict(key), 'parts': [[name, len(part)] for name, part in parts.items()]},
        sort_keys=True,
    ).encode()
    body = b''.join(parts.values())
    size = len(head).to_bytes(8, 'little')
    return b''.join((MAGIC, size, hashlib.sha256(head + body).digest(), head, body))


def unpack(data: bytes, key: Key, path: Path) -> dict[str, bytes]:
    """The parts in the bytes of a file. Raises EngineError naming `path` and what is wrong."""
    if len(data) < _PREFIX_BYTES or data[: len(MAGIC)] != MAGIC:
        raise EngineError(f'{path}: no engine of this program')
    size = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 8], 'little')
    if size > min(MOST_HEAD_BYTES, len(data) - _PREFIX_BYTES):
        raise EngineError(f'{path}: its head must have at most {MOST_HEAD_BYTES} bytes, got {size}')
    view = memoryview(data)[_PREFIX_BYTES:]
    if hashlib.sha256(view).digest() != data[len(MAGIC) + 8 : _PREFIX_BYTES]:
        raise EngineError(f'{path}: its checksum is wrong: the file was cut or changed')
    try:
        head: dict[str, Any] = json.loads(bytes(view[:size]))
        theirs, sizes = head['key'], [(str(name), int(n)) for name, n in head['parts']]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f'{path}: its head is malformed: {error}') from error
    if theirs != dict(key):
        changed = sorted(n for n in {*theirs, *key} if theirs.get(n) != key.get(n))
        name = changed[0]
        raise EngineError(f'{path}: {name} must be {key.get(name)}, got {theirs.get(name)}')
    if any(n < 0 for _, n in sizes) or sum(n for _, n in sizes) != len(view) - size:
        raise EngineError(f'{path}: its parts must fill it')
    parts, at = {}, size
    for name, n in sizes:
        parts[name] = bytes(view[at : at + n])
        at += n
    return parts


def _read(path: Path) -> bytes:
    """All of a file that is the user's own and nobody else's to change."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotKept(f'{path}: no engine is kept for this model, GPU and TensorRT') from error
    except OSError as error:
        raise EngineError(f'{path}: {error.strerror}') from error
    try:
        facts = os.fstat(number)
        if not stat.S_ISREG(facts.st_mode):
            raise EngineError(f'{path}: no plain file')
        if facts.st_uid != os.geteuid():
            raise EngineError(f'{path}: its owner must be user {os.geteuid()}, got {facts.st_uid}')
        if facts.st_mode & 0o077:
            mode = stat.S_IMODE(facts.st_mode)
            raise EngineError(f'{path}: its mode must be 0600, got {mode:04o}')
        if facts.st_size > MOST_BYTES:
            raise EngineError(
                f'{path}: it must have at most {MOST_BYTES} bytes, got {facts.st_size}'
            )
        with os.fdopen(number, 'rb', closefd=False) as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise EngineError(f'{path}: {error.strerror}') from error
    finally:
        os.close(number)
