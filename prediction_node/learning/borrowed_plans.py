"""Plans that tell nothing: the robotaxi's own way at the pace of another one of the batch.

What a plan tells is what the answers to it differ by from each other. What they have in common over
such plans is what the network makes of being told anything at all.
"""

from __future__ import annotations

import torch
from torch import Tensor


def borrowed(
    plan: Tensor, valid: Tensor, ego: Tensor, block_s: float, rank: int
) -> tuple[Tensor, Tensor]:
    """(B, K, 5) plans as in PLAN_NAMES, and (B, K) where both samples know theirs: each sample's
    way, driven with the changes of speed of the sample whose robotaxi is, but for `rank` - 1
    others, nearest to its own speed.

    plan (B, K, 5) and valid (B, K) at the ends of blocks of `block_s`, ego (B, 5): x, y, cos, sin
    and speed now.
    """
    other = partner(ego[:, 4], rank)
    speed = torch.cat([ego[:, 4:], plan[:, :, 4]], dim=1)
    change = speed - speed[:, :1]
    pace = torch.clamp(speed[:, :1] + change[other], min=0.0)
    gone = torch.cumsum(0.5 * block_s * (pace[:, 1:] + pace[:, :-1]), dim=1)

    place = torch.cat([ego[:, None, :2], plan[:, :, :2]], dim=1)
    # The way ends where it is known, and goes on straight.
    known = torch.cat([torch.ones_like(valid[:, :1]), valid], dim=1)
    step = torch.diff(place, dim=1) * (known[:, 1:] * known[:, :-1])[..., None]
    length = step.norm(dim=-1)
    arc = torch.cat([torch.zeros_like(length[:, :1]), torch.cumsum(length, dim=1)], dim=1)
    at = torch.searchsorted(arc[:, 1:-1].contiguous(), gone.contiguous(), right=False)
    # Standing, one heads as before.
    moves = length > 1e-3
    number = torch.arange(1, length.shape[1] + 1, device=plan.device)
    last = torch.cummax(moves * number, dim=1).values
    way = _rows(step / length.clamp(min=1e-3)[..., None], (last - 1).clamp(min=0))
    way = torch.where((last > 0)[..., None], way, ego[:, None, 2:4])
    start = torch.cumsum(step, dim=1) - step + ego[:, None, :2]
    heading = _rows(way, at)
    xy = _rows(start, at) + heading * (gone - arc.gather(1, at))[..., None]
    return torch.cat([xy, heading, pace[:, 1:, None]], dim=-1), valid * valid[other]


def partner(speed: Tensor, rank: int) -> Tensor:
    """(B,) the sample of the `rank`-th nearest speed to each, never itself. B > rank."""
    apart = (speed[:, None] - speed).abs()
    apart.fill_diagonal_(torch.inf)
    return apart.argsort(dim=1)[:, rank - 1]


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """(B, K, 2) of (B, S, 2) by rows (B, K)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))
