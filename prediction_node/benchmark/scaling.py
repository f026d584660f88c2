"""The network alone over numbers of agents and of the robotaxi's candidate plans."""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.benchmark.engines import ENGINES
from prediction_node.benchmark.gpu import gpu_figures
from prediction_node.benchmark.inference import (
    WARM_UP_CYCLES,
    close_model,
    cycle_s,
    open_model,
    percentiles,
    plan_arrays,
    scene_arrays,
)
from prediction_node.benchmark.scaling_report import draw, picture_path, table
from prediction_node.command_line import Progress, progress_bar
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.inference.model import Model
from prediction_node.predictor import find_model

# Turns of each cell. The first cycles after another cell's turn find its traces in the caches.
TURNS, SETTLING_CYCLES = 10, 2
# Of the time of a cycle. Linux takes the core for 50 ms from what runs at real-time priority for
# 0.95 of a second: nobody asks a vehicle's engine without a pause.
REST_SHARE = 0.1

Opener = Callable[[int], Model]


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures under the key `scaling`, a picture in `args.out`."""
    folder = ModelFolder.read(find_model(args.model))
    picture = picture_path(args.out)  # what is missing is said before minutes are spent

    def open_for(agents: int) -> Model:
        return open_model(args.engine, folder, agents, args.threads, max(args.candidates_list))

    def read() -> dict[str, Any]:
        return gpu_figures(args.engine)

    before_mb = resident_mb()
    with progress_bar() as progress:
        cells = measure_cells(
            open_for, args.agents_list, args.candidates_list, args.cycles, progress, read
        )
    figures = {
        'engine': args.engine,
        'threads': args.threads,
        'model': folder.name,
        'machine': machine(ENGINES[args.engine]),
        'memory_before_mb': before_mb,
        'cells': cells,
    }
    if picture is not None:
        draw(figures, picture)
    return {'scaling': figures}


def show(figures: dict[str, dict[str, Any]]) -> None:
    """The table, on standard output."""
    from rich.console import Console

    # A pipe has no width: the table's own is wanted.
    Console(width=None if sys.stdout.isatty() else 120).print(table(figures['scaling']))


def measure_cells(
    open_for: Opener,
    agents_list: Sequence[int],
    candidates_list: Sequence[int],
    cycles: int,
    progress: Progress,
    read: Callable[[], dict[str, Any]] = dict,
) -> list[dict[str, Any]]:
    """One dictionary for each pair. An engine is opened for each number of agents; its cells take
    turns, forwards and backwards, and all get what `read` tells of the machine afterwards.
    """
    turns = min(TURNS, cycles)
    settling = SETTLING_CYCLES * (turns - 1)
    steps = len(candidates_list) * (WARM_UP_CYCLES + settling + cycles)
    done = itertools.count(1)
    cells = []
    for agents in agents_list:
        begin = time.perf_counter()
        model = open_for(agents)
        opened_s = time.perf_counter() - begin
        arrays = scene_arrays(model.sizes)
        plans = {n: plan_arrays(model.sizes, n) for n in candidates_list}
        first_s: dict[int, tuple[float, float]] = {}
        memory_mb: dict[int, float | None] = {}
        counted_s: dict[int, list[tuple[float, float]]] = {n: [] for n in candidates_list}
        for turn, indices in enumerate(np.array_split(np.arange(cycles), turns)):
            ahead = SETTLING_CYCLES if turn else WARM_UP_CYCLES
            for candidates in candidates_list[:: -1 if turn % 2 else 1]:
                for i in range(ahead + len(indices)):
                    taken_s = cycle_s(model, arrays, plans[candidates])
                    first_s.setdefault(candidates, taken_s)
                    if i >= ahead:
                        counted_s[candidates].append(taken_s)
                    time.sleep(REST_SHARE * sum(taken_s))
                    progress('scaling', next(done), steps * len(agents_list))
                memory_mb.setdefault(candidates, resident_mb())
        told = read()
        close_model(model)
        cells += [
            {
                'agents': agents,
                'candidates': candidates,
                'map_nodes': model.sizes.map_nodes,
                **percentiles(counted_s[candidates]),
                'first_ms': 1e3 * sum(first_s[candidates]),
                'open_s': opened_s,
                'memory_mb': memory_mb[candidates],
                'cycles': len(counted_s[candidates]),
                **told,
            }
            for candidates in candidates_list
        ]
    return cells


def resident_mb() -> float | None:
    """Memory of this process that is in RAM, in 10^6 bytes; None where the system has no /proc."""
    try:
        pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    except OSError:
        return None
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def machine(library: str) -> dict[str, Any]:
    """What figures depend on: processor, usable cores, versions. `library` has been opened."""
    return {
        'processor': _processor(),
        'cores': len(os.sched_getaffinity(0)) if sys.platform == 'linux' else os.cpu_count(),
        'system': platform.platform(),
        'python': platform.python_version(),
        **_release(library),
    }


def _release(library: str) -> dict[str, str]:
    if library != 'tensorrt':
        return {library: str(sys.modules[library].__version__)}
    from prediction_node.inference.tensorrt_engine.flavour import find_flavour

    flavour = find_flavour()  # imported by the engine's process alone
    return {flavour.name: flavour.version}


def _processor() -> str:
    try:
        text = Path('/proc/cpuinfo').read_text(encoding='utf-8')
    except OSError:
        text = ''
    for line in text.splitlines():
        name, _, value = line.partition(':')
        if name.strip() == 'model name':
            return value.strip()
    return platform.processor() or platform.machine()
