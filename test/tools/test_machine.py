"""The sentences about a machine that lacks something, and the variables handed on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools import machine
from tools.machine import Interpreter, Unready


def interpreter(name: str, version: tuple[int, int, int], venvs: bool = True) -> Interpreter:
    return Interpreter(f'/usr/bin/{name}', version, venvs, f'/usr/include/{name}')


OLD = interpreter('python3.9', (3, 9, 2))
NEW = interpreter('python3.13', (3, 13, 0))
GOOD = interpreter('python3.11', (3, 11, 2))
BARE = interpreter('python3.12', (3, 12, 3), venvs=False)


def test_the_running_python_is_probed_truly() -> None:
    found = machine.probe(sys.executable)
    assert found is not None
    assert found.version == sys.version_info[:3]


def test_a_command_that_is_absent_or_does_not_run_is_no_python(tmp_path: Path) -> None:
    shim = tmp_path / 'python3.12'
    shim.write_text('#!/bin/sh\necho "command not found" >&2\nexit 127\n', encoding='utf-8')
    shim.chmod(0o755)
    assert machine.probe(str(shim)) is None
    assert machine.probe(str(tmp_path / 'nowhere')) is None


def test_the_first_supported_python_is_taken() -> None:
    known = {'a': OLD, 'b': NEW, 'c': BARE, 'd': GOOD}
    assert machine.find_python(['a', 'x', 'b', 'c', 'd'], known.get) is GOOD


def test_a_wrong_python_is_named_with_its_version() -> None:
    with pytest.raises(Unready) as caught:
        machine.find_python(['a', 'b'], {'a': OLD, 'b': NEW}.get)
    sentence = str(caught.value)
    assert 'needs Python 3.11 or 3.12' in sentence
    assert '/usr/bin/python3.9 is 3.9.2' in sentence
    assert '/usr/bin/python3.13 is 3.13.0' in sentence
    assert '\n' not in sentence


def test_no_python_at_all_is_said() -> None:
    with pytest.raises(Unready, match='no Python was found'):
        machine.find_python(['a'], {}.get)


def test_a_python_without_venv_names_the_package_to_install() -> None:
    with pytest.raises(Unready, match=r'sudo apt install python3\.12-venv'):
        machine.find_python(['a', 'b'], {'a': OLD, 'b': BARE}.get)


def test_the_python_that_the_user_names_is_the_only_one_tried() -> None:
    assert machine.python_commands('/opt/python3.12') == ['/opt/python3.12']
    assert machine.python_commands(None)[0] == sys.executable


@pytest.fixture
def headers(tmp_path: Path) -> str:
    (tmp_path / 'Python.h').touch()
    return str(tmp_path)


def test_complete_build_tools_pass(headers: str) -> None:
    machine.check_build_tools(headers, which=lambda name: f'/usr/bin/{name}', environ={})


@pytest.mark.parametrize(
    ('absent', 'sentence'),
    [
        ({'c++', 'g++', 'clang++'}, r'no C\+\+ compiler was found .* \(sudo apt install g\+\+\)'),
        ({'cc', 'gcc', 'clang'}, r'no C compiler was found'),
        ({'make'}, r'sudo apt install make'),
    ],
)
def test_a_missing_build_tool_is_named(headers: str, absent: set[str], sentence: str) -> None:
    with pytest.raises(Unready, match=sentence):
        machine.check_build_tools(
            headers, which=lambda name: None if name in absent else name, environ={}
        )


def test_a_compiler_of_ones_own_is_the_one_looked_for(headers: str) -> None:
    only = {'/opt/bin/c++17': '/opt/bin/c++17', 'gcc': 'gcc', 'make': 'make'}
    machine.check_build_tools(headers, which=only.get, environ={'CXX': '/opt/bin/c++17 -m64'})
    with pytest.raises(Unready, match='looked for icpc'):
        machine.check_build_tools(headers, which=only.get, environ={'CXX': 'icpc'})


def test_missing_python_headers_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unready, match=r'Python\.h.*sudo apt install python3-dev'):
        machine.check_build_tools(str(tmp_path), which=lambda name: name, environ={})


def test_a_full_disk_is_told_in_gigabytes(tmp_path: Path) -> None:
    def usage(folder: Path) -> tuple[int, int, int]:
        assert folder == tmp_path
        return (10**12, 10**12 - 3 * 10**8, 3 * 10**8)

    machine.check_disk(tmp_path, 3 * 10**8, usage)
    with pytest.raises(Unready, match=r'has 0\.3 GB of free disk space.* needs 1\.5 GB'):
        machine.check_disk(tmp_path, 1_500_000_000, usage)


def test_a_sourced_ros_is_noted_in_one_sentence() -> None:
    assert machine.ros_notice({'PATH': '/bin'}) is None
    notice = machine.ros_notice({'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'})
    assert notice is not None
    assert '(jazzy)' in notice
    assert '\n' not in notice


def test_nothing_of_a_sourced_ros_reaches_our_processes(tmp_path: Path) -> None:
    ours = tmp_path / '.venv'
    cleaned = machine.clean_environment(
        {
            'AMENT_PREFIX_PATH': f'/home/me/ws/install{os.pathsep}/opt/ros/jazzy',
            'HOME': '/home/me',
            'LD_LIBRARY_PATH': f'/opt/ros/jazzy/lib{os.pathsep}/usr/local/cuda/lib64',
            'PATH': f'/opt/ros/jazzy/bin{os.pathsep}/opt/ros/jazzy2/bin{os.pathsep}/usr/bin',
            'PYTHONPATH': '/opt/ros/jazzy/lib/python3.12/site-packages',
            'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp',
            'ROS_DISTRO': 'jazzy',
            'ROS_DOMAIN_ID': '7',
        },
        ours,
    )
    assert cleaned == {
        'HOME': '/home/me',
        'LD_LIBRARY_PATH': '/usr/local/cuda/lib64',
        'PATH': os.pathsep.join([str(ours / 'bin'), '/opt/ros/jazzy2/bin', '/usr/bin']),
        'ROS_DOMAIN_ID': '7',
        'VIRTUAL_ENV': str(ours),
    }
