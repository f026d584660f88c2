"""The network: an encoder that sees the scene once and a decoder that sees plans.

Training calls `Network.forward` with one plan for each scene of a batch; the vehicle calls the two
halves apart, the decoder with all candidate plans of one scene as its batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prediction_node.domain.tensors import RASTERS, STATE_NAMES, encoder_inputs
from prediction_node.network.config import REACTION_HEADS, NetworkConfig
from prediction_node.network.graph import Graph
from prediction_node.network.knots import Curves
from prediction_node.network.layers import turned
from prediction_node.network.modes import Base, ModeTokens, base_of_proposals, base_of_velocity
from prediction_node.network.raster import FINE, Looks, RasterPyramid
from prediction_node.network.reaction import Reaction
from prediction_node.network.tokens import SLIP, SPEED, ActorTokens, MapTokens

SIGMA_ALONG = STATE_NAMES.index('sigma_along_m')
# Where each actor looks at the feature maps, in its own frame, metres.
CROP_M = tuple((x, y) for x in (-6.0, 0.0, 6.0, 14.0, 28.0) for y in (-5.0, 0.0, 5.0))

Batch = Mapping[str, Tensor]


class Encoder(nn.Module):
    """The scene (leading batch axis B) to what the decoder needs of it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.actors = ActorTokens(config)
        self.map = MapTokens(config) if config.sizes.map_nodes else None
        self.graph = Graph(config, REACTION_HEADS)
        self.modes = ModeTokens(config)
        self.curves = Curves(config)
        self.raster: RasterPyramid | None = None
        if config.sizes.channels:
            self.raster = RasterPyramid(config)
            self.looks = Looks(config, len(CROP_M))
            self.register_buffer('crop_m', torch.tensor(CROP_M), persistent=False)
        if config.use_plan:
            self.to_reaction = nn.Linear(config.width, config.reaction_width)
            self.block_embedding = nn.Parameter(
                0.1 * torch.randn(config.reaction_width, 1, config.sizes.blocks)
            )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """ENCODER_INPUTS, or FINE in place of the rasters -> names of `ENCODED`, all with the
        leading axis.
        """
        state, pose = batch['actor_state'], batch['actor_pose']
        tokens = self.actors(batch['actor_history'], batch['actor_history_valid'], state)
        maps = None
        if self.raster is not None:
            fine = batch[FINE] if FINE in batch else self.raster.fine(*(batch[r] for r in RASTERS))
            maps = self.raster.maps(fine)
            tokens = tokens + self._crop(maps, pose)
        map_tokens, map_pose, kind, valid = None, None, None, batch['actor_valid']
        if self.map is not None:
            map_tokens = self.map(batch['map_point'], batch['map_feature'])
            map_pose, kind = batch['map_pose'], batch['actor_map_kind']
            valid = torch.cat([valid, batch['map_valid']], dim=1)
        edges = self.graph.edges(pose, state[..., SPEED : SLIP + 1], map_pose, kind)
        tokens, heed = self.graph(tokens, map_tokens, edges, valid)
        base = self._base(batch)
        modes = self.modes(tokens[:, 1:], base, pose[:, 1:], maps)
        yaw = base.yaw
        sigma = state[:, 1:, SIGMA_ALONG : SIGMA_ALONG + 2]
        encoded = {
            'base': base.path + self.curves.start_path(modes.start_velocity),
            'log_weight': base.log_weight,
            'direction': torch.stack([torch.cos(yaw), torch.sin(yaw)], dim=1),
            'raw': modes.raw,
            'variance': (sigma * sigma).transpose(1, 2),
        }
        if heed is not None:
            context = self.to_reaction(tokens[:, 1:]).transpose(1, 2)
            encoded |= {
                'ego': torch.cat([pose[:, 0], state[:, 0, SPEED, None]], dim=1),
                'hidden': modes.hidden,
                'context': context[..., None] + self.block_embedding,
                'heed': heed[:, :, 1:, 1:],
                **self._whereabouts(base, encoded, pose[:, 1:]),
            }
        return encoded

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of ENCODER_INPUTS that it reads."""
        names = encoder_inputs(self.config.sizes)
        refines = self.config.use_proposals
        return tuple(name for name in names if refines or not name.startswith('proposal'))

    def _base(self, batch: Batch) -> Base:
        if self.config.use_proposals:
            return base_of_proposals(
                batch['proposal'],
                batch['proposal_log_weight'],
                batch['actor_state'][:, 1:],
                self.config.steps_per_block,
            )
        return base_of_velocity(batch['actor_state'][:, 1:], self.config.sizes)

    def _crop(self, maps: Tensor, pose: Tensor) -> Tensor:
        """What lies around each actor, turned its way: (B, N, D)."""
        x0, y0, cos, sin = (pose[:, None, :, i] for i in range(4))
        x, y = turned(self.crop_m[:, :1], self.crop_m[:, 1:], cos, sin)
        result: Tensor = self.looks(maps, x + x0, y + y0)
        return result

    def _whereabouts(
        self, base: Base, encoded: dict[str, Tensor], pose: Tensor
    ) -> dict[str, Tensor]:
        """Where each mode is at the beginning of each block if nothing is planned, in the view
        frame. The reaction looks at this and does not shape it.
        """
        cos, sin = encoded['direction'].unbind(1)
        raw = encoded['raw'].detach()
        ends = base.at_ends
        x, _, y, _ = self.curves.offsets(raw, cos, sin)
        x, y = x + ends[..., 0], y + ends[..., 1]
        still = x[..., :1] * 0.0
        x_now, y_now = torch.cat([still, x[..., :-1]], -1), torch.cat([still, y[..., :-1]], -1)
        block_s = self.config.steps_per_block * self.config.sizes.step_s
        speed = torch.sqrt((x - x_now) ** 2 + (y - y_now) ** 2 + 1e-6) / block_s
        cos_now = torch.cat([still + 1.0, cos[..., :-1]], dim=-1)
        sin_now = torch.cat([still, sin[..., :-1]], dim=-1)
        x0, y0, cos0, sin0 = (pose[:, None, :, i, None] for i in range(4))
        x_view, y_view = turned(x_now, y_now, cos0, sin0)
        heading = turned(cos_now, sin_now, cos0, sin0)
        at = torch.stack([x_view + x0, y_view + y0, *heading, speed], dim=1)
        logit = raw[:, 7].sum(dim=-1) + encoded['log_weight'].transpose(1, 2)
        # Nearly the likeliest alone: a mean of left and right would be nowhere.
        likeliest = torch.softmax(20.0 * logit, dim=1)[:, None, ..., None]
        return {'at': at, 'likely_at': (at * likeliest).sum(dim=2)}


class Decoder(nn.Module):
    """Encoded scenes and plans to OUTPUTS."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.curves = Curves(config)
        self.reaction = Reaction(config) if config.use_plan else None

    def forward(
        self, encoded: Batch, plan: Tensor | None, plan_valid: Tensor | None
    ) -> dict[str, Tensor]:
        """Plans (N, K, 5) in N scenes, or in one scene (leading axis 1) -> OUTPUTS with N."""
        raw = encoded['raw']
        if self.reaction is not None and plan is not None and plan_valid is not None:
            raw = raw + self.reaction(encoded, plan, plan_valid)
        cos, sin = encoded['direction'].unbind(1)
        offsets = self.curves.offsets(raw, cos, sin)
        return {
            'mean': self.curves.mean(encoded['base'], offsets),
            'spread': self.curves.spread(raw[:, 4:7], cos, sin, encoded['variance']),
            'weight_logit': self.curves.weight_logit(raw[:, 7], encoded['log_weight']),
        }


class Network(nn.Module):
    """Both halves."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """ENCODER_INPUTS with leading axis B, `plan` (B, K, 5) and `plan_valid` (B, K), or neither
        of the two -> 'mean' (B, A, M, T, 2), 'spread' (B, A, M, T, 3), 'weight_logit' (B, A, M, W).
        """
        encoded = self.encoder(batch)
        answer: dict[str, Tensor] = self.decoder(
            encoded, batch.get('plan'), batch.get('plan_valid')
        )
        return answer
