"""Reads map messages in a process of its own, so that no cycle waits for a city."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from prediction_node.config import MapParameters
from prediction_node.domain.errors import MapError
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road


def _load(data: bytes, parameters: MapParameters, kinematic: KinematicParameters) -> Road:
    from prediction_node.map_source import map_from_message

    return Road.of(map_from_message(data, parameters), kinematic)


class MapLoader:
    """One map at a time; a newer message replaces one that is still waiting."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._pending: Future[Road] | None = None

    def start(self, data: bytes, parameters: MapParameters, kinematic: KinematicParameters) -> None:
        """Begin reading a LaneletMapBin message (CDR bytes) and finding its routes."""
        if self._pool is None:
            # spawn: a forked copy would inherit the middleware's threads half alive.
            context = multiprocessing.get_context('spawn')
            self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context)
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._pool.submit(_load, bytes(data), parameters, kinematic)

    def poll(self) -> Road | None:
        """The map with its routes once it is read, once; None while there is nothing new.

        Raises MapError when the message was refused or the reading process died.
        """
        if self._pending is None or not self._pending.done():
            return None
        done, self._pending = self._pending, None
        self.close()
        try:
            return done.result()
        except BrokenProcessPool as error:
            raise MapError(f'the process reading the map message died: {error}') from None
        except MapError:
            raise
        except Exception as error:
            raise MapError(f'map message: {type(error).__name__}: {error}') from None

    def wait(self, timeout_s: float) -> None:
        """Sleep until the reading is done, at most `timeout_s`; not for a cycle."""
        if self._pending is not None:
            wait([self._pending], timeout_s)

    def close(self) -> None:
        """End the reading process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
