"""Releases keep their clock; what a stall loses is counted, not made up for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prediction_node.schedule import ReleaseSchedule, first_aligned_ns

MS = 1_000_000


def test_each_release_is_given_out_once() -> None:
    schedule = ReleaseSchedule(1000 * MS)
    assert schedule.due(999 * MS) is None
    assert schedule.due(1003 * MS) == 1000 * MS
    assert schedule.due(1050 * MS) is None
    assert schedule.due(1100 * MS) == 1100 * MS
    assert schedule.missed == 0


def test_a_stall_gives_one_fresh_release_and_counts_the_rest() -> None:
    schedule = ReleaseSchedule(0)
    assert schedule.due(0) == 0
    assert schedule.due(530 * MS) == 500 * MS
    assert schedule.missed == 4
    assert schedule.due(531 * MS) is None


@given(st.lists(st.integers(0, 300 * MS), max_size=60))
def test_given_out_plus_missed_is_what_the_clock_expects(steps: list[int]) -> None:
    schedule = ReleaseSchedule(0)
    now, given_out = 0, 0
    last = -1
    for step in steps:
        now += step
        release = schedule.due(now)
        if release is not None:
            given_out += 1
            assert last < release <= now
            assert now - release < 100 * MS
            last = release
    if given_out:
        assert given_out + schedule.missed == last // (100 * MS) + 1


@given(st.integers(0, 2**62))
def test_aligned_is_the_first_multiple_not_before(instant: int) -> None:
    aligned = first_aligned_ns(instant)
    assert aligned % (100 * MS) == 0
    assert 0 <= aligned - instant < 100 * MS
