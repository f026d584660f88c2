"""Those behind the robotaxi answer to its plan, late and in part; nobody else does here."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import Sizes  # noqa: E402
from prediction_node.network import NetworkConfig  # noqa: E402
from prediction_node.network.following import Following  # noqa: E402

CITY = NetworkConfig(sizes=Sizes(channels=0))
BLOCKS = CITY.sizes.blocks
BEGINS_S = 0.5 * torch.arange(BLOCKS)
AHEAD_M = 14.0
SPEED_MPS = 10.0
AGENTS = {
    'behind': (0.0, 0.0, 0.0),
    'far behind': (-60.0, 0.0, 0.0),
    'beside': (0.0, 3.6, 0.0),
    'ahead': (45.0, 0.0, 0.0),
    'oncoming': (0.0, 0.0, torch.pi),
}


@dataclasses.dataclass(frozen=True)
class Answer:
    place: Any  # (agents, K) m along the way, at the ends of blocks
    speed: Any  # (agents, K) m/s

    def of(self, name: str) -> Any:
        return self.place[list(AGENTS).index(name)]


def drive(x: float, y: float, yaw: float, speed: Any) -> Any:
    """(5, K) at the beginnings of blocks; `speed` a number or one for each block."""
    yaw, speed = torch.tensor(yaw), torch.as_tensor(speed) + 0.0 * BEGINS_S
    gone = torch.cat([torch.zeros(1), 0.5 * torch.cumsum(speed[:-1], dim=0)])
    cos, sin = torch.cos(yaw) + 0.0 * gone, torch.sin(yaw) + 0.0 * gone
    return torch.stack([x + gone * cos, y + gone * sin, cos, sin, speed])


@pytest.fixture
def following() -> Following:
    """Half of what changes is made up for, in the second memory."""
    module = Following(CITY)
    with torch.no_grad():
        module.answer[1::3] = 0.5
    return module


def ask(module: Following, plan: Any, told: int = BLOCKS, agents: Any = None) -> Answer:
    """Everybody drives on at SPEED_MPS; `told` blocks of the plan (5, K) are known."""
    agents = agents or [drive(*where, SPEED_MPS) for where in AGENTS.values()]
    likely = torch.stack(agents, dim=1)[None]
    valid = (torch.arange(BLOCKS) > 0) & (torch.arange(BLOCKS) < told)
    with torch.no_grad():
        known = plan[None] * valid
        known[..., 0] = plan[:, 0]
        place, speed = module(
            known, valid[None].float(), plan[None, :, 0], likely[:, :, None], likely
        )
    return Answer(place[0, 0], speed[0, 0])


def braking() -> Any:
    return drive(AHEAD_M, 0.0, 0.0, (SPEED_MPS - 4.0 * BEGINS_S).clamp(min=0.0))


def test_who_follows_falls_back_when_the_robotaxi_brakes(following: Following) -> None:
    found = ask(following, braking())
    behind = found.of('behind')
    assert behind[1] == 0.0  # it has not come nearer in what is known by then
    assert torch.all(torch.diff(behind[2:]) < 0.0)
    assert behind[-1] < -5.0
    for name in set(AGENTS) - {'behind'}:
        assert torch.all(found.of(name) == 0.0), name


def test_who_follows_closes_up_when_the_robotaxi_gets_away(following: Following) -> None:
    found = ask(following, drive(AHEAD_M, 0.0, 0.0, SPEED_MPS + 2.0 * BEGINS_S))
    assert torch.all(found.of('behind')[4:] > 0.0)
    assert torch.all(found.speed[0, 4:] > 0.0)


def test_what_was_expected_changes_nothing(following: Following) -> None:
    found = ask(following, drive(AHEAD_M, 0.0, 0.0, SPEED_MPS))
    assert found.place.abs().max() < 1e-4


def test_coming_up_to_who_stands_is_no_news(following: Following) -> None:
    """From 30 m behind at 10 m/s to 7.5 m behind at rest, braking in time."""
    comes = drive(0.0, 0.0, 0.0, (SPEED_MPS - 2.5 * BEGINS_S).clamp(min=0.0))
    found = ask(following, drive(30.0, 0.0, 0.0, 0.0), agents=[comes])
    assert found.place.abs().max() < 1e-4
    runs_into_it = drive(0.0, 0.0, 0.0, SPEED_MPS)
    found = ask(following, drive(30.0, 0.0, 0.0, 0.0), agents=[runs_into_it])
    assert found.place[0, -1] < -10.0


def test_without_a_plan_it_is_exactly_nothing(following: Following) -> None:
    found = ask(following, braking(), told=0)
    assert torch.all(found.place == 0.0)
    assert torch.all(found.speed == 0.0)


@pytest.mark.parametrize('block', range(1, BLOCKS))
def test_what_the_plan_says_later_changes_nothing_before(following: Following, block: int) -> None:
    plan = braking()
    other = plan.clone()
    other[:2, block:] += 30.0
    before, after = ask(following, plan), ask(following, other)
    assert torch.equal(before.place[:, :block], after.place[:, :block])
    assert torch.equal(before.speed[:, :block], after.speed[:, :block])
    assert not torch.equal(before.of('behind')[block:], after.of('behind')[block:])


def test_who_leaves_the_lane_is_followed_no_more(following: Following) -> None:
    stays = braking()
    leaves = stays.clone()
    leaves[1, 4:] += 4.0
    before, after = ask(following, stays).of('behind'), ask(following, leaves).of('behind')
    assert torch.equal(before[:4], after[:4])
    assert torch.all(after[6:] > before[6:])


def test_a_bend_is_a_lane_like_any_other(following: Following) -> None:
    """Both drive the same quarter of a circle of 40 m, one behind the other."""

    def bend(ahead_m: float, speed: Any) -> Any:
        straight = drive(ahead_m, 0.0, 0.0, speed)
        angle = straight[0] / 40.0
        x, y = 40.0 * torch.sin(angle), 40.0 * (1.0 - torch.cos(angle))
        return torch.stack([x, y, torch.cos(angle), torch.sin(angle), straight[4]])

    speed = (SPEED_MPS - 4.0 * BEGINS_S).clamp(min=0.0)
    plan, behind = bend(15.0, speed), bend(0.0, SPEED_MPS)
    round_it = ask(following, plan, agents=[behind]).place[0]
    on = ask(following, drive(15.0, 0.0, 0.0, speed), agents=[drive(0.0, 0.0, 0.0, SPEED_MPS)])
    torch.testing.assert_close(round_it[:8], on.place[0, :8], rtol=0.05, atol=0.05)


def test_nobody_is_pushed_back(following: Following) -> None:
    with torch.no_grad():
        following.answer *= 50.0
    found = ask(following, braking())
    ends = SPEED_MPS * (BEGINS_S + 0.5)
    assert torch.all(found.of('behind') >= -ends - 1e-4)
    assert torch.all(found.speed >= -SPEED_MPS - 1e-4)
