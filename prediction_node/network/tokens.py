"""From the contract's arrays to one token per actor and per map node."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from prediction_node.domain.tensors import HISTORY_NAMES, MAP_NAMES, STATE_NAMES
from prediction_node.network.config import NetworkConfig
from prediction_node.network.layers import Mlp, asinh

SPEED = STATE_NAMES.index('speed_mps')
SLIP = STATE_NAMES.index('slip_speed_mps')
EXISTENCE = STATE_NAMES.index('existence')
SPEED_LIMIT = MAP_NAMES.index('speed_limit_mps')
LENGTH = MAP_NAMES.index('length_m')
LIGHT_AGE = MAP_NAMES.index('light_age_s')
STEERING = 'front_wheel_angle_rad'


class ActorTokens(nn.Module):
    """Past and state of each actor, seen from itself."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes = config.sizes
        self.length_scale_m = config.length_scale_m
        # Lengths and speeds before `existence` are compressed, probabilities after it are not.
        scale = torch.ones(len(STATE_NAMES))
        for i, name in enumerate(STATE_NAMES):
            if name.endswith('speed_mps'):
                scale[i] = 1.0 / self.length_scale_m
            elif name.startswith('sigma') or name in ('yaw_rate_radps', STEERING):
                scale[i] = 3.0
        self.register_buffer('scale', scale, persistent=False)
        ahead_s = -sizes.history_step_s * torch.arange(sizes.history - 1, -1, -1.0)
        self.register_buffer('ahead_s', ahead_s, persistent=False)
        wide = sizes.history * (len(HISTORY_NAMES) + 1) + len(STATE_NAMES)
        self.mlp = Mlp(wide, 2 * config.width, config.width, config.dropout)

    def forward(self, history: Tensor, valid: Tensor, state: Tensor) -> Tensor:
        """(B, N, H, 6), (B, N, H), (B, N, S) -> (B, N, width)."""
        # What a straight line at the present velocity does not explain.
        velocity = state[..., None, SPEED : SLIP + 1]
        straight = velocity * self.ahead_s[:, None]
        still = history[..., 2:3] * 0.0
        expected = torch.cat([straight, still + 1.0, still, velocity.expand_as(straight)], dim=-1)
        past = history - expected
        scaled = torch.cat(
            [
                asinh(past[..., :2] / (0.25 * self.length_scale_m)),
                past[..., 2:4],
                past[..., 4:] / self.length_scale_m,
            ],
            dim=-1,
        )
        scaled = torch.cat([scaled * valid[..., None], valid[..., None]], dim=-1)
        now = asinh(state * self.scale)
        return cast(Tensor, self.mlp(torch.cat([scaled.flatten(2), now], dim=-1)))


class MapTokens(nn.Module):
    """Shape and meaning of each piece of the map, seen from its own middle."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        scale = torch.ones(len(MAP_NAMES))
        scale[SPEED_LIMIT] = 0.1
        scale[LENGTH] = 0.1
        scale[LIGHT_AGE] = 0.2
        self.register_buffer('scale', scale, persistent=False)
        wide = 2 * config.sizes.map_points + len(MAP_NAMES)
        self.mlp = Mlp(wide, config.width, config.width, config.dropout)

    def forward(self, point: Tensor, feature: Tensor) -> Tensor:
        """(B, P, Q, 2), (B, P, F) -> (B, P, width)."""
        return cast(
            Tensor,
            self.mlp(torch.cat([0.2 * point.flatten(2), feature * self.scale], dim=-1)),
        )
