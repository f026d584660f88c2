"""Who is who: ids, lost modalities, occlusions, duplicates."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.kinds import MODALITY_NAMES, Modality, ObjectClass
from prediction_node.domain.observations import SensorTracks
from prediction_node.evaluation.tracking import figures, judge_tracking
from prediction_node.fusion import Fusion, FusionParameters

SECONDS = 8.0


@pytest.fixture(scope='module')
def world(scene: Any) -> Any:
    return scene.World(scene.city(SECONDS), SECONDS)


def judged(scene: Any, world: Any, modalities: Any, seed: int = 0, **changes: Any) -> Any:
    messages = [
        (t, dataclasses.replace(m, **{k: v(m) for k, v in changes.items()}))
        for t, m in world.messages(modalities, seed)
    ]
    frames = scene.run(messages, SECONDS - 0.5)[10:]
    return judge_tracking(world.truth([f.stamp_ns for f in frames]), frames)


@pytest.fixture(scope='module')
def fused(scene: Any, world: Any) -> dict[str, float]:
    return figures(*judged(scene, world, tuple(Modality)))


@pytest.fixture(scope='module')
def alone(scene: Any, world: Any) -> dict[Modality, dict[str, float]]:
    return {m: figures(*judged(scene, world, (m,))) for m in Modality}


def test_all_modalities_follow_everybody_without_a_switch(fused: dict[str, float]) -> None:
    assert fused['idf1'] > 0.99
    assert fused['switches'] == 0
    assert fused['position_rmse_m'] < 0.1
    assert fused['moving_velocity_rmse_mps'] < 0.3
    assert fused['moving_heading_error_deg'] < 1.5


def test_fused_beats_the_best_single_modality(
    fused: dict[str, float], alone: dict[Modality, dict[str, float]]
) -> None:
    assert fused['idf1'] >= max(each['idf1'] for each in alone.values())
    for key in ('position_rmse_m', 'moving_velocity_rmse_mps', 'moving_heading_error_deg'):
        assert fused[key] < min(each[key] for each in alone.values()), key


@pytest.mark.parametrize('modality', list(Modality))
def test_each_modality_alone_keeps_a_list(
    alone: dict[Modality, dict[str, float]], modality: Modality
) -> None:
    assert alone[modality]['recall'] > 0.85
    assert alone[modality]['idf1'] > 0.9


@pytest.mark.parametrize(
    'lost',
    [(m,) for m in Modality] + list(itertools.combinations(Modality, 2)),
    ids=lambda lost: '+'.join(MODALITY_NAMES[m] for m in lost),
)
def test_without_one_or_two_modalities_the_list_stays(scene: Any, world: Any, lost: Any) -> None:
    left = [m for m in Modality if m not in lost]
    result = figures(*judged(scene, world, left))
    assert result['idf1'] > 0.95
    assert result['recall'] > 0.95


def test_losing_a_modality_halfway_keeps_every_identity(scene: Any, world: Any) -> None:
    half_ns = scene.START_NS + 4_000_000_000
    for lost in Modality:
        messages = [
            (t, m) for t, m in world.messages() if m.modality is not lost or m.stamp_ns < half_ns
        ]
        frames = scene.run(messages, SECONDS - 0.5)[10:]
        identities, _ = judge_tracking(world.truth([f.stamp_ns for f in frames]), frames)
        assert identities.switches == 0, lost
        assert identities.idf1 > 0.97, lost


def test_sensor_ids_that_change_with_every_message_change_nothing_for_us(
    scene: Any, world: Any
) -> None:
    rng = np.random.default_rng(0)

    def scrambled(m: SensorTracks) -> np.ndarray:
        return rng.permutation(m.id_hash)

    identities, _ = judged(scene, world, tuple(Modality), id_hash=scrambled)
    assert identities.switches == 0
    assert identities.idf1 > 0.99


def test_equal_ids_in_one_message_are_a_hint_that_does_not_mislead(scene: Any, world: Any) -> None:
    identities, _ = judged(
        scene, world, tuple(Modality), id_hash=lambda m: np.full(len(m), 42, np.uint64)
    )
    assert identities.switches == 0
    assert identities.idf1 > 0.99


def test_two_cars_that_pass_while_their_sensor_swaps_ids_keep_theirs(scene: Any) -> None:
    world = scene.World(
        [
            scene.driven((-30.0, 0.0, 0.0), scene.steady(10.0), seconds=6.0),
            scene.driven((30.0, 3.0, np.pi), scene.steady(10.0), seconds=6.0),
        ],
        6.0,
    )
    swap_ns = scene.START_NS + 3_000_000_000

    def swapped(m: SensorTracks) -> np.ndarray:
        return np.where(m.stamp_ns > swap_ns, 1 - m.id_hash.astype(np.int64), m.id_hash).astype(
            np.uint64
        )

    messages = [
        (t, dataclasses.replace(m, id_hash=swapped(m))) for t, m in world.messages([Modality.LIDAR])
    ]
    frames = scene.run(messages, 5.5)[10:]
    identities, _ = judge_tracking(world.truth([f.stamp_ns for f in frames]), frames)
    assert identities.switches == 0
    assert all(len(f) == 2 for f in frames)


def test_a_hidden_car_coasts_then_comes_back_under_its_name(scene: Any) -> None:
    car = scene.driven((-40.0, 5.0, 0.0), scene.steady(8.0), seconds=8.0, hidden=((3.0, 4.7),))
    world = scene.World([car], 8.0)
    frames = scene.run(world.messages(), 7.5)
    shown = {round((f.stamp_ns - scene.START_NS) * 1e-9, 1): f for f in frames}
    assert len(shown[3.6]) == 1  # coasts
    assert len(shown[4.5]) == 0  # but not for long
    assert len(shown[5.5]) == 1
    assert bytes(shown[5.5].uuid[0]) == bytes(shown[2.5].uuid[0])


def test_what_vanishes_is_dropped_and_never_comes_back(scene: Any) -> None:
    car = scene.driven((-40.0, 5.0, 0.0), scene.steady(8.0), seconds=12.0, hidden=((3.0, 9.0),))
    frames = scene.run(scene.World([car], 12.0).messages(), 11.5)
    names = [bytes(f.uuid[0]) for f in frames if len(f)]
    assert len(set(names)) == 2
    silent = [f for f in frames if 4.2 < (f.stamp_ns - scene.START_NS) * 1e-9 < 9.0]
    assert all(len(f) == 0 for f in silent)


def test_tentative_tracks_are_not_published(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    for modality in Modality:
        fusion.reset()
        once = scene.tracks_of(modality, scene.START_NS, [[10.0, 0.0, 0.8]])
        assert len(fusion.step([once], scene.START_NS, None)) == 0
    again = scene.tracks_of(Modality.LIDAR, scene.START_NS, [[10.0, 0.0, 0.8]])
    fusion.reset()
    fusion.step([again], scene.START_NS, None)
    later = scene.START_NS + 100_000_000
    again = scene.tracks_of(Modality.LIDAR, later, [[10.0, 0.0, 0.8]])
    assert len(fusion.step([again], later, None)) == 1


def _two_sources_apart(scene: Any, gap_m: float, together: bool) -> int:
    """Agents left after two tracks, founded gap_m apart by two sources, turn out to be near."""
    fusion = Fusion(FusionParameters())
    for k in range(20):
        stamp = scene.START_NS + k * 100_000_000
        # First too far apart to be taken for one, then at one place.
        y = gap_m if k < 6 else 0.3
        window = [scene.tracks_of(Modality.LIDAR, stamp, [[20.0, 0.0, 0.8]])]
        if together:
            places = [[20.0, 0.0, 0.8], [20.0, max(y, 1.0), 0.8]]
            window = [scene.tracks_of(Modality.LIDAR, stamp, places)]
        else:
            camera = scene.tracks_of(Modality.CAMERA, stamp + 10_000_000, [[20.0, y, 0.8]])
            window.append(camera)
        agents = fusion.step(window, stamp + 20_000_000, None)
    return len(agents)


def test_two_tracks_of_one_object_are_merged(scene: Any) -> None:
    assert _two_sources_apart(scene, 4.0, together=False) == 1


def test_two_objects_that_one_sensor_tells_apart_are_not_merged(scene: Any) -> None:
    assert _two_sources_apart(scene, 4.0, together=True) == 2


def test_the_older_of_two_duplicates_keeps_its_name(scene: Any) -> None:
    fusion = Fusion(FusionParameters())
    names = []
    for k in range(25):
        stamp = scene.START_NS + k * 100_000_000
        window = [scene.tracks_of(Modality.LIDAR, stamp, [[20.0, 0.0, 0.8]])]
        if k >= 5:
            y = 4.0 if k < 12 else 0.2
            window.append(scene.tracks_of(Modality.CAMERA, stamp, [[20.0, y, 0.8]]))
        agents = fusion.step(window, stamp, None)
        names.append([bytes(u) for u in agents.uuid])
    assert len(names[10]) == 2
    assert names[-1] == names[4]


def test_a_walker_beside_a_car_is_not_swallowed(scene: Any) -> None:
    car = scene.driven((15.0, 5.0, 0.0), scene.steady(0.0), seconds=4.0)
    walker = scene.driven(
        (13.0, 3.6, 0.0), scene.steady(1.2), seconds=4.0, label=ObjectClass.PEDESTRIAN
    )
    world = scene.World([car, walker], 4.0)
    frames = scene.run(world.messages(), 3.5)[10:]
    identities, matches = judge_tracking(world.truth([f.stamp_ns for f in frames]), frames)
    assert identities.switches == 0
    assert all(len(f) == 2 for f in frames)
    assert matches.label_right.all()


def test_a_clock_that_jumps_back_starts_anew(scene: Any, world: Any) -> None:
    fusion = Fusion(FusionParameters())
    window = [m for _, m in world.messages()]
    first = [m for m in window if m.stamp_ns < scene.START_NS + 500_000_000]
    before = fusion.step(first, scene.START_NS + 500_000_000, None)
    fusion.step([], scene.START_NS + 3_000_000_000, None)
    after = fusion.step(first, scene.START_NS + 500_000_000, None)
    assert len(after) == len(before) > 5
    assert np.allclose(np.sort(after.position_m, axis=0), np.sort(before.position_m, axis=0))
    # A name is never given twice, not even by a bag that loops.
    assert not {bytes(u) for u in after.uuid} & {bytes(u) for u in before.uuid}


def test_identities_are_name_based_uuids_of_stamp_and_number(scene: Any) -> None:
    namespace, stamp = uuid.UUID(int=9), scene.START_NS
    fusion = Fusion(FusionParameters(confirm_hits=1, confirm_log_odds=0.0), namespace)
    places = [[5.0, 0.0, 0.8], [30.0, 0.0, 0.8], [60.0, 0.0, 0.8]]
    agents = fusion.step([scene.tracks_of(Modality.LIDAR, stamp, places)], stamp, None)
    wanted = {uuid.uuid5(namespace, f'{stamp}/{serial}').bytes for serial in range(3)}
    assert {bytes(each) for each in agents.uuid} == wanted
