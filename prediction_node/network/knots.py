"""From raw corrections at the ends of blocks to means, spreads and weights at every step.

Between two ends the correction runs along a cubic Hermite curve and the covariance along a
straight line, so block j is made of what is said at its beginning and its end alone: nothing
said later can reach it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prediction_node.network.config import NetworkConfig
from prediction_node.network.layers import turned


class Curves(nn.Module):
    """The constant matrices of the interpolation, and what they are applied to."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes = config.sizes
        self.steps, self.blocks = sizes.steps, sizes.blocks
        self.offset_scale_mps = config.offset_scale_mps
        self.sigma_range_m = config.sigma_range_m
        per_block = config.steps_per_block
        end_s = per_block * sizes.step_s * torch.arange(1, sizes.blocks + 1)
        at, growth = config.sigma_start_m
        self.register_buffer('end_s', end_s, persistent=False)
        self.register_buffer('sigma_m', at + growth * end_s, persistent=False)
        curve, start = hermite(sizes.blocks, per_block, sizes.step_s)
        self.register_buffer('curve', curve, persistent=False)
        self.register_buffer('start', start, persistent=False)
        self.register_buffer('line', line(sizes.blocks, per_block), persistent=False)
        per_weight = sizes.blocks // sizes.weights
        block, second = torch.arange(sizes.blocks), torch.arange(sizes.weights)
        gained = (block[:, None] < (second + 1) * per_weight).to(torch.float32)
        self.register_buffer('gained', gained, persistent=False)

    def start_path(self, start_velocity: Tensor) -> Tensor:
        """Part of the correction that its velocity now (B, A, M, 2) makes: (B, A, M, T, 2)."""
        return exact_product(start_velocity, self.start).unflatten(3, (self.steps, 2))

    def offsets(self, raw: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
        """Raw (N, 2 + 2, M, A, K) along and across paths of direction (N, M, A, K) -> x, vx, y, vy
        of the correction in own frames, m and m/s.
        """
        scaled = raw[:, :4] * self.offset_scale_mps
        x, y = turned(scaled[:, 0] * self.end_s, scaled[:, 1] * self.end_s, cos, sin)
        vx, vy = turned(scaled[:, 2], scaled[:, 3], cos, sin)
        return x, vx, y, vy

    def mean(self, base: Tensor, offsets: tuple[Tensor, ...]) -> Tensor:
        """Base (N, A, M, T, 2) and its corrections -> (N, A, M, T, 2)."""
        knots = torch.cat(offsets, dim=-1).transpose(1, 2)
        offset = exact_product(knots, self.curve)
        return base + offset.unflatten(3, (self.steps, 2))

    def spread(self, raw: Tensor, cos: Tensor, sin: Tensor, now: Tensor) -> Tensor:
        """Raw (N, 3, M, A, K), variances now (N, 2, A) along x and y -> (N, A, M, T, 3)."""
        low, high = self.sigma_range_m
        sigma = torch.exp(torch.clamp(raw[:, :2], -6.0, 6.0)) * self.sigma_m
        sigma = torch.clamp(sigma, low, high)
        along, across = sigma[:, 0], sigma[:, 1]
        shared = 0.95 * torch.tanh(raw[:, 2]) * along * across
        along, across = along * along, across * across
        cos2, sin2, both = cos * cos, sin * sin, cos * sin
        xx = cos2 * along - 2.0 * both * shared + sin2 * across
        yy = sin2 * along + 2.0 * both * shared + cos2 * across
        xy = both * (along - across) + (cos2 - sin2) * shared
        start = torch.clamp(now, min=low * low)[:, :, None, :, None]
        begins = (start[:, 0], start[:, 1], start[:, 0] * 0.0)
        variance_x, variance_y, covariance = (
            exact_product(
                torch.cat([first.expand_as(ends[..., :1]), ends], dim=-1).transpose(1, 2), self.line
            )
            for first, ends in zip(begins, (xx, yy, xy), strict=True)
        )
        sigma_x, sigma_y = torch.sqrt(variance_x), torch.sqrt(variance_y)
        # A long thin ellipse comes so near to one that rounding would leave no density at all.
        rho = torch.clamp(covariance / (sigma_x * sigma_y), -0.999, 0.999)
        return torch.stack([sigma_x, sigma_y, rho], dim=-1)

    def weight_logit(self, raw: Tensor, log_weight: Tensor) -> Tensor:
        """Gains (N, M, A, K) on top of (N, A, M) -> (N, A, M, W)."""
        return exact_product(raw, self.gained).transpose(1, 2) + log_weight[..., None]


def exact_product(values: Tensor, matrix: Tensor) -> Tensor:
    """Their product in full precision, whatever the rest of the network computes in: these are
    metres, and an eight bit mantissa makes correlations above one of them.
    """
    device = values.device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return torch.matmul(values.float(), matrix)
    return torch.matmul(values, matrix)


def hermite(blocks: int, per_block: int, step_s: float) -> tuple[Tensor, Tensor]:
    """(4 K, 2 T) from x, vx, y, vy at the ends of blocks to x, y at every step, and (2, 2 T) from
    the velocity at the very start.
    """
    steps, block_s = blocks * per_block, per_block * step_s
    curve, start = torch.zeros(4, blocks, steps, 2), torch.zeros(2, steps, 2)
    for step in range(steps):
        block = step // per_block
        u = (step % per_block + 1) / per_block
        of_end = (u * u * (3.0 - 2.0 * u), block_s * u * u * (u - 1.0))
        of_beginning = (1.0 - of_end[0], block_s * u * (u - 1.0) ** 2)
        for axis in range(2):
            for order in range(2):
                curve[2 * axis + order, block, step, axis] = of_end[order]
                if block:
                    curve[2 * axis + order, block - 1, step, axis] = of_beginning[order]
        if not block:
            start[0, step, 0] = start[1, step, 1] = of_beginning[1]
    return curve.reshape(4 * blocks, 2 * steps), start.reshape(2, 2 * steps)


def line(blocks: int, per_block: int) -> Tensor:
    """(K + 1, T) from values now and at the ends of blocks to values at every step."""
    steps = blocks * per_block
    one = torch.zeros(blocks + 1, steps)
    for step in range(steps):
        block = step // per_block
        u = (step % per_block + 1) / per_block
        one[block, step] = 1.0 - u
        one[block + 1, step] = u
    return one
