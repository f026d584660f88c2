"""What the three processes of the bench have in common: arguments, start, end."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from prediction_node.allocator import keep_freed_memory
from prediction_node.bench.run_file import RunFile, read_run
from prediction_node.domain.errors import PredictionNodeError

START_TOPIC = '/hil/start'
CANDIDATES = '/planning/candidate_trajectories'
ANSWERS = '/prediction/output/conditioned_objects'
TRAJECTORY = '/planning/trajectory'
RESPONSE = '/prediction/debug/response_ms'
OBJECTS = '/perception/object_recognition/objects'

# The run's zero: whoever comes late still hears it.
START = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# Deeper than a planner's: what a listener that is kept from the core fails to take was still sent.
PATIENT = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def run_process(
    description: str,
    work: Callable[[Path, RunFile, argparse.Namespace], int],
    nice: int,
    **more: Any,
) -> int:
    """Read the run that was prepared, do the work, end cleanly. Returns the exit status: 2 when it
    cannot be done, 0 when told to stop.

    `more` are further options: name -> keyword arguments of add_argument. `nice` lets the node
    under test go first when all want the core.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        'folder', type=Path, help='where `hil --prepare` or the launch file put the run'
    )
    for name, keywords in more.items():
        parser.add_argument(f'--{name}', **keywords)
    for variable in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ.setdefault(variable, '1')
    arguments = rclpy.utilities.remove_ros_args(sys.argv)[1:]
    args = parser.parse_args(arguments)
    keep_freed_memory()
    os.nice(nice)
    rclpy.init(args=sys.argv)
    try:
        return work(args.folder, read_run(args.folder), args)
    except PredictionNodeError as error:
        print(f'error: {error}', file=sys.stderr, flush=True)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except RCLError:
        if rclpy.ok():
            raise
        return 0  # told to stop in the middle of a message
    finally:
        rclpy.try_shutdown()


def settled() -> None:
    """What was made so far stays: the collector need not walk it any more."""
    gc.collect()
    gc.freeze()
