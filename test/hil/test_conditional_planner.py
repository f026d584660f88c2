"""The planner that asks: answers decide, missing ones do not matter, and comparisons are paired."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr, cli, output
from prediction_node.bench.arms import arm_of
from prediction_node.bench.dialogue import Dialogue
from prediction_node.conditional.answers import candidate_id
from prediction_node.domain.agents import Agents
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.hil.comparison import COUNTS, Comparison, compared
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.parameters import BodyParameters, PlannerParameters
from prediction_node.simulation.planner.planner import EgoState, Planner, Proposal
from prediction_node.simulation.planner.route import Road, Route

STRAIGHT = np.array([[0.0, 0.0], [400.0, 0.0]])


def propose(bench: Any, others: list[Any]) -> tuple[Planner, Proposal]:
    planner = Planner(Route(Road(bench.lanes([STRAIGHT]))), PlannerParameters())
    ego = EgoState(bench.start_ns, np.array([5.0, 0.0]), 0.0, 8.0, bench.ego_size_m)
    futures = bench.futures(others, 0.0, bench.start_ns)
    from prediction_node.domain.lights import LightStates

    return planner, planner.propose(ego, futures, LightStates.none())


def test_an_answer_for_one_candidate_changes_its_cost_and_no_other(bench: Any) -> None:
    nobody = bench.futures([], 0.0, bench.start_ns)
    walker = bench.futures([bench.other(45.0, 0.0, 0.0, 0.0)], 0.0, bench.start_ns)
    planner, proposal = propose(bench, [])
    plain = planner.choose(proposal)
    names = [each.name for each in proposal.candidates]
    fast = names.index('faster')
    answers: list[Futures | None] = [None] * len(names)
    answers[fast] = walker
    planner, proposal = propose(bench, [])
    asked = planner.choose(proposal, answers)
    assert asked.collision[fast] == pytest.approx(1.0)
    others = np.arange(len(names)) != fast
    np.testing.assert_allclose(asked.cost[others], plain.cost[others])
    assert plain.trajectory.name in ('faster', 'keep')
    # If everybody gets out of the way of whoever asks, nothing is in the way.
    crossing = [bench.other(40.0, -12.0, np.pi / 2, 3.5)]
    planner, proposal = propose(bench, crossing)
    blocked = planner.choose(proposal)
    planner, proposal = propose(bench, crossing)
    free = planner.choose(proposal, [nobody] * len(proposal.candidates))
    assert blocked.collision.max() > 0.9
    assert free.collision.max() == 0.0


def test_making_others_brake_hard_costs(bench: Any) -> None:
    """A car behind that will brake by 4 m/s2 for a candidate, and one that will not at all."""

    def behind(braking_mps2: float) -> Futures:
        calm = bench.futures([bench.other(-20.0, 0.0, 0.0, 12.0)], 0.0, bench.start_ns)
        after_s = 0.1 * np.arange(calm.pose.shape[2])
        until_s = np.minimum(after_s, 12.0 / max(braking_mps2, 1e-6))
        pose = calm.pose.copy()
        pose[..., 0] = -20.0 + 12.0 * after_s
        if braking_mps2:
            pose[..., 0] = -20.0 + 12.0 * until_s - 0.5 * braking_mps2 * until_s**2
        return dataclasses.replace(calm, pose=pose)

    costs = []
    for braking in (0.0, 1.0, 4.0):
        planner, proposal = propose(bench, [])
        answers: list[Futures | None] = [behind(0.0)] * len(proposal.candidates)
        answers[0] = behind(braking)
        plan = planner.choose(proposal, answers)
        assert plan.collision[0] == 0.0
        costs.append(plan.cost[0])
    assert costs[1] == pytest.approx(costs[0])  # one metre per second squared comes easy
    expected = PlannerParameters().courtesy_weight * 2.5**2
    assert costs[2] - costs[0] == pytest.approx(expected, rel=0.05)


def test_without_answers_it_chooses_as_before(bench: Any) -> None:
    others = [bench.other(40.0, 1.0, 0.0, 3.0), bench.other(30.0, -8.0, 1.5, 1.2)]
    planner, proposal = propose(bench, others)
    plain = planner.choose(proposal)
    planner, proposal = propose(bench, others)
    silent = planner.choose(proposal, [None] * len(proposal.candidates))
    np.testing.assert_array_equal(plain.cost, silent.cost)
    assert plain.chosen == silent.chosen


def answer_of(dialogue: Dialogue, row: int, agents: Agents, every: int = 5) -> bytes:
    """A message as the node sends it: the robotaxi first, agents turning left at 0.3 rad/s."""
    n = len(agents)
    ahead = 0.1 * np.arange(POSE_COUNT)
    pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
    yaw = 3.0 + 0.3 * ahead  # across the cut of the angle
    pose[..., 0] = 20.0 * np.sin(0.3 * ahead)
    pose[..., 1] = 20.0 * (1.0 - np.cos(0.3 * ahead))
    pose[..., 2] = yaw
    probability = np.zeros((n, MODE_COUNT))
    probability[:, :2] = 0.75, 0.25
    uuid = agents.uuid.copy()
    uuid[0] = np.frombuffer(candidate_id(dialogue.request, row), np.uint8)
    agents = dataclasses.replace(agents, uuid=uuid)
    prediction = Prediction(agents, pose, np.ones_like(pose), probability, 'test')
    return cdr.write_predicted_objects(output.predicted_objects(prediction, every))


def test_answers_find_their_candidates_and_keep_the_futures(bench: Any, agents_of: Any) -> None:
    _, proposal = propose(bench, [])
    dialogue = Dialogue(proposal, BodyParameters())
    request = cdr.read_candidate_trajectories(dialogue.ask())
    assert len(request.trajectories) == len(proposal.candidates)
    both = cdr.read_candidate_trajectories(dialogue.ask(turn_indicators=True), turn_indicators=True)
    assert both.indicator_command is not None
    assert dialogue.hear(answer_of(dialogue, 2, agents_of(3)))
    assert not dialogue.complete
    heard = dialogue.answers[2]
    assert heard is not None
    assert len(heard) == 2
    assert heard.pose.shape[2] == POSE_COUNT
    ahead = 0.1 * np.arange(POSE_COUNT)
    exact = np.column_stack([20.0 * np.sin(0.3 * ahead), 20.0 * (1.0 - np.cos(0.3 * ahead))])
    # The sagitta of half a second of a 20 m circle.
    assert np.abs(heard.pose[0, 0, :, :2] - exact).max() < 0.06
    off = np.angle(np.exp(1j * (heard.pose[0, 0, :, 2] - 3.0 - 0.3 * ahead)))
    assert np.abs(off).max() < 1e-6
    for row in range(len(proposal.candidates)):
        assert dialogue.hear(answer_of(dialogue, row, agents_of(1)))
    assert dialogue.complete


def test_what_is_no_answer_to_us_is_left_alone(bench: Any, agents_of: Any) -> None:
    _, proposal = propose(bench, [])
    dialogue, other = (Dialogue(proposal, BodyParameters()) for _ in range(2))
    good = answer_of(dialogue, 0, agents_of(2))
    assert not dialogue.hear(good[:-30])
    assert not dialogue.hear(b'')
    later = dataclasses.replace(
        proposal,
        candidates=tuple(
            dataclasses.replace(each, stamp_ns=each.stamp_ns + 1) for each in proposal.candidates
        ),
    )
    other = Dialogue(later, BodyParameters())
    assert not dialogue.hear(answer_of(other, 0, agents_of(2)))
    assert dialogue.answers == [None] * len(proposal.candidates)


def runs_of(values: list[tuple[float, float, float]]) -> list[dict[str, Any]]:
    """(hard brakes, collisions, distance) of each run."""
    return [
        {'hard_brakes': b, 'ego_hard_brakes': 0.0, 'ego_collisions': c, 'ego_distance_m': d}
        for b, c, d in values
    ]


def test_paired_intervals_know_a_difference_from_none() -> None:
    rng = np.random.default_rng(0)
    base = rng.poisson(6.0, 40)
    far = rng.uniform(300.0, 500.0, 40)
    many = runs_of([(float(b), 0.0, d) for b, d in zip(base, far, strict=True)])
    less = runs_of([(float(b) - 1.0, 0.0, 0.99 * d) for b, d in zip(base, far, strict=True)])
    figures = compared(('a', 'b'), range(40), {'a': less, 'b': many})
    brakes = figures['paired']['hard_brakes_per_run']
    assert brakes['value'] == brakes['low'] == brakes['high'] == -1.0
    assert figures['paired']['hard_brakes_per_km']['high'] < 0.0
    assert figures['paired']['distance_ratio']['value'] == pytest.approx(0.99)
    assert figures['paired']['collisions_per_km']['value'] == 0.0
    shuffled = runs_of([(float(b), 0.0, d) for b, d in zip(base[::-1], far[::-1], strict=True)])
    same = compared(('a', 'b'), range(40), {'a': shuffled, 'b': many})
    interval = same['paired']['hard_brakes_per_km']
    assert interval['low'] < 0.0 < interval['high']
    total = figures['arms']['b']
    assert total['hard_brakes_per_km'] == pytest.approx(base.sum() / far.sum() * 1000.0)


def test_figures_of_a_comparison_name_every_run() -> None:
    runs = runs_of([(1.0, 0.0, 400.0), (3.0, 1.0, 380.0)])
    figures = compared(('a', 'b'), (5, 6), {'a': runs, 'b': runs})
    assert [each['seed'] for each in figures['runs']] == [5, 6]
    assert set(figures['runs'][1]['a']) == {*COUNTS, 'verdict'}
    json.dumps(figures)


def test_runs_that_are_there_are_not_driven_again(tmp_path: Path) -> None:
    from rich.console import Console

    comparison = Comparison(('kinematic', 'asking'), (3,), 'residential', 5.0, tmp_path)
    for arm in ('kinematic', 'asking'):
        path = tmp_path / f'{arm}_3.json'
        path.write_text(json.dumps(runs_of([(2.0, 0.0, 50.0)])[0]))
        command = f'hil --scenario residential --duration 5 --lockstep --seed 3 --planner {arm}'
        path.with_suffix('.txt').write_text(command)
    figures = comparison.run(1, Console(quiet=True))
    assert figures['paired']['distance_ratio']['value'] == 1.0


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (['--planner', 'asking', '--against', 'asking'], '--against asking'),
        (['--against', 'asking', '--fault', 'off:lidar:1:2'], '--fault'),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(['hil', '--scenario', 'downtown', '--duration', '5', *arguments]) == 2
    assert named in capsys.readouterr().err


def test_a_run_that_fails_is_told_with_its_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ['--scenario', 'uptown', '--duration', '5', '--against', 'asking', '--seeds', '1']
    assert cli.main(['hil', *arguments, '--out', str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert 'seed 0' in said
    assert 'uptown' in said


def test_an_unknown_planner_is_refused() -> None:
    with pytest.raises(ParameterError, match='kinematic, learned, conditional, asking'):
        arm_of('brave')


@pytest.mark.slow
def test_asking_engines_that_know_no_reaction_drives_all_the_same(tmp_path: Path) -> None:
    settings = tmp_path / 'hil.yaml'
    settings.write_text('time: {settle_s: 2.0}\n')
    path = tmp_path / 'asking.json'
    status = cli.main(
        ['hil', '--scenario', 'residential', '--duration', '4', '--lockstep', '--planner', 'asking',
         '--config', str(settings), '--json', str(path)]
    )  # fmt: skip
    figures = json.loads(path.read_text())
    assert status in (0, 1)
    assert figures['cycles'] == 40
    assert figures['questions']['answered'] >= 40
    assert figures['questions']['engines'] == {'kinematic': figures['questions']['answered']}
    assert figures['ego_distance_m'] > 0.0
