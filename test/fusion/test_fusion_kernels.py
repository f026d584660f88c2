"""The loops in machine code: what they assume, and what they compute, against plain formulas."""

from __future__ import annotations

import importlib
import math
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass, Orientation
from prediction_node.fusion import FusionParameters, kernels, predict, tracks
from prediction_node.fusion.belief import Belief, believed
from prediction_node.fusion.gate import candidate_pairs
from prediction_node.fusion.kernels import birth, existence, heading, measure, motion, publish
from prediction_node.fusion.kernels import gate as gate_kernels
from prediction_node.fusion.reports import Reports, gather
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import STATE_COUNT, TrackTable
from prediction_node.fusion.warm_up import warm_up

P = FusionParameters()
TABLES = Tables.of(P)
MODULES = [
    importlib.import_module(f'{kernels.__name__}.{found.name}')
    for found in pkgutil.iter_modules(kernels.__path__)
]
REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize('module', MODULES, ids=lambda m: m.__name__.rsplit('.', 1)[-1])
def test_kernels_agree_with_the_rest_on_the_order_of_things(module: ModuleType) -> None:
    known: dict[str, int] = {
        **{name: getattr(tracks, name) for name in ('X', 'Y', 'VX', 'VY', 'ACCELERATION')},
        **{name: getattr(tracks, name) for name in ('YAW', 'YAW_RATE', 'STATE_COUNT')},
        **{each.name: each for each in Orientation},
        'UNKNOWN': ObjectClass.UNKNOWN,
        'DRIFT': 1,
        'YAW_RATE_DRIFT': 2,
        'YAW_DRIFT': 3,
        'SLIP_VARIANCE': 4,
        'AXLE_FRACTION': 5,
        'WALKING_MPS': motion.WALKING_MPS,
        'FIRST_YAW_RATE_VARIANCE': heading.FIRST_YAW_RATE_VARIANCE,
        'FIRST_ACCELERATION_VARIANCE': heading.FIRST_ACCELERATION_VARIANCE,
    }
    stated = {name: value for name, value in vars(module).items() if name in known}
    assert stated == {name: known[name] for name in stated}


def test_the_columns_of_the_noise_are_in_the_order_that_kernels_take() -> None:
    squares = {'yaw_rate_drift_radps': 2, 'yaw_drift_rad': 3, 'slip_sigma_mps': 4}
    for name, column in {'drift_mps': 1, **squares}.items():
        noise = noise_of(FusionParameters(**{name: (2.0,) * CLASS_COUNT}))
        assert noise[0, column] == pytest.approx(4.0)
    noise = noise_of(FusionParameters(axle_fraction=(0.25,) * CLASS_COUNT))
    assert noise[0, 5] == pytest.approx(0.25)


def noise_of(parameters: FusionParameters) -> np.ndarray:
    table = predict.motion_table(parameters)
    return predict.motion_noise(table, np.eye(CLASS_COUNT)[[1]], np.ones(1, bool))


# Prints the kernels that other modules call and that have no machine code after warming up.
COLD_AFTER_WARM_UP = """
import importlib, pkgutil
from prediction_node.fusion import FusionParameters, kernels
from prediction_node.fusion.warm_up import warm_up
warm_up(FusionParameters())
for found in pkgutil.iter_modules(kernels.__path__):
    module = importlib.import_module(f'{kernels.__name__}.{found.name}')
    for name, kernel in vars(module).items():
        if hasattr(kernel, 'py_func') and not name.startswith('_') and not kernel.signatures:
            print(module.__name__, name)
"""


