"""What the robotaxi's plan changes: causal in time, block by block.

The token of an agent in block j sees the plan up to the beginning of block j, its own tokens of
earlier blocks, and other agents' tokens of the same block, which see no more. Without a plan the
correction is exactly zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prediction_node.network.config import REACTION_HEADS, NetworkConfig
from prediction_node.network.layers import ChannelLinear, turned
from prediction_node.network.modes import RAW

PLAN_FEATURES = 9
RELATION_FEATURES = 10


class Reaction(nn.Module):
    """Corrections (N, RAW, A, M, K) that a plan makes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes, width = config.sizes, config.reaction_width
        self.scale_m = config.length_scale_m
        self.block_s = config.steps_per_block * sizes.step_s
        self.of_plan = ChannelLinear(PLAN_FEATURES, width)
        self.of_relation = ChannelLinear(RELATION_FEATURES, config.relation_width)
        self.of_pooled = ChannelLinear(config.relation_width, width)
        self.layers = nn.ModuleList(Mixing(config) for _ in range(2))
        self.to_mode = ChannelLinear(width, config.relation_width, bias=False)
        self.relation_to_mode = ChannelLinear(
            config.relation_width, config.relation_width, bias=False
        )
        self.out = ChannelLinear(config.relation_width, RAW)
        nn.init.zeros_(self.out.weight)
        earlier = torch.tril(torch.ones(sizes.blocks, sizes.blocks), diagonal=-1)
        self.register_buffer('earlier', earlier.T.contiguous(), persistent=False)
        begins_s = self.block_s * torch.arange(sizes.blocks)
        self.register_buffer('begins_s', begins_s, persistent=False)

    def forward(
        self,
        ego: Tensor,
        at: Tensor,
        hidden: Tensor,
        context: Tensor,
        heed: Tensor,
        weight: Tensor,
        plan: Tensor,
        plan_valid: Tensor,
    ) -> Tensor:
        """The robotaxi now (E, 5) as in PLAN_NAMES; where modes are at the beginnings of blocks
        (E, 5, A, M, K), same order; the encoder's tokens of modes (E, R, A, M, K) and agents
        (E, D, A), who heeds whom (E, heads, A, A), weights (E, A, M); plans (N, K, 5), (N, K).
        E is 1 or N.
        """
        # Known at the beginning of a block: the plan at the end of the one before.
        planned = (plan * plan_valid[..., None])[:, :-1]
        now = ego[:, None].expand(plan.shape[0], -1, -1)
        known = torch.cat([now, planned], dim=1).transpose(1, 2)
        valid = torch.cat([plan_valid[:, :1] * 0.0, plan_valid[:, :-1]], dim=1)[:, None]
        begun = torch.clamp(torch.matmul(plan_valid, self.earlier), max=1.0)
        relation = torch.relu(self.of_relation(self._relation(known, at)))
        relation = relation * valid[:, :, None, None]
        pooled = (relation * weight[:, None, :, :, None]).sum(dim=3)
        tokens = self.of_pooled(pooled) + context[..., None]
        tokens = torch.relu(tokens + self.of_plan(self._plan(known, ego, valid))[:, :, None])
        for layer in self.layers:
            tokens = layer(tokens, heed)
        x = self.relation_to_mode(relation) + self.to_mode(tokens)[:, :, :, None]
        raw: Tensor = self.out(torch.relu(x + hidden))
        return raw * begun[:, None, None, None]

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

    def _relation(self, known: Tensor, at: Tensor) -> Tensor:
        """(N, 10, A, M, K): the robotaxi as each mode has it before it at the same instant."""
        x, y, cos, sin, speed = (at[:, i] for i in range(5))
        xp, yp, cos_p, sin_p, speed_p = (known[:, i, None, None] for i in range(5))
        dx, dy = turned(xp - x, yp - y, cos, -sin)
        heading_x, heading_y = turned(cos_p, sin_p, cos, -sin)
        distance = torch.sqrt(dx * dx + dy * dy + 1e-2)
        near = 1.0 / (distance + 2.0 * self.scale_m)
        vx, vy = speed_p * heading_x - speed, speed_p * heading_y
        closing = -(dx * vx + dy * vy) / distance
        scale = 0.5 / self.scale_m
        return torch.stack(
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


def soft(x: Tensor, scale: float) -> Tensor:
    """Linear near zero, never beyond `scale` in size."""
    return x * (scale / (torch.abs(x) + scale))


class Mixing(nn.Module):
    """Tokens (N, D, A, K) with earlier ones of the same agent and others of the same block."""

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
        self.linear = ChannelLinear(2 * width, width)

    def forward(self, tokens: Tensor, heed: Tensor) -> Tensor:
        split = tokens.unflatten(1, (REACTION_HEADS, -1))
        earlier = torch.matmul(split.flatten(2, 3), self.over_time * self.causal)
        others = torch.matmul(heed[:, :, None], split)
        mixed = torch.cat([earlier.reshape(tokens.shape), others.flatten(1, 2)], dim=1)
        return tokens + torch.relu(self.linear(mixed))
