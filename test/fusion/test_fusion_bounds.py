"""Nothing, one, or far too many."""

from __future__ import annotations

from typing import Any

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, Modality, ObjectClass
from prediction_node.fusion import Fusion, FusionParameters
from prediction_node.fusion.bounds import most_important, origin_for

CAR, WALKER = int(ObjectClass.CAR), int(ObjectClass.PEDESTRIAN)


def test_no_message_at_all(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    for k in range(3):
        agents = fusion.step([], scene.START_NS + k, scene.ego_at())
        assert len(agents) == 0
        assert agents.stamp_ns == scene.START_NS + k


def test_empty_messages(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    for k in range(5):
        stamp = scene.START_NS + k * 100_000_000
        window = [scene.tracks_of(m, stamp, np.zeros((0, 3))) for m in Modality]
        assert len(fusion.step(window, stamp, scene.ego_at())) == 0


def test_an_empty_message_is_a_miss(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    for k in range(10):
        stamp = scene.START_NS + k * 100_000_000
        seen = fusion.step([scene.tracks_of(Modality.LIDAR, stamp, [[9.0, 0.0, 0.8]])], stamp, None)
    for k in range(10, 14):
        stamp = scene.START_NS + k * 100_000_000
        missed = fusion.step(
            [scene.tracks_of(Modality.LIDAR, stamp, np.zeros((0, 3)))], stamp, None
        )
    assert missed.existence[0] < seen.existence[0]


def crowd(scene: Any, stamp_ns: int, n: int, walkers: int) -> Any:
    """n reports in a square of some kilometres, the last `walkers` of them pedestrians near by."""
    rng = np.random.default_rng(0)
    position = np.column_stack([rng.uniform(-3000, 3000, (n, 2)), np.zeros(n)])
    position[n - walkers :, :2] = rng.uniform(-90, 90, (walkers, 2))
    label = np.full(n, CAR)
    label[n - walkers :] = WALKER
    return scene.tracks_of(
        Modality.LIDAR,
        stamp_ns,
        position,
        id_hash=np.zeros(n, np.uint64),
        has_class=np.ones(n, bool),
        class_probabilities=np.eye(CLASS_COUNT)[label],
    )


def test_a_hundred_thousand_objects_are_cut_to_the_bound_and_the_next_message_is_fine(
    scene: Any,
) -> None:
    parameters = FusionParameters(max_tracks=100, max_reports=100)
    fusion = Fusion(parameters)
    for k in range(3):
        stamp = scene.START_NS + k * 100_000_000
        agents = fusion.step([crowd(scene, stamp, 100_000, 50)], stamp, scene.ego_at())
    assert 50 <= len(agents) <= 100
    assert (agents.label == WALKER).sum() >= 45
    stamp = scene.START_NS + 300_000_000
    agents = fusion.step([crowd(scene, stamp, 60, 50)], stamp, scene.ego_at())
    assert len(agents) <= 100


def test_many_sources_of_many_objects_stay_within_the_bound(scene: Any) -> None:
    fusion = Fusion(FusionParameters(max_tracks=80, max_reports=60))
    rng = np.random.default_rng(1)
    for k in range(4):
        stamp = scene.START_NS + k * 100_000_000
        window = [
            scene.tracks_of(
                Modality.LIDAR, stamp, 200.0 * rng.standard_normal((300, 3)), source=f'lidar{i}'
            )
            for i in range(5)
        ]
        assert len(fusion.step(window, stamp, scene.ego_at())) <= 80


def test_what_is_next_to_the_vehicle_is_kept_then_the_vulnerable_then_the_near() -> None:
    distance = np.array([1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 80.0, 90.0])
    label = np.array([CAR, CAR, CAR, CAR, WALKER, CAR, WALKER, CAR])
    position = np.column_stack([distance, np.zeros(8)])
    assert most_important(position, label, np.zeros(2), 4).tolist() == [0, 1, 4, 6]
    assert most_important(position, label, np.zeros(2), 8).tolist() == list(range(8))


def test_the_origin_stays_until_the_scene_is_far_from_it() -> None:
    first = origin_for(np.array([1e7 + 0.4, -3.0]), None)
    assert first.tolist() == [1e7, -3.0]
    assert origin_for(np.array([1e7 + 4000.0, 0.0]), first) is first
    assert origin_for(np.array([1e7 + 5000.0, 0.0]), first).tolist() == [1e7 + 5000.0, 0.0]


def test_a_long_drive_moves_the_origin_and_nobody_notices(scene: Any) -> None:
    """At 100 m a step the ego leaves the first origin; a car drives beside it all the way."""
    fusion = Fusion(FusionParameters())
    names = set()
    for k in range(80):
        stamp = scene.START_NS + k * 100_000_000
        x = 90.0 * k
        report = scene.tracks_of(
            Modality.LIDAR,
            stamp,
            [[x + 10.0, 3.0, 0.8]],
            has_velocity=np.ones(1, bool),
            velocity_mps=np.array([[900.0, 0.0]]),
        )
        agents = fusion.step([report], stamp, scene.ego_at(x))
        if k > 3:
            assert abs(agents.position_m[0, 0] - (x + 10.0)) < 0.2
            names.add(bytes(agents.uuid[0]))
    assert len(names) == 1


def test_a_late_report_corrects_where_the_track_was(scene: Any) -> None:
    """A message 80 ms behind the tracks is compared with the past, not with the present."""
    fusion = Fusion(FusionParameters())
    for k in range(30):
        stamp = scene.START_NS + k * 100_000_000
        t = k * 0.1
        radar = scene.tracks_of(
            Modality.RADAR,
            stamp,
            [[20.0 * t, 0.0, 0.8]],
            has_velocity=np.ones(1, bool),
            velocity_mps=np.array([[20.0, 0.0]]),
        )
        fusion.step([radar], stamp, None)
        late = scene.tracks_of(Modality.LIDAR, stamp - 80_000_000, [[20.0 * (t - 0.08), 0.0, 0.8]])
        agents = fusion.step([late], stamp, None)
    assert len(agents) == 1
    assert abs(agents.position_m[0, 0] - 20.0 * 2.9) < 0.02


def test_reports_too_old_or_from_the_future_are_not_used(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    for offset_ns in (-2_000_000_000, 2_000_000_000):
        for k in range(5):
            stamp = scene.START_NS + k * 100_000_000
            report = scene.tracks_of(Modality.LIDAR, stamp + offset_ns, [[9.0, 0.0, 0.8]])
            assert len(fusion.step([report], stamp, None)) == 0
