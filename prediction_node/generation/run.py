"""A bulk run: what is missing is made, what is there is counted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from prediction_node.domain.errors import DataError
from prediction_node.generation.report import Failed, Outcome
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.store import SceneStore
from prediction_node.generation.summary import Summary


class Workers(Protocol):
    """Whoever makes scenes."""

    def outcomes(self, requests: Sequence[SceneRequest]) -> Generator[Outcome, None, None]:
        """One outcome per request, in any order; closing the iterator stops the work."""


class Bar(Protocol):
    """What a run tells while it runs."""

    def scene(self, seed: int, share: float) -> None:
        """The share done of a scene in the making."""

    def done(self, seed: int) -> None:
        """A scene is over, for better or worse."""


def run_scenes(
    store: SceneStore,
    requests: Sequence[SceneRequest],
    workers: Workers,
    bar: Bar,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Make the scenes that are missing in the store (which the caller has claimed).

    What can be counted is counted even when the run is interrupted: the exception carries on, and
    the store keeps every finished scene. Raises DataError if a scene of another request is in the
    way, or when writing fails for good.
    """
    summary = Summary(asked=len(requests))
    missing = []
    for request in requests:
        report = store.finished(request.seed, request.identity)
        if report is None:
            missing.append(request)
        else:
            summary.add_earlier(report)
            bar.done(request.seed)
    if missing:
        with closing(workers.outcomes(missing)) as outcomes:
            for outcome in outcomes:
                summary.add(outcome)
                bar.done(outcome.seed)
                on_outcome(outcome)
                if isinstance(outcome, Failed) and outcome.hopeless:
                    raise DataError(
                        f'stopped at seed {outcome.seed}: {outcome.reason}; finished scenes stay '
                        f'in {store.folder}'
                    )
    return summary


@contextmanager
def progress_bar(console: Console, count: int) -> Iterator[SceneBar]:
    """A bar over the scenes, on a terminal."""
    columns = (
        TextColumn('scenes'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield SceneBar(progress, count)


class SceneBar:
    """Whole scenes are counted, those in the making fill the bar between them."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._task = progress.add_task('', total=count)
        self._done = 0
        self._shares: dict[int, float] = {}

    def scene(self, seed: int, share: float) -> None:
        self._shares[seed] = share
        self._show()

    def done(self, seed: int) -> None:
        self._shares.pop(seed, None)
        self._done += 1
        self._show()

    def _show(self) -> None:
        self._progress.update(self._task, completed=self._done + sum(self._shares.values()))
