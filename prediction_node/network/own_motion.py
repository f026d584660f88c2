"""Where a vehicle most likely goes, by its own motion and its kinematic futures alone.

Recordings are few, and what looks at a whole scene soon knows them by heart. What a small layer
makes of an agent's own past, its state and its kinematic futures holds on roads that it has not
learned from. It speaks for the likeliest future of cars, trucks and buses of which nothing else is
known: neither attributes nor a light ahead, which the rest of the network has learned to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.tensors import HISTORY_NAMES, MAP_NAMES, MAP_RELATIONS, STATE_NAMES
from prediction_node.network.config import NetworkConfig
from prediction_node.network.layers import asinh
from prediction_node.network.modes import UNUSED_LOG_WEIGHT, Base, Modes

SPEAKS_FOR = (ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BUS)
_NOW = ('speed_mps', 'slip_speed_mps', 'yaw_rate_radps', 'acceleration_mps2')
_NOW_SCALE = (10.0, 1.0, 0.3, 2.0)
_SPEED = HISTORY_NAMES.index('vx_mps')
# How long ago speeds are compared with now, in shares of the history.
_LAGS = (1 / 6, 1 / 3, 2 / 3, 1.0)
# What is said: how the correction grows, in m/s at these shares of the horizon, and straight
# between them.
_KNOTS = (0.0, 1 / 8, 1 / 4, 3 / 8, 5 / 8, 1.0)
_DROPOUT = 0.5


class OwnMotion(nn.Module):
    """Puts the path of mode 0 in its place."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes, width = config.sizes, config.own_motion_width
        self.offset_scale_mps = config.offset_scale_mps
        self.every = sizes.blocks // 8
        names = [f'class_{ObjectClass(each).name.lower()}' for each in SPEAKS_FOR]
        self.classes = [STATE_NAMES.index(name) for name in names]
        self.reported = [i for i, name in enumerate(STATE_NAMES) if name.startswith('has_')]
        self.now = [STATE_NAMES.index(name) for name in _NOW]
        self.lights = [MAP_NAMES.index(f'light_{name}') for name in ('red', 'amber', 'green')]
        self.ahead = [MAP_RELATIONS.index(name) for name in ('on', 'ahead')]
        self.lags = [sizes.history - 1 - round(lag * (sizes.history - 1)) for lag in _LAGS]
        self.register_buffer('now_scale', torch.tensor(_NOW_SCALE), persistent=False)
        grows, rate = _growth(sizes.blocks, config.steps_per_block * sizes.step_s)
        end_s = config.steps_per_block * sizes.step_s * torch.arange(1, sizes.blocks + 1)
        # As raw corrections are: of places in shares of the time until then.
        self.register_buffer('basis', torch.cat([grows / end_s, rate], dim=1), persistent=False)
        wide = 16 + 8 * (sizes.modes - 1) + sizes.modes + len(_NOW) + 2 * len(_LAGS)
        said = 2 * (len(_KNOTS) - 1)
        self.layers = nn.Sequential(
            nn.Linear(wide, width),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(width, said),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, modes: Modes, base: Base, batch: Mapping[str, Tensor]) -> Modes:
        """The same modes with the path of mode 0 as own motion has it, where that `speaks`."""
        speaks = self.speaks(batch)
        first, start = modes.raw[:, :, 0], modes.start_velocity
        path = first[:, :4] + speaks[:, None, :, None] * (self.said(base, batch) - first[:, :4])
        first = torch.cat([path, first[:, 4:]], dim=1)[:, :, None]
        start_first = start[:, :, :1] * (1.0 - speaks)[..., None, None]
        return replace(
            modes,
            raw=torch.cat([first, modes.raw[:, :, 1:]], dim=2),
            start_velocity=torch.cat([start_first, start[:, :, 1:]], dim=2),
        )

    def said(self, base: Base, batch: Mapping[str, Tensor]) -> Tensor:
        """(B, 4, A, K): raw corrections along and across the path of mode 0, and how fast they
        grow.
        """
        state, history = batch['actor_state'][:, 1:], batch['actor_history'][:, 1:]
        valid = batch['actor_history_valid'][:, 1:]
        ends = base.at_ends[:, :, :, self.every - 1 :: self.every]
        first, others = ends[:, :1], ends[:, 1:, :, 1::2] - ends[:, :1, :, 1::2]
        used = (base.log_weight > UNUSED_LOG_WEIGHT).to(first.dtype).transpose(1, 2)
        others = others * used[:, 1:, :, None, None]
        speed = history[..., _SPEED]
        before, known = speed[..., self.lags], valid[..., self.lags]
        features = [
            asinh(first / 10.0).transpose(1, 2).flatten(2),
            asinh(others / 3.0).transpose(1, 2).flatten(2),
            0.25 * torch.clamp(base.log_weight, -8.0, 0.0),
            state[..., self.now] / self.now_scale,
            0.5 * (speed[..., -1:] - before) * known,
            known,
        ]
        x = torch.clamp(torch.cat(features, dim=-1), -5.0, 5.0)
        said = self.layers(x).unflatten(2, (2, -1)) / self.offset_scale_mps
        along, across = torch.matmul(said, self.basis).unbind(2)
        blocks = along.shape[-1] // 2
        parts = [along[..., :blocks], across[..., :blocks], along[..., blocks:]]
        return torch.stack([*parts, across[..., blocks:]], dim=1)

    def speaks(self, batch: Mapping[str, Tensor]) -> Tensor:
        """(B, A): 1 for whom the correction holds; 0: the rest of the network knows more."""
        state = batch['actor_state'][:, 1:]
        reported = torch.clamp(state[..., self.reported].sum(dim=-1), 0.0, 1.0)
        speaks = torch.clamp(state[..., self.classes].sum(dim=-1), 0.0, 1.0) * (1.0 - reported)
        if 'map_feature' not in batch:
            return speaks
        light = torch.clamp(batch['map_feature'][..., self.lights].sum(dim=-1), 0.0, 1.0)
        relation = batch['actor_map_kind'][:, 1:].to(torch.int32)
        ahead = (relation == self.ahead[0]) | (relation == self.ahead[1])
        lit = (light * batch['map_valid'])[:, None] * ahead.to(light.dtype)
        return speaks * (1.0 - lit.amax(dim=-1))


def _growth(blocks: int, block_s: float) -> tuple[Tensor, Tensor]:
    """(J, K) metres gained until the end of each block, and m/s there, for 1 m/s at each knot but
    the one at zero, where nothing is corrected.
    """
    fine = 40
    horizon_s = blocks * block_s
    t = torch.linspace(0.0, horizon_s, blocks * fine + 1, dtype=torch.float64)
    knots = torch.tensor(_KNOTS, dtype=torch.float64) * horizon_s
    rates = []
    for j in range(1, len(knots)):
        up = (t - knots[j - 1]) / (knots[j] - knots[j - 1])
        down = (
            (knots[j + 1] - t) / (knots[j + 1] - knots[j])
            if j + 1 < len(knots)
            else torch.ones_like(t)
        )
        rates.append(torch.clamp(torch.minimum(up, down), min=0.0))
    rate = torch.stack(rates)
    grown = torch.cumulative_trapezoid(rate, t, dim=1)
    ends = slice(fine - 1, None, fine)
    return grown[:, ends].float(), rate[:, 1:][:, ends].float()
