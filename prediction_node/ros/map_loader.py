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
    """One map at a time; a newer message replaces one that is still being read."""

    def __init__(self) -> None:
        self._reading: _Reading | None = None

    def start(self, task: MapTask) -> None:
        """Begin reading a map and preparing it."""
        if self._reading is not None:
            self._reading.cancel()
        self._reading = _Reading(task)
        self._reading.start()

    def poll(self) -> PreparedMap | None:
        """The map, prepared, once it is read, once; None while there is nothing new.

        Raises MapError when the message was refused or the reading process died.
        """
        if self._reading is None or self._reading.is_alive():
            return None
        answer, self._reading = self._reading.answer, None
        if isinstance(answer, PreparedMap):
            return answer
        if isinstance(answer, MapError):
            raise answer
        raise MapError(f'map message: {answer or "the process reading it died"}')

    def wait(self, timeout_s: float) -> None:
        """Sleep until the reading is done, at most `timeout_s`; not for a cycle."""
        if self._reading is not None:
            self._reading.join(timeout_s)

    def close(self) -> None:
        """End the reading process, if any; what it has read is dropped."""
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
        self._task = task
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
            ours.send(self._task)
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
