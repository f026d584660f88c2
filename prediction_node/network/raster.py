"""The picture of the scene: bytes to feature maps, and looking things up in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from prediction_node.network.config import NetworkConfig

PATCH = 4  # cells of a raster to one cell of the finest feature map
FINE = 'fine'  # what the first layer makes of both rasters, where a file begins or ends with it


class Stem(nn.Module):
    """Bytes (B, S, S, C) to features (B, width, S / 4, S / 4).

    A patch is four runs of 4 x C bytes, one in each of its rows: every row of patches is four
    products, so that the picture, which is large as numbers, never has to be put in another order.
    """

    def __init__(self, offsets: Sequence[int], width: int) -> None:
        super().__init__()
        offset = torch.tensor(offsets, dtype=torch.float32)
        # Every channel spans at most one to either side of its zero.
        scale = 1.0 / torch.maximum(offset, 255.0 - offset)
        self.register_buffer('offset', offset.repeat(PATCH * PATCH), persistent=False)
        self.register_buffer('scale', scale.repeat(PATCH * PATCH), persistent=False)
        self.linear = nn.Linear(PATCH * PATCH * len(offsets), width)

    def weight(self) -> Tensor:
        """(width, 16 C), of bytes: normalising is part of it, and costs nothing by the cell."""
        return self.linear.weight * self.scale

    def forward(self, raster: Tensor) -> Tensor:
        batch, cells, _, channels = raster.shape
        side = cells // PATCH
        rows = raster.reshape(batch, side, PATCH, side, PATCH * channels)
        weight = self.weight()
        bias = self.linear.bias - torch.mv(weight, self.offset)
        # Bytes are exact in bfloat16, and half as much to move; the vehicle computes in float32.
        kind = torch.bfloat16 if self.training else weight.dtype
        rows, parts = rows.to(kind), weight.to(kind).unflatten(1, (PATCH, -1))
        features = bias
        for k in range(PATCH):
            product = functional.linear(rows[:, :, k], parts[:, k])
            features = features + product.to(weight.dtype)
        return features.permute(0, 3, 1, 2)


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a short cut; the second begins at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class RasterPyramid(nn.Module):
    """Both scales through the same convolutions, near before far: `maps` of `fine`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.raster_widths
        self.stem = Stem(config.raster_offset, fine)
        self.scale_embedding = nn.Parameter(0.1 * torch.randn(2, 1, fine, 1, 1))
        self.down = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.middle = Residual(middle)
        self.down_again = nn.Conv2d(middle, coarse, 3, stride=2, padding=1)
        self.coarse = Residual(coarse)
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.from_middle = nn.Conv2d(middle, config.look_width, 1)
        self.from_fine = nn.Conv2d(fine, config.look_width, 1)

    def fine(self, near: Tensor, far: Tensor) -> Tensor:
        """The first layer: bytes (B, S, S, C) twice -> (2 B, width, S / 4, S / 4)."""
        stem = torch.stack([self.stem(near), self.stem(far)]) + self.scale_embedding
        return torch.relu(stem.flatten(0, 1))

    def maps(self, fine: Tensor) -> Tensor:
        """The layers after it -> (2 B, look_width, S / 4, S / 4)."""
        middle = self.middle(torch.relu(self.down(fine)))
        coarse = self.coarse(torch.relu(self.down_again(middle)))
        middle = torch.relu(middle + doubled(self.from_coarse(coarse)))
        return cast(Tensor, self.from_fine(fine) + doubled(self.from_middle(middle)))


def doubled(x: Tensor) -> Tensor:
    """Every cell becomes four."""
    return functional.interpolate(x, scale_factor=2.0, mode='nearest')


class Looks(nn.Module):
    """What the feature maps hold at places of the view frame, through a linear layer."""

    def __init__(self, config: NetworkConfig, places: int) -> None:
        super().__init__()
        half = [0.5 * config.sizes.cells * cell for cell in config.cells_m]
        self.register_buffer('inverse_half', -1.0 / torch.tensor(half), persistent=False)
        self.linear = nn.Linear(2 * places * config.look_width, config.width, bias=False)

    def forward(self, maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Features (2 B, F, S', S') at L places (B, L, Q) in metres -> (B, Q, width): near and far
        in all places of one; zero outside.
        """
        # Rows run against x, columns against y.
        grid = torch.stack([y, x], dim=-1).flatten(1, 2) * self.inverse_half[:, None, None, None]
        found = functional.grid_sample(
            maps, grid.flatten(0, 1)[:, :, None], mode='bilinear', align_corners=False
        )
        # (2 B, F, L Q, 1) -> (B, 2 L F, Q): whole rows move, the rest is the product's business.
        found = found.reshape(2, x.shape[0], maps.shape[1], x.shape[1], x.shape[2])
        found = found.permute(1, 0, 3, 2, 4).flatten(1, 3)
        return cast(Tensor, self.linear(found.transpose(1, 2)))
