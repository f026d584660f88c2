"""Every recorded vehicle takes a turn as the robotaxi, whose plan is what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import Transform, rotation_2d, wrap_angle
from prediction_node.domain.kinds import MOTOR_VEHICLES, class_mask
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import STEP_S
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.evaluation.windows import (
    HISTORY_STEPS,
    MIN_HISTORY_STEPS,
    Window,
    futures,
    instants,
)
from prediction_node.extraction.causal import history_until, observed_agents, unbroken_steps

PLAN_STEPS = 50  # who takes a turn is recorded for as long
SPEED_STEPS = 3  # a plan's speeds are of the way over so many steps
AGENTS = 64
ALIKE = 20  # placebos are some of so many plans that begin at the most similar speed
PLACEBOS = 8  # one alone says more about itself than about telling nothing
OTHER_MOMENT_NS = 8 * NS_PER_S
SEED = 4
_DRIVEN = class_mask(MOTOR_VEHICLES)


def turns(recording: Recording, lane_map: LaneMap, group: str) -> Iterator[Window]:
    """A window per second and vehicle that has a second of past and five of future.

    The vehicle is the robotaxi and no agent; judged are the others, the nearest 64, that have a
    second of unbroken past and are known for five more.
    """
    for now in instants(recording):
        agents, row = observed_agents(recording, now)
        age = unbroken_steps(recording.valid[row], now)
        truth, valid = futures(recording, row, now)
        full = (age >= MIN_HISTORY_STEPS) & valid[:, PLAN_STEPS - 1]
        history = history_until(recording, row, now, HISTORY_STEPS)
        for k in np.flatnonzero(full & _DRIVEN[recording.label[row]]):
            distance = np.hypot(*(agents.position_m - agents.position_m[k])[:, :2].T)
            distance[k] = np.inf
            others = np.sort(np.argsort(distance, kind='stable')[: min(len(row) - 1, AGENTS)])
            judged = np.flatnonzero(full[others])
            if not len(judged):
                continue
            ego = _robotaxi(agents, int(k))
            scene = Scene(
                stamp_ns=agents.stamp_ns,
                agents=agents.select(others),
                history=history.select(others),
                ego=ego,
                lane_map=lane_map,
                lights=recording.lights[now],
                ego_history=history.select(np.array([k])),
            )
            picked = others[judged]
            yield Window(
                scene=scene,
                judged=judged,
                label=recording.label[row[picked]].astype(np.int64),
                truth_m=truth[picked],
                valid=valid[picked],
                recording=recording.name,
                group=group,
                driven=_driven(recording, int(row[k]), now, ego, truth[k], valid[k]),
            )


def _robotaxi(agents: Agents, k: int) -> Ego:
    base = Transform.from_xyz_yaw(agents.position_m[k], float(agents.yaw_rad[k]))
    return Ego(
        stamp_ns=agents.stamp_ns,
        map_from_base=base,
        velocity_mps=agents.velocity_mps[k] @ base.rotation_2d,
        yaw_rate_radps=float(agents.yaw_rate_radps[k]),
        size_m=agents.size_m[k],
    )


def _driven(
    recording: Recording, row: int, now: int, ego: Ego, truth: np.ndarray, valid: np.ndarray
) -> EgoPlan:
    """What the vehicle `row` did. Speeds look back along the plan, never ahead."""
    steps = int(valid.sum())
    place = np.vstack([ego.position_m, truth[:steps]])
    yaw = recording.yaw_rad[row, now : now + steps + 1].copy()
    # Recorded and observed headings differ a little: the plan begins with the observed one.
    yaw += wrap_angle(ego.yaw_rad - yaw[0])
    before = np.maximum(np.arange(steps + 1) - SPEED_STEPS, 0)
    way = np.linalg.norm(place - place[before], axis=1)
    after_s = STEP_S * np.arange(steps + 1)
    speed = way / np.maximum(after_s - after_s[before], STEP_S)
    early = 1.0 - np.minimum(np.arange(steps + 1) / SPEED_STEPS, 1.0)
    speed = early * float(ego.velocity_mps[0]) + (1.0 - early) * speed
    return EgoPlan(after_s, np.column_stack([place, np.unwrap(yaw)]), speed)


@dataclass(frozen=True, slots=True, eq=False)
class _Driven:
    group: str
    stamp_ns: int
    plan: EgoPlan


class Placebos:
    """What robotaxis did at other moments, to be offered as plans that tell nothing."""

    def __init__(self, windows: Sequence[tuple[str, int, EgoPlan]]) -> None:
        """`windows`: group, stamp and plan of all that may be offered."""
        self._all = [_Driven(*each) for each in windows]
        self._group = np.array([each.group for each in self._all])
        self._stamp_ns = np.array([each.stamp_ns for each in self._all], np.int64)
        self._speed = np.array([each.plan.speed_mps[0] for each in self._all])

    def __len__(self) -> int:
        return len(self._all)

    def of(self, window: Window) -> tuple[EgoPlan, ...]:
        """Other groups' plans (other moments', where there is one group) that begin at about the
        robotaxi's speed, moved to where it stands: PLACEBOS of them, fewer where there are not so
        many. The same window gets the same ones.

        Raises DataError where there is no other moment.
        """
        other = self._group != window.group
        if not other.any():
            other = np.abs(self._stamp_ns - window.scene.stamp_ns) >= OTHER_MOMENT_NS
        rows = np.flatnonzero(other)
        if not len(rows):
            raise DataError(
                f'{window.recording}: no plan of another moment can serve as placebo; give more '
                'recordings'
            )
        ego = window.scene.ego
        order = np.argsort(np.abs(self._speed[rows] - ego.velocity_mps[0]), kind='stable')
        alike = rows[order[:ALIKE]]
        place = np.abs(ego.position_m * 100.0).astype(np.int64)
        rng = np.random.default_rng([SEED, abs(window.scene.stamp_ns), *place.tolist()])
        drawn = rng.permutation(alike)[:PLACEBOS]
        return tuple(moved(self._all[int(row)].plan, ego) for row in drawn)


def moved(plan: EgoPlan, ego: Ego) -> EgoPlan:
    """The same way driven from where `ego` is."""
    turn = ego.yaw_rad - plan.pose[0, 2]
    place = (plan.pose[:, :2] - plan.pose[0, :2]) @ rotation_2d(turn).T + ego.position_m
    return EgoPlan(plan.after_s, np.column_stack([place, plan.pose[:, 2] + turn]), plan.speed_mps)
