"""How those behind the robotaxi answer to its plan: by the gap that they would be left with.

Someone who follows keeps a distance. Where the plan and the follower's own future together leave a
gap that is shorter than both the present and a comfortable one, or longer than both, that is made
up for, late and in part. Few numbers say how: they hold upon other futures than they were learned
upon, and nothing saturates where a plan differs much from what was expected.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prediction_node.network.config import NetworkConfig
from prediction_node.network.knots import exact_product
from prediction_node.network.layers import ChannelLinear, turned

# An answer to a step is 1 - (1 + t/T) exp(-t/T): of a follower who begins smoothly.
MEMORY_S = (0.7, 1.5, 4.0)
SHARES = 4
SITUATION = 5  # features of it
ON_PATH_M, OFF_PATH_M = 1.5, 3.0  # of the plan from the follower's path
BEYOND_M = 60.0  # a path goes straight on where it ends
AHEAD_M = (1.0, 3.0)
FAR_M = (45.0, 60.0)


class Following(nn.Module):
    """Corrections along the way of each mode: places (N, M, A, K) in m and speeds in m/s.

    Block j knows the plan up to its beginning. Zero for whom the robotaxi is not ahead of in the
    same lane, from when it leaves the follower's path, and without a plan.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        blocks = config.sizes.blocks
        self.block_s = config.steps_per_block * config.sizes.step_s
        self.speed_mps = config.speed_scale_mps
        self.share = ChannelLinear(SITUATION, SHARES)
        # What is made up for of coming too near and of getting too far away, by share and memory.
        self.answer = nn.Parameter(torch.zeros(2 * len(MEMORY_S), SHARES))
        self.comfort = nn.Parameter(torch.tensor([6.0, 1.0]))  # m standing, and s of its speed
        self.register_buffer('response', _response(blocks, self.block_s), persistent=False)

    def forward(
        self, known: Tensor, valid: Tensor, ego: Tensor, at: Tensor, likely_at: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Plans `known` (N, 5, K) at the beginnings of blocks where `valid` (N, K), the robotaxi
        now (N or 1, 5), modes `at` (N or 1, 5, M, A, K), the likeliest (N or 1, 5, A, K).
        """
        own_until_end = torch.cumsum(self.block_s * at[:, 4], dim=-1)
        ahead, facing = self._now(ego, likely_at)
        now = ahead[:, None, :, None]
        comfortable = self.comfort[0] + self.comfort[1] * at[:, 4]
        gone = torch.cumsum(self._way(known) * valid, dim=-1)[:, None, None]
        gap = gone + (now - self._begun(own_until_end))
        nearer = -torch.relu(torch.minimum(comfortable, now) - gap)
        away = torch.relu(gap - torch.maximum(comfortable, now))
        news = torch.stack([nearer, away], dim=-2)
        follows = _ramp(ahead, *AHEAD_M) * (1.0 - _ramp(ahead, *FAR_M)) * _ramp(facing, 0.0, 0.5)
        counts = self._on_path(known, likely_at) * follows[..., None] * valid[:, None]
        news = (news - self._begun(news)) * counts[:, None, :, None]
        # Of each agent's answer one matrix, so that plans and modes share what only it knows.
        strength = torch.matmul(self._shares(ahead, ego, likely_at).transpose(1, 2), self.answer.T)
        kernel = exact_product(strength.unflatten(2, (2, -1)), self.response)
        kernel = kernel.flatten(2).unflatten(2, (2 * news.shape[-1], -1))
        answer = exact_product(news.flatten(3).transpose(1, 2), kernel).transpose(1, 2)
        place, speed = answer.chunk(2, dim=-1)
        # Nobody is pushed back behind where he is.
        return torch.maximum(place, -own_until_end), torch.maximum(speed, -at[:, 4])

    def _way(self, known: Tensor) -> Tensor:
        """(N, K) m: driven forwards since the beginning of the block before."""
        x, y, cos, sin = known[:, :4].unbind(1)
        dx, dy = x[:, 1:] - x[:, :-1], y[:, 1:] - y[:, :-1]
        way = 0.5 * (dx * (cos[:, 1:] + cos[:, :-1]) + dy * (sin[:, 1:] + sin[:, :-1]))
        return torch.cat([way[:, :1] * 0.0, way], dim=1)

    @staticmethod
    def _begun(at_ends: Tensor) -> Tensor:
        """Of the block before each: (..., K)."""
        return torch.cat([at_ends[..., :1] * 0.0, at_ends[..., :-1]], dim=-1)

    def _on_path(self, known: Tensor, likely_at: Tensor) -> Tensor:
        """(N, A, K): 1 while the robotaxi has been on the follower's path."""
        x, y, cos, sin = (likely_at[:, i] for i in range(4))
        # Pieces of the path: (N, A, 1, pieces).
        dx, dy = (
            torch.cat([each[..., 1:] - each[..., :-1], BEYOND_M * way[..., -1:]], dim=-1)
            for each, way in ((x, cos), (y, sin))
        )
        x, y, dx, dy = (each[:, :, None] for each in (x, y, dx, dy))
        px, py = known[:, 0, None, :, None] - x, known[:, 1, None, :, None] - y
        along = (px * dx + py * dy) / (dx * dx + dy * dy + 1e-3)
        along = torch.clamp(along, 0.0, 1.0)
        px, py = px - along * dx, py - along * dy
        off = torch.sqrt(torch.amin(px * px + py * py, dim=-1) + 1e-4)
        left = torch.cumsum(_ramp(off, ON_PATH_M, OFF_PATH_M), dim=-1)
        return torch.clamp(1.0 - left, 0.0, 1.0)

    @staticmethod
    def _now(ego: Tensor, likely_at: Tensor) -> tuple[Tensor, Tensor]:
        """(N, A) how far ahead of each agent the robotaxi is, and the cosine between them."""
        x, y, cos, sin = (likely_at[:, i, :, 0] for i in range(4))
        ahead, _ = turned(ego[:, :1] - x, ego[:, 1:2] - y, cos, -sin)
        return ahead, ego[:, 2, None] * cos + ego[:, 3, None] * sin

    def _shares(self, ahead: Tensor, ego: Tensor, likely_at: Tensor) -> Tensor:
        """(N, SHARES, A): what kind of following it is."""
        ahead = torch.clamp(ahead, 0.0, FAR_M[1])
        mine = likely_at[:, 4, :, 0] / self.speed_mps
        robotaxi = (ego[:, 4, None] / self.speed_mps).expand_as(mine)
        near = 1.0 / (1.0 + 0.1 * ahead)
        headway = ahead / (ahead + 2.0 * self.speed_mps * mine + 2.0)
        situation = torch.stack([near, headway, mine, robotaxi, robotaxi - mine], dim=1)
        return torch.softmax(2.0 * self.share(situation), dim=1)


def _ramp(x: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high`."""
    return torch.clamp((x - low) / (high - low), 0.0, 1.0)


def _response(blocks: int, block_s: float) -> Tensor:
    """(B, K 2 K): for each memory, from changes known at the beginnings of blocks to places and
    speeds at the ends of blocks.
    """
    age_s = block_s * (1.0 + torch.arange(blocks) - torch.arange(blocks)[:, None])
    later = age_s > 0.0
    parts = []
    for memory_s in MEMORY_S:
        share = age_s.clamp(min=0.0) / memory_s
        place = 1.0 - (1.0 + share) * torch.exp(-share)
        speed = share * torch.exp(-share) / memory_s
        parts.append(torch.cat([place * later, speed * later], dim=1).flatten())
    return torch.stack(parts)
