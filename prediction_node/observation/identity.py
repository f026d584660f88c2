"""64-bit hashes of the ids that sensors give their tracks, the same in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

LONGEST_ID = 256  # characters looked at; longer ids differ by length alone beyond this


def hash_uuids(uuid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 16) uint8 to (N,) uint64 hashes and (N,) bool `has_id`.

    An all-zero uuid is no id, and neither is one that appears twice: nobody can tell the two apart.
    """
    words = np.ascontiguousarray(uuid, dtype=np.uint8).view('<u8').astype(np.uint64)
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014), once per half.
    mixed = _finalise(_finalise(words[:, 0]) + np.uint64(0x9E3779B97F4A7C15) ^ words[:, 1])
    return mixed, _unique(mixed) & np.any(words != 0, axis=1)


def hash_names(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """N strings to (N,) uint64 hashes and (N,) bool `has_id`, false for empty and repeated ones."""
    digests = b''.join(_digest(name) for name in names)
    mixed = np.frombuffer(digests, dtype='<u8').astype(np.uint64)
    named = np.fromiter((bool(name) for name in names), dtype=bool, count=len(names))
    return mixed, _unique(mixed) & named


def _digest(name: str) -> bytes:
    text = name if len(name) <= LONGEST_ID else f'{name[:LONGEST_ID]}\0{len(name)}'
    return hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).digest()


def _finalise(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _unique(hashes: np.ndarray) -> np.ndarray:
    """(N,) bool, true where a hash occurs once."""
    if len(hashes) < 2:
        return np.ones(len(hashes), dtype=bool)
    order = np.argsort(hashes, kind='stable')
    same = hashes[order][1:] == hashes[order][:-1]
    repeated = np.zeros(len(hashes), dtype=bool)
    repeated[order[1:]] |= same
    repeated[order[:-1]] |= same
    return ~repeated
