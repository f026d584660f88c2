"""Class probabilities from what sensors say: labels with probabilities, names with scores."""

from __future__ import annotations

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass


def class_table(
    owner: np.ndarray, label: np.ndarray, score: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Flat classifications to (N, CLASS_COUNT) rows that sum to one, and (N,) score sums.

    `owner` (C,) is the object, `label` (C,) its kinds.ObjectClass, `score` (C,) in [0, 1]. A sum
    below one leaves the rest to UNKNOWN, a sum above one is scaled down. A row without scores is
    all UNKNOWN.
    """
    return _class_table(
        np.ascontiguousarray(owner, np.int64),
        np.ascontiguousarray(label, np.int64),
        np.ascontiguousarray(score, np.float64),
        (count, CLASS_COUNT),
        int(ObjectClass.UNKNOWN),
    )


@compiled
def _class_table(
    owner: np.ndarray, label: np.ndarray, score: np.ndarray, shape: tuple[int, int], unknown: int
) -> tuple[np.ndarray, np.ndarray]:
    count, classes = shape
    table = np.zeros(shape)
    for j in range(len(owner)):
        table[owner[j], label[j]] += score[j]
    total = np.zeros(count)
    for i in range(count):
        for c in range(classes):
            total[i] += table[i, c]
        table[i, unknown] += max(1.0 - total[i], 0.0)
        for c in range(classes):
            table[i, c] /= max(total[i], 1.0)
    return table, total


def clipped(probability: np.ndarray) -> np.ndarray:
    """Probabilities that passed with one rounding too much, in [0, 1]."""
    return np.asarray(np.minimum(np.maximum(probability, 0.0), 1.0))  # np.clip is slower


def known_labels(label: np.ndarray) -> np.ndarray:
    """(C,) numbers of autoware_perception_msgs/ObjectClassification to kinds.ObjectClass.

    HAZARD, OVER_DRIVABLE, UNDER_DRIVABLE and numbers yet to be invented become UNKNOWN.
    """
    numbers = np.asarray(label, dtype=np.int64)
    return np.where(numbers < CLASS_COUNT, numbers, int(ObjectClass.UNKNOWN))


def members(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ragged members of the objects `rows`: (C,) owner, an index into `rows`, and (C,) flat index.

    `offsets` (M + 1,) as in domain.message_arrays.
    """
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    owner = np.arange(len(rows)).repeat(lengths)
    before = lengths.cumsum() - lengths
    return owner, np.arange(len(owner)) + (starts - before)[owner]


def all_of(owner: np.ndarray, passed: np.ndarray, count: int) -> np.ndarray:
    """(N,) true where every member of an owner passed."""
    if passed.all():
        return np.ones(count, dtype=bool)
    return np.asarray(np.bincount(owner[~passed], minlength=count) == 0)
