"""Between two ticks simulated time goes on at the player's rate, never past the next tick."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='prediction_node.ros needs rclpy')

from prediction_node.ros.simulated_clock import SimulatedClock

MS = 1_000_000


def test_time_goes_on_between_ticks() -> None:
    clock = SimulatedClock()
    for k in range(100):
        clock.tick(k * 10 * MS, wall_ns=k * 10 * MS)
    assert clock.now_ns(wall_ns=990 * MS + 4 * MS) == pytest.approx(994 * MS, abs=0.1 * MS)


def test_it_never_passes_the_next_tick() -> None:
    clock = SimulatedClock()
    clock.tick(0, wall_ns=0)
    clock.tick(10 * MS, wall_ns=10 * MS)
    assert clock.now_ns(wall_ns=5000 * MS) == 20 * MS


def test_it_learns_the_players_rate() -> None:
    clock = SimulatedClock()
    for k in range(200):
        clock.tick(k * 10 * MS, wall_ns=k * 5 * MS)  # twice as fast as the wall
    assert clock.now_ns(wall_ns=199 * 5 * MS + 2 * MS) == pytest.approx(1994 * MS, abs=0.2 * MS)


def test_a_jump_back_is_told_once() -> None:
    clock = SimulatedClock()
    assert not clock.tick(1000 * MS, wall_ns=0)
    assert clock.tick(10 * MS, wall_ns=10 * MS)
    assert not clock.tick(20 * MS, wall_ns=20 * MS)
    assert clock.now_ns(wall_ns=20 * MS) == 20 * MS
