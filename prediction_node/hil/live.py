"""The loop over DDS: node, simulator, planner and monitor, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prediction_node.bench.run_file import RunFile
from prediction_node.domain.errors import PredictionNodeError
from prediction_node.middleware import profile_environment
from prediction_node.resources import share_path
from prediction_node.simulation.faults.grammar import KILL, Fault

_POLL_S = 0.02
_END_S = 10.0  # for a process that was told to stop
_AFTER_END_S = 20.0  # for the last messages and the report
_BUSY_SHARE = 0.01
_DOMAINS = 100  # Fast DDS has ports for somewhat more


class LiveRun:
    """Starts the processes, kills and restarts the node as the faults want, reads the report."""

    def __init__(self, folder: Path, run: RunFile, *, own_node: bool) -> None:
        """`own_node` False: the node runs elsewhere, on the ROS domain of this environment."""
        self._folder, self._run, self._own_node = folder, run, own_node
        self._environment = environment(os.environ)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._kills = [fault for fault in run.parsed_faults() if fault.kind == KILL]
        self._dead: Fault | None = None

    def run(self, progress: Callable[[float], None] = lambda at_s: None) -> dict[str, Any]:
        """Figures and verdict; `progress` hears the time of the run.

        Raises PredictionNodeError when a process fails.
        """
        try:
            if self._own_node:
                self._start_node()
            for name in ('monitor', 'planner', 'simulator'):
                self._start(name, f'prediction_node.ros.hil.{name}', str(self._folder))
            zero_ns = self._wait_for_zero()
            self._watch(zero_ns, progress)
            return self._with_lateness(self._read_report())
        finally:
            self._stop_all()

    def _start(self, name: str, module: str, *arguments: str) -> None:
        self._processes[name] = subprocess.Popen(
            [sys.executable, '-m', module, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE if name == 'simulator' else None,
        )

    def _start_node(self) -> None:
        arguments = ['--ros-args', '--params-file', str(self._folder / 'prediction.yaml')]
        arguments += ['--log-level', 'warn']
        if self._run.use_clock:
            arguments += ['-p', 'use_sim_time:=true']
        self._start('node', 'prediction_node.ros.node', *arguments)

    def _wait_for_zero(self) -> int:
        """The steady instant at which the run counts, as the simulator tells it."""
        simulator = self._processes['simulator']
        assert simulator.stdout is not None
        os.set_blocking(simulator.stdout.fileno(), False)
        end = time.monotonic() + self._run.load_settings().time.ready_s + _AFTER_END_S
        said = b''
        while time.monotonic() < end:
            said += simulator.stdout.read() or b''
            for line in said.split(b'\n')[:-1]:
                if line.startswith(b'zero '):
                    return int(line.removeprefix(b'zero '))
            self._check()
            time.sleep(_POLL_S)
        raise PredictionNodeError('the simulator did not begin; see its output above')

    def _watch(self, zero_ns: int, progress: Callable[[float], None]) -> None:
        """Until the monitor is done; kills and restarts the node in between."""
        monitor = self._processes['monitor']
        while monitor.poll() is None:
            at_s = (time.monotonic_ns() - zero_ns) / 1e9
            if at_s > self._run.duration_s + _AFTER_END_S:
                raise PredictionNodeError('the monitor did not end; see its output above')
            self._kill_or_restart(at_s)
            self._check()
            progress(min(at_s, self._run.duration_s))
            time.sleep(_POLL_S)
        if monitor.returncode != 0:
            raise PredictionNodeError('the monitor failed; see its output above')

    def _kill_or_restart(self, at_s: float) -> None:
        if not self._own_node:
            return
        if self._dead is not None:
            if at_s >= self._dead.end_s:
                self._dead = None
                self._start_node()
            return
        for fault in self._kills:
            if fault.active(at_s):
                self._dead = fault
                self._kills.remove(fault)
                self._processes['node'].kill()
                self._processes.pop('node').wait()
                return

    def _check(self) -> None:
        """Raises PredictionNodeError if a process has ended that should run."""
        for name, process in self._processes.items():
            status = process.poll()
            if status is None or (name in ('monitor', 'simulator') and status == 0):
                continue
            if name == 'monitor':
                return  # told by whoever waits for it
            ended = f'with status {status}' if status > 0 else f'by signal {-status}'
            raise PredictionNodeError(f'the {name} ended {ended}; see its output above')

    def _read_report(self) -> dict[str, Any]:
        path = self._folder / 'report.json'
        try:
            figures: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise PredictionNodeError(f'the monitor left no report: {error}') from None
        return figures

    def _with_lateness(self, figures: dict[str, Any]) -> dict[str, Any]:
        """How much of what the bench sent was late; a reason to doubt a verdict of fail."""
        simulator = self._processes['simulator']
        assert simulator.stdout is not None
        simulator.wait(_END_S)
        said = (simulator.stdout.read() or b'').decode()
        late, _, sent = said.strip().removeprefix('late ').partition(' of ')
        figures['bench_late_share'] = share = round(int(late) / max(int(sent), 1), 4)
        if figures['reasons'] and share > _BUSY_SHARE:
            figures['reasons'].append(
                f'{100.0 * share:.1f} % of the messages were sent more than 20 ms late: this '
                'machine is too busy for the bench, judge the rest with care'
            )
        return figures

    def _stop_all(self) -> None:
        running = [p for p in self._processes.values() if p.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        end = time.monotonic() + _END_S
        for process in running:
            try:
                process.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Variables of all processes: one ROS domain that stays on this machine unless the user has
    chosen one, and the DDS profile for large messages.
    """
    out = {**own, **profile_environment(own, share_path('config'))}
    if 'ROS_DOMAIN_ID' not in own:
        out['ROS_DOMAIN_ID'] = str(1 + os.getpid() % _DOMAINS)
        out.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # The arrays of one cycle are small: BLAS threads would only fight for the cores.
    for variable in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        out.setdefault(variable, '1')
    return out
