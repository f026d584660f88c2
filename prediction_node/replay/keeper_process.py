"""A keeper in a process of its own, so that encoding and scoring cost the predictions no time.

The two halves work on one release after the other, in order: what comes out does not depend on how
fast either is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import multiprocessing
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from prediction_node.bags.values import Message
from prediction_node.domain.errors import BagError, PredictionNodeError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.pipeline import Release
from prediction_node.replay.keeper import Keeper, Outcome

_FINISH = b'finish'
_PIPE_BYTES = 1 << 20  # what Linux grants anybody: most of a release fits without waiting


class KeeperProcess:
    """Runs the keeper that `make_keeper` makes, in a child process.

    An error in there is raised by the next call here. Without `finish` nothing is left behind.
    """

    def __init__(self, make_keeper: Callable[[], Keeper]) -> None:
        context = multiprocessing.get_context('fork')
        jobs_out, self._jobs = context.Pipe(duplex=False)
        self._answers, answers_in = context.Pipe(duplex=False)
        # Larger is only faster; a system that has granted too many such pipes refuses it.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._jobs.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._lane_map: LaneMap | None = None
        self._child: BaseProcess = context.Process(
            target=_serve,
            args=(make_keeper, jobs_out, answers_in, (self._jobs, self._answers)),
            name='keeper',
        )
        with warnings.catch_warnings():
            # The numeric libraries' idle threads are not copied, and each process makes its own.
            warnings.simplefilter('ignore', DeprecationWarning)
            self._child.start()
        jobs_out.close()
        answers_in.close()

    def keep(self, messages: Sequence[Message], release: Release | None) -> None:
        """Hand over the messages since the last release, then the release."""
        lane_map = None
        if release is not None:
            if release.lane_map is not self._lane_map:
                lane_map = self._lane_map = release.lane_map
            release = dataclasses.replace(release, lane_map=None)
        self._send(pickle.dumps((messages, release, lane_map), protocol=5))

    def finish(self) -> Outcome:
        """Wait until all of it is written and scored."""
        self._send(_FINISH)
        outcome = self._answer()
        self._child.join()
        return outcome

    def abort(self) -> None:
        """Stop, and leave no recording behind."""
        self._jobs.close()
        self._child.join()

    def _send(self, job: bytes) -> None:
        try:
            self._jobs.send_bytes(job)
        except OSError:
            # The child has gone; what it left says why.
            self._answer()
            raise

    def _answer(self) -> Outcome:
        try:
            answer: Any = pickle.loads(self._answers.recv_bytes())
        except EOFError:
            self._child.join()
            status = self._child.exitcode
            raise BagError(
                f'the process that writes the recording died (status {status})'
            ) from None
        if isinstance(answer, Outcome):
            return answer
        raise answer


def _serve(
    make_keeper: Callable[[], Keeper],
    jobs: Connection,
    answers: Connection,
    not_ours: tuple[Connection, Connection],
) -> None:
    """The child: take jobs until told to finish, or until the parent has gone."""
    # Ctrl-C reaches the whole group; the parent decides, by closing its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in not_ours:
        connection.close()
    try:
        keeper = make_keeper()
        try:
            answer: object = _work(keeper, jobs)
        except BaseException:
            keeper.abort()
            raise
    except EOFError:
        return
    except PredictionNodeError as error:
        answer = error
    except Exception:
        answer = RuntimeError(
            f'in the process that writes the recording:\n{traceback.format_exc()}'
        )
    answers.send_bytes(pickle.dumps(answer, protocol=5))


def _work(keeper: Keeper, jobs: Connection) -> Outcome:
    lane_map: LaneMap | None = None
    while True:
        job = jobs.recv_bytes()
        if job == _FINISH:
            return keeper.finish()
        messages, release, new_map = pickle.loads(job)
        lane_map = new_map if new_map is not None else lane_map
        if release is not None:
            release = dataclasses.replace(release, lane_map=lane_map)
        keeper.keep(messages, release)
