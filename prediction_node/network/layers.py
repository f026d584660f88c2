"""Small parts that several modules are made of."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


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

    def apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The product and the bias (out, 1): for whom it can be added to something smaller."""
        assert self.bias is not None
        return torch.matmul(self.weight, x.flatten(2)).unflatten(2, x.shape[2:]), self.bias

    def of_one(self, x: Tensor, *, keeps_one: bool = False) -> Tensor:
        """Of (B, wide + 1, ...) whose last feature is one: the bias is part of the product then, in
        place of a pass over what it makes. With `keeps_one`, the answer ends with a one as well.
        """
        assert self.bias is not None
        weight = torch.cat([self.weight, self.bias], dim=1)
        if keeps_one:
            one = functional.pad(torch.ones_like(self.bias[:1]), (self.weight.shape[1], 0))
            weight = torch.cat([weight, one])
        return torch.matmul(weight, x.flatten(2)).unflatten(2, x.shape[2:])


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


def by_rows(linear: nn.Linear, x: Tensor) -> Tensor:
    """`linear` of (..., wide) as one product of rows: that takes its bias along, one of more axes
    adds it in another pass.
    """
    y: Tensor = linear(x.flatten(0, -2))
    return y.unflatten(0, x.shape[:-1])
