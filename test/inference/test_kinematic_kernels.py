"""Laws of the compiled loops, each alone."""

from __future__ import annotations

import ast
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneKind
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters, kernels
from prediction_node.inference.kinematic.kernels import (
    ahead,
    bodies,
    futures,
    modes,
    paths,
    speeds,
    walkers,
)

FOLDER = Path(kernels.__path__[0])
MODULES = sorted(path.stem for path in FOLDER.glob('*.py') if path.stem != '__init__')


@pytest.mark.parametrize('module', MODULES)
def test_kernels_stand_alone(module: str) -> None:
    """Whatever else they used could change without their machine code being renewed."""
    used = set()
    for node in ast.walk(ast.parse((FOLDER / f'{module}.py').read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used.add(node.module or '.')
    assert used <= {'__future__', 'math', 'numpy', 'prediction_node.compiled'}


def test_one_prediction_compiles_all_there_will_ever_be(build: Any) -> None:
    """No scene may make a live cycle wait for a compiler."""

    def compiled_forms() -> dict[str, int]:
        forms = {}
        for module in MODULES:
            for name, function in vars(
                importlib.import_module(f'{kernels.__name__}.{module}')
            ).items():
                if hasattr(function, 'signatures'):
                    forms[f'{module}.{name}'] = len(function.signatures)
        return forms

    agents = build.agents(
        [(0.0, 0.0, 0.0, 5.0), (1.0, 9.0, 0.0, 1.0)],
        label=[ObjectClass.CAR, ObjectClass.PEDESTRIAN],
    )
    engine = KinematicEngine(KinematicParameters())
    engine.predict(build.scene(agents))
    first = compiled_forms()
    lane_map = build.junction(kind=[LaneKind.ROAD] * 4 + [LaneKind.CROSSWALK])
    many = build.agents(
        [(10.0 * k, 0.5 * k, 0.1, 3.0 * k - 3.0) for k in range(9)],
        label=list(range(9)),
        attributes=[{'turn_left': 1.0, 'brake': 0.5}],
    )
    frozen = build.scene(many, lane_map, build.lights((7, 1, 1)))
    frozen.history.position_m.flags.writeable = False
    frozen.agents.covariance.flags.writeable = False
    engine.predict(frozen)
    for rows in ([], [(0.0, 0.0, 0.0, 5.0)]):
        engine.predict(build.scene(build.agents(rows), lane_map))
    # Functions that only tests call from Python may get forms of their own.
    assert {k: n for k, n in compiled_forms().items() if n > first[k]} == {}
    assert all(first[f'{module}.{name}'] for module, name in _CALLED_FROM_PYTHON)


_CALLED_FROM_PYTHON = [
    ('bodies', 'read_classes'),
    ('bodies', 'read_attributes'),
    ('bodies', 'read_bodies'),
    ('lanes', 'closest_segments'),
    ('lanes', 'places_on_segments'),
    ('fits', 'followable'),
    ('fits', 'lane_weights'),
    ('routes', 'likeliest_routes'),
    ('ahead', 'file_by_lane'),
    ('ahead', 'find_leaders'),
    ('ahead', 'find_stops'),
    ('paths', 'tabulate_paths'),
    ('speeds', 'wanted_speeds'),
    ('speeds', 'integrate'),
    ('modes', 'feasible_routes'),
    ('modes', 'choose_modes'),
    ('modes', 'rank_modes'),
    ('futures', 'write_futures'),
    ('futures', 'write_walker_sigma'),
    ('walkers', 'read_courses'),
    ('walkers', 'find_crossings'),
    ('walkers', 'write_walkers'),
]


@settings(max_examples=60, deadline=None)
@given(
    coefficients=st.tuples(st.floats(-50, 50), st.floats(-20, 20), st.floats(-5, 5)),
    noise=st.floats(0.0, 1.0),
    seed=st.integers(0, 1000),
)
def test_scatter_is_what_no_parabola_explains(
    coefficients: tuple[float, float, float], noise: float, seed: int
) -> None:
    t = np.arange(21.0)
    values = np.polyval(coefficients, 0.1 * t)
    values = values + noise * np.random.default_rng(seed).standard_normal(21)
    fitted = np.polynomial.Polynomial.fit(t, values, 2)
    expected = np.mean((values - fitted(t)) ** 2)
    assert bodies.scatter_about_parabola(values) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    start=st.floats(-7.0, 7.0),
    turn=st.floats(-3.1, 3.1) | st.floats(-0.05, 0.05),
    lengths=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)
def test_turn_between_is_the_angle(start: float, turn: float, lengths: tuple[float, float]) -> None:
    a, b = lengths
    found = futures.turn_between(
        a * math.cos(start),
        a * math.sin(start),
        b * math.cos(start + turn),
        b * math.sin(start + turn),
    )
    assert found == pytest.approx(turn, abs=1e-14 * (1.0 + abs(start)))


def test_nothing_turns_where_nothing_moves() -> None:
    assert futures.turn_between(1.0, 2.0, 0.0, 0.0) == 0.0
    x = np.concatenate([np.zeros(4), np.arange(5.0)])
    table = np.empty((9, 5))
    futures.head_along(x, np.zeros(9), 0.3, 9, table)
    assert (table[1:3, 2] == 0.3).all()
    np.testing.assert_allclose(table[4:, 2], 0.0, atol=1e-12)


def test_headings_of_a_spiral_go_on_past_half_a_turn() -> None:
    angle = np.linspace(0.0, 9.0, 60)
    table = np.empty((60, 5))
    futures.head_along(20.0 * np.sin(angle), -20.0 * np.cos(angle), 0.0, 60, table)
    # Central differences of a circle point along its tangent.
    np.testing.assert_allclose(table[:-1, 2], angle[:-1], atol=1e-12)
    np.testing.assert_allclose(table[:-1, 3], np.cos(angle[:-1]) ** 2, atol=1e-12)
    np.testing.assert_allclose(table[:-1, 4], np.cos(angle[:-1]) * np.sin(angle[:-1]), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    yaw=st.floats(-4.0, 4.0),
    along=st.floats(0.0, 30.0),
    across=st.floats(0.0, 30.0),
    factor=st.sampled_from([1.0, 16.0]),
    xx=st.floats(0.01, 4.0),
    yy=st.floats(0.01, 4.0),
    rho=st.floats(-0.9, 0.9),
)
def test_sigma_is_the_covariance_turned_into_the_map(
    yaw: float, along: float, across: float, factor: float, xx: float, yy: float, rho: float
) -> None:
    cos, sin = math.cos(yaw), math.sin(yaw)
    present = np.zeros((5, 5))
    present[0, 0], present[1, 1] = xx, yy
    present[0, 1] = present[1, 0] = rho * math.sqrt(xx * yy)
    out = np.empty((1, 3))
    futures.write_sigma(
        np.array([cos * cos]),
        np.array([cos * sin]),
        np.array([along]),
        np.array([across]),
        factor,
        present,
        out,
    )
    turn = np.array([[cos, -sin], [sin, cos]])
    expected = present[:2, :2] + factor * turn @ np.diag([along, across]) @ turn.T
    sx, sy, correlation = out[0]
    np.testing.assert_allclose([sx**2, sy**2], np.diag(expected), rtol=1e-9)
    limit = futures.MAX_CORRELATION
    wanted = np.clip(expected[0, 1] / (sx * sy), -limit, limit)
    assert correlation == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=6).filter(lambda w: sum(w) > 0.01))