def test_warming_up_compiles_every_kernel() -> None:
    done = subprocess.run(
        [sys.executable, '-c', COLD_AFTER_WARM_UP],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert done.stdout == ''


def test_traffic_compiles_nothing_that_warming_up_did_not(scene: Any) -> None:
    warm_up(P)
    kernels_of = {
        f'{module.__name__}.{name}': value
        for module in MODULES
        for name, value in vars(module).items()
        if hasattr(value, 'py_func')
    }
    before = {name: len(kernel.signatures) for name, kernel in kernels_of.items()}
    scene.run(scene.World(scene.city(), 1.5).messages(), 1.5)
    after = {name: len(kernel.signatures) for name, kernel in kernels_of.items()}
    assert after == before


def table_of(rng: np.random.Generator, n: int) -> TrackTable:
    """n tracks in a square of 30 m, of all classes, with any covariances."""
    table = TrackTable.blank(n, 2)
    table.mean[:, :2] = rng.uniform(-15, 15, (n, 2))
    table.mean[:, 2:] = rng.standard_normal((n, 5))
    for part in (table.independent, table.shared):
        root = rng.standard_normal((n, STATE_COUNT, STATE_COUNT))
        part[:] = root @ root.swapaxes(1, 2) + 0.1 * np.eye(STATE_COUNT)
    table.has_heading[:] = rng.random(n) < 0.5
    table.class_evidence[:] = rng.uniform(-5, 0, (n, CLASS_COUNT))
    table.serial[:] = np.arange(n)
    table.source_id[:] = rng.integers(0, 4, (n, 2))
    table.source_has_id[:] = rng.random((n, 2)) < 0.7
    return table


def reports_of(scene: Any, rng: np.random.Generator, n: int, now_ns: int) -> Reports:
    """Two messages of n reports each, the first 30 ms old."""
    messages = [
        scene.tracks_of(
            modality,
            stamp_ns,
            np.column_stack([rng.uniform(-15, 15, (n, 2)), np.zeros(n)]),
            id_hash=rng.integers(0, 4, n).astype(np.uint64),
            position_covariance=scatter(rng, n),
            has_velocity=rng.random(n) < 0.5,
            velocity_mps=rng.standard_normal((n, 2)),
            velocity_covariance=scatter(rng, n),
            has_class=rng.random(n) < 0.5,
            class_probabilities=rng.dirichlet(np.full(CLASS_COUNT, 0.5), n),
            orientation=rng.integers(0, 3, n).astype(np.int8),
            yaw_rad=rng.uniform(-3, 3, n),
            has_yaw_rate=rng.random(n) < 0.5,
            yaw_rate_radps=rng.standard_normal(n),
        )
        for modality, stamp_ns in ((1, now_ns - 30_000_000), (2, now_ns))
    ]
    return gather(messages, [0, 1], np.zeros(2), TABLES)


def scatter(rng: np.random.Generator, n: int) -> np.ndarray:
    root = rng.standard_normal((n, 2, 2))
    return root @ root.swapaxes(1, 2) + 0.05 * np.eye(2)


def cost_of(table: TrackTable, belief: Belief, reports: Reports, n: int, r: int) -> float:
    """What a pair costs, from densities of normal distributions; infinite outside the gate."""
    m = int(reports.message[r])
    late = (scenes_now(reports) - int(reports.message_stamp_ns[m])) * 1e-9
    past = motion.past_places(table.mean[[n]], np.array([late]))[0, 0]
    covariance = table.covariance[n, :4, :4]
    back = np.hstack([np.eye(2), -late * np.eye(2)])
    drift = belief.noise[n, 1]
    point = P.reference_scatter[reports.modality[r]] * belief.length_m[n]
    spread = back @ covariance @ back.T + reports.position_covariance[r]
    spread += (point**2 + drift * late**3 / 3.0) * np.eye(2)
    offset = reports.position_m[r, :2] - past[:2]
    squared = offset @ np.linalg.solve(spread, offset)
    if squared >= -2.0 * math.log(P.gate_probability_loss) or np.hypot(*offset) >= P.gate_max_m:
        return math.inf
    cost = -2.0 * multivariate_normal.logpdf(offset, np.zeros(2), spread)
    cost += 2.0 * math.log(P.new_object_density_per_m2)
    if reports.has_velocity[r]:
        spread = covariance[2:, 2:] + reports.velocity_covariance[r]
        spread = spread + (1e-4 + drift * late) * np.eye(2)
        offset = reports.velocity_mps[r] - past[2:]
        squared = min(offset @ np.linalg.solve(spread, offset), gate_kernels.WORST_VELOCITY)
        cost += squared + math.log(np.linalg.det(spread))
        cost -= 4.0 * math.log(gate_kernels.SPEED_SPREAD_MPS)
    return cost + class_cost(belief, reports, n, r) - id_bonus(table, reports, n, r)


def scenes_now(reports: Reports) -> int:
    return int(reports.message_stamp_ns[-1])


def class_cost(belief: Belief, reports: Reports, n: int, r: int) -> float:
    if not reports.has_class[r]:
        return 0.0
    prior = np.array([0.40, 0.35, 0.05, 0.02, 0.01, 0.02, 0.05, 0.09, 0.01])
    agreement = (belief.class_probabilities[n] * reports.class_probabilities[r] / prior).sum()
    return -2.0 * math.log(max(agreement, 1e-3))


def id_bonus(table: TrackTable, reports: Reports, n: int, r: int) -> float:
    m = int(reports.message[r])
    same = table.source_has_id[n, m] and table.source_id[n, m] == reports.id_hash[r]
    fresh = reports.message_stamp_ns[m] - table.source_seen_ns[n, m] < 1_000_000_000
    return P.id_bonus if same and fresh and reports.has_id[r] else 0.0


@given(seed=SEEDS)
def test_pairs_cost_what_densities_say(scene: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table, now_ns = table_of(rng, 5), scene.START_NS
    table.source_seen_ns[:] = now_ns - rng.integers(0, 2_000_000_000, (5, 2))
    reports, belief = reports_of(scene, rng, 4, now_ns), believed(table, TABLES)
    is_open, founder = rng.random(8) < 0.8, rng.integers(-1, 1, 5)
    pairs = candidate_pairs(table, now_ns, belief, reports, is_open, founder, TABLES)
    found = {
        (n, r): cost
        for n, r, cost in zip(
            pairs.track.tolist(), pairs.report.tolist(), pairs.cost.tolist(), strict=True
        )
    }
    wanted = {
        (n, r): cost_of(table, belief, reports, n, r)
        for n in range(5)
        for r in range(8)
        if is_open[r] and reports.message[r] > founder[n]
    }
    wanted = {pair: cost for pair, cost in wanted.items() if cost < 0.0}
    assert found == pytest.approx(wanted)


def test_a_crowd_in_one_place_finds_room_for_all_its_pairs(scene: Any) -> None:
    rng = np.random.default_rng(0)
    table, now_ns = table_of(rng, 60), scene.START_NS
    table.mean[:, :2] = 0.0
    reports, belief = reports_of(scene, rng, 20, now_ns), believed(table, TABLES)
    reports.position_m[:, :2] = 0.0
    nobody, is_open = np.full(60, -1), np.ones(40, bool)
    pairs = candidate_pairs(table, now_ns, belief, reports, is_open, nobody, TABLES)
    assert len(pairs.track) > 4 * len(reports)
    wanted = sum(cost_of(table, belief, reports, n, r) < 0.0 for n in range(60) for r in range(40))
    assert len(pairs.track) == wanted


@given(seed=SEEDS)
def test_measurements_are_innovations_and_inverse_covariances(scene: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table, now_ns = table_of(rng, 3), scene.START_NS
    table.has_heading[:] = True
    reports, belief = reports_of(scene, rng, 3, now_ns), believed(table, TABLES)
    row, report = rng.integers(0, 3, 6), np.arange(6)
    late_s = rng.uniform(0.0, 0.1, 6)
    past, _ = motion.moved(table.mean, row, -late_s, 2.0, 6.0)
    innovation, information = measure.measure(
        measure.MeasuredTracks(
            table.mean,
            belief.noise,
            belief.length_m,
            table.has_heading,
            table.front_told,
            table.heading_evidence,
        ),
        row,
        measure.Measured(
            reports.position_m,
            reports.position_covariance,
            reports.has_velocity,
            reports.velocity_mps,
            reports.velocity_covariance,
            reports.orientation,
            reports.yaw_rad,
            reports.yaw_variance,
            reports.has_yaw_rate,
            reports.yaw_rate_radps,
        ),
        report,
        past,
        late_s,
    )
    votes = np.zeros(3)
    for t in range(6):
        n, late = row[t], late_s[t]
        drift = belief.noise[n, 1]
        place = np.linalg.inv(reports.position_covariance[t] + drift * late**3 / 3 * np.eye(2))
        assert innovation[t, :2] == pytest.approx(reports.position_m[t, :2] - past[t, :2])
        assert information[t, :3] == pytest.approx([place[0, 0], place[1, 1], place[0, 1]])
        if reports.has_velocity[t]:
            motion_part = reports.velocity_covariance[t] + drift * late * np.eye(2)
            inverse = np.linalg.inv(motion_part)
            assert innovation[t, 2:4] == pytest.approx(reports.velocity_mps[t] - past[t, 2:4])
            assert information[t, 3:6] == pytest.approx(
                [inverse[0, 0], inverse[1, 1], inverse[0, 1]]
            )
        else:
            assert not information[t, 3:6].any()
        turned = math.remainder(reports.yaw_rad[t] - past[t, 5], 2.0 * math.pi)
        if reports.orientation[t] == Orientation.UNAVAILABLE:
            assert information[t, 6] == 0.0
        else:
            assert math.remainder(innovation[t, 5] - turned, math.pi) == pytest.approx(
                0.0, abs=1e-9
            )
            assert abs(innovation[t, 5]) <= 0.5 * math.pi + 1e-9
            assert 0.0 < information[t, 6] <= 1.0 / reports.yaw_variance[t]
        if reports.orientation[t] == Orientation.AVAILABLE:
            votes[n] += 1.0 if abs(turned) <= 0.5 * math.pi else -1.0
            assert table.front_told[n]
        assert (information[t, 7] > 0.0) == reports.has_yaw_rate[t]
    assert table.heading_evidence == pytest.approx(votes)


@given(seed=SEEDS)
def test_near_pairs_are_all_pairs_nearer_than_the_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = table_of(rng, 12)
    table.mean[:, :2] *= rng.uniform(0.01, 0.5)
    seen_ns = rng.integers(0, 3, 12)
    pairs, apart_m2 = existence.near_pairs(table.mean, seen_ns, 1, 2.5)
    wanted = {
        (i, j): float(((table.mean[i, :2] - table.mean[j, :2]) ** 2).sum())
        for i in range(12)
        for j in range(i + 1, 12)
        if seen_ns[i] >= 1 and seen_ns[j] >= 1
    }
    wanted = {pair: apart for pair, apart in wanted.items() if apart < 2.5**2}
    found = dict(zip(map(tuple, pairs.tolist()), apart_m2.tolist(), strict=True))
    assert found == pytest.approx(wanted)


@given(seed=SEEDS)
def test_founders_are_what_no_earlier_message_may_have_reported(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, message = rng.uniform(0, 10, (12, 3)), np.sort(rng.integers(0, 4, 12))
    is_free = rng.random(12) < 0.7
    found = birth.founders(position, message, is_free, 3.0)
    for r in range(12):
        earlier = is_free & (message < message[r])
        near = np.hypot(*(position[:, :2] - position[r, :2]).T) < 3.0
        assert found[r] == (is_free[r] and not (earlier & near).any())


@given(seed=SEEDS)
def test_published_covariances_are_those_of_linear_functions_of_the_state(seed: int) -> None:
    table = table_of(np.random.default_rng(seed), 3)
    yaw, covariance = publish.seen_covariances(
        table.mean, table.independent, table.shared, table.has_heading
    )
    for n in range(3):
        vx, vy = table.mean[n, 2:4]
        heading_rad = table.mean[n, 5] if table.has_heading[n] else math.atan2(vy, vx)
        assert yaw[n] == pytest.approx(heading_rad)
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        h = np.zeros((5, 7))
        h[0, 0] = h[1, 1] = h[2, 5] = h[4, 6] = 1.0
        h[3, [2, 3, 5]] = cos, sin, vy * cos - vx * sin
        assert np.allclose(covariance[n], h @ table.covariance[n] @ h.T)


@given(seed=SEEDS)
def test_a_certain_motion_starts_a_heading_along_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = table_of(rng, 6)
    table.mean[:, 2:4] *= 10.0 ** rng.uniform(0, 2, (6, 1))
    had = table.has_heading.copy()
    covariance, before = table.covariance[:, 2:4, 2:4], table.mean.copy()
    heading.begin(
        heading.Headings(
            table.mean,
            table.independent,
            table.shared,
            table.has_heading,
            table.front_told,
            table.heading_evidence,
        ),
        np.arange(6),
    )
    for n in range(6):
        velocity = before[n, 2:4]
        speed = np.hypot(*velocity)
        largest = np.linalg.eigvalsh(covariance[n])[-1]
        certain = speed > 0.5 and speed > 4.0 * math.sqrt(largest)
        assert table.has_heading[n] == (had[n] or certain)
        if certain and not had[n]:
            across = np.array([-velocity[1], velocity[0]]) / speed
            variance = across @ covariance[n] @ across / speed**2
            assert table.mean[n, 5] == pytest.approx(math.atan2(velocity[1], velocity[0]))
            assert table.covariance[n, 5, 5] == pytest.approx(variance)
        else:
            assert np.array_equal(table.mean[n], before[n])
