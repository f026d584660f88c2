"""Samples of a store as windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.prediction import STEP_S
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.windows import Window
from prediction_node.learning.samples import Sample, SampleStore
from prediction_node.learning.samples.index import INDEX

MIN_PLAN_STEPS = 10


def window_of(sample: Sample) -> Window:
    """Judged are all agents whose future is known for a step at least."""
    judged = np.flatnonzero(sample.future_valid.any(axis=1))
    return Window(
        scene=sample.scene,
        judged=judged,
        label=sample.label[judged].astype(np.int64),
        truth_m=sample.future_m[judged],
        valid=sample.future_valid[judged],
        recording=sample.recording,
        group=sample.group,
        driven=driven_plan(sample.scene, sample.ego_future, sample.ego_future_valid),
    )


def driven_plan(scene: Scene, future: np.ndarray, valid: np.ndarray) -> EgoPlan | None:
    """What the robotaxi did: future (80, 4) of x, y, yaw, speed as far as `valid` (80,) goes.

    None without a robotaxi, and where less than a second is known.
    """
    steps = int(np.argmin(valid)) if not valid.all() else len(valid)
    if not scene.ego.present or steps < MIN_PLAN_STEPS:
        return None
    pose = np.vstack([[*scene.ego.position_m, scene.ego.yaw_rad], future[:steps, :3]])
    pose[:, 2] = np.unwrap(pose[:, 2])
    speed = np.concatenate([[scene.ego.velocity_mps[0]], future[:steps, 3]])
    return EgoPlan(STEP_S * np.arange(steps + 1), pose, speed)


def store_windows(store: SampleStore, indices: Iterable[int]) -> Iterator[Window]:
    """The windows of some samples that have anybody to judge."""
    for index in indices:
        window = window_of(store[index])
        if len(window.judged):
            yield window


def is_store(folder: Path) -> bool:
    """Does the folder hold samples rather than recordings?"""
    return (folder / INDEX).is_file()


def spread_indices(store: SampleStore, limit: int | None) -> np.ndarray:
    """All indices, or `limit` of them evenly spread."""
    if limit is None or limit >= len(store):
        return np.arange(len(store))
    return np.unique(np.linspace(0, len(store) - 1, limit).round().astype(np.int64))
