"""The traffic simulator within this process: one SUMO, stepped, asked in bulk, and silent."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from prediction_node.domain.errors import SimulationError

# Sublane model: vehicles drift sideways in steps of this width instead of jumping over.
LATERAL_RESOLUTION_M = 0.4
# A vehicle that has stood this long though it wants to drive is jammed for good: it is taken out.
JAM_S = 180.0

_OPTIONS = (
    *('--lateral-resolution', str(LATERAL_RESOLUTION_M)),
    *('--time-to-teleport', str(JAM_S), '--time-to-teleport.remove', 'true'),
    # Vehicles that touch drive on: our own test of boxes judges; moving one away would be worse.
    *('--collision.action', 'none'),
    *('--no-step-log', 'true', '--no-warnings', 'true', '--duration-log.disable', 'true'),
    *('--xml-validation', 'never', '--ignore-route-errors', 'true'),
)
_running: Engine | None = None
_broken: str = ''  # why SUMO cannot be used any more in this process

# Names of libsumo's domains.
VEHICLE = 'vehicle'
PERSON = 'person'


class Engine:
    """SUMO, loaded with a network and its demand.

    libsumo keeps its world in the process, so there can be one engine at a time. SimulationError
    if it is missing, already running, or fails.
    """

    def __init__(
        self,
        network: os.PathLike[str],
        demand: Sequence[os.PathLike[str]],
        additional: Sequence[os.PathLike[str]],
        seed: int,
        step_s: float,
    ) -> None:
        global _running
        if _broken:
            raise SimulationError(
                f'SUMO broke down earlier in this process ({_broken}); start a new one'
            )
        if _running is not None:
            raise SimulationError(
                'a simulated world is running in this process already; close it, or run this one '
                'in a process of its own'
            )
        self.sumo, self.constants = _load()
        self._arguments = [
            *('sumo', '-n', os.fspath(network), '--seed', str(seed % 2**31)),
            *('--step-length', repr(step_s), *_OPTIONS),
        ]
        if demand:
            self._arguments += ['-r', ','.join(os.fspath(path) for path in demand)]
        if additional:
            self._arguments += ['-a', ','.join(os.fspath(path) for path in additional)]
        with self.errors('could not load the city'), _quiet() as said:
            try:
                self.sumo.start(self._arguments)
            except Exception as error:
                raise SimulationError(
                    f'SUMO could not load the city: {_first_line(said(), error)}'
                ) from error
        _running = self
        # libsumo tells what it was last told of subscriptions in an earlier simulation, too.
        self._stale = {
            VEHICLE: set(self.sumo.vehicle.getAllSubscriptionResults()),
            PERSON: set(self.sumo.person.getAllSubscriptionResults()),
        }

    def step(self) -> None:
        """One step of the traffic. What fails here leaves SUMO in pieces: it is not even closed,
        which would end the process.
        """
        global _broken
        with self.errors('failed at a step'):
            try:
                self.sumo.simulationStep()
            except Exception as error:
                _broken = _first_line('', error)
                raise

    def subscribe(self, kind: str, name: str, variables: Sequence[int]) -> None:
        """Have `results` tell these variables of a VEHICLE or PERSON from now on."""
        self._stale[kind].discard(name)
        getattr(self.sumo, kind).subscribe(name, variables)

    def results(self, kind: str) -> Mapping[str, Mapping[int, Any]]:
        """{name: {variable: value}} of everybody subscribed, in SUMO's order."""
        told: Mapping[str, Mapping[int, Any]] = getattr(self.sumo, kind).getAllSubscriptionResults()
        stale = self._stale[kind]
        if not stale:
            return told
        return {name: values for name, values in told.items() if name not in stale}

    @contextlib.contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Turn what libsumo raises into one sentence."""
        try:
            yield
        except (self.sumo.TraCIException, self.sumo.FatalTraCIError, RuntimeError) as error:
            raise SimulationError(f'SUMO {what}: {_first_line("", error)}') from error

    def close(self) -> None:
        """End the simulation; another engine may be made after that. Closing twice is fine."""
        global _running
        if _running is not self:
            return
        _running = None
        if not _broken:
            with _quiet():
                self.sumo.close()


def _load() -> tuple[ModuleType, ModuleType]:
    try:
        # libsumo remarks on the version of pyarrow, which it does not use here, at import.
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter('ignore')
            import libsumo
            import traci.constants
    except ImportError as error:
        raise SimulationError(
            f'SUMO is not installed ({error}); pip install -r requirements/simulation.txt'
        ) from error
    return libsumo, traci.constants


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Nothing reaches the terminal, from C++ neither; gives a function for what was said."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as sink:

        def said() -> str:
            sink.seek(0)
            return sink.read().decode('utf-8', 'replace')

        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield said
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def _first_line(said: str, error: BaseException) -> str:
    """What SUMO complained of first; what was raised if it said nothing."""
    for line in said.splitlines():
        if line.startswith('Error:'):
            return line.removeprefix('Error:').strip()
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
