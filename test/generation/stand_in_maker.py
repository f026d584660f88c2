"""A maker of scenes without a simulator, for processes that import it by name.

The description of the scenario is a folder; a file named after a seed says what happens to that
scene: 'die' kills the process, 'die once' only the first time, 'raise' is a user's error, 'bug'
another, 'full' a full disk, 'hang' never ends, 'wait' goes on when a file SEED.go appears.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from prediction_node.domain.errors import SimulationError
from prediction_node.generation.report import Rejection, SceneReport
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.workers import OnProgress


def make(request: SceneRequest, folder: Path, on_progress: OnProgress) -> SceneReport:
    assert request.scenario is not None
    orders = Path(request.scenario.description)
    order = orders / str(request.seed)
    what = order.read_text() if order.exists() else ''
    with (orders / f'{request.seed}.tries').open('a') as tries:
        tries.write(f'{os.getpid()}\n')
    (folder / 'bag').mkdir()
    (folder / 'bag' / 'data').write_bytes(bytes([request.seed % 256]) * 1000)
    on_progress(0.5)
    if what == 'die once':
        order.unlink()
    if what in ('die', 'die once'):
        print('first words\nlast words\n', flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == 'raise':
        raise SimulationError('netconvert says no')
    if what == 'bug':
        raise KeyError('lane')
    if what == 'full':
        raise OSError(28, 'No space left on device')
    if what == 'hang':
        time.sleep(3600.0)
    if what == 'wait':
        while not (orders / f'{request.seed}.go').exists():
            time.sleep(0.01)
    (folder / 'map.osm').write_text(f'map of {request.seed}')
    return SceneReport(
        scenario=request.scenario.name,
        seed=request.seed,
        agents={'car': 2, 'pedestrian': 1},
        agent_seconds=30.0,
        messages=7,
        counts={'teleports': 0, 'smoothed jumps': 3},
        rejected=(Rejection(99, 'overlap: a car and a bus'),) if request.seed % 2 else (),
    )
