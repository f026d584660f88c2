"""Classes, attributes, size, and the assignment of reports."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    ATTRIBUTE_INDEX,
    CLASS_COUNT,
    FRONT_WHEEL_ANGLE,
    Modality,
    ObjectClass,
)
from prediction_node.fusion import Fusion, FusionParameters
from prediction_node.fusion.associate import associate
from prediction_node.fusion.attributes import (
    forget_attributes,
    fuse_attributes,
    published_attributes,
)
from prediction_node.fusion.classes import (
    class_disagreement,
    class_probabilities,
    fuse_classes,
    report_log_likelihood,
)
from prediction_node.fusion.size import USUAL_SIZE_M, fuse_size, published_size

P = FusionParameters()
CERTAIN = np.eye(CLASS_COUNT)
YES = np.ones(1, bool)


def test_a_named_class_is_as_likely_as_its_source_is_trusted() -> None:
    log_likelihood = report_log_likelihood(CERTAIN[[ObjectClass.BUS]], 0.86)[0]
    likelihood = np.exp(log_likelihood)
    assert likelihood[ObjectClass.BUS] == pytest.approx(0.86)
    assert likelihood[ObjectClass.CAR] == pytest.approx(0.02)  # 0.14 over seven other names
    assert likelihood[ObjectClass.UNKNOWN] == pytest.approx(1 / 8)


def test_a_report_of_unknown_changes_nothing() -> None:
    before = fuse_classes(np.zeros((1, CLASS_COUNT)), CERTAIN[[ObjectClass.CAR]], YES, 0.9, P)
    after = fuse_classes(before, CERTAIN[[ObjectClass.UNKNOWN]], YES, 0.9, P)
    assert np.allclose(class_probabilities(after), class_probabilities(before))


def test_reports_without_a_class_change_nothing() -> None:
    before = np.zeros((1, CLASS_COUNT))
    after = fuse_classes(before, CERTAIN[[ObjectClass.CAR]], ~YES, 0.9, P)
    assert np.array_equal(after, before)


def test_most_reports_right_makes_the_class_right_and_open_to_change() -> None:
    rng = np.random.default_rng(0)
    evidence = np.zeros((1, CLASS_COUNT))
    for _ in range(100):
        named = ObjectClass.TRUCK if rng.random() < 0.85 else ObjectClass.CAR
        evidence = fuse_classes(evidence, CERTAIN[[named]], YES, 0.8, P)
    assert class_probabilities(evidence)[0].argmax() == ObjectClass.TRUCK
    for _ in range(15):
        evidence = fuse_classes(evidence, CERTAIN[[ObjectClass.CAR]], YES, 0.8, P)
    assert class_probabilities(evidence)[0].argmax() == ObjectClass.CAR


@given(seed=st.integers(0, 2**32))
def test_class_probabilities_sum_to_one_and_none_is_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    evidence = np.zeros((5, CLASS_COUNT))
    for _ in range(30):
        reported = rng.dirichlet(np.full(CLASS_COUNT, 0.2), 5)
        evidence = fuse_classes(evidence, reported, rng.random(5) < 0.8, 0.99, P)
    probabilities = class_probabilities(evidence)
    assert np.allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities > 0.0).all()


def test_equal_classes_attract_and_different_ones_repel() -> None:
    car, walker = CERTAIN[[ObjectClass.CAR]], CERTAIN[[ObjectClass.PEDESTRIAN]]
    vague = class_probabilities(np.zeros((1, CLASS_COUNT)))
    assert class_disagreement(car, car)[0] < 0.0
    assert class_disagreement(car, walker)[0] > 5.0
    assert class_disagreement(vague, walker)[0] == pytest.approx(0.0, abs=1e-9)


def test_radar_alone_leaves_the_class_unknown(scene: Any) -> None:
    car = scene.driven((-40.0, 5.0, 0.0), scene.steady(10.0), seconds=3.0)
    agents = scene.run(scene.World([car], 3.0).messages([Modality.RADAR]), 2.5)[-1]
    assert agents.label[0] == ObjectClass.UNKNOWN


def attribute_report(name: str, value: float) -> tuple[np.ndarray, np.ndarray]:
    values, mask = np.zeros((1, ATTRIBUTE_COUNT)), np.zeros((1, ATTRIBUTE_COUNT), bool)
    values[0, ATTRIBUTE_INDEX[name]], mask[0, ATTRIBUTE_INDEX[name]] = value, True
    return values, mask


def after(*steps: tuple[str, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Published attributes after steps of (attribute, value, seconds that pass then)."""
    evidence = weight = np.zeros((1, ATTRIBUTE_COUNT))
    for name, value, dt_s in steps:
        evidence, weight = fuse_attributes(evidence, weight, *attribute_report(name, value), 1.0)
        weight = forget_attributes(weight, dt_s, P)
    values, known = published_attributes(evidence, weight)
    return values[0], known[0]


def test_only_what_was_reported_is_known() -> None:
    values, known = after(('brake', 0.9, 0.0))
    assert values[ATTRIBUTE_INDEX['brake']] == pytest.approx(0.9)
    assert known.sum() == 1
    assert (values[~known] == 0.0).all()


