"""Scenes made by several processes of this machine, each fresh, none able to take the run along.

A world of SUMO is one per process, and it is C++: whatever a process dies of costs one scene, which
is tried once more. Workers hear nothing of Ctrl-C; the parent ends them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.generation.report import Failed, Finished, Outcome, SceneReport
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.store import SceneStore

OnProgress = Callable[[float], None]
# Writes the files of a scene to a folder and tells its share done now and then.
Maker = Callable[[SceneRequest, Path, OnProgress], SceneReport]

TRIES = 2  # of a scene whose process dies
SCENES_PER_PROCESS = 16  # then a fresh one: memory that a library keeps does not grow for ever
SILENT_S = 600.0  # a process that tells nothing for so long hangs
_TELL_EVERY_S = 0.25
_LOOK_EVERY_S = 1.0
_LEAVE_S = 5.0
_WORDS = 200  # of the last line a process wrote


class LocalWorkers:
    """`jobs` processes that run `make`; iterate over `outcomes` to drive them."""

    def __init__(
        self,
        make: Maker,
        store: SceneStore,
        jobs: int,
        *,
        on_progress: Callable[[int, float], None] = lambda seed, share: None,
        scenes_per_process: int = SCENES_PER_PROCESS,
        silent_s: float = SILENT_S,
    ) -> None:
        self._make = make
        self._store = store
        self._jobs = jobs
        self._on_progress = on_progress
        self._scenes_per_process = scenes_per_process
        self._silent_s = silent_s
        self._workers: list[_Worker] = []

    def outcomes(self, requests: Sequence[SceneRequest]) -> Generator[Outcome, None, None]:
        """One outcome per request, in the order they come. Closing it ends the processes."""
        waiting = deque((request, 1) for request in requests)
        try:
            while waiting or self._workers:
                self._hand_out(waiting)
                for worker in self._ready():
                    yield from self._hear(worker, waiting)
        finally:
            for worker in self._workers:
                worker.end(patience_s=0.0)
                worker.forget()
                if worker.request is not None:
                    self._store.discard(worker.request.seed)
            self._workers.clear()

    def _hand_out(self, waiting: deque[tuple[SceneRequest, int]]) -> None:
        """A scene for every idle process; new processes as long as there is work for them."""
        for worker in [w for w in self._workers if w.request is None]:
            if waiting and worker.scenes < self._scenes_per_process:
                worker.give(*waiting.popleft())
            else:
                worker.dismiss()
                worker.forget()
                self._workers.remove(worker)
        while waiting and len(self._workers) < self._jobs:
            worker = _Worker(self._make, self._store.folder)
            self._workers.append(worker)
            worker.give(*waiting.popleft())

    def _ready(self) -> list[_Worker]:
        """Workers that have said something, have died, or have been silent for too long."""
        heard = connection.wait([w.connection for w in self._workers], _LOOK_EVERY_S)
        late = time.monotonic() - self._silent_s
        return [w for w in self._workers if w.connection in heard or w.heard_s < late]

    def _hear(self, worker: _Worker, waiting: deque[tuple[SceneRequest, int]]) -> Iterator[Outcome]:
        request, attempt = worker.request, worker.attempt
        assert request is not None
        said = worker.listen()
        if isinstance(said, float):
            self._on_progress(request.seed, said)
            return
        if isinstance(said, Finished | Failed):
            worker.request = None
            yield said
            return
        died = worker.end() if said is None else said
        last = worker.last_words()
        died = f'{died}, {TRIES} times' + (f'; it said last: {last}' if last else '')
        self._workers.remove(worker)
        worker.forget()
        self._store.discard(request.seed)
        self._on_progress(request.seed, 0.0)
        if attempt < TRIES:
            waiting.appendleft((request, attempt + 1))
        else:
            yield Failed(request.seed, f'its process {died}')


class _Worker:
    """One process and the scene it works on."""

    def __init__(self, make: Maker, folder: Path) -> None:
        # Spawned, not forked: no state of this process, nor of an earlier world, gets into a scene.
        context = multiprocessing.get_context('spawn')
        self.connection, theirs = context.Pipe()
        # What a library prints of its own belongs to nobody's terminal, but tells why it died.
        descriptor, name = tempfile.mkstemp(prefix='scenes_', suffix='.log')
        os.close(descriptor)
        self._said = Path(name)
        self._process = context.Process(
            target=_serve, args=(make, folder, theirs, name), name='scenes', daemon=True
        )
        self._process.start()
        theirs.close()
        self.request: SceneRequest | None = None
        self.attempt = 0
        self.scenes = 0
        self.heard_s = time.monotonic()

    def give(self, request: SceneRequest, attempt: int) -> None:
        self.request, self.attempt = request, attempt
        self.scenes += 1
        self.heard_s = time.monotonic()
        # It may have died meanwhile: listening will tell.
        with contextlib.suppress(OSError):
            self.connection.send(request)

    def listen(self) -> Outcome | float | str | None:
        """What it said; a sentence if it had to be ended; None if it has died."""
        if not self.connection.poll():
            silent_s = time.monotonic() - self.heard_s
            self.end(patience_s=0.0)
            return f'told nothing for {silent_s:.0f} s'
        try:
            said: Outcome | float = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.heard_s = time.monotonic()
        return said

    def dismiss(self) -> None:
        """Let an idle process go."""
        self.connection.close()
        self._process.join(_LEAVE_S)
        if self._process.is_alive():  # some library cannot let go
            self._process.kill()
            self._process.join()

    def last_words(self) -> str:
        """The last line it wrote to its standard output or error."""
        lines = self._said.read_text(encoding='utf-8', errors='replace').split('\n')
        return next((line.strip() for line in reversed(lines) if line.strip()), '')[:_WORDS]

    def forget(self) -> None:
        """Remove what it wrote."""
        self._said.unlink(missing_ok=True)

    def end(self, patience_s: float = 0.5) -> str:
        """Stop it wherever it is; how it ended, in words. One that dies by itself gets its time."""
        self._process.join(patience_s)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.connection.close()
        status = self._process.exitcode
        if status is not None and status < 0:
            return f'was ended by {signal.Signals(-status).name}'
        return f'ended with status {status}'


def _serve(make: Maker, folder: Path, parent: Connection, log: str) -> None:
    """The process: make scenes until the parent has gone or has no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    written = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(written, stream.fileno())
    with contextlib.suppress(EOFError, OSError):  # the parent has gone, or has no more
        _make_scenes(make, SceneStore(folder), parent)
    with contextlib.suppress(OSError):
        os.unlink(log)


