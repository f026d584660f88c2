"""Three arms: a plan that tells something gains, a placebo does not, and nothing leaks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from prediction_node import cli
from prediction_node.domain.conditional import Conditioned, EgoPlan
from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.recording import Recording
from prediction_node.domain.relations import Relation
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.conditional import ask, figures, placebos_of, site_arms, store_arms
from prediction_node.evaluation.engines import KINEMATIC, EngineSpec, Same
from prediction_node.evaluation.ngsim import Site
from prediction_node.evaluation.turns import PLACEBOS, moved, turns
from prediction_node.evaluation.windows import FUTURE_STEPS, Window
from prediction_node.inference.constant_velocity import ConstantVelocityEngine
from prediction_node.learning.samples import Sample, SampleStore, SampleWriter, write_index

STEPS = 81


def queue(braking_mps2: float, begin_s: float) -> Recording:
    """A leader that brakes, two who follow it and do the same, and one far beside."""
    time_s = 0.1 * np.arange(STEPS)
    since = np.maximum(time_s - begin_s, 0.0)
    stop_s = 10.0 / braking_mps2
    way = 10.0 * time_s - 0.5 * braking_mps2 * np.minimum(since, stop_s) ** 2
    way -= 10.0 * np.maximum(since - stop_s, 0.0)
    steady = 10.0 * time_s
    position = np.zeros((4, STEPS, 3))
    position[:, :, 0] = np.stack([way, way - 15.0, way - 26.0, steady + 5.0])
    position[3, :, 1] = 40.0
    n = len(position)
    return Recording(
        name=f'queue {braking_mps2:g} {begin_s:g}',
        stamp_ns=10**18 + round(1e12 * braking_mps2) + 10**8 * np.arange(STEPS),
        track_id=('leader', 'follower', 'last', 'beside'),
        label=np.full(n, ObjectClass.CAR, np.int8),
        size_m=np.tile([4.5, 1.8, 1.5], (n, 1)),
        position_m=position,
        yaw_rad=np.zeros((n, STEPS)),
        velocity_mps=np.full((n, STEPS, 2), 99.0),
        valid=np.ones((n, STEPS), bool),
        attributes=np.zeros((n, STEPS, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, STEPS, ATTRIBUTE_COUNT), bool),
        ego=None,
        lights=(LightStates.none(),) * STEPS,
    )


RECORDINGS = [queue(b, s) for b, s in ((1.0, 1.2), (2.0, 2.0), (3.0, 3.1), (0.5, 1.5), (4.0, 2.5))]


class Copycats:
    """Everybody keeps their velocity; given a plan, whoever is behind drives at its speeds."""

    name = 'copycats'

    def __init__(self) -> None:
        self._steady = ConstantVelocityEngine()
        self._scene: Scene | None = None

    def predict(self, scene: Scene) -> Prediction:
        self._scene = scene
        return self._steady.predict(scene)

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        assert self._scene is not None
        return tuple(self._answer(self._scene, plan) for plan in plans)

    def _answer(self, scene: Scene, plan: EgoPlan) -> Conditioned:
        before = self._steady.predict(scene)
        offset = scene.agents.position_m[:, :2] - scene.ego.position_m
        behind = (offset[:, 0] < 0.0) & (np.abs(offset[:, 1]) < 2.0)
        _, speed, _ = plan.at(STEP_S * np.arange(POSE_COUNT))
        way = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * STEP_S)])
        pose = before.pose.copy()
        pose[behind, :, :, 0] = scene.agents.position_m[behind, :1, None] + way
        after = dataclasses.replace(before, pose=pose)
        reaction = np.abs(pose[:, 0, :, 0] - before.pose[:, 0, :, 0]).mean(axis=1)
        return Conditioned(after, np.zeros(POSE_COUNT), reaction)


@dataclasses.dataclass(frozen=True)
class CopycatSpec(EngineSpec):
    name: str = Copycats.name

    def build_bare(self) -> Copycats:
        return Copycats()


def site(empty_map: LaneMap) -> Site:
    return Site(
        'queues',
        tuple((recording, empty_map) for recording in RECORDINGS),
        tuple((k,) for k in range(len(RECORDINGS))),
    )


def test_the_true_plan_gains_where_it_can_and_the_placebo_does_not(empty_map: LaneMap) -> None:
    found = figures(site_arms(site(empty_map), Same(CopycatSpec())))
    followers = found['behind']
    assert followers['agents'] >= 10
    assert followers['groups'] == 5
    gain = followers['gain_of_true_plan']['fde']
    assert gain['low'] > 0.5
    assert gain['value'] == pytest.approx(
        1.0 - followers['true_plan']['fde'] / followers['no_plan']['fde']
    )
    assert followers['true_plan']['fde'] < 1.5
    assert followers['gain_of_placebo']['fde']['value'] < gain['low']
    assert followers['true_plan']['reaction_m'] > 0.5
    assert found['affected']['agents'] == followers['agents']
    for others in ('ahead', 'unaffected'):
        cell = found[others]
        assert cell['agents'] > 0
        assert abs(cell['gain_of_true_plan']['fde']['value']) < 1e-6
        assert abs(cell['gain_of_placebo']['fde']['value']) < 1e-6
        assert cell['true_plan']['reaction_m'] == 0.0


def test_the_robotaxi_of_samples_is_asked_about_its_own_plan(
    empty_map: LaneMap, tmp_path: Path
) -> None:
    for k, recording in enumerate(RECORDINGS):
        with SampleWriter(tmp_path, recording.name, group=f'g{k}', origin='simulated') as writer:
            for window in turns(recording, empty_map, f'g{k}'):
                writer.add(_sample(window))
    write_index(tmp_path)
    found = figures(store_arms(SampleStore(tmp_path), Same(CopycatSpec())))
    assert found['behind']['groups'] == 5
    assert found['behind']['gain_of_true_plan']['fde']['low'] > 0.5
    assert abs(found['unaffected']['gain_of_true_plan']['fde']['value']) < 1e-3


def _sample(window: Window) -> Sample:
    assert window.driven is not None
    n, steps = len(window.scene.agents), len(window.driven.after_s) - 1
    future = np.zeros((FUTURE_STEPS, 4))
    future[:steps] = np.column_stack([window.driven.pose[1:], window.driven.speed_mps[1:]])
    return Sample(
        scene=window.scene,
        label=window.label.astype(np.int8),
        future_m=np.where(window.valid[..., None], window.truth_m, 0.0),
        future_yaw_rad=np.zeros((n, FUTURE_STEPS)),
        future_valid=window.valid,
        ego_future=future,
        ego_future_valid=np.arange(FUTURE_STEPS) < steps,
        recording=window.recording,
        group=window.group,
        origin='simulated',
    )


def test_every_vehicle_takes_its_turn_and_is_no_agent_meanwhile(empty_map: LaneMap) -> None:
    recording = RECORDINGS[0]
    made = list(turns(recording, empty_map, 'a'))
    # Instants 1, 2 and 3 s leave five seconds of future.
    assert len(made) == 3 * 4
    for window in made:
        ego = window.scene.ego
        assert ego.present
        assert len(window.scene.agents) == 3
        gap = np.hypot(*(window.scene.agents.position_m[:, :2] - ego.position_m).T)
        assert gap.min() > 10.0
        assert window.driven is not None
        np.testing.assert_allclose(window.driven.pose[0, :2], ego.position_m)
        assert window.driven.speed_mps[0] == pytest.approx(ego.velocity_mps[0])
        assert window.scene.ego_history is not None
        np.testing.assert_allclose(
            window.scene.ego_history.position_m[0, -1], ego.position_m, atol=1e-9
        )


def test_a_plan_says_nothing_of_what_comes_after_its_instants(empty_map: LaneMap) -> None:
    """Speeds look back: two leaders that differ from 3.1 s on have equal plans until then."""
    late = queue(3.0, 3.1)
    later = dataclasses.replace(queue(1.0, 3.1), stamp_ns=late.stamp_ns)
    plans = [next(iter(turns(r, empty_map, 'a'))).driven for r in (late, later)]
    assert plans[0] is not None
    assert plans[1] is not None
    until = plans[0].after_s <= 2.1 + 1e-9
    np.testing.assert_allclose(plans[0].pose[until], plans[1].pose[until])
    np.testing.assert_allclose(plans[0].speed_mps[until], plans[1].speed_mps[until])
    assert np.abs(plans[0].speed_mps - plans[1].speed_mps).max() > 1.0


def test_a_placebo_is_of_another_group_and_begins_where_the_robotaxi_is(
    empty_map: LaneMap,
) -> None:
    made = [w for k, r in enumerate(RECORDINGS) for w in turns(r, empty_map, f'group {k}')]
    placebos = placebos_of(made)
    assert len(placebos) == len(made)
    others = [w.driven for w in made if w.group != made[0].group and w.driven is not None]
    plans = placebos.of(made[0])
    assert len(plans) == PLACEBOS
    ego = made[0].scene.ego
    for plan, again in zip(plans, placebos.of(made[0]), strict=True):
        np.testing.assert_allclose(plan.pose[0], [*ego.position_m, ego.yaw_rad])
        theirs = [moved(each, ego).pose for each in others]
        assert any(np.array_equal(each, plan.pose) for each in theirs)
        np.testing.assert_array_equal(again.pose, plan.pose)
    ends = {tuple(np.round(plan.pose[-1], 6)) for plan in plans}
    assert len(ends) > 1


def test_what_placebos_do_is_the_mean_over_them(empty_map: LaneMap) -> None:
    made = [w for k, r in enumerate(RECORDINGS) for w in turns(r, empty_map, f'group {k}')]
    placebos = placebos_of(made).of(made[0])
    alone = [ask(Copycats(), made[0], [each]) for each in placebos]
    both = ask(Copycats(), made[0], placebos)
    assert both is not None
    errors = np.mean([each.errors[:, 2] for each in alone if each is not None], axis=0)
    np.testing.assert_allclose(both.errors[:, 2], errors)
    assert alone[0] is not None
    np.testing.assert_array_equal(both.errors[:, :2], alone[0].errors[:, :2])


def test_one_moment_alone_has_no_placebo(empty_map: LaneMap) -> None:
    made = list(turns(RECORDINGS[0], empty_map, 'a'))
    with pytest.raises(DataError, match='placebo'):
        placebos_of(made).of(made[0])


def test_agents_beyond_the_horizon_of_truth_are_not_judged(empty_map: LaneMap) -> None:
    window = next(iter(turns(RECORDINGS[0], empty_map, 'a')))
    assert window.driven is not None
    arms = ask(Copycats(), window, [window.driven])
    assert arms is not None
    assert len(arms) == 3
    assert Relation.BEHIND in arms.relation
    cut = dataclasses.replace(window, valid=np.zeros_like(window.valid))
    assert ask(Copycats(), cut, [window.driven]) is None


def test_an_engine_that_answers_no_questions_is_named(
    shared_data: Path, tmp_path: Path, empty_map: LaneMap
) -> None:
    folder = tmp_path / 'Lankershim'
    folder.mkdir()
    for name in ('USA_Lanker-2_4_T-1', 'USA_Lanker-2_10_T-1'):
        file = shared_data / 'ngsim_commonroad' / 'Lankershim' / f'{name}.xml'
        (folder / file.name).symlink_to(file)
    arguments = ['evaluate', 'conditional', '--data', str(tmp_path), '--engine', KINEMATIC]
    assert cli.main([*arguments, '--json', str(tmp_path / 'out.json')]) == 2
    assert not (tmp_path / 'out.json').exists()
    with pytest.raises(DataError, match='no conditional questions'):
        site_arms(
            Site('queues', tuple((r, empty_map) for r in RECORDINGS), ((0, 1), (2, 3, 4))),
            Same(EngineSpec(KINEMATIC)),
        )


def test_the_figures_can_be_written(empty_map: LaneMap) -> None:
    found = figures(site_arms(site(empty_map), Same(CopycatSpec())))
    assert set(found) == {'affected', 'unaffected', *(r.name.lower() for r in Relation)}
    assert json.loads(json.dumps(found))['crossing'] == {'agents': 0}
