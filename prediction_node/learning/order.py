"""Which sample comes when: a pure function of the step, so that a resumed run goes on exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class Order:
    """The samples of every batch of an endless training.

    Samples of one recording come close to each other, mixed with those of some others, because a
    worker prepares the map of a recording once and keeps few. `lanes` batches in turn draw from as
    many different parts of the data, one for each worker of each process.

    recording (N,): the recording of each sample. Raises ValueError without samples.
    """

    def __init__(
        self,
        recording: Sequence[str],
        *,
        batch_size: int,
        lanes: int = 1,
        open_recordings: int = 8,
        seed: int = 0,
    ) -> None:
        if not len(recording):
            raise ValueError('an order needs at least one sample, got 0')
        _, self._recording = np.unique(np.asarray(recording), return_inverse=True)
        self._batch_size = batch_size
        self._lanes = min(lanes, len(recording))
        self._open = open_recordings
        self._seed = seed
        self._passes: dict[int, np.ndarray] = {}

    def batch(self, number: int) -> list[tuple[int, int]]:
        """(index, draw) of each sample of a batch; no draw comes twice, so it seeds what is random
        about the sample.
        """
        lane, turn = number % self._lanes, number // self._lanes
        length = len(self._recording) // self._lanes
        first = turn * self._batch_size
        out = []
        for k in range(first, first + self._batch_size):
            index = self._pass(k // length)[lane * length + k % length]
            out.append((int(index), number * self._batch_size + k - first))
        return out

    def _pass(self, number: int) -> np.ndarray:
        """(N,) the order of all samples in one pass over the data."""
        if number not in self._passes:
            rng = np.random.default_rng([self._seed, number])
            n, recordings = len(self._recording), int(self._recording.max()) + 1
            count = np.bincount(self._recording, minlength=recordings)
            turn = rng.permutation(recordings)
            start = np.empty(recordings)
            start[turn] = np.cumsum(count[turn]) - count[turn]
            # Each recording is strewn over the length of a few: so many are mixed at any place.
            spread = self._open * n / recordings
            key = start[self._recording] + rng.uniform(0.0, spread, n)
            # Two passes meet within a batch; older ones are not asked for again.
            self._passes = {k: v for k, v in self._passes.items() if k == number - 1}
            self._passes[number] = np.argsort(key, kind='stable')
        return self._passes[number]


class Batches:
    """The batches of one process from some step on, without end: what a DataLoader draws."""

    def __init__(self, order: Order, *, start: int, rank: int, processes: int) -> None:
        self._order = order
        self._start, self._rank, self._processes = start, rank, processes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        step = self._start
        while True:
            yield self._order.batch(step * self._processes + self._rank)
            step += 1
