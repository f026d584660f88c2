"""Actors heed each other and the map: dense attention with what lies between two of them, as
seen by the one who looks, in the scores and in the values. Nothing depends on where the view's
origin is or how it is turned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prediction_node.domain.tensors import MAP_RELATIONS
from prediction_node.network.config import NetworkConfig
from prediction_node.network.layers import ChannelLinear, FeedForward, asinh, turned

GEOMETRY = 9  # what `relative_geometry` counts
MOTION = 3  # what `relative_motion` counts
MASKED = -1e9  # a score that leaves exactly nothing after the softmax


class Edges(nn.Module):
    """Features between every actor and every token: (B, edge_width, N, N + P)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.scale_m = config.length_scale_m
        width = 2 * config.edge_width
        self.of_actors = ChannelLinear(GEOMETRY + MOTION, width)
        self.of_map = (
            ChannelLinear(GEOMETRY + len(MAP_RELATIONS) - 1, width)
            if config.sizes.map_nodes
            else None
        )
        kinds = torch.arange(1, len(MAP_RELATIONS), dtype=torch.int32)
        self.register_buffer('kinds', kinds[:, None, None], persistent=False)
        self.second = ChannelLinear(width, config.edge_width)

    def forward(
        self, pose: Tensor, velocity: Tensor, map_pose: Tensor | None, kind: Tensor | None
    ) -> Tensor:
        """Poses (B, N, 4) and velocities (B, N, 2) of the actors in their own frames, poses
        (B, P, 4) of the map nodes, what each is to each actor (B, N, P).
        """
        geometry = relative_geometry(pose, pose, self.scale_m)
        motion = relative_motion(geometry, velocity, self.scale_m)
        edges = self._narrow(self.of_actors, [geometry, motion])
        if self.of_map is not None and map_pose is not None and kind is not None:
            geometry = relative_geometry(pose, map_pose, self.scale_m)
            relation = (kind[:, None].to(torch.int32) == self.kinds).to(geometry.dtype)
            # Narrow first: what is joined is copied.
            edges = torch.cat([edges, self._narrow(self.of_map, [geometry, relation])], dim=3)
        return edges

    def _narrow(self, first: ChannelLinear, features: list[Tensor]) -> Tensor:
        one = torch.ones_like(features[0][:, :1])
        wide = torch.relu(first.of_one(torch.cat([*features, one], dim=1), keeps_one=True))
        return torch.relu(self.second.of_one(wide))


def relative_geometry(viewer: Tensor, seen: Tensor, scale_m: float) -> Tensor:
    """(B, N, 4) and (B, K, 4) x, y, cos, sin -> (B, 9, N, K) in the frame of the viewer."""
    x, y, cos, sin = (viewer[:, :, i, None] for i in range(4))
    xs, ys, cos_s, sin_s = (seen[:, None, :, i] for i in range(4))
    dx, dy = turned(xs - x, ys - y, cos, -sin)
    heading = turned(cos_s, sin_s, cos, -sin)
    distance = torch.sqrt(dx * dx + dy * dy + 1e-4)
    inverse = 1.0 / (distance + scale_m)
    place = torch.stack([dx, dy], dim=1)
    others = [
        *heading,
        scale_m * inverse,
        torch.exp(distance * (-0.2 / scale_m)),
        torch.clamp(distance * (0.05 / scale_m), max=2.0),
    ]
    return torch.cat(
        [asinh(place / scale_m), place * inverse[:, None], torch.stack(others, dim=1)], dim=1
    )


def relative_motion(geometry: Tensor, velocity: Tensor, scale_m: float) -> Tensor:
    """Velocities (B, N, 2), each in its own frame -> (B, 3, N, N): of the seen against the viewer,
    and how fast the gap closes.
    """
    own_x, own_y = (velocity[:, :, i, None] for i in range(2))
    seen_x, seen_y = (velocity[:, None, :, i] for i in range(2))
    vx, vy = turned(seen_x, seen_y, geometry[:, 4], geometry[:, 5])
    vx, vy = (vx - own_x) / scale_m, (vy - own_y) / scale_m
    closing = -(geometry[:, 2] * vx + geometry[:, 3] * vy)
    return asinh(torch.stack([vx, vy, closing], dim=1))


