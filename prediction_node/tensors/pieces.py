"""Lanes cut into pieces of at most 20 m."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines

PIECE_M = 20.0
POINTS = 10  # along one piece
MAX_PIECES = 2_000_000
_SHORTEST_M = 0.1
# Where borders are missing or meet.
_USUAL_HALF_WIDTH_M = 1.75
_WALKED_HALF_WIDTH_M = 1.0
_LEAST_HALF_WIDTH_M, _MOST_HALF_WIDTH_M = 0.2, 15.0
_FROM, _TO = 0.25, 0.75  # shares of a piece between which its direction is taken


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """B pieces, lane after lane along the driving direction. Coordinates are minus `origin_m`.

    Lanes of less than 0.1 m, or with coordinates that are not finite, have none.
    """

    origin_m: np.ndarray  # (2,)
    lane: np.ndarray  # (B,) int64
    share: np.ndarray  # (B,) where its middle lies along the lane, in (0, 1)
    length_m: np.ndarray  # (B,)
    xy_m: np.ndarray  # (B, 2) middle
    direction: np.ndarray  # (B, 2)
    point_m: np.ndarray  # (B, POINTS, 2) in the frame of the piece
    start_m: np.ndarray  # (B, 2)
    end_m: np.ndarray  # (B, 2)
    half_width_m: np.ndarray  # (B,)
    is_last: np.ndarray  # (B,) bool
    first: np.ndarray  # (L,) int64 a lane's first piece, -1: none
    last: np.ndarray  # (L,) int64

    @classmethod
    def of(cls, lane_map: LaneMap) -> Pieces:
        """Raises ValueError where the lanes are longer than any map's."""
        line = _Lines.of(lane_map.centreline)
        whole = line.length_m >= _SHORTEST_M
        # Rounding must not decide how a lane of a whole number of pieces is cut.
        many = np.where(whole, np.maximum(np.ceil(line.length_m / PIECE_M - 1e-6), 1.0), 0.0)
        if many.sum() > MAX_PIECES:
            raise ValueError(
                f'lanes must be shorter than {MAX_PIECES * PIECE_M:.3g} m in all, '
                f'got {line.length_m.sum():.3g} m'
            )
        many = many.astype(np.int64)
        lane = np.repeat(np.arange(len(many)), many)
        begin = np.cumsum(many) - many
        rank = np.arange(len(lane)) - begin[lane]
        share = (rank + 0.5) / many[lane]
        length = line.length_m[lane] / many[lane]
        within = np.concatenate([np.linspace(0.0, 1.0, POINTS), [0.5, _FROM, _TO]])
        at = line.at(lane[:, None], (rank[:, None] + within) / many[lane][:, None])
        xy = at[:, POINTS]
        direction = _unit(at[:, POINTS + 2] - at[:, POINTS + 1], at[:, POINTS - 1] - at[:, 0])
        away = at[:, :POINTS] - xy[:, None]
        (ux, uy) = direction.T[:, :, None]
        point = np.stack(
            [away[..., 0] * ux + away[..., 1] * uy, away[..., 1] * ux - away[..., 0] * uy], axis=-1
        )
        first = np.where(many > 0, begin, -1)
        return cls(
            origin_m=line.origin_m,
            lane=lane,
            share=share,
            length_m=length,
            xy_m=xy,
            direction=direction,
            point_m=point,
            start_m=at[:, 0],
            end_m=at[:, POINTS - 1],
            half_width_m=_half_widths(lane_map, lane, share),
            is_last=rank == many[lane] - 1,
            first=first,
            last=np.where(many > 0, begin + many - 1, -1),
        )


def _unit(vector: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(B, 2) unit vectors; where one has no length, of the other, or of x."""
    out = np.array(vector)
    for spare in (otherwise, np.broadcast_to([1.0, 0.0], out.shape)):
        flat = np.hypot(out[:, 0], out[:, 1]) < 1e-6
        out[flat] = spare[flat]
    return np.asarray(out / np.hypot(out[:, 0], out[:, 1])[:, None])


def _half_widths(lane_map: LaneMap, lane: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(B,) half the distance of the borders beside the middles of pieces."""
    left, right = _Lines.of(lane_map.left_border), _Lines.of(lane_map.right_border)
    apart = left.at(lane, share) + (left.origin_m - right.origin_m) - right.at(lane, share)
    half = 0.5 * np.hypot(apart[:, 0], apart[:, 1])
    known = (left.length_m[lane] > 0.0) & (right.length_m[lane] > 0.0)
    known &= half >= _LEAST_HALF_WIDTH_M
    walked = np.isin(lane_map.kind[lane], (LaneKind.WALKWAY, LaneKind.CROSSWALK))
    usual = np.where(walked, _WALKED_HALF_WIDTH_M, _USUAL_HALF_WIDTH_M)
    return np.where(known, np.minimum(half, _MOST_HALF_WIDTH_M), usual)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Polylines end to end on one axis, a metre apart, so that one interpolation serves all."""

    origin_m: np.ndarray  # (2,)
    length_m: np.ndarray  # (L,) 0 where the line is of no use
    base_m: np.ndarray  # (L,) where it begins on the axis
    axis_m: np.ndarray  # (P,)
    xy_m: np.ndarray  # (P, 2) minus the origin

    @classmethod
    def of(cls, lines: Polylines) -> _Lines:
        xy = lines.points_m[:, :2].astype(np.float64)
        good = np.asarray(np.isfinite(xy).all(axis=1))
        # Near zero all digits are kept on maps whose coordinates reach 10^7 m.
        origin = xy[good].mean(axis=0) if good.any() else np.zeros(2)
        xy = np.where(good[:, None], xy - origin, 0.0)
        count = np.diff(lines.offsets)
        line_of = np.repeat(np.arange(len(lines)), count)
        step = np.zeros(len(xy))
        if len(xy) > 1:
            step[1:] = np.hypot(*np.diff(xy, axis=0).T)
        step[np.diff(line_of, prepend=-1) != 0] = 0.0
        total = np.cumsum(step)
        filled = np.flatnonzero(count > 0)
        start, length = np.zeros(len(lines)), np.zeros(len(lines))
        start[filled] = total[lines.offsets[:-1][filled]]
        length[filled] = total[lines.offsets[1:][filled] - 1] - start[filled]
        base = np.cumsum(length + 1.0) - length - 1.0
        axis = total - start[line_of] + base[line_of]
        broken = np.zeros(len(lines), bool)
        broken[line_of[~good]] = True
        return cls(origin, np.where(broken, 0.0, length), base, axis, xy)

    def at(self, line: np.ndarray, share: np.ndarray) -> np.ndarray:
        """(..., 2) places at shares of lines, both (...) or broadcast to it."""
        where = self.base_m[line] + share * self.length_m[line]
        if not len(self.axis_m):
            return np.zeros((*where.shape, 2))
        return np.stack(
            [np.interp(where, self.axis_m, self.xy_m[:, axis]) for axis in range(2)], axis=-1
        )
