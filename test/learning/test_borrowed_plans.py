"""Laws of plans at another's pace."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from prediction_node.learning.borrowed_plans import borrowed, partner  # noqa: E402

BLOCK_S = 0.5
K = 16


def straight(x: float, y: float, yaw: float, speeds: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """A plan along a line whose speeds (K + 1) change linearly within blocks, and its ego."""
    yaw_t = torch.tensor(yaw)
    heading = torch.stack([yaw_t.cos(), yaw_t.sin()])
    gone = torch.cumsum(0.5 * BLOCK_S * (speeds[1:] + speeds[:-1]), 0)
    place = torch.tensor([x, y]) + gone[:, None] * heading
    plan = torch.cat([place, heading.expand(K, 2), speeds[1:, None]], dim=1)
    return plan, torch.cat([torch.tensor([x, y]), heading, speeds[:1]])


def batch(*parts: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.stack([p for p, _ in parts]), torch.stack([e for _, e in parts])


def test_the_nearest_in_speed_lends_its_pace() -> None:
    assert partner(torch.tensor([1.0, 1.4, 9.0]), 1).tolist() == [1, 0, 1]
    assert partner(torch.tensor([1.0, 1.4, 9.0]), 2).tolist() == [2, 2, 0]


def test_straight_ways_at_each_others_pace() -> None:
    """Along its own line, as fast as the other became."""
    faster = torch.linspace(10.0, 14.0, K + 1)
    slower = torch.linspace(9.0, 1.0, K + 1)
    plan, ego = batch(straight(3.0, -2.0, 0.7, faster), straight(50.0, 8.0, -2.0, slower))
    found, _ = borrowed(plan, torch.ones(2, K), ego, BLOCK_S, 1)
    expected, _ = batch(
        straight(3.0, -2.0, 0.7, slower + 1.0), straight(50.0, 8.0, -2.0, faster - 1.0)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_nobody_drives_backwards_and_who_stands_keeps_the_heading() -> None:
    braking = torch.cat([torch.linspace(8.0, 0.0, 9), torch.zeros(K - 8)])
    standing = torch.full((K + 1,), 2.0)
    plan, ego = batch(straight(0.0, 0.0, 1.0, standing), straight(0.0, 0.0, 0.0, braking))
    found, _ = borrowed(plan, torch.ones(2, K), ego, BLOCK_S, 1)
    assert (found[..., 4] >= 0.0).all()
    gone = torch.diff(found[0, :, :2], dim=0).norm(dim=-1)
    assert gone[-4:].max() < 1e-3
    torch.testing.assert_close(found[0, :, 2:4], plan[0, :, 2:4], rtol=1e-4, atol=1e-4)
    # At the same pace as its own, a way is what it was.
    same, ego = batch(*[straight(5.0, 5.0, 0.3, braking)] * 2)
    torch.testing.assert_close(
        borrowed(same, torch.ones(2, K), ego, BLOCK_S, 1)[0], same, rtol=1e-4, atol=1e-3
    )


def test_a_way_is_followed_round_its_corner_and_beyond_its_end() -> None:
    """East for 20 m, then north; the other lends a faster pace."""
    gone = torch.arange(1, K + 1) * 2.5
    east, north = gone.clamp(max=20.0), (gone - 20.0).clamp(min=0.0)
    heading = torch.where(
        (gone <= 20.0)[:, None], torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    )
    corner = (
        torch.cat([east[:, None], north[:, None], heading, torch.full((K, 1), 5.0)], dim=1),
        torch.tensor([0.0, 0.0, 1.0, 0.0, 5.0]),
    )
    faster = straight(0.0, 0.0, 0.0, torch.linspace(5.0, 9.0, K + 1))
    plan, ego = batch(corner, faster)
    found = borrowed(plan, torch.ones(2, K), ego, BLOCK_S, 1)[0][0]
    assert float(found[-1, 1]) == pytest.approx(36.0, abs=1e-3)  # 56 m in all
    assert float(found[-1, 0]) == pytest.approx(20.0, abs=1e-3)
    assert (found[:, 0] <= 20.0 + 1e-4).all()


def test_what_one_of_both_does_not_know_is_not_told() -> None:
    ego = torch.zeros(2, 5)
    valid = torch.ones(2, K)
    valid[1, 10:] = 0.0
    _, told = borrowed(torch.zeros(2, K, 5), valid, ego, BLOCK_S, 1)
    assert told.sum(1).tolist() == [10.0, 10.0]
