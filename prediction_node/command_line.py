"""What commands have in common: counts among their arguments, progress, figures in a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from prediction_node.domain.errors import PredictionNodeError

MOST = 10_000_000


class Progress(Protocol):
    """Told how far something is: `what` is at work, and so much of it is done."""

    def __call__(self, what: str, done: float, total: float = 1.0) -> None: ...


def positive(text: str, most: int = MOST) -> int:
    """A count among a command's arguments, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= most:
        raise argparse.ArgumentTypeError(f'must be in 1 to {most}, got {text}')
    return value


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draws a bar per `what` on standard error while it is a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: float, total: float = 1.0) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield progress


@contextmanager
def needs_training() -> Iterator[None]:
    """Around the imports of a command that trains: says what to install where it is missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise PredictionNodeError(
            f'{missing.name} is missing: pip install -r requirements/training.txt'
        ) from None


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures, making the folder; nothing for None.

    Raises PredictionNodeError naming the path if the disk does not take it.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
    except OSError as error:
        raise PredictionNodeError(f'cannot write {path}: {error.strerror}') from error
