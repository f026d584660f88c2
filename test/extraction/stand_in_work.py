"""Work without recordings, for processes that import it by name.

The file of a unit says what happens to it: 'fine' files an empty recording, 'raise' is a user's
error, 'raise once' only the first time, 'die' kills the process, 'die once' only the first time.
Every try is noted beside it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from prediction_node.domain.errors import DataError
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.make import Done, Failed, Outcome, identity_of
from prediction_node.extraction.units import Unit
from prediction_node.learning.samples.writer import SampleWriter


def work(unit: Unit, asking: Asking, folder: Path) -> Outcome:
    tries = unit.path.with_suffix('.tries')
    with tries.open('a') as file:
        file.write(f'{os.getpid()}\n')
    what = unit.path.read_text()
    first = len(tries.read_text().split()) == 1
    if what == 'die' or (what == 'die once' and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if what == 'raise' or (what == 'raise once' and first):
        return Failed(unit.name, str(unit.path), str(DataError('the disk is away')))
    with SampleWriter(
        folder,
        unit.name,
        group='g',
        origin='recorded',
        identity=identity_of(unit, asking),
        facts={'path': str(unit.path.resolve())},
    ):
        pass
    return Done(unit.name, 0, 0.0)
