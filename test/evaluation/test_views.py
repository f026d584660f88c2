"""Large scenes in views: everybody is predicted once, in small scenes, where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.evaluation.views import Viewed
from prediction_node.evaluation.windows import onlooker
from prediction_node.inference.constant_velocity import ConstantVelocityEngine


def scene_of(agents: Any, *, present: bool) -> Scene:
    n = len(agents)
    history = History(
        position_m=np.tile(agents.position_m[:, None, :2], (1, 31, 1)),
        yaw_rad=np.tile(agents.yaw_rad[:, None], (1, 31)),
        velocity_mps=np.tile(agents.velocity_mps[:, None], (1, 31, 1)),
        valid=np.ones((n, 31), bool),
    )
    ego = onlooker(agents.stamp_ns, agents.position_m, agents.yaw_rad)
    if present:
        base = Transform.from_xyz_yaw(np.array([3.0, 4.0, 0.0]), 0.3)
        ego = Ego(agents.stamp_ns, base, np.zeros(2), 0.0, np.array([4.9, 1.9, 1.7]))
    return Scene(agents.stamp_ns, agents, history, ego, None, LightStates.none())


class Watching:
    """Constant velocity that remembers what it was shown."""

    name = 'watching'

    def __init__(self) -> None:
        self.seen: list[Scene] = []

    def predict(self, scene: Scene) -> Prediction:
        self.seen.append(scene)
        return ConstantVelocityEngine().predict(scene)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a builder, it keeps nothing
)
@given(n=st.integers(0, 90), seed=st.integers(0, 99), present=st.booleans())
def test_views_tell_what_the_engine_tells_of_all(
    agents_of: Any, n: int, seed: int, present: bool
) -> None:
    rng = np.random.default_rng(seed)
    position = np.column_stack([rng.uniform(-200, 200, n), rng.uniform(-20, 20, n), np.zeros(n)])
    agents = agents_of(n, seed=seed, position_m=position)
    assume(n or present)
    scene = scene_of(agents, present=present)
    engine = Watching()
    found = Viewed(engine, agents=16, radius_m=50.0).predict(scene)
    whole = ConstantVelocityEngine().predict(scene)
    for name in ('pose', 'sigma', 'probability'):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert found.agents is scene.agents
    assert all(len(view.agents) <= 16 for view in engine.seen)
    assert all(view.history.position_m.shape[0] == len(view.agents) for view in engine.seen)
    if present:
        assert all(view.ego is scene.ego for view in engine.seen)
        assert len(engine.seen) == -(-n // 16)


def test_a_scene_that_fits_is_passed_on_as_it_is(agents_of: Any) -> None:
    scene = scene_of(agents_of(9), present=True)
    engine = Watching()
    Viewed(engine).predict(scene)
    assert engine.seen == [scene]


def test_without_a_robotaxi_every_agent_is_near_where_it_is_seen_from(agents_of: Any) -> None:
    x = np.linspace(0.0, 600.0, 40)
    position = np.column_stack([x, np.zeros(40), np.zeros(40)])
    scene = scene_of(agents_of(40, position_m=position, yaw_rad=np.full(40, 0.4)), present=False)
    engine = Watching()
    Viewed(engine, agents=16, radius_m=60.0).predict(scene)
    assert len(engine.seen) >= 5
    nearest = np.min(
        [np.hypot(*(position[:, :2] - view.ego.position_m).T) for view in engine.seen], axis=0
    )
    assert nearest.max() <= 60.0
    for view in engine.seen:
        assert not view.ego.present
        assert view.ego.yaw_rad == pytest.approx(0.4)
