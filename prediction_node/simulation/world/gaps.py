"""Whether somebody on foot dares to step before the vehicles that come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BODY_M = 0.4  # half of who walks
_SIDE_M = 0.6  # room wanted beside a vehicle
_CLEAR_S = 1.0  # a vehicle that far away in time is let be
_IN_THE_WAY_M = 0.8  # who is this close to a vehicle's strip, or in it, walks on
_SLOW_MPS = 0.5
_TOUCH_S, _TOUCH_M = 0.4, 0.3  # way of who walks on which no body may be, however it moves
_SAMPLE_M = 0.3


@dataclass(frozen=True, slots=True)
class Nerve:
    """What somebody on foot counts on drivers to do."""

    braking_mps2: float
    reaction_s: float
    margin_m: float


def may_walk(
    path_m: np.ndarray,
    speed_mps: float,
    nerve: Nerve,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    vehicle_mps: np.ndarray,
    size_m: np.ndarray,
) -> bool:
    """Is the rest of a path (K, 2), walked at `speed_mps`, safe from N vehicles that keep straight
    on (box centres (N, 2), sizes (N, 3))? A vehicle is no danger where it passes well before or
    after, or can still stop once somebody is in its strip. Nobody walks through one that stands,
    nor into one that is right there.
    """
    half_m = 0.5 * size_m[:, :2]
    touch_m = _TOUCH_M + _TOUCH_S * speed_mps
    if len(position_m) and _blocked(path_m, position_m, yaw_rad, half_m, touch_m):
        return False
    moving = vehicle_mps > _SLOW_MPS
    standing = ~moving
    if standing.any() and _blocked(
        path_m, position_m[standing], yaw_rad[standing], half_m[standing]
    ):
        return False
    if not moving.any():
        return True
    position, speed = position_m[moving], vehicle_mps[moving]
    ahead = np.stack([np.cos(yaw_rad[moving]), np.sin(yaw_rad[moving])], axis=-1)
    half_m = half_m[moving]
    legs = np.diff(path_m, axis=0)
    length = np.hypot(*legs.T)
    before_m = np.concatenate([[0.0], np.cumsum(length)[:-1]])
    # (K - 1, N): where the vehicles' middle lines meet the legs.
    rel = position[None] - path_m[:-1, None]
    cross = legs[:, None, 0] * ahead[None, :, 1] - legs[:, None, 1] * ahead[None, :, 0]
    parallel = np.abs(cross) < 1e-9 * np.maximum(length[:, None], 1e-9)
    cross = np.where(parallel, 1.0, cross)
    on_leg = (rel[..., 0] * ahead[None, :, 1] - rel[..., 1] * ahead[None, :, 0]) / cross
    drive_m = (rel[..., 0] * legs[:, None, 1] - rel[..., 1] * legs[:, None, 0]) / cross
    walk_m = before_m[:, None] + on_leg * length[:, None]
    # The strip is wider for who crosses it at a slant.
    slant = np.abs(cross) / np.maximum(length[:, None], 1e-9)
    strip_m = (half_m[None, :, 1] + _BODY_M + _SIDE_M) / np.maximum(slant, 0.2)
    meets = ~parallel & (on_leg > -1e-9) & (on_leg < 1.0 + 1e-9)
    front_m = drive_m - half_m[None, :, 0]
    meets &= front_m > -2.0 * half_m[None, :, 0]  # not yet past
    meets &= walk_m - strip_m > -_IN_THE_WAY_M  # not in its way already
    enter_s = np.maximum(walk_m - strip_m, 0.0) / speed_mps
    leave_s = (walk_m + strip_m) / speed_mps
    arrive_s = front_m / speed[None]
    passed_s = (drive_m + half_m[None, :, 0]) / speed[None]
    clear = (arrive_s > leave_s + _CLEAR_S) | (passed_s < enter_s)
    left_m = front_m - speed[None] * (enter_s + nerve.reaction_s)
    stops = left_m > speed[None] ** 2 / (2.0 * nerve.braking_mps2) + nerve.margin_m
    return not bool((meets & ~clear & ~stops).any())


def _blocked(
    path_m: np.ndarray,
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    half_m: np.ndarray,
    first_m: float = np.inf,
) -> bool:
    """Do the `first_m` of the path lead through boxes grown by a body, other than out of them?"""
    length = np.hypot(*np.diff(path_m, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(length)])
    samples = np.arange(0.0, min(along[-1], first_m) + 1e-9, _SAMPLE_M)
    points = np.stack([np.interp(samples, along, path_m[:, k]) for k in (0, 1)], axis=-1)
    rel = points[:, None] - position_m[None]
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    ahead = np.abs(rel[..., 0] * cos + rel[..., 1] * sin)
    side = np.abs(rel[..., 1] * cos - rel[..., 0] * sin)
    inside = (ahead < half_m[:, 0] + _BODY_M) & (side < half_m[:, 1] + _BODY_M)
    return bool((inside[1:] & ~inside[0]).any())
