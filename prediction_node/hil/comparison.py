"""The same cities driven by two planners, in lockstep, and what the difference is worth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prediction_node.domain.errors import PredictionNodeError

if TYPE_CHECKING:
    from rich.console import Console

RESAMPLES = 10_000
SEED = 20260101
_POLL_S = 0.2
# What a run is summed up by: name -> key of its figures.
COUNTS = {
    'hard_brakes': 'hard_brakes',
    'ego_hard_brakes': 'ego_hard_brakes',
    'caused_hard_brakes': 'caused_hard_brakes',
    'collisions': 'ego_collisions',
    'distance_m': 'ego_distance_m',
}


class Comparison:
    """Two planners (`arms`) over seeds; each run is a process of its own, its figures a file."""

    def __init__(
        self,
        arms: tuple[str, str],
        seeds: Sequence[int],
        scenario: str,
        duration_s: float,
        folder: Path,
        *,
        config: Path | None = None,
        model: str = '',
    ) -> None:
        self._arms, self._seeds, self._folder = arms, tuple(seeds), folder
        self._scenario, self._duration_s = scenario, duration_s
        self._options = ['--scenario', scenario, '--duration', f'{duration_s:g}', '--lockstep']
        if config is not None:
            self._options += ['--config', str(config)]
        self._model = model

    def run(self, jobs: int, console: Console) -> dict[str, Any]:
        """All runs that are not there yet, `jobs` at a time, then the comparison.

        Raises PredictionNodeError when a run ends without figures.
        """
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = [(arm, seed) for seed in self._seeds for arm in self._arms]
        waiting = [each for each in wanted if self._figures(*each) is None]
        running: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, console=console) as bar:
                task = bar.add_task('', total=len(wanted), completed=len(wanted) - len(waiting))
                while waiting or running:
                    while waiting and len(running) < jobs:
                        run = waiting.pop(0)
                        running[run] = self._start(*run)
                    for run, process in list(running.items()):
                        if process.poll() is not None:
                            del running[run]
                            self._check(run, process.returncode)
                            bar.advance(task)
                    time.sleep(_POLL_S)
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
        runs = {arm: [self._figures(arm, seed) or {} for seed in self._seeds] for arm in self._arms}
        return {
            'scenario': self._scenario,
            'duration_s': self._duration_s,
            **compared(self._arms, self._seeds, runs),
        }

    def _path(self, arm: str, seed: int) -> Path:
        return self._folder / f'{arm}_{seed}.json'

    def _figures(self, arm: str, seed: int) -> dict[str, Any] | None:
        """Of a run that is there already, asked for in the same words; else None."""
        try:
            content: dict[str, Any] = json.loads(self._path(arm, seed).read_text(encoding='utf-8'))
            asked = self._path(arm, seed).with_suffix('.txt').read_text(encoding='utf-8')
        except (OSError, ValueError):
            return None
        return content if asked == ' '.join(self._command(arm, seed)) else None

    def _command(self, arm: str, seed: int) -> list[str]:
        out = ['hil', *self._options, '--seed', str(seed), '--planner', arm]
        return [*out, '--model', self._model] if self._model else out

    def _start(self, arm: str, seed: int) -> subprocess.Popen[bytes]:
        path = self._path(arm, seed)
        path.unlink(missing_ok=True)
        command = self._command(arm, seed)
        path.with_suffix('.txt').write_text(' '.join(command), encoding='utf-8')
        environment = {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', **os.environ}
        with path.with_suffix('.log').open('wb') as log:
            return subprocess.Popen(
                [sys.executable, '-m', 'prediction_node', *command, '--json', str(path)],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _check(self, run: tuple[str, int], status: int) -> None:
        if status not in (0, 1) or self._figures(*run) is None:
            log = self._path(*run).with_suffix('.log')
            said = log.read_text(encoding='utf-8', errors='replace').strip().splitlines()
            arm, seed = run
            last = said[-1] if said else 'it said nothing'
            raise PredictionNodeError(f'the run of seed {seed} with planner {arm} failed: {last}')


def compared(
    arms: tuple[str, str], seeds: Sequence[int], runs: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Totals of both arms, and paired differences (first minus second) with 95 % intervals by
    bootstrap over seeds (percentiles; Efron and Tibshirani, 1993).
    """
    table = {
        arm: {
            name: np.array([float(run.get(key, 0.0)) for run in runs[arm]])
            for name, key in COUNTS.items()
        }
        for arm in arms
    }
    return {
        'seeds': list(seeds),
        'arms': {arm: _totals(table[arm]) for arm in arms},
        'paired': _paired(table[arms[0]], table[arms[1]]),
        'runs': [
            {
                'seed': seed,
                **{
                    arm: {name: table[arm][name][row] for name in COUNTS}
                    | {'verdict': runs[arm][row].get('verdict')}
                    for arm in arms
                },
            }
            for row, seed in enumerate(seeds)
        ],
    }


def _totals(sums: dict[str, np.ndarray]) -> dict[str, float]:
    total = {name: float(values.sum()) for name, values in sums.items()}
    km = max(total['distance_m'] / 1000.0, 1e-9)
    return {
        **total,
        'hard_brakes_per_km': total['hard_brakes'] / km,
        'ego_hard_brakes_per_km': total['ego_hard_brakes'] / km,
        'caused_hard_brakes_per_km': total['caused_hard_brakes'] / km,
        'collisions_per_km': total['collisions'] / km,
    }


def _paired(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, Any]:
    n = len(first['distance_m'])
    picks = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
    whole = np.arange(n)[None]

    def per_km(arm: dict[str, np.ndarray], name: str, rows: np.ndarray) -> np.ndarray:
        km = arm['distance_m'][rows].sum(axis=1) / 1000.0
        return np.asarray(arm[name][rows].sum(axis=1) / np.maximum(km, 1e-9))

    out: dict[str, Any] = {}
    for name in ('hard_brakes', 'ego_hard_brakes', 'caused_hard_brakes', 'collisions'):
        out[f'{name}_per_km'] = _interval(
            *(per_km(first, name, r) - per_km(second, name, r) for r in (whole, picks))
        )
        out[f'{name}_per_run'] = _interval(
            *((first[name] - second[name])[r].mean(axis=1) for r in (whole, picks))
        )
    ratio = [
        first['distance_m'][r].sum(axis=1) / np.maximum(second['distance_m'][r].sum(axis=1), 1e-9)
        for r in (whole, picks)
    ]
    out['distance_ratio'] = _interval(*ratio)
    return out


def _interval(value: np.ndarray, resampled: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {'value': float(value[0]), 'low': float(low), 'high': float(high)}
