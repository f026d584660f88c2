"""Whom the robotaxi's plan can affect: told from the paths that both really took."""

from __future__ import annotations

import enum

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.frames import direction_rad, wrap_angle
from prediction_node.domain.prediction import STEP_S

NEAR_M = 30.0
SHARED_M = 2.5  # paths closer than this meet: less than the distance of neighbouring lanes
HORIZON_S = 5.0
ALONG_RAD = np.radians(30.0)  # paths that meet at less run the same way
LANE_RAD = np.radians(45.0)
STRIDE_STEPS = 2


class Relation(enum.IntEnum):
    """What an agent is to the robotaxi over the next seconds."""

    FAR = 0  # more than NEAR_M away at present
    APART = 1  # near, but their paths never meet
    AHEAD = 2  # comes first where their paths meet: the robotaxi reacts to it
    BEHIND = 3  # follows on the robotaxi's own lane
    CROSSING = 4  # crosses the robotaxi's path after it
    MERGING = 5  # joins the robotaxi's path behind it


AFFECTED = (Relation.BEHIND, Relation.CROSSING, Relation.MERGING)
UNAFFECTED = (Relation.FAR, Relation.APART)


def relations(
    ego: Ego, plan: EgoPlan, present_m: np.ndarray, yaw_rad: np.ndarray, future_m: np.ndarray
) -> np.ndarray:
    """(M,) Relation of agents at present_m (M, 2), yaw_rad (M,), with futures (M, T, 2).

    Who of two comes first where their paths of the next 5 s meet is the one who cannot be affected.
    The truth is used to sort the agents only: every arm of a comparison has the same ones.
    """
    steps = round(HORIZON_S / STEP_S)
    pose, _, _ = plan.at(STEP_S * np.arange(0, steps + 1, STRIDE_STEPS))
    heading = np.stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])], axis=-1)
    own = pose[:, :2] + ego.centre_offset_m * heading
    path = np.concatenate([present_m[:, None], future_m[:, :steps]], axis=1)[:, ::STRIDE_STEPS]
    gap = path[:, None] - own[None, :, None]  # (M, ego's instant, agent's instant, 2)
    meets = (gap**2).sum(axis=-1) < SHARED_M**2
    order = np.arange(path.shape[1])[None] - np.arange(len(own))[:, None]  # > 0: the ego is first
    somewhere = meets.any(axis=(1, 2))
    lead = (meets * order).sum(axis=(1, 2))

    offset = (present_m - own[0]) @ np.array(
        [[heading[0, 0], -heading[0, 1]], [heading[0, 1], heading[0, 0]]]
    )
    same_lane = (np.abs(wrap_angle(yaw_rad - pose[0, 2])) < LANE_RAD) & (
        np.abs(offset[:, 1]) < SHARED_M
    )
    result = np.full(len(present_m), int(Relation.APART))
    along = _angle_where_they_meet(meets, pose[:, 2], path) < ALONG_RAD
    first = somewhere & (lead > 0)
    result[first & ~along] = Relation.CROSSING
    result[first & along] = Relation.MERGING
    result[(first & along & meets[:, 0].any(axis=1)) | (same_lane & (offset[:, 0] < 0.0))] = (
        Relation.BEHIND
    )
    result[(somewhere & (lead <= 0)) | (same_lane & (offset[:, 0] >= 0.0))] = Relation.AHEAD
    result[np.hypot(offset[:, 0], offset[:, 1]) > NEAR_M] = Relation.FAR
    return result


def _angle_where_they_meet(meets: np.ndarray, yaw_rad: np.ndarray, path: np.ndarray) -> np.ndarray:
    """(M,) angle between the paths at the agent's first instant on the robotaxi's path."""
    m, instants = len(path), path.shape[1]
    at = np.argmax(meets.any(axis=1), axis=1)
    ego_at = np.argmax(meets[np.arange(m), :, at], axis=1)
    # The way over a second around: single steps of slow agents point anywhere.
    before, after = np.maximum(at - 2, 0), np.minimum(at + 3, instants - 1)
    way = path[np.arange(m), after] - path[np.arange(m), before]
    angle: np.ndarray = np.abs(wrap_angle(direction_rad(way) - yaw_rad[ego_at]))
    return angle
