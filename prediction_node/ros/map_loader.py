"""Reads map messages in a process of its own, so that no cycle waits for a city."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np

from prediction_node.config import MapParameters
from prediction_node.domain.errors import MapError
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.prepared_map import PreparedMap

_END_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class MapTask:
    """A LaneletMapBin message (CDR bytes), and what to prepare of it, see PreparedMap.of."""

    data: bytes
    parameters: MapParameters
    kinematic: KinematicParameters
    learned: bool = False
    place_m: np.ndarray | None = None


class MapLoader:
    """One map at a time. What comes while one is being read waits, the newest only: a map that is
    sent again faster than it is read would otherwise never be there.
    """

    def __init__(self) -> None:
        self._reading: _Reading | None = None
        self._next: MapTask | None = None
        self._answer: PreparedMap | MapError | None = None  # of what was read, until polled
        # Compared as a whole: that is faster than a digest, and different maps differ early.
        self._newest: bytes | None = None

    def start(self, task: MapTask) -> None:
        """Read a map and prepare it, once the reading of another one is over. The newest message,
        sent again, is ignored: it is being read, in use or refused already.
        """
        self._go_on()
        if task.data == self._newest:
            return
        self._newest = task.data
        reading = self._reading
        again = reading is not None and reading.task.data == task.data
        self._next = None if again else task
        self._go_on()

    def poll(self) -> PreparedMap | None:
        """The map, prepared, once it is read, once; None while there is nothing new.

        Raises MapError when the message was refused or the reading process died.
        """
        self._go_on()
        answer, self._answer = self._answer, None
        if isinstance(answer, MapError):
            raise answer
        return answer

    def _go_on(self) -> None:
        """Take over the answer of a reading that has ended, if the one before was fetched, and
        begin the next.
        """
        reading = self._reading
        if reading is not None and not reading.is_alive() and self._answer is None:
            self._reading, answer = None, reading.answer
            if not isinstance(answer, (PreparedMap, MapError)):
                answer = MapError(f'map message: {answer or "the process reading it died"}')
                if self._newest == reading.task.data:
                    self._newest = None  # not the map's fault: it may work when sent again
            self._answer = answer
        if self._reading is None and self._next is not None:
            self._reading, self._next = _Reading(self._next), None
            self._reading.start()

    def wait(self, timeout_s: float) -> None:
        """Sleep until the reading is done, at most `timeout_s`; not for a cycle."""
        if self._reading is not None:
            self._reading.join(timeout_s)

    def close(self) -> None:
        """End the reading process, if any; what it has read is dropped, and what waits."""
        self._next = self._answer = self._newest = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading.join(_END_TIMEOUT_S)
            self._reading = None


class _Reading(threading.Thread):
    """Starts the process, hands it the message and waits for the answer: none of it is the node's
    thread.
    """

    def __init__(self, task: MapTask) -> None:
        super().__init__(name='map message', daemon=True)
        self.answer: PreparedMap | MapError | str | None = None
        self.task = task
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._cancelled = False

    def run(self) -> None:
        # A process has the signal mask of the thread that starts it. Ctrl-C on a terminal goes to
        # both: the node ends this process itself. The tracker first: starting it unblocks SIGINT.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # spawn: a forked copy would inherit the middleware's threads half alive.
        context = multiprocessing.get_context('spawn')
        ours, theirs = context.Pipe()
        with self._lock:
            if self._cancelled:
                return
            self._process = context.Process(target=_read, args=(theirs,), daemon=True)
            self._process.start()
        theirs.close()
        try:
            ours.send(self.task)
            answer = ours.recv()
            if isinstance(answer, Road):
                # In parts: unpacking one keeps the node's thread waiting.
                answer = PreparedMap(answer, ours.recv(), ours.recv())
            self.answer = answer
        except (EOFError, OSError):
            pass  # it died, or was told to: there is no answer
        finally:
            ours.close()
            self._process.join()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.terminate()


def _read(connection: Connection) -> None:
    from prediction_node.map_source import map_from_message

    task: MapTask = connection.recv()
    answer: tuple[object, ...]
    try:
        lane_map = map_from_message(task.data, task.parameters)
        prepared = PreparedMap.of(
            lane_map, task.kinematic, learned=task.learned, place_m=task.place_m
        )
        answer = (prepared.road, prepared.nodes, prepared.drawn)
    except MapError as error:
        answer = (error,)
    except Exception as error:
        answer = (f'{type(error).__name__}: {error}',)
    for part in answer:
        connection.send(part)
    connection.close()
