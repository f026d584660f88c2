"""Real nodes in processes of their own, and a listener in this one, over DDS on the loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='integration tests need rclpy')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from prediction_node.middleware import profile_environment
from prediction_node.resources import share_path
from prediction_node.ros import quality

SAMPLE = share_path('samples', 'lankershim')
OBJECTS = '/perception/object_recognition/objects'
_RELIABLE = QoSProfile(depth=500, reliability=ReliabilityPolicy.RELIABLE)


@pytest.fixture(scope='session', autouse=True)
def loopback() -> Iterator[None]:
    """A domain of our own that does not leave this machine."""
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.update(profile_environment(os.environ, share_path('config')))
    return


class Process:
    """A module of the package as a child process, its output kept in a file."""

    def __init__(self, log: Path, module: str, *arguments: str) -> None:
        self._log = log
        with log.open('wb') as file:
            self.child = subprocess.Popen(
                [sys.executable, '-m', module, *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own, as on a terminal: see `stop`
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors='replace')

    def stop(
        self, number: int = signal.SIGTERM, timeout_s: float = 10.0, *, group: bool = False
    ) -> tuple[int, float]:
        """Exit status and the seconds it took. `group` sends the signal to its children too, as
        Ctrl-C does.
        """
        start = time.monotonic()
        if self.child.poll() is None and group:
            os.killpg(self.child.pid, number)
        elif self.child.poll() is None:
            self.child.send_signal(number)
        try:
            status = self.child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f'still alive after {timeout_s} s:\n{self.output}') from None
        return status, time.monotonic() - start


class Listener:
    """Publishes and subscribes for a test; everything raw, nothing lost."""

    def __init__(self) -> None:
        self.context = rclpy.context.Context()
        rclpy.init(context=self.context)
        self.node = Node('listener', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

    def hear(self, topic: str, kind: str, *, raw: bool = True) -> list[Any]:
        """A list that grows by what arrives on the topic."""
        heard: list[Any] = []
        message = quality.message_class(kind)
        self.node.create_subscription(message, topic, heard.append, _RELIABLE, raw=raw)
        return heard

    def hear_timed(self, topic: str, kind: str) -> list[tuple[int, bytes]]:
        """Like `hear`, raw, each with the monotonic instant (ns) it came at."""
        heard: list[tuple[int, bytes]] = []
        self.node.create_subscription(
            quality.message_class(kind),
            topic,
            lambda data: heard.append((time.monotonic_ns(), bytes(data))),
            _RELIABLE,
            raw=True,
        )
        return heard

    def speak(self, topic: str, kind: str, profile: QoSProfile = _RELIABLE) -> Any:
        return self.node.create_publisher(quality.message_class(kind), topic, profile)

    def call(self, service: Any, name: str, request: Any, timeout_s: float = 20.0) -> Any:
        client = self.node.create_client(service, name)
        try:
            self.until(client.service_is_ready, timeout_s, f'service {name}')
            future = client.call_async(request)
            self.until(future.done, timeout_s, f'an answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def until(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        end = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end, f'waited {timeout_s} s in vain for {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts modules; whatever still runs at the end of the test is stopped."""
    started: list[Process] = []

    def start_module(module: str, *arguments: str) -> Process:
        log = tmp_path / f'{len(started)}_{module.rpartition(".")[2]}.log'
        started.append(Process(log, module, *arguments))
        return started[-1]

    yield start_module
    for process in started:
        if process.child.poll() is None:
            process.stop(signal.SIGKILL)


@pytest.fixture
def start_node(start: Callable[..., Process]) -> Callable[..., Process]:
    """Starts the node with parameters given as name=value."""

    def start_with(*arguments: str, **parameters: Any) -> Process:
        options = [
            option
            for name, value in parameters.items()
            for option in ('-p', f'{name.replace("__", ".")}:={value}')
        ]
        return start('prediction_node.ros.node', '--ros-args', *options, *arguments)

    return start_with


@pytest.fixture
def play(start: Callable[..., Process]) -> Callable[..., Process]:
    """Plays the sample, or another bag of the same topics, once the node listens."""

    def play_sample(*arguments: str, bag: Path = SAMPLE / 'bag') -> Process:
        return start(
            'prediction_node.ros.player',
            str(bag),
            *arguments,
            '--wait-for',
            '/localization/odometry',
            '/tf_static',
            *(f'/perception/{kind}/tracks' for kind in ('camera', 'thermal', 'lidar', 'radar')),
            *(['/clock'] if '--clock' in arguments else []),
        )

    return play_sample
