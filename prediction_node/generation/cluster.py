"""Scenes made as Ray tasks: on this machine's cores or on those of a cluster.

Machines need not share a file system: a task makes its scene in a temporary folder and sends the
files; this process puts them in place, in the same way and with the same bytes as local workers do.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.generation.report import Failed, Finished, Outcome, SceneReport
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.store import SceneStore, files_below
from prediction_node.generation.workers import (
    SCENES_PER_PROCESS,
    TRIES,
    Maker,
    cpu_time_s,
    reason_of,
)

LOCAL = 'local'
_WAIT_S = 1.0


@dataclass(frozen=True)
class _Parcel:
    """The files of a finished scene by their paths, or why there are none."""

    report: SceneReport | None
    files: dict[str, bytes]
    cpu_s: float
    reason: str = ''


class RayWorkers:
    """Tasks of a Ray cluster that run `make`; iterate over `outcomes` to drive them.

    `address`: 'local' starts a Ray of `jobs` workers here and ends it afterwards; else an address
    as ray.init takes it, and `jobs` bounds the tasks at a time. Raises DataError if Ray is missing
    or nothing answers there.
    """

    def __init__(self, make: Maker, store: SceneStore, jobs: int, address: str) -> None:
        self._make = make
        self._store = store
        self._jobs = jobs
        self._address = address

    def outcomes(self, requests: Sequence[SceneRequest]) -> Generator[Outcome, None, None]:
        """One outcome per request, in the order they come. Closing it cancels what runs."""
        with connected(self._address, self._jobs) as ray:
            yield from self._drive(ray, requests)

    def _drive(self, ray: Any, requests: Sequence[SceneRequest]) -> Iterator[Outcome]:
        task = ray.remote(
            num_cpus=1,
            max_retries=TRIES - 1,  # of a process that dies
            max_calls=SCENES_PER_PROCESS,
        )(_make_parcel)
        waiting = deque(requests)
        running: dict[Any, SceneRequest] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    request = waiting.popleft()
                    running[task.remote(self._make, request)] = request
                ready, _ = ray.wait(list(running), num_returns=1, timeout=_WAIT_S)
                for reference in ready:
                    yield self._receive(ray, reference, running.pop(reference))
        finally:
            for reference in running:
                with contextlib.suppress(Exception):
                    ray.cancel(reference, force=True)

    def _receive(self, ray: Any, reference: Any, request: SceneRequest) -> Outcome:
        try:
            parcel: _Parcel = ray.get(reference)
        except ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[0]
            return Failed(request.seed, f'its task died {TRIES} times: {first}')
        if parcel.report is None:
            return Failed(request.seed, parcel.reason, parcel.cpu_s)
        try:
            _unpack(parcel, self._store, request)
        except OSError as problem:
            self._store.discard(request.seed)
            return Failed(request.seed, reason_of(problem), parcel.cpu_s, hopeless=True)
        return Finished(request.seed, parcel.report, parcel.cpu_s)


def _unpack(parcel: _Parcel, store: SceneStore, request: SceneRequest) -> None:
    assert parcel.report is not None
    scratch = store.scratch(request.seed)
    for name, data in parcel.files.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(data)
    store.commit(scratch, request.seed, request.identity, parcel.report)


def _make_parcel(make: Maker, request: SceneRequest) -> _Parcel:
    """The task."""
    started_s = cpu_time_s()
    with tempfile.TemporaryDirectory(prefix='scene_') as scratch:
        folder = Path(scratch)
        try:
            report = make(request, folder, lambda share: None)
            files = {
                str(path.relative_to(folder)): path.read_bytes() for path in files_below(folder)
            }
        except Exception as error:
            return _Parcel(None, {}, cpu_time_s() - started_s, reason_of(error))
    return _Parcel(report, files, cpu_time_s() - started_s)


def _refuse_deaf(address: str) -> None:
    """Raise DataError if nothing listens at HOST:PORT: Ray itself would try for minutes."""
    place = address.removeprefix('ray://')
    host, colon, port = place.rpartition(':')
    if not colon or not port.isdigit():
        return  # 'local', 'auto' and the like
    try:
        socket.create_connection((host, int(port)), timeout=_WAIT_S * 10).close()
    except OSError as problem:
        reason = problem.strerror or problem
        raise DataError(f'no Ray answers at --ray {address}: {reason}') from problem


@contextlib.contextmanager
def connected(address: str, jobs: int) -> Iterator[Any]:
    """The module `ray`, connected to a cluster, or to one of `jobs` workers that is started here.

    Raises DataError if Ray is missing or nothing answers at `address`.
    """
    ray = _connect(address, jobs)
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(address: str, jobs: int) -> Any:
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    try:
        import ray
    except ImportError:
        raise DataError(
            '--ray needs Ray, which is not installed: pip install -r requirements/cluster.txt'
        ) from None
    _refuse_deaf(address)
    common: dict[str, Any] = {'log_to_driver': False, 'configure_logging': False}
    try:
        if address == LOCAL:
            ray.init(
                'local',
                num_cpus=jobs,
                include_dashboard=False,
                _node_ip_address='127.0.0.1',
                # As this process finds its modules, so do those of Ray.
                runtime_env={'env_vars': {'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}},
                **common,
            )
        else:
            # The machines get this package as it is here; its libraries they must have.
            package = Path(__file__).resolve().parents[1]
            ray.init(address, runtime_env={'py_modules': [str(package)]}, **common)
    except (ConnectionError, ValueError, RuntimeError, OSError) as problem:
        first = (str(problem).strip().splitlines() or [''])[0]
        raise DataError(f'no Ray answers at --ray {address}: {first}') from problem
    return ray
