"""Candidates in, answers out: contents, order, refusals, and engines that fail."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.conditional.request import Reason, judge
from prediction_node.config import Config, from_flat
from prediction_node.domain.conditional import Asking, Conditioned, EgoPlan
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.prediction import POSE_COUNT
from prediction_node.engines import plans_together
from prediction_node.inference.parameters import EngineParameters
from prediction_node.pipeline import CANDIDATES

STEP_NS = 100_000_000
BAD_ORIENTATION = np.zeros((81, 4))


def test_every_candidate_gets_an_answer_in_request_order(ground: Callable[..., Any]) -> None:
    here = ground()
    made = [here.straight(speed) for speed in (8.0, 0.0, 20.0)]
    answers = here.ask(*made)
    assert answers.index.tolist() == [0, 1, 2]
    assert not answers.refusals
    assert len(answers.objects_cdr) == 3
    request = here.request(*made)
    ego = here.release.ego
    for i, data in enumerate(answers.objects_cdr):
        message = cdr.read_predicted_objects(data)
        assert message.stamp_ns == here.release.stamp_ns
        assert message.frame_id == 'map'
        assert message.path_time_step_ns == 5 * STEP_NS
        assert message.path_position.shape[1] == 17
        # Object 0 is the robotaxi, its one path the candidate: middles of the box.
        stamp = made[i].stamp_ns
        name = f'{stamp // 10**9}.{stamp % 10**9:09d}/{i}'
        expected = uuid.uuid5(uuid.UUID(bytes=request.generator_id[i].tobytes()), name)
        assert message.object_id[0].tobytes() == expected.bytes
        assert message.path_offsets[1] == 1
        assert message.path_confidence[0] == 1.0
        heading = np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
        middle = made[i].position[::5, :2] + ego.centre_offset_m * heading
        np.testing.assert_allclose(message.path_position[0, :, :2], middle, atol=1e-6)
        # Everybody else as predicted.
        assert len(message.object_id) == 1 + len(here.release.prediction.agents)
        np.testing.assert_array_equal(message.object_id[1:], here.release.prediction.agents.uuid)
        first = here.release.prediction.pose[0, 0, ::5, :2]
        np.testing.assert_allclose(message.path_position[1, :, :2], first, atol=1e-9)
        weight = np.add.reduceat(message.path_confidence, message.path_offsets[:-1])
        np.testing.assert_allclose(weight, 1.0, atol=1e-6)


def test_driving_into_somebody_scores_less_than_waiting(ground: Callable[..., Any]) -> None:
    here = ground()
    # A truck crosses 12 m ahead.
    answers = here.ask(here.straight(8.0), here.straight(0.0))
    assert answers.score[0] < 0.1
    assert answers.score[1] > 0.5

    from prediction_node.bags.types import type_store

    message: Any = type_store().deserialize_cdr(
        answers.scored_cdr, 'autoware_internal_planning_msgs/msg/ScoredCandidateTrajectories'
    )
    scores = [each.score for each in message.scored_candidate_trajectories]
    np.testing.assert_array_equal(np.array(scores, np.float32), answers.score)
    assert message.generator_info[0].generator_name.data == 'planner'


@pytest.mark.parametrize(
    ('reason', 'points', 'changes'),
    [
        ('one_point', 1, {}),
        ('one_point', 0, {}),
        ('stale', 81, {'late_ns': -2_000_000_000}),
        ('stale', 81, {'late_ns': 3_000_000_000}),
        ('stale', 3, {'late_ns': -400_000_000}),
        ('wrong_frame', 81, {'frame_id': 'odom'}),
        ('wrong_frame', 81, {'frame_id': ''}),
        ('not_finite', 81, {'position': np.full((81, 3), np.nan)}),
        ('not_finite', 81, {'longitudinal_velocity': np.full(81, np.inf, np.float32)}),
        ('not_finite', 81, {'orientation': BAD_ORIENTATION}),
        ('not_increasing', 81, {'time_from_start_ns': np.zeros(81, np.int64)}),
        ('far_away', 81, {'position': np.full((81, 3), 1e308)}),
        ('far_away', 81, {'position': np.full((81, 3), 5e6)}),
    ],
)
def test_what_cannot_be_driven_is_refused_and_the_others_are_answered(
    ground: Callable[..., Any], reason: str, points: int, changes: dict[str, Any]
) -> None:
    here = ground()
    good = here.straight(8.0)
    answers = here.ask(good, here.straight(8.0, points, **changes), good)
    assert answers.index.tolist() == [0, 2]
    assert [(r.index, str(r.reason)) for r in answers.refusals] == [(1, reason)]
    assert len(answers.objects_cdr) == 2
    assert here.pipeline.desk.refused[answers.refusals[0].reason] == 1
    assert f'candidate 1: {reason}' in str(here.pipeline.desk.last_refusal)
    third = cdr.read_predicted_objects(answers.objects_cdr[1])
    stamp = good.stamp_ns
    space = uuid.UUID(bytes=here.request(good, good, good).generator_id[2].tobytes())
    name = uuid.uuid5(space, f'{stamp // 10**9}.{stamp % 10**9:09d}/2')
    assert third.object_id[0].tobytes() == name.bytes


def test_the_fixed_frame_may_have_another_name(ground: Callable[..., Any]) -> None:
    here = ground()
    asked = [here.straight(8.0, frame_id=frame) for frame in ('world', 'map')]
    trial = judge(
        here.request(*asked), asked[0].stamp_ns, np.zeros(2), ConditionedParameters(), 'world'
    )
    assert [(r.index, str(r.reason)) for r in trial.refusals] == [(1, 'wrong_frame')]
    assert trial.index.tolist() == [0]


def test_too_many_are_refused_beyond_the_bound(ground: Callable[..., Any]) -> None:
    here = ground()
    answers = here.ask(*[here.straight(0.5 * i) for i in range(20)])
    assert answers.index.tolist() == list(range(16))
    assert [r.index for r in answers.refusals] == [16, 17, 18, 19]
    assert {str(r.reason) for r in answers.refusals} == {'too_many'}


def test_an_unreadable_request_is_counted_and_nothing_happens(ground: Callable[..., Any]) -> None:
    here = ground()
    for data in (b'', b'\x00\x01\x00\x00' + b'\xff' * 99, b'\x07' * 40):
        here.pipeline.receive(CANDIDATES, data, here.release.release_ns)
        assert here.pipeline.answer_candidates() is None
    assert {str(k): n for k, n in here.pipeline.desk.refused.items()} == {'malformed': 3}
    here.go_on()
    assert len(here.ask(here.straight(8.0)).objects_cdr) == 1


def test_one_request_is_answered_per_scene_and_the_newest_waits(ground: Callable[..., Any]) -> None:
    here = ground()
    assert here.ask(here.straight(1.0)) is not None
    assert here.ask(here.straight(2.0)) is None
    assert here.ask(here.straight(3.0)) is None
    here.go_on()
    answers = here.pipeline.answer_candidates()
    assert answers.plans[0].speed_mps[0] == 3.0
    assert here.pipeline.answer_candidates() is None
    desk = here.pipeline.desk
    assert (desk.requests, desk.answered) == (3, 2)
    assert {str(k): n for k, n in desk.refused.items()} == {'replaced': 1}


def test_before_the_first_odometry_there_is_no_scene_to_answer_on(
    ground: Callable[..., Any],
) -> None:
    from prediction_node.pipeline import Pipeline

    here = ground()
    here.pipeline = Pipeline(Config(), None)
    here.pipeline.release(STEP_NS)
    answers = here.ask(here.straight(1.0))
    assert not answers.objects_cdr
    assert [str(r.reason) for r in answers.refusals] == ['no_scene']


def test_who_is_far_from_a_candidate_is_not_in_its_answer(ground: Callable[..., Any]) -> None:
    config = from_flat({'conditioned.radius_m': 12.0})
    here = ground(None, config)
    answers = here.ask(here.straight(0.0), here.straight(8.0))
    near, far = (cdr.read_predicted_objects(data) for data in answers.objects_cdr)
    assert len(near.object_id) < len(far.object_id)
    agents = here.release.prediction.agents
    away = np.hypot(*(agents.position_m[:, :2] - here.release.ego.position_m).T)
    assert len(near.object_id) == 1 + int((away <= 12.0).sum())


def test_a_plan_that_ends_early_stays_where_it_ends(ground: Callable[..., Any]) -> None:
    here = ground()
    short = here.straight(8.0, 31)
    message = cdr.read_predicted_objects(here.ask(short).objects_cdr[0])
    path = message.path_position[0, :, :2]
    np.testing.assert_array_equal(path[7:], np.repeat(path[6:7], 10, axis=0))


def test_an_older_stamp_is_led_to_the_scene(ground: Callable[..., Any]) -> None:
    here = ground()
    older = here.straight(8.0, late_ns=-2 * STEP_NS)
    message = cdr.read_predicted_objects(here.ask(older).objects_cdr[0])
    ego = here.release.ego
    heading = np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
    now = older.position[2, :2] + ego.centre_offset_m * heading
    np.testing.assert_allclose(message.path_position[0, 0, :2], now, atol=1e-9)


class Learned:
    """An engine that moves everybody by the plan's speed, or fails as a test wants."""

    name = 'learned'

    def __init__(self, bend: Callable[[Conditioned], Conditioned] | None = None) -> None:
        self._bend = bend
        self._prediction: Any = None

    def predict(self, scene: Any) -> Any:
        from prediction_node.inference.constant_velocity import ConstantVelocityEngine

        made = ConstantVelocityEngine().predict(scene)
        self._prediction = dataclasses.replace(made, engine=self.name)
        return self._prediction

    def asking(self) -> Asking:
        return partial(self._condition, self._prediction)

    def _condition(self, known: Any, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        out = []
        for plan in plans:
            pose = known.pose.copy()
            pose[..., 0] += plan.speed_mps[0]
            moved = dataclasses.replace(known, pose=pose)
            n = len(moved.agents)
            answer = Conditioned(moved, np.full(POSE_COUNT, 0.25), np.full(n, plan.speed_mps[0]))
            out.append(answer if self._bend is None else self._bend(answer))
        return tuple(out)


def test_an_engine_that_answers_is_asked(ground: Callable[..., Any]) -> None:
    here = ground(Learned())
    answers = here.ask(here.straight(3.0), here.straight(5.0))
    assert answers.engine == 'learned'
    np.testing.assert_allclose(answers.score, 0.75)
    base = here.release.prediction.pose[0, 0, 0, 0]
    for speed, data in zip((3.0, 5.0), answers.objects_cdr, strict=True):
        message = cdr.read_predicted_objects(data)
        assert message.path_position[1, 0, 0] == pytest.approx(base + speed)


def in_parts(here: Any, *trajectories: Any) -> list[Any]:
    """What a request came to, part by part, with a release between two of them."""
    here.pipeline.receive(
        CANDIDATES,
        cdr.write_candidate_trajectories(here.request(*trajectories)),
        here.release.release_ns,
    )
    told = [here.pipeline.answer_candidates(part=4)]
    while here.pipeline.desk.ready and told[-1] is None:
        here.go_on()
        told.append(here.pipeline.answer_candidates(part=4))
    return told


def test_parts_of_a_request_are_answered_on_one_scene(ground: Callable[..., Any]) -> None:
    """Ten plans: four, four and two, with releases between them, as if all at once."""
    speeds = np.linspace(0.0, 9.0, 10)
    at_once = ground(Learned())
    expected = at_once.ask(*(at_once.straight(float(v)) for v in speeds))
    here = ground(Learned())
    begun_ns = here.release.stamp_ns
    *early, answers = in_parts(here, *(here.straight(float(v)) for v in speeds))
    assert early == [None, None]
    assert here.release.stamp_ns > begun_ns
    assert answers.stamp_ns == begun_ns
    assert answers.objects_cdr == expected.objects_cdr
    assert answers.scored_cdr == expected.scored_cdr
    assert here.pipeline.desk.answered == 10
    assert here.pipeline.desk.took_ms > 2.0 * here.pipeline.desk.plan_ms > 0.0
    assert not here.pipeline.desk.ready
    assert here.ask(here.straight(1.0)) is not None


def test_a_part_is_as_large_as_the_time_allows(ground: Callable[..., Any]) -> None:
    here = ground(Learned())
    assert in_parts(here, *(here.straight(float(v)) for v in range(9)))[-1] is not None
    desk = here.pipeline.desk
    most = desk.plans_within(1e6)
    assert most == desk.plans_within(np.inf) == plans_together(Config())
    assert desk.plans_within(2.5 * desk.plan_ms) == 2
    assert desk.plans_within(0.5 * desk.plan_ms) == 0


def test_a_gpu_answers_in_one_go(ground: Callable[..., Any]) -> None:
    """There is one scene on it, the newest."""
    here = ground(Learned(), Config(engine=EngineParameters(name='onnx', device='cuda')))
    (answers,) = in_parts(here, *(here.straight(float(v)) for v in range(9)))
    assert answers.index.tolist() == list(range(9))
    assert here.pipeline.desk.plans_within(1e3) >= 16


def test_an_engine_that_fails_on_a_part_leaves_the_others(ground: Callable[..., Any]) -> None:
    """There is a newer scene by then: the fallback must not go back to this one."""

    def bend(answer: Conditioned) -> Conditioned:
        return answer if answer.collision[0] and answer.reaction_m[0] != 5.0 else _raise(answer)

    here = ground(Learned(bend))
    speeds = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    *_, answers = in_parts(here, *(here.straight(v) for v in speeds))
    assert answers.index.tolist() == [0, 1, 2, 3, 8]
    assert [refusal.index for refusal in answers.refusals] == [4, 5, 6, 7]
    assert {refusal.reason for refusal in answers.refusals} == {Reason.FAILED}
    assert 'no room' in answers.refusals[0].detail
    assert len(answers.objects_cdr) == len(answers.score) == 5
    assert here.release.prediction.engine == 'learned'


def test_parts_that_come_too_late_are_refused(ground: Callable[..., Any]) -> None:
    here = ground(Learned())
    data = cdr.write_candidate_trajectories(
        here.request(*(here.straight(float(v)) for v in range(9)))
    )
    here.pipeline.receive(CANDIDATES, data, here.release.release_ns)
    assert here.pipeline.answer_candidates(part=4) is None
    for _ in range(7):
        here.go_on()
    answers = here.pipeline.answer_candidates(part=4)
    assert answers.index.tolist() == [0, 1, 2, 3]
    assert {refusal.reason for refusal in answers.refusals} == {Reason.STALE}
    assert not here.pipeline.desk.ready


def _raise(_answer: Conditioned) -> Conditioned:
    raise MemoryError('no room')


def _not_finite(answer: Conditioned) -> Conditioned:
    answer.prediction.pose[0, 0, 3, 0] = np.nan
    return answer


def _improbable(answer: Conditioned) -> Conditioned:
    return dataclasses.replace(answer, collision=np.full(POSE_COUNT, 1.5))


def _nowhere(answer: Conditioned) -> Conditioned:
    return dataclasses.replace(answer, reaction_m=answer.reaction_m * np.nan)


@pytest.mark.parametrize('bend', [_raise, _not_finite, _improbable, _nowhere])
def test_an_engine_that_fails_to_answer_is_replaced_at_once(
    ground: Callable[..., Any], bend: Any
) -> None:
    here = ground(Learned(bend))
    assert here.release.prediction.engine == 'learned'
    answers = here.ask(here.straight(8.0), here.straight(0.0))
    assert answers.engine == 'kinematic'
    assert len(answers.objects_cdr) == 2
    assert here.pipeline.engine.faults == 1
    assert here.pipeline.engine.last_fault.startswith('learned: ')
    here.go_on()
    assert here.release.prediction.engine == 'learned'


def test_when_no_engine_answers_every_candidate_is_refused(
    ground: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prediction_node.conditional import unconditional

    def fail(*_: Any) -> Any:
        raise ValueError('no plan')

    here = ground(Learned(_raise))
    monkeypatch.setattr(unconditional, 'collision', fail)
    answers = here.ask(here.straight(8.0), here.straight(0.0))
    assert not answers.objects_cdr
    assert [str(r.reason) for r in answers.refusals] == ['failed', 'failed']
    here.go_on()
    assert len(here.release.prediction.agents) >= 5


def test_a_time_step_that_no_pose_falls_on_is_refused() -> None:
    with pytest.raises(ParameterError, match='time_step_s must be a multiple'):
        from_flat({'conditioned.time_step_s': 0.25})


def test_the_layout_with_turn_indicators_is_read_and_written(ground: Callable[..., Any]) -> None:
    here = ground()
    here.pipeline.desk.turn_indicators = True
    request = dataclasses.replace(
        here.request(here.straight(8.0), here.straight(1.0, 1), here.straight(2.0)),
        indicator_stamp_ns=np.array([1, 2, 3]) * STEP_NS,
        indicator_command=np.array([1, 2, 3], np.uint8),
    )
    data = cdr.write_candidate_trajectories(request)
    here.pipeline.receive(CANDIDATES, data, here.release.release_ns)
    answers = here.pipeline.answer_candidates()
    assert answers.index.tolist() == [0, 2]
    selected = request.select(answers.index)
    assert answers.scored_cdr == cdr.write_scored_candidate_trajectories(selected, answers.score)
    assert answers.request.indicator_command.tolist() == [1, 2, 3]
