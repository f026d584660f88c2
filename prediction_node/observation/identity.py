"""64-bit hashes of the ids that sensors give their tracks, the same in any process."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

LONGEST_ID = 256  # characters looked at; longer ids differ by length alone beyond this


def hash_uuids(uuid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 16) uint8 to (N,) uint64 hashes and (N,) bool `has_id`.

    An all-zero uuid is no id, and neither is one that appears twice: nobody can tell the two apart.
    """
    words = np.ascontiguousarray(uuid, dtype=np.uint8).view('<u8').astype(np.uint64, copy=False)
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014), once per half.
    mixed = _finalise(_finalise(words[:, 0]) + _GOLDEN ^ words[:, 1])
    return mixed, _unique(mixed) & words.any(axis=1)


def hash_names(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """N strings to (N,) uint64 hashes and (N,) bool `has_id`, false for empty and repeated ones."""
    mixed = np.array([_digest(name) for name in map(_shortened, names)], dtype=np.uint64)
    unique = _unique(mixed)
    return mixed, unique if all(names) else unique & np.array([bool(name) for name in names])


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_ID else f'{name[:LONGEST_ID]}\0{len(name)}'


@functools.lru_cache(maxsize=8192)  # the same ids come in every message
def _digest(text: str) -> int:
    digest = hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).digest()
    return int.from_bytes(digest, 'little')


_GOLDEN, _FIRST, _SECOND = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64
)
_SHIFTS = np.array([30, 27, 31], dtype=np.uint64)


def _finalise(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> _SHIFTS[0])) * _FIRST
    x = (x ^ (x >> _SHIFTS[1])) * _SECOND
    return np.asarray(x ^ (x >> _SHIFTS[2]))


def _unique(hashes: np.ndarray) -> np.ndarray:
    """(N,) bool, true where a hash occurs once."""
    if len(set(hashes.tolist())) == len(hashes):
        return np.ones(len(hashes), dtype=bool)
    order = np.argsort(hashes, kind='stable')
    same = hashes[order][1:] == hashes[order][:-1]
    repeated = np.zeros(len(hashes), dtype=bool)
    repeated[order[1:]] |= same
    repeated[order[:-1]] |= same
    return ~repeated