def test_normalised_weights_sum_to_exactly_one_in_any_order(weights: list[float]) -> None:
    share = np.array(weights)
    modes.normalise(share)
    assert sum(share.tolist()) == sum(share[::-1].tolist()) == 1.0
    np.testing.assert_allclose(share, np.array(weights) / sum(weights), atol=1e-11)


def test_ranks_keep_equals_as_they_were() -> None:
    weight = np.array([[0.1, 0.4, 0.1, 0.4]])
    assert modes.rank_modes(weight).tolist() == [[1, 3, 0, 2]]
    assert (np.diff(weight[0]) <= 0.0).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 24))
def test_the_first_choice_is_the_median_and_each_choice_the_best_left(
    seed: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    place = random.uniform(-10, 10, (count, 2))
    weight = random.random(count)
    apart = np.hypot(*(place[:, None] - place[None]).T)
    chosen = np.empty(6, np.int64)
    used = modes.choose_one_by_one(apart, weight, count, np.empty(count), np.empty(count), chosen)
    nearest = np.full(count, modes.FARTHEST_APART_M)
    for mode in range(used):
        cost = (weight * np.minimum(nearest, apart)).sum(axis=1)
        assert cost[chosen[mode]] <= cost.min() + modes.SAME_GAIN_M
        nearest = np.minimum(nearest, apart[chosen[mode]])
    assert len(set(chosen[:used].tolist())) == used
    if used < min(6, count):
        gains = (weight * np.maximum(nearest - apart, 0.0)).sum(axis=1)
        assert gains.max() <= modes.MIN_GAIN_M + modes.SAME_GAIN_M


def drive(
    *,
    speed: float = 10.0,
    wanted: float = 12.0,
    leader_gap: float = math.inf,
    leader_speed: float = 0.0,
    stop_gap: float = math.inf,
    knots: int = 400,
) -> tuple[np.ndarray, np.ndarray]:
    """(knots, 2) distances and speeds of a driver and of one ahead, who keeps its own speed."""
    follows = leader_gap < math.inf
    none = np.zeros(2)
    distance, found = speeds.integrate(
        mover=np.array([0, 1]),
        offset_m=none,
        leader=np.array([1 if follows else -1, -1]),
        leader_gap_m=np.array([leader_gap, math.inf]),
        stop_gap_m=np.array([stop_gap, math.inf]),
        primary=np.array([0, 1]),
        step_m=np.ones(2),
        wanted_mps=np.array([[wanted] * 8, [max(leader_speed, 1e-6)] * 8]),
        speed_mps=np.array([speed, leader_speed]),
        stands=np.zeros(2, bool),
        present_mps2=none,
        smoothness=none,
        brakes=none,
        acceleration_mps2=np.full(2, 1.5),
        behaviour_mps2=np.zeros(1),
        knots=knots,
        knot_s=0.5,
        comfortable_braking_mps2=2.0,
        standstill_gap_m=2.0,
        time_gap_s=1.5,
        least_time_gap_s=0.3,
        reaction_s=0.25,
        acceleration_decay_s=1.5,
        braking_decay_s=4.0,
    )
    return distance[:, :, 0], found[:, :, 0]


@settings(max_examples=30, deadline=None)
@given(speed=st.floats(0.0, 30.0), wanted=st.floats(2.0, 30.0))
def test_a_free_driver_comes_to_the_wanted_speed(speed: float, wanted: float) -> None:
    distance, found = drive(speed=speed, wanted=wanted)
    assert found[-1, 0] == pytest.approx(wanted, rel=0.02)
    assert (np.diff(distance[:, 0]) >= 0.0).all()


@settings(max_examples=30, deadline=None)
@given(leader_speed=st.floats(2.0, 11.0), gap=st.floats(25.0, 60.0))
def test_a_follower_comes_to_the_wanted_gap(leader_speed: float, gap: float) -> None:
    """In equilibrium interaction alone counts: the wanted gap, at every speed."""
    distance, found = drive(
        speed=leader_speed, wanted=40.0, leader_gap=gap, leader_speed=leader_speed
    )
    assert found[-1, 0] == pytest.approx(leader_speed, abs=0.05)
    final = gap + distance[-1, 1] - distance[-1, 0]
    assert final == pytest.approx(2.0 + 1.5 * leader_speed, abs=0.3)


@settings(max_examples=30, deadline=None)
@given(speed=st.floats(1.0, 14.0), room=st.floats(1.2, 4.0))
def test_a_red_light_is_not_passed(speed: float, room: float) -> None:
    gap = 3.0 + room * speed**2 / (2.0 * 2.0)
    distance, found = drive(speed=speed, stop_gap=gap)
    assert distance[-1, 0] < gap
    assert found[-1, 0] < 0.1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_wanted_speeds_can_be_braked_to(seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes, step, braking, lateral = 48, 2.5, 1.8, 3.0
    curvature = random.choice([0.0, 0.01, 0.1], (1, nodes))
    limit = np.full((1, nodes), 15.0)
    wanted, needed = speeds.wanted_speeds(
        mover=np.zeros(1, np.int64),
        obstacle_gap_m=np.full(1, math.inf),
        speed_mps=np.full(1, 14.0),
        steadiness=random.random(1),
        step_m=np.full(1, step),
        curvature_1pm=curvature,
        limit_mps=limit,
        limit_known=np.ones((1, nodes), bool),
        kept_speed=0.3,
        kept_speed_unlimited=0.8,
        kept_excess=0.9,
        lateral_acceleration_mps2=lateral,
        comfortable_braking_mps2=braking,
        standstill_gap_m=1.0,
        time_gap_s=1.8,
    )
    energy = wanted[0] ** 2
    assert (energy[:-1] - energy[1:] <= 2.0 * braking * step + 1e-9).all()
    assert (energy <= np.maximum(lateral / np.maximum(curvature[0], 1e-4), 1.0) + 1e-9).all()
    assert (wanted >= speeds.MIN_WANTED_MPS).all()
    needs = (14.0**2 - lateral / np.maximum(curvature[0], 1e-4)) / 2.0
    np.testing.assert_allclose(needed[0], (needs / np.maximum(step * np.arange(nodes), 1.0)).max())


@settings(max_examples=100, deadline=None)
@given(yaw=st.floats(-7.0, 7.0), turn=st.floats(-7.0, 7.0) | st.floats(-0.06, 0.06))
def test_a_turned_vector_is_the_vector_of_the_sum(yaw: float, turn: float) -> None:
    found = paths.turned(math.cos(yaw), math.sin(yaw), turn)
    np.testing.assert_allclose(found, [math.cos(yaw + turn), math.sin(yaw + turn)], atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(speed=st.floats(0.0, 30.0), rate=st.floats(-0.6, 0.6), yaw=st.floats(-3.0, 3.0))
def test_a_free_path_has_nodes_a_step_apart_and_turns_as_much_as_said(
    speed: float, rate: float, yaw: float
) -> None:
    x, y, heading = np.empty(48), np.empty(48), np.empty(48)
    step, decay = 3.0, 1.5
    paths.free_path(yaw, speed, rate, decay, step, x, y, heading)
    np.testing.assert_allclose(np.hypot(np.diff(x), np.diff(y)), step, rtol=1e-9)
    crawl = max(speed, paths.CRAWL_MPS)
    curvature = np.clip(rate / crawl, -paths.MAX_CURVATURE_1PM, paths.MAX_CURVATURE_1PM)
    fade = crawl * decay
    expected = yaw + curvature * fade * (1.0 - np.exp(-step * np.arange(48) / fade))
    np.testing.assert_allclose(heading, expected, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 30))
def test_lanes_file_their_movers_from_the_rear_to_the_front(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    query = np.arange(count)
    lane = random.integers(0, 4, count)
    arc = random.integers(0, 6, count).astype(float)
    rearmost, following = ahead.file_by_lane(
        query=query,
        lane=lane,
        arc_length_m=arc,
        beyond_m=np.zeros(count),
        heading_error_rad=np.zeros(count),
        speed_mps=np.ones(count),
        lanes=4,
    )
    for k in range(4):
        filed, at = [], rearmost[k]
        while at >= 0:
            filed.append(int(at))
            at = following[at]
        # Movers at the same place follow each other as their rows do.
        expected = sorted(np.flatnonzero(lane == k).tolist(), key=lambda c: (arc[c], c))
        assert filed == expected


@settings(max_examples=40, deadline=None)
@given(speed=st.floats(0.5, 3.0), course=st.floats(-3.0, 3.0), share=st.floats(0.2, 1.2))
def test_a_walk_without_a_turn_is_straight_and_eases_into_its_pace(
    speed: float, course: float, share: float
) -> None:
    eased = 1.0 - np.exp(-0.1 * np.arange(81) / walkers.SPEED_S)
    ahead_only = np.tile([1.0, 0.0], (81, 1))
    x, y = np.empty(81), np.empty(81)
    walkers.write_walk(speed, course, share, 0.1, eased, ahead_only, x, y)
    np.testing.assert_allclose(x * math.sin(course), y * math.cos(course), atol=1e-9)
    pace = np.hypot(np.diff(x), np.diff(y)) / 0.1
    np.testing.assert_allclose(pace, speed * (1.0 + (share - 1.0) * eased[1:]), rtol=1e-9)


def test_a_crossing_goes_by_its_entry_to_the_far_kerb_and_on() -> None:
    x, y, turned = np.empty(81), np.empty(81), np.empty(81)
    way = np.array([2.0, 0.0, 0.0, 5.0])
    walkers.write_crossing(1.3, 0.5, way, 0.1, np.zeros(81), x, y, turned)
    gone = 1.3 * 0.1 * np.arange(81)
    np.testing.assert_allclose(x, np.minimum(gone, 2.0), atol=1e-12)
    np.testing.assert_allclose(y, np.maximum(gone - 2.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(turned[gone < 2.0], -0.5)
    np.testing.assert_allclose(turned[gone > 2.0], np.pi / 2 - 0.5)
    assert y[-1] > 5.0
