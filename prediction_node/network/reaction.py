"""What the robotaxi's plan changes: causal in time, block by block.

The token of an agent in block j sees the plan up to the beginning of block j, its own tokens of
earlier blocks, and other agents' tokens of the same block, which see no more. Without a plan the
correction is exactly zero. What followers do is said apart (following.py) and added.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from prediction_node.network.config import REACTION_HEADS, NetworkConfig
from prediction_node.network.following import Following
from prediction_node.network.layers import ChannelLinear, turned
from prediction_node.network.modes import RAW

PLAN_FEATURES = 9
RELATION_FEATURES = 10
LEAK = 0.1


class Reaction(nn.Module):
    """Corrections (N, RAW, M, A, K) that a plan makes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes, width = config.sizes, config.reaction_width
        self.scale_m = config.length_scale_m
        self.block_s = config.steps_per_block * sizes.step_s
        self.to_token = ChannelLinear(PLAN_FEATURES + RELATION_FEATURES, width, bias=False)
        self.first = Mixing(config)
        self.second = Mixing(config)
        self.relation_to_mode = ChannelLinear(RELATION_FEATURES, config.relation_width, bias=False)
        self.token_to_mode = ChannelLinear(width, config.relation_width, bias=False)
        self.out = ChannelLinear(config.relation_width, RAW, bias=False)
        nn.init.zeros_(self.out.weight)
        self.following = Following(config)
        self.offset_scale_mps = config.offset_scale_mps
        earlier = torch.tril(torch.ones(sizes.blocks, sizes.blocks), diagonal=-1)
        self.register_buffer('earlier', earlier.T.contiguous(), persistent=False)
        begins_s = self.block_s * torch.arange(sizes.blocks)
        self.register_buffer('begins_s', begins_s, persistent=False)

    def forward(self, encoded: Mapping[str, Tensor], plan: Tensor, plan_valid: Tensor) -> Tensor:
        """Of `encoded`, with a leading axis of 1 or N: `ego` (5,) as in PLAN_NAMES, `at`
        (5, M, A, K) and `likely_at` (5, A, K) where modes and the likeliest of them are at the
        beginnings of blocks, same order; tokens `hidden` (R, M, A, K) and `context` (D, A, K);
        `heed` (heads, A, A) who heeds whom. Plans (N, K, 5), (N, K).
        """
        # Known at the beginning of a block: the plan at the end of the one before.
        ego = encoded['ego']
        planned = (plan * plan_valid[..., None])[:, :-1]
        now = ego[:, None].expand(plan.shape[0], -1, -1)
        known = torch.cat([now, planned], dim=1).transpose(1, 2)
        valid = torch.cat([plan_valid[:, :1] * 0.0, plan_valid[:, :-1]], dim=1)
        begun = torch.clamp(torch.matmul(plan_valid, self.earlier), max=1.0)

        likely = self._relation(known[:, :, None], encoded['likely_at'], valid[:, None, None])
        of_plan = self._plan(known, ego, valid[:, None])[:, :, None]
        of_plan = of_plan.expand(-1, -1, likely.shape[2], -1)
        tokens = self.to_token(torch.cat([likely, of_plan], dim=1)) + encoded['context']
        tokens = self.first(torch.relu(tokens))
        # What the others do about the plan, in the same block.
        split = tokens.unflatten(1, (REACTION_HEADS, -1))
        others = torch.matmul(encoded['heed'][:, :, None], split).reshape(tokens.shape)
        tokens = self.second(tokens + others)

        relation = self._relation(
            known[:, :, None, None], encoded['at'], valid[:, None, None, None]
        )
        x = self.relation_to_mode(relation) + encoded['hidden']
        # Leaky: where no feature is on nothing is learned, and no reaction is a tempting answer.
        x = functional.leaky_relu(x + self.token_to_mode(tokens)[:, :, None], LEAK)
        raw = self.out(x) * begun[:, None, None, None]
        place, speed = self.following(known, valid, ego, encoded['at'], encoded['likely_at'])
        place = place / (self.offset_scale_mps * (self.begins_s + self.block_s))
        along = (raw[:, 0] + place, raw[:, 1], raw[:, 2] + speed / self.offset_scale_mps)
        return torch.cat([torch.stack(along, dim=1), raw[:, 3:]], dim=1)

    def _plan(self, known: Tensor, ego: Tensor, valid: Tensor) -> Tensor:
        """(N, 9, K): the plan from where the robotaxi is, and against keeping its velocity."""
        x0, y0, cos, sin, speed = (ego[:, i, None] for i in range(5))
        x, y = turned(known[:, 0] - x0, known[:, 1] - y0, cos, -sin)
        heading = turned(known[:, 2], known[:, 3], cos, -sin)
        scale = 1.0 / self.scale_m
        features = torch.stack(
            [
                0.1 * scale * x,
                0.1 * scale * y,
                *heading,
                0.5 * scale * known[:, 4],
                scale * soft(x - speed * self.begins_s, 4.0 * self.scale_m),
                scale * soft(y, 4.0 * self.scale_m),
                scale * (known[:, 4] - speed),
                torch.ones_like(x),
            ],
            dim=1,
        )
        return features * valid

    def _relation(self, known: Tensor, at: Tensor, valid: Tensor) -> Tensor:
        """(N, 10, ..., K): the robotaxi as seen from (N, 5, ..., K) at the same instant; zero where
        nothing is planned.
        """
        x, y, cos, sin, speed = (at[:, i] for i in range(5))
        xp, yp, cos_p, sin_p, speed_p = (known[:, i] for i in range(5))
        dx, dy = turned(xp - x, yp - y, cos, -sin)
        heading_x, heading_y = turned(cos_p, sin_p, cos, -sin)
        distance = torch.sqrt(dx * dx + dy * dy + 1e-2)
        near = 1.0 / (distance + 2.0 * self.scale_m)
        vx, vy = speed_p * heading_x - speed, speed_p * heading_y
        closing = -(dx * vx + dy * vy) / distance
        scale = 0.5 / self.scale_m
        features = torch.stack(
            [
                dx * near,
                dy * near,
                soft(dx, 2.0 * self.scale_m) * scale,
                soft(dy, self.scale_m) * 2.0 * scale,
                2.0 * self.scale_m * near,
                heading_x,
                heading_y,
                vx * scale,
                vy * scale,
                torch.relu(closing) * near * 2.0,
            ],
            dim=1,
        )
        return features * valid


def soft(x: Tensor, scale: float) -> Tensor:
    """Linear near zero, never beyond `scale` in size."""
    return x * (scale / (torch.abs(x) + scale))


class Mixing(nn.Module):
    """Tokens (N, D, A, K) with earlier ones of the same agent."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        blocks, width = config.sizes.blocks, config.reaction_width
        age = torch.arange(blocks)[:, None] - torch.arange(blocks)
        # Each group of features begins with a memory of its own length.
        memory_s = torch.tensor([0.5, 1.0, 2.0, 8.0])[:, None, None]
        block_s = config.steps_per_block * config.sizes.step_s
        past = torch.where(age >= 0, torch.exp(-age.clamp(min=0) * block_s / memory_s), 0.0)
        past = past / past.sum(dim=2, keepdim=True)
        self.over_time = nn.Parameter(past.transpose(1, 2).contiguous())
        self.register_buffer('causal', (age.T >= 0).to(torch.float32), persistent=False)
        self.linear = ChannelLinear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        split = tokens.unflatten(1, (REACTION_HEADS, -1)).flatten(2, 3)
        earlier = torch.matmul(split, self.over_time * self.causal)
        return tokens + torch.relu(self.linear(earlier.reshape(tokens.shape)))
