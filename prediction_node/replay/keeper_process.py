"""The second half of every release in a process of its own: predict, encode, write, score.

The first half (fusion) does not wait for it. Both work on one release after the other, in order:
what comes out does not depend on how fast either is.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
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
from prediction_node.pipeline import Perception, Release
from prediction_node.replay.counts import Counts
from prediction_node.replay.keeper import Keeper, Outcome

_FINISH = b'finish'
_PIPE_BYTES = 1 << 20  # what Linux grants anybody: most of a release fits without waiting


class KeeperProcess:
    """Runs the keeper that `make_keeper` makes, in a child process.

    An error in there is raised by the next call here. Without `finish` nothing is left behind.
    """

    def __init__(
        self, make_keeper: Callable[[], Keeper], answer: Callable[[Perception], Release]
    ) -> None:
        context = multiprocessing.get_context('fork')
        jobs_out, self._jobs = context.Pipe(duplex=False)
        self._answers, answers_in = context.Pipe(duplex=False)
        # Larger is only faster; a system that has granted too many such pipes refuses it.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._jobs.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._lane_map: LaneMap | None = None
        self._child: BaseProcess = context.Process(
            target=_serve,
            args=(make_keeper, answer, jobs_out, answers_in, (self._jobs, self._answers)),
            name='keeper',
        )
        with warnings.catch_warnings():
            # The numeric libraries' idle threads are not copied, and each process makes its own.
            warnings.simplefilter('ignore', DeprecationWarning)
            self._child.start()
        jobs_out.close()
        answers_in.close()

    def keep(self, messages: Sequence[Message], perception: Perception | None) -> None:
        """Hand over the messages since the last release, then what is to be predicted next."""
        lane_map = None
        if perception is not None:
            if perception.lane_map is not self._lane_map:
                lane_map = self._lane_map = perception.lane_map
            perception = perception.with_map(None)
        self._send(pickle.dumps((messages, perception, lane_map), protocol=5))

    def finish(self) -> tuple[Outcome, Counts]:
        """Wait until all of it is predicted, written and scored; counts are of releases."""
        self._send(_FINISH)
        outcome = self._answer()
        self._child.join()
        return outcome

    def abort(self) -> None:
        """Stop, and leave no recording behind, unless it was complete already."""
        self._jobs.close()
        # It may be sending an outcome larger than the pipe: nobody is going to take that.
        self._answers.close()
        self._child.join()

    def _send(self, job: bytes) -> None:
        try:
            self._jobs.send_bytes(job)
        except OSError:
            # The child has gone; what it left says why.
            self._answer()
            raise

    def _answer(self) -> tuple[Outcome, Counts]:
        try:
            answer: Any = pickle.loads(self._answers.recv_bytes())
        except EOFError:
            self._child.join()
            status = self._child.exitcode
            raise BagError(
                f'the process that writes the recording died (status {status})'
            ) from None
        if isinstance(answer, tuple):
            return answer
        raise answer


def _serve(
    make_keeper: Callable[[], Keeper],
    answer_of: Callable[[Perception], Release],
    jobs: Connection,
    answers: Connection,
    not_ours: tuple[Connection, Connection],
) -> None:
    """The child: take jobs until told to finish, or until the parent has gone."""
    # What the parent leaves to the collector is not ours to take down: a network's runtime would
    # wait for threads that did not come along.
    gc.freeze()
    # Ctrl-C reaches the whole group; the parent decides, by closing its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in not_ours:
        connection.close()
    try:
        keeper = make_keeper()
        try:
            answer: object = _work(keeper, answer_of, jobs)
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
    with contextlib.suppress(OSError):  # the parent has given up: nobody wants to know
        answers.send_bytes(pickle.dumps(answer, protocol=5))


def _work(
    keeper: Keeper, answer_of: Callable[[Perception], Release], jobs: Connection
) -> tuple[Outcome, Counts]:
    lane_map: LaneMap | None = None
    counts = Counts()
    while True:
        job = jobs.recv_bytes()
        if job == _FINISH:
            return keeper.finish(), counts
        messages, perception, new_map = pickle.loads(job)
        lane_map = new_map if new_map is not None else lane_map
        release: Release | None = None
        if perception is not None:
            release = answer_of(perception.with_map(lane_map))
            counts.add(release)
        keeper.keep(messages, release)
