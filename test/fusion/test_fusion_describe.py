"""Classes, attributes and size."""

from __future__ import annotations

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
from prediction_node.fusion.attributes import (
    forget_attributes,
    fuse_attributes,
    published_attributes,
)
from prediction_node.fusion.classes import class_probabilities
from prediction_node.fusion.classes import fuse_classes as fuse_classes_of
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.size import USUAL_SIZE_M, fuse_sizes, published_size

P = FusionParameters()
CERTAIN = np.eye(CLASS_COUNT)
YES = np.ones(1, bool)


def one_each(n: int) -> tuple[Matches, np.ndarray]:
    """n reports of n tracks, all of the first modality."""
    return Matches.one_each(np.arange(n)), np.zeros(n, np.int64)


def fuse_classes(
    evidence: np.ndarray,
    reported: np.ndarray,
    has_class: np.ndarray,
    trust: float,
    parameters: FusionParameters = P,
) -> np.ndarray:
    """Evidence (K, CLASS_COUNT) after one report each; the old one stays."""
    evidence = evidence.copy()
    fuse_classes_of(
        evidence, *one_each(len(evidence)), has_class, reported, np.array([trust]), parameters
    )
    return evidence


def fuse_size(
    size: np.ndarray, weight: np.ndarray, reported: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same of sizes and weights (1, 3), fully trusted."""
    size, weight = size.copy(), weight.copy()
    fuse_sizes(size, weight, *one_each(1), YES, reported, np.ones(1))
    return size, weight


def test_a_named_class_is_as_likely_as_its_source_is_trusted() -> None:
    plain = FusionParameters(class_correlation=1.0, max_class_log_odds=20.0)
    nothing = np.zeros((1, CLASS_COUNT))
    likelihood = np.exp(fuse_classes(nothing, CERTAIN[[ObjectClass.BUS]], YES, 0.86, plain)[0])
    assert likelihood[ObjectClass.CAR] / likelihood[ObjectClass.BUS] == pytest.approx(0.02 / 0.86)
    assert likelihood[ObjectClass.UNKNOWN] / likelihood[ObjectClass.BUS] == pytest.approx(
        1 / 8 / 0.86
    )


def test_reports_used_together_say_what_they_say_one_after_the_other() -> None:
    """Classes within their bound, attributes and sizes below their greatest weights."""
    rng = np.random.default_rng(4)
    reported = rng.dirichlet(np.full(CLASS_COUNT, 2.0), 3)
    attributes, mask = rng.random((3, ATTRIBUTE_COUNT)), rng.random((3, ATTRIBUTE_COUNT)) < 0.7
    sizes, has_size = rng.uniform(1.0, 5.0, (3, 3)), np.array([True, False, True])
    trust = np.array([0.5, 0.7, 0.6, 0.4])
    modality = np.array([0, 2, 1])

    def after(matches: list[Matches]) -> list[np.ndarray]:
        arrays = [np.zeros((1, n)) for n in (CLASS_COUNT, 11, 11, 3, 3)]
        for each in matches:
            fuse_classes_of(arrays[0], each, modality, np.ones(3, bool), reported, trust, P)
            fuse_attributes(*arrays[1:3], each, modality, mask, attributes, trust)
            fuse_sizes(*arrays[3:5], each, modality, has_size, sizes, trust)
        return arrays

    together = after([Matches(np.zeros(1, np.int64), np.array([0, 3]), np.arange(3))])
    one_by_one = after([Matches.one_each(np.array([r])) for r in range(3)])
    for a, b in zip(together, one_by_one, strict=True):
        assert np.allclose(a, b)


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
    evidence, weight = np.zeros((2, 1, ATTRIBUTE_COUNT))
    for name, value, dt_s in steps:
        values, mask = attribute_report(name, value)
        fuse_attributes(evidence, weight, *one_each(1), mask, values, np.ones(1))
        forget_attributes(weight, dt_s, P)
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
        size, weight = fuse_size(size, weight, np.array([[12.0, 2.5, 3.4]]))
    assert np.allclose(published_size(size, weight, truck), [[12.0, 2.5, 3.4]], rtol=0.01)


def test_one_gross_report_hardly_changes_a_known_size() -> None:
    size, weight = np.zeros((1, 3)), np.zeros((1, 3))
    for _ in range(10):
        size, weight = fuse_size(size, weight, np.array([[4.5, 1.8, 1.5]]))
    size, _ = fuse_size(size, weight, np.array([[45.0, 1.8, 1.5]]))
    assert size[0, 0] < 4.8


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