def test_two_reports_average_in_log_odds() -> None:
    values, _ = after(('hazard', 0.9, 0.0), ('hazard', 0.6, 0.0))
    odds = np.sqrt((0.9 / 0.1) * (0.6 / 0.4))
    assert values[ATTRIBUTE_INDEX['hazard']] == pytest.approx(odds / (1 + odds))


def test_the_wheel_angle_is_averaged_as_an_angle() -> None:
    values, known = after(('front_wheel_angle_rad', -0.4, 0.0), ('front_wheel_angle_rad', 0.2, 0.0))
    assert values[FRONT_WHEEL_ANGLE] == pytest.approx(-0.1)
    assert known[FRONT_WHEEL_ANGLE]


def test_attributes_lean_to_even_and_are_then_forgotten() -> None:
    brake = ATTRIBUTE_INDEX['brake']
    seen = [after(('brake', 0.95, dt_s)) for dt_s in (0.0, 0.6, 1.2, 3.0)]
    strength = [values[brake] for values, known in seen[:3]]
    assert strength[0] > strength[1] > strength[2] > 0.5
    assert [bool(known[brake]) for _, known in seen] == [True, True, True, False]


def test_what_lasts_is_remembered_longer_than_what_flashes() -> None:
    _, known = after(('parked', 0.95, 5.0))
    assert known[ATTRIBUTE_INDEX['parked']]
    _, known = after(('turn_left', 0.95, 5.0))
    assert not known[ATTRIBUTE_INDEX['turn_left']]


def test_attributes_reach_the_agents_and_fade(scene: Any) -> None:
    fusion = Fusion(P)
    brake = ATTRIBUTE_INDEX['brake']
    for k in range(30):
        stamp = scene.START_NS + k * 100_000_000
        values, mask = attribute_report('brake', 0.95)
        report = scene.tracks_of(
            Modality.CAMERA,
            stamp,
            [[10.0, 0.0, 0.8]],
            attributes=values,
            has_attribute=mask & (k < 10),
        )
        agents = fusion.step([report], stamp, None)
        if k == 9:
            assert agents.attributes[0, brake] > 0.9
    assert not agents.has_attribute[0].any()


def test_sizes_lean_on_the_class_until_measured() -> None:
    nothing = np.zeros((1, 3))
    truck = CERTAIN[[ObjectClass.TRUCK]]
    assert np.allclose(published_size(nothing, nothing, truck), USUAL_SIZE_M[ObjectClass.TRUCK])
    size, weight = nothing, nothing
    for _ in range(10):
        size, weight = fuse_size(size, weight, np.array([[12.0, 2.5, 3.4]]), YES, 1.0)
    assert np.allclose(published_size(size, weight, truck), [[12.0, 2.5, 3.4]], rtol=0.01)


def test_one_gross_report_hardly_changes_a_known_size() -> None:
    size, weight = np.zeros((1, 3)), np.zeros((1, 3))
    for _ in range(10):
        size, weight = fuse_size(size, weight, np.array([[4.5, 1.8, 1.5]]), YES, 1.0)
    size, _ = fuse_size(size, weight, np.array([[45.0, 1.8, 1.5]]), YES, 1.0)
    assert size[0, 0] < 4.8


@given(seed=st.integers(0, 2**32), n=st.integers(1, 5), m=st.integers(1, 5))
def test_the_assignment_is_the_cheapest_of_all(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.normal(0.0, 5.0, (n, m))
    near = rng.random((n, m)) < 0.6
    rows, columns = np.nonzero(near)
    chosen = associate(rows, columns, np.zeros(len(rows), np.int64), cost[rows, columns], n)
    track, report = rows[chosen], columns[chosen]
    assert len(set(track)) == len(track)
    assert len(set(report)) == len(report)
    assert near[track, report].all()
    best = 0.0
    for size in range(1, min(n, m) + 1):
        for some in itertools.combinations(range(n), size):
            for others in itertools.permutations(range(m), size):
                if near[some, others].all():
                    best = min(best, cost[some, others].sum())
    assert cost[track, report].sum() == pytest.approx(best)


@given(seed=st.integers(0, 2**32))
def test_messages_are_assigned_as_if_each_came_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    message_of = np.sort(rng.integers(0, 3, 9))  # of the reports
    track, report = (index.ravel() for index in np.indices((4, 9)))
    cost, message = rng.normal(0.0, 5.0, 36), message_of[report]
    together = associate(track, report, message, cost, 4)
    alone = [
        some[associate(track[some], report[some], message[some], cost[some], 4)]
        for some in (np.flatnonzero(message == m) for m in range(3))
    ]
    assert together.tolist() == sorted(np.concatenate(alone).tolist())


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('drift_mps', (0.1,) * 8),
        ('shared_error', (0.0, 0.0, 0.0, 1.5)),
        ('coast_s', -1.0),
        ('max_tracks', 0),
        ('gate_max_m', float('nan')),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=field):
        FusionParameters(**{field: value})
