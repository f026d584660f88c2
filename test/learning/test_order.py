"""The order of samples is a pure function of the step."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.learning.order import Batches, Order

RECORDING = [f'r{k // 7}' for k in range(70)]


def order(batch_size: int = 4, lanes: int = 2, seed: int = 3, open_recordings: int = 2) -> Order:
    return Order(
        RECORDING,
        batch_size=batch_size,
        lanes=lanes,
        open_recordings=open_recordings,
        seed=seed,
    )


@given(st.lists(st.integers(0, 200), min_size=1, max_size=20), st.integers(1, 3))
def test_a_batch_depends_on_its_number_alone(numbers: list[int], lanes: int) -> None:
    one = order(lanes=lanes)
    assert [one.batch(n) for n in numbers] == [order(lanes=lanes).batch(n) for n in numbers]


@given(st.integers(1, 9), st.integers(1, 4))
def test_every_sample_comes_once_in_a_pass(batch_size: int, lanes: int) -> None:
    one = order(batch_size, lanes)
    per_lane = len(RECORDING) // lanes
    for lane in range(lanes):
        turns = range(-(-per_lane // batch_size))
        seen = [i for t in turns for i, _ in one.batch(t * lanes + lane)][:per_lane]
        assert len(set(seen)) == per_lane


def test_no_draw_comes_twice() -> None:
    one = order()
    draws = [draw for number in range(100) for _, draw in one.batch(number)]
    assert len(set(draws)) == len(draws)


def test_passes_differ() -> None:
    one = order(batch_size=70, lanes=1)
    assert one.batch(0) != one.batch(1)
    assert sorted(i for i, _ in one.batch(0)) == sorted(i for i, _ in one.batch(1))


def test_few_recordings_are_open_at_a_time() -> None:
    """Neighbours in the order are of about as many recordings as may be open, not of all."""
    recording = [f'r{k // 20}' for k in range(2000)]
    one = Order(recording, batch_size=20, lanes=1, open_recordings=4, seed=0)
    mixed = [len({recording[i] for i, _ in one.batch(n)}) for n in range(90)]
    assert 2 <= np.mean(mixed) <= 6


def test_processes_share_the_batches_of_a_step() -> None:
    """What two processes take, step by step, is what one takes of twice as many batches."""
    whole = order()
    parts = [
        list(islice(Batches(order(), start=5, rank=rank, processes=2), 3)) for rank in range(2)
    ]
    expected = [[whole.batch(2 * step + rank) for step in (5, 6, 7)] for rank in range(2)]
    assert parts == expected


def test_few_samples_are_drawn_again_and_again() -> None:
    one = Order(['a', 'a', 'a'], batch_size=8, lanes=4, seed=0)
    assert {i for n in range(6) for i, _ in one.batch(n)} == {0, 1, 2}


def test_no_samples_no_order() -> None:
    with pytest.raises(ValueError, match='at least one sample'):
        Order([], batch_size=1)
