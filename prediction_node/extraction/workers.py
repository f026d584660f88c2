"""Recordings extracted by processes of this machine; one that dies costs one recording a try."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from prediction_node.extraction.asking import Asking
from prediction_node.extraction.make import Failed, Outcome, extract
from prediction_node.extraction.units import Unit

TRIES = 2  # of a recording
Work = tuple[Unit, int]  # and which try it is


class LocalWorkers:
    """`jobs` processes; iterate over `outcomes` to drive them."""

    def __init__(self, folder: Path, asking: Asking, jobs: int) -> None:
        self._folder = folder
        self._asking = asking
        self._jobs = jobs

    def outcomes(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        """One outcome per recording, in the order they come; failures have been tried again."""
        waiting: list[Work] = [(unit, 1) for unit in reversed(units)]
        while waiting:
            yield from self._until_broken(waiting)

    def _until_broken(self, waiting: list[Work]) -> Generator[Outcome, None, None]:
        """Work until all is done, or until a process has died: then nobody knows whose fault it
        was, and what was in hand goes back to `waiting`.
        """
        # Spawned, not forked: no state of this process gets into samples.
        pool = ProcessPoolExecutor(
            self._jobs, multiprocessing.get_context('spawn'), initializer=_begin
        )
        running: dict[Future[Outcome], Work] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    unit, attempt = waiting.pop()
                    future = pool.submit(extract, unit, self._asking, self._folder)
                    running[future] = (unit, attempt)
                ready, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ready:
                    unit, attempt = running.pop(future)
                    outcome = _result(future, unit)
                    if isinstance(outcome, Failed) and attempt < TRIES:
                        waiting.insert(0, (unit, attempt + 1))
                    elif isinstance(outcome, Failed):
                        yield replace(outcome, tries=attempt)
                    else:
                        yield outcome
        except BrokenProcessPool:
            pass
        finally:
            waiting.extend(running.values())
            pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Outcome], unit: Unit) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        return Failed(unit.name, str(unit.path), 'its process died')


def _begin() -> None:
    """Ctrl-C is the parent's to hear; and one thread each, since there are as many processes as
    cores.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ['OMP_NUM_THREADS'] = '1'
