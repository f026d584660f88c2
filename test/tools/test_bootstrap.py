"""Which steps are done again when, what is run, and how a failure is told."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tools import bootstrap, machine, progress
from tools.bootstrap import TARGETS, Checkout

LOCKS = ('runtime', 'ros', 'test', 'av2', 'simulation', 'cluster', 'tensorrt', 'training')


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout whose .venv/bin/python is a copy of this interpreter, with nothing done yet."""
    root = tmp_path / 'checkout'
    (root / 'requirements').mkdir(parents=True)
    for name in LOCKS:
        (root / 'requirements' / f'{name}.txt').write_text(f'{name}==1.0\n', encoding='utf-8')
    (root / 'interfaces' / 'x_msgs' / 'msg').mkdir(parents=True)
    (root / 'interfaces' / 'x_msgs' / 'msg' / 'X.msg').write_text('float64 x\n', encoding='utf-8')
    (root / 'prediction_node' / 'fusion').mkdir(parents=True)
    for name, text in (('motion', '@compiled\ndef moved(): ...\n'), ('tracks', 'X = 0\n')):
        (root / 'prediction_node' / 'fusion' / f'{name}.py').write_text(text, encoding='utf-8')
    (root / '.venv' / 'bin').mkdir(parents=True)
    base = tmp_path / 'base-python'
    base.write_text('the interpreter', encoding='utf-8')
    (root / '.venv' / 'bin' / 'python').symlink_to(base)
    return Checkout(root)


def finish(checkout: Checkout, target: str = 'test') -> None:
    for step, digest in bootstrap.digests(checkout, TARGETS[target]).items():
        checkout.stamps.record(step, digest, version=list(sys.version_info[:3]))


def test_at_first_everything_is_stale(checkout: Checkout) -> None:
    for target, steps in TARGETS.items():
        assert bootstrap.stale_steps(checkout, target) == list(steps)


def test_when_finished_nothing_is_stale(checkout: Checkout) -> None:
    finish(checkout)
    assert bootstrap.stale_steps(checkout, 'test') == []
    assert bootstrap.stale_steps(checkout, 'demo') == []
    assert bootstrap.stale_steps(checkout, 'av2') == ['av2']


@pytest.mark.parametrize(
    ('changed', 'stale'),
    [
        ('requirements/runtime.txt', ['runtime', 'kernels']),
        ('prediction_node/fusion/motion.py', ['kernels']),
        ('prediction_node/fusion/tracks.py', []),
        ('requirements/test.txt', ['test']),
        ('requirements/ros.txt', ['ros', 'interfaces']),
        ('interfaces/x_msgs/msg/X.msg', ['interfaces']),
        ('interfaces/x_msgs/msg/New.msg', ['interfaces']),
        ('requirements/av2.txt', []),
    ],
)
def test_a_changed_input_makes_its_steps_stale(
    checkout: Checkout, changed: str, stale: list[str]
) -> None:
    finish(checkout)
    with (checkout.root / changed).open('a', encoding='utf-8') as file:
        file.write('numpy==9.9\n')
    assert bootstrap.stale_steps(checkout, 'test') == stale


def test_an_interrupted_step_is_done_again(checkout: Checkout) -> None:
    finish(checkout)
    checkout.stamps.forget('ros')
    assert bootstrap.stale_steps(checkout, 'test') == ['ros']


def test_a_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    finish(checkout)
    moved = checkout.root.with_name('elsewhere')
    shutil.move(checkout.root, moved)
    assert bootstrap.stale_steps(Checkout(moved), 'demo') == list(TARGETS['demo'])


def test_another_or_absent_interpreter_is_set_up_anew(checkout: Checkout) -> None:
    finish(checkout)
    base = checkout.python.resolve()
    base.write_text('the interpreter, upgraded', encoding='utf-8')
    assert bootstrap.stale_steps(checkout, 'demo') == list(TARGETS['demo'])
    finish(checkout)
    base.unlink()
    assert bootstrap.stale_steps(checkout, 'demo') == list(TARGETS['demo'])