def _make_scenes(make: Maker, store: SceneStore, parent: Connection) -> None:
    spent_s = 0.0
    while True:
        request = parent.recv()
        outcome = make_in_place(make, store, request, _teller(parent))
        now_s = cpu_time_s()
        cpu_s, spent_s = now_s - spent_s, now_s
        if isinstance(outcome, SceneReport):
            parent.send(Finished(request.seed, outcome, cpu_s))
        else:
            parent.send(Failed(request.seed, outcome.reason, cpu_s, outcome.hopeless))


def make_in_place(
    make: Maker, store: SceneStore, request: SceneRequest, on_progress: OnProgress
) -> SceneReport | Failed:
    """Make a scene in a folder of its own, then put it in its place; or say what hindered it."""
    try:
        scratch = store.scratch(request.seed)
        report = make(request, scratch, on_progress)
        store.commit(scratch, request.seed, request.identity, report)
    except BaseException as error:
        store.discard(request.seed)
        return Failed(request.seed, reason_of(error), hopeless=isinstance(error, OSError))
    return report


def reason_of(error: BaseException) -> str:
    """One line: a user's error as it is, another with its type and the place it came from."""
    if isinstance(error, PredictionNodeError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)
    place = f' ({Path(where[-1].filename).name}, line {where[-1].lineno})' if where else ''
    return f'{type(error).__name__}: {error}{place}'


def _teller(parent: Connection) -> OnProgress:
    told_s = 0.0

    def tell(share: float) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= _TELL_EVERY_S:
            told_s = now_s
            parent.send(float(share))

    return tell


def cpu_time_s() -> float:
    """CPU time of this process and of the programs it has run, start-up included."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
