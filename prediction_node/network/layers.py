"""Small parts that several modules are made of."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """Two linear layers over the last axis."""

    def __init__(self, wide: int, hidden: int, out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Linear(wide, hidden)
        self.second = nn.Linear(hidden, out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(torch.relu(self.first(x)))
        return cast(Tensor, self.second(hidden))


class ChannelLinear(nn.Module):
    """A linear layer over axis 1 of (B, wide, ...): the other axes are the columns of one product,
    so that what is laid out feature by feature never has to be transposed.
    """

    def __init__(self, wide: int, out: int, bias: bool = True) -> None:
        super().__init__()
        like = nn.Linear(wide, out)
        self.weight = nn.Parameter(like.weight.detach().clone())
        self.bias = nn.Parameter(torch.zeros(out, 1)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = torch.matmul(self.weight, x.flatten(2))
        if self.bias is not None:
            y = y + self.bias
        return y.unflatten(2, x.shape[2:])


class FeedForward(nn.Module):
    """Residual, normalised first."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = Mlp(width, hidden, width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.mlp(self.norm(x)))


def asinh(x: Tensor) -> Tensor:
    """Linear for small values, logarithmic for large ones, odd."""
    return torch.sign(x) * torch.log(torch.abs(x) + torch.sqrt(x * x + 1.0))


def turned(x: Tensor, y: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """The vector (x, y) turned by an angle."""
    return cos * x - sin * y, sin * x + cos * y
