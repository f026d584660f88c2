"""A stamp is fresh exactly while its inputs are what they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.stamps import Stamps, digest_of

ROOT = Path(__file__).resolve().parent.parent.parent


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_strings_have_different_digests(one: list[str], other: list[str]) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


def test_a_digest_sees_bytes_names_and_new_files(tmp_path: Path) -> None:
    folder = tmp_path / 'interfaces'
    folder.mkdir()
    (folder / 'a.msg').write_text('float64 x\n', encoding='utf-8')

    def digest() -> str:
        return digest_of(['1'], [folder], tmp_path)

    seen = [digest()]
    (folder / 'a.msg').write_text('float32 x\n', encoding='utf-8')
    seen.append(digest())
    (folder / 'a.msg').rename(folder / 'b.msg')
    seen.append(digest())
    (folder / 'c.msg').touch()
    seen.append(digest())
    assert len(set(seen)) == len(seen)
    (folder / 'c.msg').unlink()
    assert digest() == seen[2]


def test_a_digest_does_not_depend_on_the_place(tmp_path: Path) -> None:
    roots = [tmp_path / 'one', tmp_path / 'two' / 'deeper']
    for root in roots:
        root.mkdir(parents=True)
        (root / 'lock.txt').write_text('numpy==2.4.6\n', encoding='utf-8')
    one, two = (digest_of((), [root / 'lock.txt'], root) for root in roots)
    assert one == two


def test_a_stamp_is_fresh_for_its_digest_alone(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path / 'not yet there')
    assert not stamps.is_fresh('runtime', 'a')
    stamps.record('runtime', 'a', seconds=1.5)
    assert stamps.is_fresh('runtime', 'a')
    assert not stamps.is_fresh('runtime', 'b')
    assert not stamps.is_fresh('test', 'a')
    assert stamps.read('runtime')['seconds'] == 1.5
    stamps.forget('runtime')
    stamps.forget('runtime')
    assert not stamps.is_fresh('runtime', 'a')


@pytest.mark.parametrize('content', [b'', b'{"digest": "a"', b'[1]', b'\xff\xfe'])
def test_a_damaged_stamp_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'runtime.json').write_bytes(content)
    assert Stamps(tmp_path).read('runtime') == {}
    assert not Stamps(tmp_path).is_fresh('runtime', 'a')


HOLD = (
    'import pathlib, sys\n'
    'from tools.stamps import only_one\n'
    'with only_one(pathlib.Path(sys.argv[1])):\n'
    '    print("inside", flush=True)\n'
    '    sys.stdin.readline()\n'
)


def start(code: str, lock: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', code, str(lock)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_second_run_waits_until_the_first_is_done(tmp_path: Path) -> None:
    """Two processes: the second says that it waits, and gets the lock when the first ends."""
    lock = tmp_path / 'folder' / 'lock'
    with start(HOLD, lock) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == 'inside\n'
        with start(HOLD, lock) as second:
            assert second.stdout is not None
            assert second.stderr is not None
            assert f'process {first.pid}' in second.stderr.readline()
            first.communicate('\n')
            assert second.stdout.readline() == 'inside\n'
            second.communicate('\n')
    assert (first.returncode, second.returncode) == (0, 0)


def test_the_lock_outlives_a_killed_run_until_its_program_ends(tmp_path: Path) -> None:
    """A killed set-up leaves its pip behind: the next one must not start beside it."""
    program = 'import sys; print("running", flush=True); sys.stdin.readline()'
    code = (
        'import pathlib, subprocess, sys\n'
        'from tools.stamps import only_one\n'
        'with only_one(pathlib.Path(sys.argv[1])):\n'
        f'    subprocess.run([sys.executable, "-c", {program!r}], close_fds=False)\n'
    )
    lock = tmp_path / 'lock'
    with start(code, lock) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline() == 'running\n'
        first.kill()
        first.wait()
        with start(HOLD, lock) as second:
            assert second.stdout is not None
            assert second.stderr is not None
            assert f'process {first.pid}' in second.stderr.readline()
            first.stdin.write('\n')
            first.stdin.flush()
            assert second.stdout.readline() == 'inside\n'
            second.communicate('\n')
    assert second.returncode == 0
