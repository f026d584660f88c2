"""Rows that belong together lie side by side: where each group starts and how long it is."""

from __future__ import annotations

import numpy as np


def firsts(index: np.ndarray) -> np.ndarray:
    """(K,) first rows of the K runs of equal values in `index` (R,)."""
    new = np.ones(len(index), bool)
    np.not_equal(index[1:], index[:-1], out=new[1:])
    return np.flatnonzero(new)


def lengths(first: np.ndarray, rows: int) -> np.ndarray:
    """(K,) numbers of rows of the groups that start at `first` (K,), of `rows` in all."""
    end = np.empty_like(first)
    end[:-1] = first[1:]
    end[-1:] = rows
    length: np.ndarray = end - first
    return length