class Attention(nn.Module):
    """One layer: every actor looks at all actors and map nodes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.score_of_edge = ChannelLinear(config.edge_width, config.heads)
        self.value_of_edge = nn.Linear(config.heads * config.edge_width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)
        self.feed_forward = FeedForward(width, 2 * width, config.dropout)

    def forward(
        self, actors: Tensor, map_tokens: Tensor | None, edges: Tensor, by_row: Tensor, mask: Tensor
    ) -> Tensor:
        """Actors (B, N, D), map (B, P, D), edges (B, E, N, N + P) and by row (B, N, N + P, E), mask
        (B, 1, 1, N + P) -> (B, N, D).
        """
        x = self.norm(actors)
        seen = x if map_tokens is None else torch.cat([x, map_tokens], dim=1)
        query = self._split(self.query(x))
        key, value = self.key_value(seen).chunk(2, dim=-1)
        score = torch.matmul(query, self._split(key).transpose(2, 3)) * self._scale
        of_edge, bias = self.score_of_edge.apart(edges)
        score = score + of_edge + (mask + bias[:, None])
        weight = torch.softmax(score, dim=-1)
        of_tokens = torch.matmul(weight, self._split(value)).transpose(1, 2).flatten(2)
        of_edges = torch.matmul(weight.transpose(1, 2), by_row).flatten(2)
        heeded = self.out(of_tokens + self.value_of_edge(of_edges))
        result: Tensor = self.feed_forward(actors + self.dropout(heeded))
        return result

    @property
    def _scale(self) -> float:
        return float((self.query.out_features // self.heads) ** -0.5)

    def _split(self, x: Tensor) -> Tensor:
        """(B, K, D) -> (B, heads, K, D / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Graph(nn.Module):
    """Layers of attention over the same edges; in the end, who heeds whom while time runs."""

    def __init__(self, config: NetworkConfig, reaction_heads: int) -> None:
        super().__init__()
        self.edges = Edges(config)
        self.map_norm = nn.LayerNorm(config.width) if config.sizes.map_nodes else None
        self.layers = nn.ModuleList(
            Attention(config) for _ in range(config.layers if config.use_graph else 0)
        )
        self.heads = reaction_heads if config.use_plan else 0
        if self.heads:
            self.heed = nn.Linear(config.width, 2 * 16 * self.heads)
            self.heed_of_edge = ChannelLinear(config.edge_width, self.heads)

    def forward(
        self,
        actors: Tensor,
        map_tokens: Tensor | None,
        edges: Tensor,
        valid: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Tokens (B, N, D), (B, P, D), edges (B, E, N, N + P), valid (B, N + P) -> tokens of the
        actors, and shares (B, heads, N, N) of the attention each pays to the others.
        """
        mask = (1.0 - valid[:, None, None, :]) * MASKED
        if self.map_norm is not None and map_tokens is not None:
            map_tokens = self.map_norm(map_tokens)
        by_row = edges.permute(0, 2, 3, 1).contiguous()
        for layer in self.layers:
            actors = layer(actors, map_tokens, edges, by_row, mask)
        if not self.heads:
            return actors, None
        count = actors.shape[1]
        query, key = self.heed(actors).unflatten(2, (2, self.heads, 16)).permute(2, 0, 3, 1, 4)
        score = 0.25 * torch.matmul(query, key.transpose(2, 3))
        of_edge, bias = self.heed_of_edge.apart(edges[..., :count])
        score = score + of_edge + (mask[..., :count] + bias[:, None])
        return actors, torch.softmax(score, dim=-1)
