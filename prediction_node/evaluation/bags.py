"""Engines beside each other on samples of a store, by class and horizon."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.evaluation.engines import EngineSpec, Garage
from prediction_node.evaluation.judging import HEADLINE_S, Judge, Judged
from prediction_node.evaluation.ngsim import Progress, silent
from prediction_node.evaluation.sample_windows import spread_indices, window_of
from prediction_node.evaluation.tables import by_class, figures_of, gains
from prediction_node.learning.samples import SampleStore
from prediction_node.metrics import HORIZONS_S

PORTION = 20  # samples judged by one process at a time
WORST = 6


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What engines said of the same R agents, and where those are found."""

    results: dict[str, Judged]  # by engine, the one that is judged first
    sample: np.ndarray  # (R,) index into the store
    row: np.ndarray  # (R,) row of its scene's agents

    @classmethod
    def joined(cls, parts: Sequence[Judgement]) -> Judgement:
        results = {
            name: Judged.joined([part.results[name] for part in parts]) for name in parts[0].results
        }
        return cls(
            results,
            np.concatenate([part.sample for part in parts]),
            np.concatenate([part.row for part in parts]),
        )


def judge_store(
    store: SampleStore,
    specs: Sequence[EngineSpec],
    limit: int | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Judgement:
    """Ask all engines about all samples, or about `limit` of them evenly spread.

    Raises DataError if no sample has an agent with a future.
    """
    indices = spread_indices(store, limit)
    portions = [indices[k : k + PORTION] for k in range(0, len(indices), PORTION)]
    parts = []
    for done, part in enumerate(_judged(store, specs, portions, jobs)):
        progress('predicting', min(done * PORTION, len(indices)), len(indices))
        parts.extend([] if part is None else [part])
    progress('predicting', len(indices), len(indices))
    if not parts:
        raise DataError(f'{store.folder}: no sample holds an agent whose future is known')
    return Judgement.joined(parts)


def _judged(
    store: SampleStore, specs: Sequence[EngineSpec], portions: Sequence[np.ndarray], jobs: int
) -> Iterator[Judgement | None]:
    if jobs == 1:
        worker = _Worker(store, specs)
        yield from map(worker.judge, portions)
        return
    # Spawned: engines with threads of their own do not survive a fork.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(jobs, context, _start, (store, tuple(specs))) as pool:
        yield from pool.map(_ask_worker, portions)


class _Worker:
    def __init__(self, store: SampleStore, specs: Sequence[EngineSpec]) -> None:
        self._store = store
        self._specs = specs
        self._garage = Garage(len({spec.unmasked for spec in specs}))
        self._judge = Judge()

    def judge(self, indices: np.ndarray) -> Judgement | None:
        parts = []
        for index in indices:
            window = window_of(self._store[int(index)])
            if not len(window.judged):
                continue
            results = {
                spec.key: self._judge(self._garage.engine(spec).predict(window.scene), window)
                for spec in self._specs
            }
            rows = window.judged
            parts.append(Judgement(results, np.full(len(rows), index), rows))
        return Judgement.joined(parts) if parts else None


_worker: list[_Worker] = []  # of this process


def _start(store: SampleStore, specs: Sequence[EngineSpec]) -> None:
    _worker.append(_Worker(store, specs))


def _ask_worker(indices: np.ndarray) -> Judgement | None:
    return _worker[0].judge(indices)


def figures(judgement: Judgement) -> dict[str, Any]:
    """By class, and of all agents together."""
    results = judgement.results
    first, *others = results
    moving = results[first].moving
    return {
        'all_classes': {
            **{name: figures_of(judged) for name, judged in results.items()},
            'gain_over': {n: gains(results[first], results[n], moving) for n in others},
        },
        'classes': by_class(results),
    }


def worst(judgement: Judgement, store: SampleStore, count: int = WORST) -> list[dict[str, Any]]:
    """The moving agents that the first engine was farthest from at 5 s, with any of its modes.

    One per recording, each class in turn, so that no single fault or class fills the list.
    """
    judged = next(iter(judgement.results.values()))
    column = HORIZONS_S.index(HEADLINE_S)
    miss = judged.scores['min_fde'][:, column]
    candidates = np.flatnonzero(judged.moving & ~np.isnan(miss))
    order = candidates[np.argsort(-miss[candidates], kind='stable')]
    recordings = store.recording
    found: list[dict[str, Any]] = []
    piles = {label: order[judged.label[order] == label] for label in np.unique(judged.label[order])}
    seen: set[str] = set()
    while len(found) < count and piles:
        for label in list(piles):
            pile = [k for k in piles[label] if recordings[judgement.sample[k]] not in seen]
            if not pile or len(found) >= count:
                del piles[label]
                continue
            k = pile[0]
            piles[label] = np.array(pile[1:], np.int64)
            name = recordings[judgement.sample[k]]
            seen.add(name)
            found.append(
                {
                    'recording': name,
                    'sample': int(judgement.sample[k]),
                    'agent': int(judgement.row[k]),
                    'class': CLASS_NAMES[int(label)],
                    'min_fde': float(miss[k]),
                    'fde': float(judged.scores['fde'][k, column]),
                }
            )
    return found


def evaluate_bags(
    store: SampleStore,
    specs: Sequence[EngineSpec],
    limit: int | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Judgement]:
    """What the JSON file says, and what it was made from."""
    judgement = judge_store(store, specs, limit, jobs, progress)
    names = [spec.key for spec in specs]
    chosen = np.unique(judgement.sample)
    origins = Counter(np.array(store.origin)[chosen].tolist())
    result = {
        'engine': names[0],
        'baselines': names[1:],
        'samples': len(chosen),
        'origins': dict(origins),
        'groups': len(np.unique(judgement.results[names[0]].group)),
        **figures(judgement),
        'worst': worst(judgement, store),
    }
    return result, judgement
