"""Kept engines: whole, own and of the right key, or refused before anything looks into them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import EngineError
from prediction_node.inference.tensorrt_engine import cache as cache_module
from prediction_node.inference.tensorrt_engine.cache import (
    KEPT,
    MAGIC,
    EngineCache,
    NotKept,
    cache_folder,
    pack,
    unpack,
)

KEY: dict[str, str | int] = {
    'encoder': 'e' * 64,
    'contract': 1,
    'flavour': 'tensorrt',
    'flavour_version': '10.13.0',
    'gpu': 'a GPU',
    'compute_capability': '8.9',
    'driver': '580.65',
    'precision': 'fp16',
    'agents': 64,
}
PARTS = {
    'encoder': bytes(range(256)) * 9,
    'decoder': b'decoder' * 50,
    'report': b'{}',
    'empty': b'',
}
MUTANTS = 10_000


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / 'cache' / 'engines')


def test_what_was_kept_comes_back(cache: EngineCache) -> None:
    with pytest.raises(NotKept, match='no engine is kept'):
        cache.load(KEY)
    path = cache.store(KEY, PARTS)
    assert cache.load(KEY) == PARTS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    cache.store(KEY, PARTS | {'report': b'newer'})
    assert cache.load(KEY)['report'] == b'newer'
    assert [each.name for each in cache.folder.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('encoder', 'f' * 64),
        ('contract', 2),
        ('flavour', 'tensorrt_rtx'),
        ('flavour_version', '10.14.0'),
        ('gpu', 'another GPU'),
        ('compute_capability', '9.0'),
        ('driver', '581.0'),
        ('precision', 'fp32'),
        ('agents', 256),
    ],
)
def test_another_key_is_another_file_and_a_renamed_file_is_refused(
    cache: EngineCache, name: str, value: str | int
) -> None:
    path = cache.store(KEY, PARTS)
    other = KEY | {name: value}
    with pytest.raises(NotKept):
        cache.load(other)
    path.rename(cache.path(other))
    with pytest.raises(EngineError, match=rf'{name} must be {value}'):
        cache.load(other)


def mutants(data: bytes, count: int) -> Iterator[bytes]:
    """Files cut, grown, with flipped bits, other bytes, zeroed or swapped spans; none the same."""
    rng = np.random.default_rng(5)
    made = 0
    while made < count:
        changed = bytearray(data)
        kind = made % 6
        at = int(rng.integers(len(data)))
        to = min(at + int(rng.integers(1, 200)), len(data))
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del changed[at:]
        elif kind == 2:
            changed += rng.bytes(int(rng.integers(1, 50)))
        elif kind == 3:
            changed[at:to] = rng.bytes(to - at)
        elif kind == 4:
            changed[at:to] = bytes(to - at)
        else:
            del changed[at:to]
        if changed != data:
            made += 1
            yield bytes(changed)


def test_ten_thousand_mutants_are_refused(tmp_path: Path) -> None:
    """No other error, none accepted; every byte of the head is hit many times over."""
    data = pack(KEY, PARTS)
    refused = 0
    for mutant in mutants(data, MUTANTS):
        with pytest.raises(EngineError):
            unpack(mutant, KEY, tmp_path)
        refused += 1
    assert refused == MUTANTS


def test_mutants_of_the_prefix_are_refused(tmp_path: Path) -> None:
    """Every bit of what stands before the checksummed part."""
    data = pack(KEY, PARTS)
    for at in range(len(MAGIC) + 8 + 32):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(EngineError):
                unpack(bytes(changed), KEY, tmp_path)


def test_mutants_on_disk_are_refused_and_replaced(cache: EngineCache) -> None:
    path = cache.store(KEY, PARTS)
    data = path.read_bytes()
    for mutant in mutants(data, 60):
        path.write_bytes(mutant)
        with pytest.raises(EngineError, match=path.name):
            cache.load(KEY)
    cache.store(KEY, PARTS)
    assert cache.load(KEY) == PARTS


@pytest.mark.parametrize(
    'head',
    [b'', b'[]', b'{}', b'\xff', b'{"key": 1, "parts": 2}', b'{"key": {}, "parts": [["a", "b"]]}'],
)
def test_a_head_that_is_none_is_refused_even_with_the_right_checksum(
    head: bytes, tmp_path: Path
) -> None:
    import hashlib

    data = MAGIC + len(head).to_bytes(8, 'little') + hashlib.sha256(head).digest() + head
    with pytest.raises(EngineError):
        unpack(data, KEY, tmp_path)


@pytest.mark.parametrize('sizes', [[('a', 4), ('b', -1)], [('a', 2)], [('a', 2**62)]])
def test_parts_that_do_not_fill_the_file_are_refused(
    sizes: list[tuple[str, int]], tmp_path: Path
) -> None:
    import hashlib
    import json

    head = json.dumps({'key': KEY, 'parts': sizes}).encode()
    digest = hashlib.sha256(head + b'abc').digest()
    data = MAGIC + len(head).to_bytes(8, 'little') + digest + head + b'abc'
    with pytest.raises(EngineError, match='parts must fill'):
        unpack(data, KEY, tmp_path)


@pytest.mark.parametrize('mode', [0o644, 0o660, 0o606])
def test_a_file_that_others_may_touch_is_refused(cache: EngineCache, mode: int) -> None:
    path = cache.store(KEY, PARTS)
    path.chmod(mode)
    with pytest.raises(EngineError, match='mode must be 0600'):
        cache.load(KEY)


def test_a_file_of_another_owner_is_refused(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(KEY, PARTS)
    monkeypatch.setattr(cache_module.os, 'geteuid', lambda: 4242)
    with pytest.raises(EngineError, match='owner must be user 4242'):
        cache.load(KEY)


@pytest.mark.parametrize('kind', ['link', 'folder', 'pipe'])
def test_what_is_no_plain_file_is_refused(cache: EngineCache, tmp_path: Path, kind: str) -> None:
    path = cache.store(KEY, PARTS)
    if kind == 'link':
        path.rename(tmp_path / 'elsewhere')
        path.symlink_to(tmp_path / 'elsewhere')
    else:
        path.unlink()
        path.mkdir() if kind == 'folder' else os.mkfifo(path, 0o600)
    with pytest.raises(EngineError, match=path.name):
        cache.load(KEY)


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_full_or_failing_disk_is_named_and_leaves_the_old_file(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = cache.store(KEY, PARTS)

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(cache_module.os, 'fsync', fail)
        with pytest.raises(EngineError, match=os.strerror(number)):
            cache.store(KEY, PARTS | {'report': b'other'})
    assert cache.load(KEY) == PARTS
    assert [each.name for each in cache.folder.iterdir()] == [path.name]


@pytest.mark.parametrize('number', [errno.EROFS, errno.EACCES])
def test_a_read_only_disk_is_named_before_anything_is_built(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache_module.os, 'open', fail)
    with pytest.raises(EngineError, match=os.strerror(number)), cache.building(KEY):
        pytest.fail('it would have been built')


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(EngineError, match='cannot be kept'):
        EngineCache(tmp_path / 'file' / 'engines').store(KEY, PARTS)


def test_readers_see_a_whole_file_while_writers_replace_it(cache: EngineCache) -> None:
    """Two writers in processes of their own, one reader here: it never sees a part of a file."""
    context = multiprocessing.get_context('fork')
    cache.store(KEY, PARTS)
    writers = [context.Process(target=_write, args=(cache.folder, i)) for i in range(2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(cache.load(KEY)['report'])
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    seen.add(cache.load(KEY)['report'])
    assert seen <= {b'{}', b'writer 0', b'writer 1'}
    assert len(seen) > 1


def _write(folder: Path, number: int) -> None:
    cache = EngineCache(folder)
    for _ in range(50):
        cache.store(KEY, PARTS | {'report': f'writer {number}'.encode()})


def test_of_two_builders_the_second_waits_and_finds_the_engine(cache: EngineCache) -> None:
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    with cache.building(KEY):
        second = context.Process(target=_second_builder, args=(cache.folder, theirs))
        second.start()
        theirs.close()
        assert ours.recv() == 'waits'
        cache.store(KEY, PARTS)
    assert ours.recv() == PARTS
    second.join()
    assert second.exitcode == 0


def _second_builder(folder: Path, connection: Any) -> None:
    cache = EngineCache(folder)
    with cache.building(KEY, lambda: connection.send('waits')):
        connection.send(cache.load(KEY))


def test_a_killed_builder_leaves_no_lock(cache: EngineCache) -> None:
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    builder = context.Process(target=_stuck_builder, args=(cache.folder, theirs))
    builder.start()
    theirs.close()
    assert ours.recv() == 'builds'
    builder.kill()
    builder.join()
    with cache.building(KEY, lambda: pytest.fail('nobody builds')):
        pass


def _stuck_builder(folder: Path, connection: Any) -> None:
    with EngineCache(folder).building(KEY):
        connection.send('builds')
        connection.recv()


def test_old_engines_and_remains_are_forgotten(cache: EngineCache) -> None:
    for agents in range(KEPT + 3):
        path = cache.store(KEY | {'agents': agents}, PARTS)
        os.utime(path, (agents, agents))
    remains = cache.folder / '.x.engine.1.2.part'
    remains.write_bytes(b'')
    os.utime(remains, (0, 0))
    cache.store(KEY, PARTS)
    assert len(list(cache.folder.glob('*.engine'))) == KEPT
    assert not remains.exists()
    assert cache.load(KEY) == PARTS
    with pytest.raises(NotKept):
        cache.load(KEY | {'agents': 0})


def test_the_folder_is_the_users_cache() -> None:
    below = Path('prediction_node', 'engines')
    assert cache_folder({'XDG_CACHE_HOME': '/x'}) == Path('/x') / below
    assert cache_folder({'XDG_CACHE_HOME': 'relative', 'HOME': '/h'}) == Path('/h/.cache') / below
    assert cache_folder({'HOME': '/h'}) == Path('/h/.cache') / below
