"""Hashes of sensor ids: stable, distinct, and absent where the id says nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.observation.identity import hash_names, hash_uuids


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=30))
def test_equal_uuids_have_equal_hashes_and_others_do_not(ids: list[bytes]) -> None:
    uuid = np.array([list(i) for i in ids], dtype=np.uint8).reshape(len(ids), 16)
    hashes, has_id = hash_uuids(uuid)
    for i, one in enumerate(ids):
        for j, other in enumerate(ids):
            assert (hashes[i] == hashes[j]) == (one == other)
        assert has_id[i] == (ids.count(one) == 1 and any(one))


@given(st.lists(st.text(max_size=5), max_size=20))
def test_the_same_for_names(names: list[str]) -> None:
    hashes, has_id = hash_names(names)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            assert (hashes[i] == hashes[j]) == (one == other)
        assert has_id[i] == (names.count(one) == 1 and one != '')


def test_single_bits_and_neighbours_do_not_collide() -> None:
    bits = np.packbits(np.eye(128, dtype=np.uint8), axis=1)
    counters = np.zeros((100_000, 16), np.uint8)
    counters[:, 8:16] = np.arange(100_000, dtype='<u8')[:, None].view(np.uint8)
    hashes, has_id = hash_uuids(np.concatenate([bits, counters[1:]]))
    # Single low bits of the second half are counters too.
    assert len(np.unique(hashes)) == 128 + 99_999 - 17
    assert np.count_nonzero(~has_id) == 2 * 17


def test_hashes_are_the_same_in_another_process() -> None:
    code = (
        'import numpy as np; from prediction_node.observation.identity import *;'
        'print(hash_uuids(np.arange(32, dtype=np.uint8).reshape(2, 16))[0].tolist(),'
        ' hash_names(["a", "track 7"])[0].tolist())'
    )
    other = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = hash_uuids(np.arange(32, dtype=np.uint8).reshape(2, 16))[0].tolist()
    assert other == f'{here} {hash_names(["a", "track 7"])[0].tolist()}'
