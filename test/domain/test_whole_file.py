"""Files appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from prediction_node.domain.errors import BagError, DataError
from prediction_node.domain.whole_file import WholeFile, whole_file, write_whole


def test_bytes_and_text_arrive_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    for data, expected in ((b'\x00\xff', b'\x00\xff'), ('5 µm\n', '5 µm\n'.encode())):
        write_whole(path, data)
        assert path.read_bytes() == expected
        assert list(tmp_path.iterdir()) == [path]


def test_until_the_end_the_old_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_text('old')
    with whole_file(path) as file:
        file.write(b'new')
        file.flush()
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'


@pytest.mark.parametrize('problem', [KeyboardInterrupt(), ValueError('no')])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, problem: BaseException) -> None:
    path = tmp_path / 'a'
    path.write_text('old')
    with pytest.raises(type(problem)), whole_file(path) as file:  # noqa: PT012
        file.write(b'half')
        raise problem
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(DataError, match=r'a\.npz cannot be written: No space left'):
        write_whole(tmp_path / 'a.npz', b'x')
    assert not list(tmp_path.iterdir())
    write_whole(tmp_path / 'a.npz', b'x', durable=False)  # nobody asked the disk
    assert (tmp_path / 'a.npz').read_bytes() == b'x'


def test_errors_are_of_the_kind_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='nowhere/a cannot be written: No such file'):
        write_whole(tmp_path / 'nowhere' / 'a', '', error=BagError)


def test_a_file_in_the_making_can_be_closed_and_committed_later(tmp_path: Path) -> None:
    first, second = WholeFile(tmp_path / 'a'), WholeFile(tmp_path / 'b')
    for whole in (first, second):
        whole.file.write(whole.path.name.encode())
        whole.close()
        whole.close()
    assert not (tmp_path / 'a').exists()
    first.commit()
    second.abort()
    first.abort()
    assert [p.name for p in tmp_path.iterdir()] == ['a']
    assert (tmp_path / 'a').read_text() == 'a'
