"""Samples as they might have been seen: from elsewhere, by fewer sensors, for a shorter time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import Transform, wrap_angle
from prediction_node.domain.kinds import ObjectClass, class_mask
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.learning.parameters import AugmentationParameters

MAX_GAP_STEPS = 5
_WALKER = class_mask((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scene, the view it is encoded in, and how many steps of the robotaxi's plan are told."""

    scene: Scene
    view: Transform  # map_from_view
    told_steps: int


def augmented(
    scene: Scene, steps: int, parameters: AugmentationParameters, rng: np.random.Generator
) -> Seen:
    """The scene as another day might have shown it. Where agents are does not change, nor who is
    there: labels stay true, in frames that look the way agents are now said to look. `steps` is how
    long plans are.
    """
    view = _view(scene, parameters, rng)
    turn = _headings(scene.agents, parameters, rng)
    changes: dict[str, Any] = {
        'agents': _agents(scene.agents, turn, parameters, rng),
        'history': _history(scene.history, turn, parameters, rng),
    }
    if rng.random() < parameters.no_map:
        changes['lane_map'] = None
    if rng.random() < parameters.no_lights:
        changes['lights'] = LightStates.none()
    told_steps = 0 if rng.random() < parameters.no_plan else steps
    if rng.random() < parameters.plan_cut:
        told_steps = min(told_steps, int(rng.integers(1, steps + 1)))
    if not scene.ego.present or rng.random() < parameters.no_ego:
        changes['ego'] = dataclasses.replace(scene.ego, present=False)
        changes['ego_history'] = None
        told_steps = 0
    return Seen(dataclasses.replace(scene, **changes), view, told_steps)


def _view(scene: Scene, parameters: AugmentationParameters, rng: np.random.Generator) -> Transform:
    turn = rng.uniform(-np.pi, np.pi) if rng.random() < parameters.turn else 0.0
    shift = np.append(rng.normal(0.0, 1.0, 2) * parameters.shift_m, 0.0)
    return scene.ego.map_from_base @ Transform.from_xyz_yaw(shift, turn)


def _headings(
    agents: Agents, parameters: AugmentationParameters, rng: np.random.Generator
) -> np.ndarray:
    """(N,) rad by which headings are off, all of the past alike."""
    walks = _WALKER[agents.class_probabilities.argmax(axis=1)]
    return np.where(walks, rng.normal(0.0, 1.0, len(agents)) * parameters.walker_heading_rad, 0.0)


def _agents(
    agents: Agents,
    turn: np.ndarray,
    parameters: AugmentationParameters,
    rng: np.random.Generator,
) -> Agents:
    age = agents.modality_age_s.copy()
    blind: np.ndarray = np.less(rng.random(age.shape[1]), parameters.no_modality)
    if blind.all():
        blind[rng.integers(len(blind))] = False
    age[:, blind] = np.inf
    unknown: np.ndarray = np.less(rng.random(agents.has_attribute.shape), parameters.no_attribute)
    if rng.random() < parameters.no_attributes:
        unknown[:] = True
    return dataclasses.replace(
        agents,
        yaw_rad=wrap_angle(agents.yaw_rad + turn),
        modality_age_s=age,
        has_attribute=agents.has_attribute & ~unknown,
    )


def _history(
    history: History,
    turn: np.ndarray,
    parameters: AugmentationParameters,
    rng: np.random.Generator,
) -> History:
    n, columns = history.valid.shape
    column = np.arange(columns)
    # The present column stays: agents are there now.
    first: np.ndarray = np.asarray(rng.integers(0, columns, n))
    first[rng.random(n) >= parameters.short_history] = 0
    start: np.ndarray = np.asarray(rng.integers(0, columns, n))
    length: np.ndarray = np.asarray(rng.integers(1, MAX_GAP_STEPS + 1, n))
    length[rng.random(n) >= parameters.gap] = 0
    gap = (column >= start[:, None]) & (column < (start + length)[:, None])
    kept = (column >= first[:, None]) & ~gap
    kept[:, -1] = True
    return dataclasses.replace(
        history,
        yaw_rad=wrap_angle(history.yaw_rad + turn[:, None]),
        valid=history.valid & kept,
    )
