"""What commands have in common that make many things: how many at a time, where, and their end."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from prediction_node.command_line import positive


def add_worker_arguments(parser: argparse.ArgumentParser, things: str) -> None:
    """`--jobs` and `--ray`; `things` are what is made."""
    parser.add_argument(
        '--jobs',
        type=positive,
        default=os.cpu_count() or 1,
        metavar='J',
        help=f'{things} at a time (default: one per core)',
    )
    parser.add_argument(
        '--ray',
        metavar='ADDRESS',
        help=f'work on the {things} as Ray tasks: the address of a cluster, or local',
    )


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Asked to end, a run ends as with Ctrl-C: its processes and what is half done go with it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
