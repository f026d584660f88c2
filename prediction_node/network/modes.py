"""The futures before any plan is known: a base path for each mode of each agent, a token for it,
and raw corrections at the end of every block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prediction_node.domain.tensors import STATE_NAMES, Sizes
from prediction_node.network.config import NetworkConfig
from prediction_node.network.layers import FeedForward, Mlp, asinh, by_rows, turned
from prediction_node.network.raster import Looks
from prediction_node.network.tokens import SLIP, SPEED

# What is said of a mode at the end of a block, along and across the base path: where it is off
# by, how fast that grows, log sigmas, correlation, and what its weight gains.
RAW = 8
PLACES = 4  # the first of them: where
GAIN = 7  # the last: what its weight gains
STAYING_WIDTH, STAYING_DROPOUT = 32, 0.3
SPARE_LOG_WEIGHT = -5.0  # of a mode that the kinematic predictor left unused
UNUSED_LOG_WEIGHT = -8.0  # below it a proposal counts as unused
# Where the likeliest proposal ends within the first of these, somebody stands and stays; from the
# second on he moves.
STAYS_M, MOVES_M = 1.0, 3.0
# Front wheels turned by less say nothing, by more that somebody is about to leave.
STRAIGHT_RAD, TURNED_RAD = 0.06, 0.12
WHEELS = STATE_NAMES.index('attribute_front_wheel_angle_rad')
TURN_LEFT = STATE_NAMES.index('attribute_turn_left')
TURN_RIGHT = STATE_NAMES.index('attribute_turn_right')
LOOKS = 8  # places along a path at which the feature maps are read


@dataclass(frozen=True)
class Base:
    """Where each mode would go without the network, in the own frame of its agent."""

    path: Tensor  # (B, A, M, T, 2) m
    at_ends: Tensor  # (B, M, A, K, 2) m, of it at the ends of blocks
    yaw: Tensor  # (B, M, A, K) direction there
    log_weight: Tensor  # (B, A, M)
    spare: Tensor  # (B, M, A) 1: no proposal stands behind it
    loose: Tensor  # (B, M, A) in [0, 1]: how far its path may be corrected


def base_of_proposals(proposal: Tensor, log_weight: Tensor, state: Tensor, per_block: int) -> Base:
    """Kinematic futures (B, A, M, T, 3) of agents in states (B, A, S). What it left unused starts
    as a copy of its likeliest.

    A likeliest future that stays where it is will not be corrected, unless wheels or signals tell
    that the agent is about to leave: between one who starts and one who stays there is a mean, a
    slow drift, that nobody drives or walks. To start is what the other modes are for.
    """
    used = (log_weight > UNUSED_LOG_WEIGHT).to(proposal.dtype)
    likeliest = torch.softmax(1e4 * torch.clamp(log_weight, min=-50.0), dim=-1)
    # Which proposal stands behind each mode: its own, or the likeliest; as one product.
    own = torch.eye(used.shape[-1], dtype=used.dtype, device=used.device) * used[..., None]
    taken = own + (1.0 - used)[..., None] * likeliest[:, :, None]
    filled = torch.matmul(taken, proposal.flatten(3)).unflatten(3, proposal.shape[3:])
    weight = torch.where(used > 0.5, log_weight, torch.full_like(log_weight, SPARE_LOG_WEIGHT))
    path, ends = filled[..., :2], filled[:, :, :, per_block - 1 :: per_block].transpose(1, 2)
    moved = torch.sqrt(torch.sum(path[..., -1, :] * path[..., -1, :], dim=-1))
    stays = 1.0 - torch.clamp((moved - STAYS_M) / (MOVES_M - STAYS_M), 0.0, 1.0)
    held = likeliest * stays * (1.0 - _leaving(state)[..., None])
    spare, loose = 1.0 - used.transpose(1, 2), 1.0 - held.transpose(1, 2)
    return Base(path, ends[..., :2], ends[..., 2], weight, spare, loose)


def _leaving(state: Tensor) -> Tensor:
    """(B, A) in [0, 1]: do turned wheels or a turn signal tell that somebody is about to leave?"""
    wheels = (torch.abs(state[..., WHEELS]) - STRAIGHT_RAD) / (TURNED_RAD - STRAIGHT_RAD)
    signal = state[..., TURN_LEFT] + state[..., TURN_RIGHT]
    return torch.clamp(torch.clamp(wheels, 0.0, 1.0) + signal, 0.0, 1.0)


def base_of_velocity(state: Tensor, sizes: Sizes) -> Base:
    """Everyone keeps the velocity of `actor_state` (B, A, S), in every mode."""
    t = sizes.step_s * torch.arange(1, sizes.steps + 1, dtype=state.dtype, device=state.device)
    path = state[:, :, None, None, SPEED : SLIP + 1] * t[:, None]
    path = path.expand(-1, -1, sizes.modes, -1, -1)
    per_block = sizes.steps // sizes.blocks
    ends = path[:, :, :, per_block - 1 :: per_block].transpose(1, 2)
    still = ends[..., 0] * 0.0
    none = still[..., 0]
    return Base(path, ends, still, none.transpose(1, 2), none + 1.0, none + 1.0)


@dataclass(frozen=True)
class Modes:
    """What the encoder knows of the modes."""

    raw: Tensor  # (B, RAW, M, A, K)
    hidden: Tensor  # (B, relation_width, M, A, K) for the decoder
    start_velocity: Tensor  # (B, A, M, 2) m/s: of the correction, now


class ModeTokens(nn.Module):
    """From an agent's token and a base path to corrections of that path."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes, width = config.sizes, config.width
        self.blocks, self.per_block = sizes.blocks, config.steps_per_block
        self.scale_m = config.length_scale_m
        self.block_s = self.per_block * sizes.step_s
        every = max(1, sizes.blocks // LOOKS)
        self.look_at = slice(every - 1, None, every)
        places = len(range(every - 1, sizes.blocks, every))
        self.looks = Looks(config, places) if sizes.channels else None
        self.of_path = nn.Linear(6 * sizes.blocks + 2, width)
        self.of_actor = nn.Linear(width, width)
        self.embedding = nn.Parameter((0.1 if config.use_proposals else 1.0) * _table(config))
        self.second = nn.Linear(width, width)
        self.of_others = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, width, config.dropout)
        self.to_knots = nn.Linear(width, sizes.blocks * config.knot_width)
        self.knot_of_path = nn.Linear(6, config.knot_width)
        self.to_raw = nn.Linear(config.knot_width, RAW)
        self.start = nn.Linear(width, 2)
        nn.init.zeros_(self.start.weight)
        nn.init.zeros_(self.start.bias)
        nn.init.zeros_(self.to_raw.bias)
        # Untrained, the answer is the base; learned queries must differ to be told apart.
        self.staying: Mlp | None = None
        if config.use_proposals:
            nn.init.zeros_(self.to_raw.weight)
            self.staying = Mlp(width, STAYING_WIDTH, sizes.blocks, STAYING_DROPOUT)
            nn.init.zeros_(self.staying.second.weight)
            nn.init.zeros_(self.staying.second.bias)
        self.spare_anchor = nn.Parameter(_fan(config))
        self.to_decoder = (
            nn.Linear(config.knot_width, config.relation_width) if config.use_plan else None
        )

    def forward(self, actors: Tensor, base: Base, pose: Tensor, maps: Tensor | None) -> Modes:
        """Tokens (B, A, D), base, poses (B, A, 4) in the view, feature maps."""
        knots = self._at_knots(base)
        features = [
            knots.flatten(3),
            torch.clamp(base.log_weight, min=-10.0).transpose(1, 2)[..., None],
            base.spare[..., None],
        ]
        x = self.of_path(torch.cat(features, dim=-1)) + self.of_actor(actors)[:, None]
        if self.looks is not None and maps is not None:
            seen = self.looks(maps, *self._places(base.at_ends, pose))
            x = x + seen.unflatten(1, x.shape[1:3])
        x = self.second(torch.relu(x + self.embedding[:, None]))
        others = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=-1)
        x = self.feed_forward(x + actors[:, None] + self.of_others(others))
        x = self.norm(x)
        hidden = by_rows(self.to_knots, x).unflatten(3, (self.blocks, -1))
        hidden = torch.relu(hidden + by_rows(self.knot_of_path, knots))
        raw = features_first(self.to_raw, hidden)
        along = raw[:, :2] + self.spare_anchor * base.spare[:, None, :, :, None]
        moved = torch.cat([along, raw[:, 2:PLACES]], dim=1) * base.loose[:, None, ..., None]
        raw = torch.cat([moved, raw[:, PLACES:GAIN], self._gain(raw, x, base)], dim=1)
        kept = hidden if self.to_decoder is None else features_first(self.to_decoder, hidden)
        start = self.start(x) * base.loose[..., None]
        return Modes(raw, kept, start.transpose(1, 2))

    def _gain(self, raw: Tensor, x: Tensor, base: Base) -> Tensor:
        """(B, 1, M, A, K) what weights gain. How likely it is that one who stands stays is learned
        apart: the rest of the training counts standing agents less, and would say too little.
        """
        gain = raw[:, GAIN:]
        if self.staying is None:
            return gain
        held = 1.0 - base.loose[..., None]
        stays = self.staying(torch.sum(x * held, dim=1))[:, None]
        return gain + (stays * held)[:, None]

    def _at_knots(self, base: Base) -> Tensor:
        """(B, M, A, K, 6): position, mean velocity over the block, direction."""
        at = base.at_ends
        before = torch.cat([at[:, :, :, :1] * 0.0, at[:, :, :, :-1]], dim=3)
        velocity = (at - before) / (self.block_s * self.scale_m)
        yaw = base.yaw[..., None]
        position = asinh(at / self.scale_m)
        return torch.cat([position, velocity, torch.cos(yaw), torch.sin(yaw)], dim=-1)

    def _places(self, ends: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Ends of blocks (B, M, A, K, 2) in own frames, poses (B, A, 4) in the view -> x and y in
        the view where the feature maps are looked at, (B, LOOKS, M A).
        """
        x0, y0, cos, sin = (pose[:, None, :, i, None] for i in range(4))
        at = ends[:, :, :, self.look_at]
        x, y = turned(at[..., 0], at[..., 1], cos, sin)
        x, y = (each.permute(0, 3, 1, 2).flatten(2) for each in (x + x0, y + y0))
        return x, y


def features_first(linear: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer of (B, M, A, K, wide) that lays its features out before everything:
    (B, out, M, A, K), in one product.
    """
    y = torch.matmul(linear.weight, x.flatten(1, 3).transpose(1, 2)) + linear.bias[:, None]
    return y.unflatten(2, x.shape[1:4])


def _table(config: NetworkConfig) -> Tensor:
    return torch.randn(config.sizes.modes, config.width)


def _fan(config: NetworkConfig) -> Tensor:
    """(2, M, 1, K): modes that no proposal stands behind begin fanned out, slower to faster and
    to either side, in units of `offset_scale_mps`.
    """
    modes = config.sizes.modes
    angle = 2.4 * torch.arange(modes)  # the golden angle, nearly: no two alike
    radius = torch.sqrt(torch.arange(modes) / modes) * (0.5 if config.use_proposals else 1.0)
    fan = torch.stack([radius * torch.cos(angle), 0.5 * radius * torch.sin(angle)])
    return fan[:, :, None, None].repeat(1, 1, 1, config.sizes.blocks)
