"""After the rehearsal nothing is left to be compiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prediction_node.config import Config
from prediction_node.domain.stamps import STEP_NS
from prediction_node.pipeline import Pipeline
from prediction_node.rehearsal import rehearse

DRIVE = Path(__file__).with_name('drive_after_rehearsal.py')


def test_a_drive_after_the_rehearsal_compiles_nothing() -> None:
    """In a process of its own: other tests have compiled kernels in this one."""
    done = subprocess.run(
        [sys.executable, str(DRIVE)],
        cwd=DRIVE.parent.parent,
        env={'PYTHONPATH': str(DRIVE.parent.parent)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    ready, later = map(int, done.stdout.split())
    assert ready > 5
    assert later == 0


def test_the_rehearsal_leaves_no_trace() -> None:
    pipeline = Pipeline(Config(), None)
    rehearse(pipeline)
    release = pipeline.release(STEP_NS)
    assert len(release.agents) == 0
    assert release.health.odometry.received == 0