def test_asking_for_another_python_makes_all_stale(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(checkout)
    same = machine.Interpreter('/p', tuple(sys.version_info[:3]), True, '/i')  # type: ignore[arg-type]
    other = machine.Interpreter('/p', (3, 12, 99), True, '/i')
    monkeypatch.setattr(machine, 'probe', {'same': same, 'other': other}.get)
    assert bootstrap.stale_steps(checkout, 'demo', 'same') == []
    assert bootstrap.stale_steps(checkout, 'demo', 'other') == list(TARGETS['demo'])


class Recorder:
    """Stands in for the functions of the steps; may fail at one of them.

    The environment counts as usable once its step is done.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: str = '') -> None:
        self.done: list[str] = []
        self._fail_at = fail_at
        found = machine.Interpreter(sys.executable, (3, 11, 2), True, '/include')
        monkeypatch.setattr(machine, 'find_python', lambda commands: found)
        monkeypatch.setattr(
            bootstrap,
            'usable_environment',
            lambda checkout, _: found if checkout.stamps.read('environment') else None,
        )
        monkeypatch.setattr(machine, 'check_build_tools', lambda include: None)
        monkeypatch.setattr(machine, 'check_disk', lambda folder, needed: None)
        monkeypatch.setattr(bootstrap, 'make_environment', lambda *_: self._do('environment'))
        monkeypatch.setattr(bootstrap, 'install_lock', lambda _, name, *__: self._do(name))
        monkeypatch.setattr(bootstrap.interfaces, 'build', lambda *_: self._do('interfaces'))
        monkeypatch.setattr(bootstrap, 'compile_kernels', lambda *_: self._do('kernels'))

    def _do(self, name: str) -> None:
        if name == self._fail_at:
            raise progress.StepFailed('broken')
        self.done.append(name)


def test_a_failed_run_resumes_where_it_failed(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Recorder(monkeypatch, fail_at='ros')
    with pytest.raises(progress.StepFailed):
        bootstrap.set_up(checkout, 'test', None)
    before = TARGETS['test'][: TARGETS['test'].index('ros')]
    assert first.done == list(before)
    second = Recorder(monkeypatch)
    bootstrap.set_up(checkout, 'test', None)
    assert second.done == ['ros', 'test', 'interfaces']
    third = Recorder(monkeypatch)
    bootstrap.set_up(checkout, 'test', None)
    assert third.done == []


def test_an_environment_that_does_not_work_is_made_anew_with_all_in_it(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Recorder(monkeypatch)
    finish(checkout)
    checkout.stamps.forget('test')
    monkeypatch.setattr(bootstrap, 'usable_environment', lambda *_: None)
    bootstrap.set_up(checkout, 'test', None)
    assert steps.done == list(TARGETS['test'])


def test_an_environment_made_by_hand_is_kept(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Recorder(monkeypatch)
    here = machine.Interpreter(str(checkout.python), (3, 11, 2), True, '/include')
    monkeypatch.setattr(bootstrap, 'usable_environment', lambda *_: here)
    bootstrap.set_up(checkout, 'demo', None)
    assert steps.done == ['runtime', 'kernels']
    assert bootstrap.stale_steps(checkout, 'demo') == []


@pytest.fixture
def real(tmp_path: Path) -> Checkout:
    """A checkout with a real virtual environment, whose pip is a stand-in."""
    made = Checkout(tmp_path / 'real')
    venv.create(made.environment, with_pip=False, symlinks=True)
    (site,) = made.environment.glob('lib/python3*/site-packages')
    (site / 'pip.py').touch()
    script = made.environment / 'bin' / 'pip'
    script.write_text(f'#!{made.python}\n', encoding='utf-8')
    return made


def test_a_whole_environment_is_usable(real: Checkout) -> None:
    found = bootstrap.usable_environment(real, None)
    assert found is not None
    assert found.version == sys.version_info[:3]
    assert bootstrap.usable_environment(real, sys.executable) == found
    assert bootstrap.usable_environment(real, 'no-such-python') is None


def test_a_moved_environment_is_not_usable(real: Checkout) -> None:
    moved = Checkout(real.root.with_name('moved'))
    shutil.move(real.root, moved.root)
    assert bootstrap.usable_environment(moved, None) is None


def test_an_environment_without_pip_is_not_usable(real: Checkout) -> None:
    """What is left when making it was interrupted."""
    (stand_in,) = real.environment.glob('lib/python3*/site-packages/pip.py')
    stand_in.unlink()
    assert bootstrap.usable_environment(real, None) is None
    shutil.rmtree(real.environment / 'bin')
    assert bootstrap.usable_environment(real, None) is None


def test_demo_asks_for_no_compiler(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Recorder(monkeypatch)

    def refuse(include: str) -> None:
        raise machine.Unready('no C++ compiler')

    monkeypatch.setattr(machine, 'check_build_tools', refuse)
    bootstrap.set_up(checkout, 'demo', None)
    assert steps.done == ['environment', 'runtime', 'kernels']
    with pytest.raises(machine.Unready):
        bootstrap.set_up(checkout, 'ros', None)
    assert steps.done == ['environment', 'runtime', 'kernels']


@pytest.fixture
def here(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setattr(bootstrap, 'ROOT', checkout.root)
    return checkout


def test_a_lack_is_one_sentence_and_status_1(
    here: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise machine.Unready('the disk is too small.')

    Recorder(monkeypatch)
    monkeypatch.setattr(machine, 'check_disk', refuse)
    assert bootstrap.main(['demo'], environ={}) == 1
    assert capsys.readouterr().err == 'error: the disk is too small.\n'


def test_a_disk_that_fills_up_is_one_sentence_too(
    here: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill_up(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Recorder(monkeypatch)
    monkeypatch.setattr(bootstrap, 'install_lock', fill_up)
    assert bootstrap.main(['demo'], environ={}) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f'error: No space left on device: {here.root}.'


def test_the_command_replaces_us_with_clean_variables(here: Checkout) -> None:
    finish(here)
    executed: list[tuple[str, Sequence[str], Mapping[str, str]]] = []
    status = bootstrap.main(
        ['demo', '--quiet', '--', '-m', 'prediction_node', '--', 'x'],
        environ={'PYTHONPATH': '/opt/ros', 'PATH': '/bin'},
        execute=lambda *call: executed.append(call),
    )
    python = str(here.python)
    assert status == 0
    ((path, arguments, environ),) = executed
    assert (path, arguments) == (python, [python, '-m', 'prediction_node', '--', 'x'])
    assert 'PYTHONPATH' not in environ
    assert environ['PATH'] == f'{here.environment / "bin"}{os.pathsep}/bin'


def test_half_installed_packages_are_not_trusted(checkout: Checkout) -> None:
    packages = checkout.environment / 'lib' / 'python3.11' / 'site-packages'
    whole, half = packages / 'numpy-2.dist-info', packages / 'scipy-1.dist-info'
    for folder in (whole, half):
        folder.mkdir(parents=True)
        (folder / 'METADATA').touch()
    (whole / 'INSTALLER').write_text('pip\n', encoding='utf-8')
    bootstrap.drop_half_installed(checkout)
    assert whole.is_dir()
    assert not half.exists()


def test_pip_is_shown_in_short_lines() -> None:
    activity = bootstrap.PipActivity(27)
    assert activity('Collecting scipy==1.17.1 (from -r runtime.txt (line 24))\n') == '1/27 scipy'
    line = '  Downloading https://host/packages/ab/scipy-1.17.1-cp311.whl (35.0 MB)\n'
    assert activity(line) == '1/27 scipy-1.17.1-cp311.whl (35.0 MB)'
    assert activity('Installing collected packages: a, b, c\n') == 'unpacking 3 packages'
    assert activity('anything else\n') == ''


def run_python(code: str, log: Path) -> str:
    """What progress.run shows of a Python program."""
    output = io.StringIO()
    with progress.Step(1, 2, 'a step', output) as step:
        command = [sys.executable, '-c', code]
        progress.run(command, environ=os.environ, log=log, step=step)
    return output.getvalue()


def test_a_step_tells_its_start_and_end_and_logs_the_rest(tmp_path: Path) -> None:
    shown = run_python('print("one"); print("two")', tmp_path / 'logs' / 'step.log')
    assert shown.startswith('[1/2] a step')
    assert '[1/2] a step: done in' in shown
    assert (tmp_path / 'logs' / 'step.log').read_text(encoding='utf-8').endswith('one\ntwo\n')


@pytest.mark.parametrize(
    ('printed', 'sentence'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ('ERROR: No matching distribution found for ros-rclpy==7.1.6', 'has no ros-rclpy==7.1.6'),
        ('NewConnectionError: [Errno 101] Network is unreachable', 'registry cannot be reached'),
        (
            'ERROR: the requirement rich==15 (from versions: none)',
            'has no rich==15 at all or cannot',
        ),
        (
            'x.c:1:10: fatal error: Python.h: No such file or directory',
            'header Python.h is missing',
        ),
        ('CMake Error: something of its own', 'CMake Error: something of its own'),
        ('nothing of note', 'ended with status 3'),
    ],
)
def test_a_failure_names_its_cause_and_the_log(tmp_path: Path, printed: str, sentence: str) -> None:
    log = tmp_path / 'step.log'
    with pytest.raises(progress.StepFailed) as caught:
        run_python(f'print({printed!r}); raise SystemExit(3)', log)
    assert sentence in str(caught.value)
    assert str(log) in str(caught.value)
