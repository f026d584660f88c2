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
from prediction_node.extraction.make import Done, Failed, Outcome, Work, extract
from prediction_node.extraction.units import Unit

TRIES = 2  # of a recording


class LocalWorkers:
    """`jobs` processes that `work`; iterate over `outcomes` to drive them."""

    def __init__(self, folder: Path, asking: Asking, jobs: int, work: Work = extract) -> None:
        self._work = work
        self._folder = folder
        self._asking = asking
        self._jobs = jobs

    def outcomes(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        """One outcome per recording, in the order they come; failures have been tried again."""
        failed: list[Unit] = []
        suspects: list[Unit] = []  # were in hand when a process died
        for last, tried in ((False, units), (True, failed)):
            for unit, outcome in self._pass(list(tried), self._jobs):
                if outcome is None:
                    suspects.append(unit)
                elif isinstance(outcome, Done):
                    yield outcome
                elif last:
                    yield replace(outcome, tries=TRIES)
                else:
                    failed.append(unit)
        for suspect in suspects:  # one at a time, so that it is known whose fault it was
            yield self._alone(suspect)

    def _alone(self, unit: Unit) -> Outcome:
        """The outcome of a recording in processes of its own."""
        reason = ''
        for _ in range(TRIES):
            for _, said in self._pass([unit], 1):
                if isinstance(said, Done):
                    return said
                reason = 'its process died' if said is None else said.reason
        return Failed(unit.name, str(unit.path), reason, TRIES)

    def _pass(
        self, units: Sequence[Unit], jobs: int
    ) -> Generator[tuple[Unit, Outcome | None], None, None]:
        """Try each recording once; None: its process died, or another's did and took it along."""
        waiting = list(reversed(units))
        while waiting:
            yield from self._until_broken(waiting, jobs)

    def _until_broken(
        self, waiting: list[Unit], jobs: int
    ) -> Generator[tuple[Unit, Outcome | None], None, None]:
        # Spawned, not forked: no state of this process gets into samples.
        context = multiprocessing.get_context('spawn')
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(jobs, context, initializer=_begin)
        running: dict[Future[Outcome], Unit] = {}
        stopped = True
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    future = pool.submit(self._work, waiting[-1], self._asking, self._folder)
                    running[future] = waiting.pop()
                ready, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ready:
                    outcome = future.result()
                    yield running.pop(future), outcome
            stopped = False
        except BrokenProcessPool:
            yield from ((unit, None) for unit in running.values())
        finally:
            if stopped:  # nobody waits for what they do
                for process in set(multiprocessing.active_children()) - others:
                    process.kill()
            pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Ctrl-C is the parent's to hear; and one thread each, since there are as many processes as
    cores.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ['OMP_NUM_THREADS'] = '1'
