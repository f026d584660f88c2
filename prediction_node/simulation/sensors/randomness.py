"""Random numbers that depend on the seed, the sensor, the scan and the row, and on nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT

NORMALS = 10
UNIFORMS = 4 + ATTRIBUTE_COUNT
NEWCOMERS = 64  # rows that a growing world gets their numbers for at once


def generator_for(seed: int, *names: str | int) -> np.random.Generator:
    """Random numbers that depend on the seed and the names, and on nothing else."""
    digest = hashlib.blake2b('/'.join(str(n) for n in (seed, *names)).encode(), digest_size=16)
    return np.random.default_rng(int.from_bytes(digest.digest(), 'little'))


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What chance holds for M objects in one scan."""

    normal: np.ndarray  # (M, NORMALS)
    uniform: np.ndarray  # (M, UNIFORMS)
    order: np.ndarray  # (M,) uniform; who is reported first
    mistaken: np.ndarray  # (M,) uniform; whose id is mixed up

    def at(self, index: np.ndarray) -> Draws:
        return Draws(
            self.normal[index], self.uniform[index], self.order[index], self.mistaken[index]
        )

    def and_also(self, others: Draws) -> Draws:
        return Draws(
            np.concatenate([self.normal, others.normal]),
            np.concatenate([self.uniform, others.uniform]),
            np.concatenate([self.order, others.order]),
            np.concatenate([self.mistaken, others.mistaken]),
        )


class ScanChance:
    """The numbers of one scan, for the rows that need some.

    Rows that were there when the stream began (all rows of a recording) share one generator, each
    64 newcomers another: who comes later changes nothing for those before.
    """

    def __init__(self, seed: int, sensor: str, scan: int, first_rows: int) -> None:
        self._names = (seed, sensor, scan)
        self._first_rows = first_rows
        generator = generator_for(seed, sensor, scan)
        self._first = _draw(generator, first_rows)
        self.late = float(generator.random())  # of the jitter

    def of(self, row: np.ndarray) -> Draws:
        if not len(row) or int(row.max()) < self._first_rows:
            return self._first.at(row)
        block = np.where(row < self._first_rows, -1, (row - self._first_rows) // NEWCOMERS)
        out = Draws(
            np.empty((len(row), NORMALS)),
            np.empty((len(row), UNIFORMS)),
            np.empty(len(row)),
            np.empty(len(row)),
        )
        for b in np.unique(block).tolist():
            mine = np.flatnonzero(block == b)
            if b < 0:
                part = self._first.at(row[mine])
            else:
                seed, sensor, scan = self._names
                drawn = _draw(generator_for(seed, sensor, scan, f'newcomers {b}'), NEWCOMERS)
                part = drawn.at((row[mine] - self._first_rows) % NEWCOMERS)
            out.normal[mine], out.uniform[mine] = part.normal, part.uniform
            out.order[mine], out.mistaken[mine] = part.order, part.mistaken
        return out


def _draw(generator: np.random.Generator, n: int) -> Draws:
    normal = generator.standard_normal((n, NORMALS))
    uniform = generator.random((n, UNIFORMS))
    return Draws(normal, uniform, generator.random(n), generator.random(n))
