"""The process beside the predictions: its errors arrive, and without an end nothing is left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.bags.values import Message
from prediction_node.config import Config
from prediction_node.domain.errors import BagError
from prediction_node.pipeline import Perception, Pipeline
from prediction_node.replay.keeper import Keeper, Outcome
from prediction_node.replay.keeper_process import KeeperProcess
from prediction_node.replay.log import ReplayLog
from prediction_node.replay.recorder import Recorder
from prediction_node.replay.topics import map_topics


class Faulty(Keeper):
    """Fails at the second job, as a full disk would."""

    fault: Exception = BagError('out/predictions.mcap cannot be written: No space left on device')
    jobs = 0

    def keep(self, messages: Any, release: Any) -> None:
        self.jobs += 1
        if self.jobs == 2:
            raise self.fault
        super().keep(messages, release)


class Broken(Faulty):
    fault = ZeroDivisionError('a fault of ours')


class Chatty(Keeper):
    """Has more to say at the end than a pipe holds."""

    def finish(self) -> Any:
        super().finish()
        return bytes(8_000_000)


class Unheard(Faulty):
    fault = BagError('x' * 8_000_000)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., KeeperProcess]:
    def run(kind: type[Keeper] = Keeper) -> KeeperProcess:
        def make() -> Keeper:
            log = ReplayLog('test', 'kinematic', None, np.zeros(2))
            return kind(Recorder(tmp_path, [], map_topics([], Config())), log, None)

        return KeeperProcess(make, Pipeline(Config(), None).answer)

    return run


@pytest.fixture
def perceived(drive: Any) -> list[Perception]:
    pipeline = Pipeline(Config(), None)
    found = []
    for message in drive.messages(1.0):
        name = {drive.ODOMETRY: 'odometry', drive.LIDAR: 'lidar'}.get(message.topic)
        if name is not None:
            pipeline.receive(name, message.data, message.log_ns)
        if message.topic == drive.LIDAR:
            found.append(pipeline.perceive(message.log_ns))
    return found


def test_the_child_keeps_what_a_keeper_keeps(
    start: Callable[..., KeeperProcess], perceived: list[Perception], tmp_path: Path
) -> None:
    keeper = start()
    for perception in perceived:
        keeper.keep([], perception)
    outcome, counts = keeper.finish()
    assert isinstance(outcome, Outcome)
    assert counts.releases == len(perceived)
    assert outcome.log.releases == len(outcome.log.frames) == len(perceived)
    assert {f.name for f in tmp_path.iterdir()} == {'predictions.mcap', 'metadata.yaml'}


@pytest.mark.parametrize(
    ('kind', 'error', 'text'),
    [(Faulty, BagError, 'No space left'), (Broken, RuntimeError, 'ZeroDivisionError: a fault')],
)
def test_an_error_of_the_child_is_raised_here(
    start: Callable[..., KeeperProcess],
    perceived: list[Perception],
    tmp_path: Path,
    kind: type[Keeper],
    error: type[Exception],
    text: str,
) -> None:
    keeper = start(kind)
    keeper.keep([], perceived[0])
    keeper.keep([], perceived[1])
    with pytest.raises(error, match=text):
        keeper.finish()
    keeper.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_child_is_told_in_one_sentence(
    start: Callable[..., KeeperProcess], perceived: list[Perception]
) -> None:
    keeper = start()
    os.kill(keeper._child.pid or 0, signal.SIGKILL)
    keeper._child.join()
    with pytest.raises(BagError, match=r'the process that writes the recording died \(status -9\)'):
        keeper.keep([], perceived[0])
    keeper.abort()


def test_a_replay_that_is_given_up_leaves_nothing(
    start: Callable[..., KeeperProcess], perceived: list[Perception], tmp_path: Path
) -> None:
    keeper = start()
    keeper.keep([Message(1, '/unknown', 'std_msgs/msg/String', b'x')], perceived[0])
    keeper.abort()
    assert list(tmp_path.iterdir()) == []
    assert keeper._child.exitcode == 0


@pytest.mark.parametrize('kind', [Chatty, Unheard])
def test_nobody_waits_for_an_answer_that_nobody_takes(
    start: Callable[..., KeeperProcess],
    perceived: list[Perception],
    capfd: pytest.CaptureFixture[str],
    kind: type[Keeper],
) -> None:
    """As with Ctrl-C while a replay finishes: the child is blocked, its answer half sent."""
    keeper = start(kind)
    keeper.keep([], perceived[0])
    keeper.keep([], perceived[1])
    if kind is Chatty:
        keeper._send(b'finish')
    assert keeper._answers.poll(60)
    guard = threading.Timer(20, keeper._child.kill)
    guard.start()
    keeper.abort()
    guard.cancel()
    assert keeper._child.exitcode == 0
    assert capfd.readouterr().err == ''
