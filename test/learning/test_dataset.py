"""From stored samples to examples: the same, wherever in the world they were recorded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from prediction_node.cli import main  # noqa: E402
from prediction_node.domain.agents import Ego  # noqa: E402
from prediction_node.domain.errors import DataError, ParameterError  # noqa: E402
from prediction_node.domain.frames import Transform, rotation_2d  # noqa: E402
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass  # noqa: E402
from prediction_node.domain.lights import LightStates  # noqa: E402
from prediction_node.domain.model_folder import ENCODER_CPU, ModelFolder, write_description  # noqa: E402
from prediction_node.domain.scene import History, Scene  # noqa: E402
from prediction_node.domain.tensors import DECODER_INPUTS, Sizes, check_arrays, encoder_inputs  # noqa: E402
from prediction_node.learning.augmentation import augmented  # noqa: E402
from prediction_node.learning.data import collate  # noqa: E402
from prediction_node.learning.dataset import (  # noqa: E402
    SceneExamples,
    all_samples,
    open_samples,
    shown_rows,
    tells_judges,
)
from prediction_node.learning.folds import Fold, write_fold  # noqa: E402
from prediction_node.learning.labels import label_arrays, reacting, somebody_reacts  # noqa: E402
from prediction_node.learning.parameters import (  # noqa: E402
    AugmentationParameters,
    DataParameters,
    LossParameters,
    TrainParameters,
)
from prediction_node.learning.samples.index import write_index  # noqa: E402
from prediction_node.learning.samples.sample import Sample  # noqa: E402
from prediction_node.learning.samples.store import SampleStore  # noqa: E402
from prediction_node.learning.samples.writer import SampleWriter  # noqa: E402
from prediction_node.learning.splits import held_out_fold, split  # noqa: E402
from prediction_node.network import Network, NetworkConfig  # noqa: E402
from prediction_node.priority import most_at_risk  # noqa: E402
from prediction_node.resources import share_directory  # noqa: E402

N, T, H = 3, 80, 31
SIZES = Sizes(agents=4, map_nodes=6, channels=0)
NOTHING = AugmentationParameters(
    **{field.name: 0.0 for field in dataclasses.fields(AugmentationParameters)}
)
OFTEN = AugmentationParameters(
    **{
        field.name: 10.0 if field.name == 'shift_m' else 0.5
        for field in dataclasses.fields(AugmentationParameters)
    }
)


def make_sample(
    agents_of: Any,
    *,
    seed: int = 0,
    turn_rad: float = 0.0,
    shift_m: tuple[float, float] = (0, 0),
    first: ObjectClass | None = None,
) -> Sample:
    """Agents that go straight on open ground; the last one is lost after two seconds. The world is
    turned, then shifted. `first`: what the first of them is.
    """
    world = Transform.from_xyz_yaw(np.array([*shift_m, 0.0]), turn_rad)
    agents = agents_of(N, stamp_ns=10_000_000_000, seed=seed)
    agents = dataclasses.replace(
        agents,
        position_m=world.apply(agents.position_m),
        yaw_rad=agents.yaw_rad + turn_rad,
        velocity_mps=agents.velocity_mps @ rotation_2d(turn_rad).T,
        has_attribute=np.ones_like(agents.has_attribute),
    )
    if first is not None:
        agents.class_probabilities[0] = np.eye(CLASS_COUNT)[first]
    past = 0.1 * (np.arange(H) - H + 1)
    ahead = 0.1 * (np.arange(T) + 1)

    def along(time_s: np.ndarray) -> np.ndarray:
        return agents.position_m[:, None, :2] + agents.velocity_mps[:, None] * time_s[:, None]

    history = History(
        along(past),
        np.tile(agents.yaw_rad[:, None], H),
        np.tile(agents.velocity_mps[:, None], (1, H, 1)),
        np.ones((N, H), bool),
    )
    base = world @ Transform.from_xyz_yaw(np.array([3.0, -2.0, 0.0]), 0.4)
    ego = Ego(agents.stamp_ns, base, np.array([6.0, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]), 1.4)
    heading = base.rotation_2d[:, 0]
    driven = np.column_stack(
        [
            base.translation_m[:2] + 6.0 * ahead[:, None] * heading,
            np.tile([ego.yaw_rad, 6.0], (T, 1)),
        ]
    )
    valid = np.ones((N, T), bool)
    valid[-1, 20:] = False
    scene = Scene(agents.stamp_ns, agents, history, ego, None, LightStates.none())
    return Sample(
        scene,
        agents.label.astype(np.int8),
        np.where(valid[..., None], along(ahead), 0.0),
        np.where(valid, agents.yaw_rad[:, None], 0.0),
        valid,
        driven,
        np.ones(T, bool),
        'made',
        'made',
        'simulated',
    )


def store_of(folder: Path, agents_of: Any, groups: dict[str, str], **world: Any) -> SampleStore:
    """Four samples for each {group: origin}."""
    for number, (group, origin) in enumerate(groups.items()):
        with SampleWriter(folder, group, group=group, origin=origin) as writer:
            for seed in range(4):
                sample = make_sample(agents_of, seed=10 * number + seed, **world)
                writer.add(dataclasses.replace(sample, recording=group, group=group, origin=origin))
    write_index(folder)
    return SampleStore(folder)


def examples(
    store: SampleStore, augmentation: AugmentationParameters | None = None, sizes: Sizes = SIZES
) -> SceneExamples:
    rows = np.arange(len(store))
    return SceneExamples([store], rows, sizes, LossParameters(), augmentation, seed=5, places=2)


def test_examples_keep_to_the_contract(tmp_path: Path, agents_of: Any) -> None:
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    one = examples(store, OFTEN).example(1, 7)
    check_arrays(one, encoder_inputs(SIZES), SIZES)
    plans = {name: one[name][None] for name in DECODER_INPUTS}
    check_arrays(plans, DECODER_INPUTS, SIZES)
    assert one['future'].shape == (4, T, 2)
    assert one['weight'].tolist()[N:] == [0.0]
    assert set(one['label'][:N]) == {ObjectClass.CAR}


def test_a_raster_is_drawn_where_the_network_looks_at_one(tmp_path: Path, agents_of: Any) -> None:
    from prediction_node.raster.manifest import CHANNELS

    sizes = dataclasses.replace(SIZES, channels=len(CHANNELS))
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    one = examples(store, sizes=sizes).example(0, None)
    check_arrays(one, encoder_inputs(sizes), sizes)
    assert len(np.unique(one['raster_near'])) > 2


def test_the_same_draw_gives_the_same_example_and_another_one_another(
    tmp_path: Path, agents_of: Any
) -> None:
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    one, again, other = (examples(store, OFTEN).example(2, draw) for draw in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], again[name])
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_an_example_does_not_depend_on_where_in_the_world_it_is(
    tmp_path: Path, agents_of: Any
) -> None:
    here = store_of(tmp_path / 'here', agents_of, {'a': 'simulated'})
    there = store_of(
        tmp_path / 'there', agents_of, {'a': 'simulated'}, turn_rad=2.0, shift_m=(4e5, -3e6)
    )
    for index in range(2):  # without and with a plan
        one, other = examples(here).example(index, None), examples(there).example(index, None)
        for name in one:
            np.testing.assert_allclose(other[name], one[name], atol=2e-3, err_msg=name)
    assert one['plan_valid'].all()
    # The plan is of the middle of the box, which is 1.4 m ahead of base_link.
    np.testing.assert_allclose(one['plan'][1, :2], [6.0 + 1.4, 0.0], atol=1e-3)


def test_futures_stand_in_the_frame_of_each_agent(agents_of: Any) -> None:
    sample = make_sample(agents_of)
    labels = label_arrays(sample, np.arange(N), 4, LossParameters(), sample.scene.agents.yaw_rad)
    speed = sample.scene.agents.speed_mps
    np.testing.assert_allclose(labels['future'][:2, 9, 0], speed[:2], rtol=1e-5)
    np.testing.assert_allclose(labels['future'][:2, :, 1], 0.0, atol=1e-4)
    assert labels['future_valid'].sum(axis=1).tolist() == [T, T, 20, 0]


def test_who_stands_and_who_is_hardly_seen_counts_less(agents_of: Any) -> None:
    sample = make_sample(agents_of)
    future, valid = sample.future_m.copy(), sample.future_valid.copy()
    future[0] = sample.scene.agents.position_m[0, :2]
    valid[1, 5:] = False
    label = np.array([ObjectClass.CAR, ObjectClass.CAR, ObjectClass.PEDESTRIAN])
    changed = dataclasses.replace(sample, future_m=future, future_valid=valid, label=label)
    parameters = LossParameters(standing_weight=0.3, class_weight={'pedestrian': 2.0})
    heading = sample.scene.agents.yaw_rad
    weight = label_arrays(changed, np.arange(N), N, parameters, heading)['weight']
    gone_m = sample.scene.agents.speed_mps[1] * 0.5
    expected = 0.5 if gone_m > 2.0 else 0.15
    assert weight == pytest.approx([0.3, expected, 2.0])


def test_followers_whose_future_is_known_are_affected_by_a_told_plan(agents_of: Any) -> None:
    sample = make_sample(agents_of)
    ego = sample.scene.ego
    heading = np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
    # Behind, ahead, and behind but lost after two seconds; all as fast as the robotaxi.
    place = ego.position_m[:2] + np.array([-12.0, 18.0, -20.0])[:, None] * heading
    after_s = 0.1 * (np.arange(T) + 1)
    agents = dataclasses.replace(
        sample.scene.agents,
        position_m=np.column_stack([place, np.zeros(N)]),
        yaw_rad=np.full(N, ego.yaw_rad),
    )
    changed = dataclasses.replace(
        sample,
        scene=dataclasses.replace(sample.scene, agents=agents),
        future_m=place[:, None] + 6.0 * after_s[:, None] * heading,
    )
    rows = np.array([2, 0, 1])
    assert reacting(changed, rows, T).tolist() == [0.0, 1.0, -1.0]
    assert not reacting(changed, rows, 30).any()  # three seconds of a plan tell too little
    assert not reacting(changed, rows, 0).any()

    assert somebody_reacts(changed)
    still = dataclasses.replace(changed, future_m=np.repeat(place[:, None], T, axis=1))
    assert not somebody_reacts(still)
    parked = dataclasses.replace(changed, ego_future_valid=np.zeros(T, bool))
    assert not somebody_reacts(parked)

    parameters = LossParameters(affected_weight=5.0, bystander_weight=0.5)
    told, silent = (
        label_arrays(changed, rows, N, parameters, agents.yaw_rad, steps) for steps in (T, 0)
    )
    assert told['reacts'].tolist() == [0.0, 1.0, -1.0]
    assert told['weight'] == pytest.approx(silent['weight'] * [0.5, 5.0, 0.5])


def test_augmentation_moves_nobody_and_keeps_the_present(agents_of: Any) -> None:
    scene = make_sample(agents_of).scene
    for seed in range(30):
        seen = augmented(scene, T, OFTEN, np.random.default_rng(seed))
        np.testing.assert_array_equal(seen.scene.agents.position_m, scene.agents.position_m)
        np.testing.assert_array_equal(seen.scene.history.position_m, scene.history.position_m)
        assert seen.scene.history.valid[:, -1].all()
        assert not (seen.scene.agents.has_attribute & ~scene.agents.has_attribute).any()
        assert np.isfinite(seen.scene.agents.modality_age_s).any()
        assert seen.scene.ego.present or seen.told_steps == 0


@pytest.mark.parametrize(('count', 'limit'), [(800, 400), (1600, 400), (4000, 2000), (837, 400)])
def test_judges_are_told_half_of_the_plans_of_every_part(count: int, limit: int) -> None:
    chosen = np.unique(np.linspace(0, count - 1, limit).round().astype(int)).tolist()
    told = np.array([tells_judges(index) for index in chosen])
    for part in np.array_split(told, 4):
        assert 0.35 < part.mean() < 0.65


def test_a_walker_may_be_said_to_look_elsewhere_and_goes_where_he_went(
    tmp_path: Path, agents_of: Any
) -> None:
    scene = make_sample(agents_of, first=ObjectClass.PEDESTRIAN).scene
    turned = AugmentationParameters(**{**dataclasses.asdict(NOTHING), 'walker_heading_rad': 0.5})
    seen = augmented(scene, T, turned, np.random.default_rng(3)).scene
    off = seen.agents.yaw_rad - scene.agents.yaw_rad
    assert abs(off[0]) > 0.01
    np.testing.assert_array_equal(off[1:], 0.0)
    past = seen.history.yaw_rad - scene.history.yaw_rad
    np.testing.assert_allclose(past, np.repeat(off[:, None], past.shape[1], axis=1), atol=1e-9)

    # He went as far, and aside by as much as he looked aside.
    store = store_of(tmp_path, agents_of, {'a': 'simulated'}, first=ObjectClass.PEDESTRIAN)
    data = examples(store, augmentation=turned)
    plain, other = (data.example(0, draw)['future'][:N, 9] for draw in (None, 1))
    went, goes = (np.arctan2(each[:, 1], each[:, 0]) for each in (plain, other))
    assert (np.abs(goes - went) > 0.01).tolist() == [True, False, False]
    np.testing.assert_allclose(
        np.linalg.norm(other, axis=-1), np.linalg.norm(plain, axis=-1), rtol=1e-5
    )


def test_augmentation_without_probabilities_changes_nothing(agents_of: Any) -> None:
    scene = make_sample(agents_of).scene
    seen = augmented(scene, T, NOTHING, np.random.default_rng(0))
    assert seen.told_steps == T
    np.testing.assert_allclose(seen.view.translation_m, scene.ego.map_from_base.translation_m)
    assert seen.view.yaw_rad == pytest.approx(scene.ego.yaw_rad)
    np.testing.assert_array_equal(seen.scene.history.valid, scene.history.valid)
    np.testing.assert_array_equal(seen.scene.agents.has_attribute, scene.agents.has_attribute)


def test_those_at_risk_are_taken_where_there_are_too_many(tmp_path: Path, agents_of: Any) -> None:
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    one = examples(store, sizes=dataclasses.replace(SIZES, agents=2)).example(0, None)
    scene = store[0].scene
    rows = most_at_risk(scene.agents, scene.ego, 2)
    away = np.linalg.norm(scene.agents.position_m[rows, :2] - scene.ego.position_m, axis=1)
    shown = np.hypot(*one['actor_pose'][1:3, :2].T)
    np.testing.assert_allclose(shown, away, rtol=1e-4)
    # Row by row the labels are theirs: who goes straight on moves by its own speed.
    speed = scene.agents.speed_mps[rows] * one['future_valid'][:, 9]
    np.testing.assert_allclose(one['future'][:, 9, 0], speed, rtol=1e-4)


def test_who_is_out_of_sight_is_not_shown(agents_of: Any) -> None:
    scene = make_sample(agents_of).scene
    position = scene.agents.position_m.copy()
    position[1, :2] = scene.ego.position_m + np.array([200.5, 0.0])
    position[2, :2] = scene.ego.position_m + np.array([0.0, 199.5])
    agents = dataclasses.replace(scene.agents, position_m=position)
    assert shown_rows(dataclasses.replace(scene, agents=agents), 9).tolist() == [0, 2]


def test_a_scene_with_nobody_in_sight_is_an_example_too(tmp_path: Path, agents_of: Any) -> None:
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    far = store[0].scene.ego.position_m + 1e5
    sample = store[0]
    agents = dataclasses.replace(
        sample.scene.agents, position_m=sample.scene.agents.position_m + np.array([*far, 0.0])
    )
    lonely = dataclasses.replace(sample, scene=dataclasses.replace(sample.scene, agents=agents))
    made = examples(store)
    made.sample = lambda index: lonely  # type: ignore[method-assign]
    one = made.example(0, None)
    assert one['actor_valid'].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert not one['weight'].any()


def test_batches_hold_no_needless_padding(tmp_path: Path, agents_of: Any) -> None:
    store = store_of(tmp_path, agents_of, {'a': 'simulated'})
    sizes = dataclasses.replace(SIZES, agents=40, map_nodes=64)
    batch = collate([examples(store, sizes=sizes).example(k, None) for k in range(3)])
    assert batch['actor_state'].shape[:2] == (3, 9)
    assert batch['proposal'].shape[:2] == batch['future'].shape[:2] == (3, 8)
    assert batch['map_feature'].shape[1] == 16
    assert batch['actor_map_kind'].shape == (3, 9, 16)
    assert batch['plan'].shape == (3, 16, 5)


GROUPS = {f'US-{k}': 'recorded' for k in range(8)} | {f'city-{k}': 'simulated' for k in range(12)}


def test_groups_are_split_whole_and_folds_leave_out_recorded_ones() -> None:
    group = [g for g in GROUPS for _ in range(3)]
    origin = [GROUPS[g] for g in group]
    judged, left_out = [], []
    for fold in range(4):
        parameters = DataParameters(folds=4, fold=fold, validation_share=0.25)
        dealt = held_out_fold(group, origin, parameters)
        assert dealt is not None
        train, validation = split(group, origin, dealt, parameters)
        learning, judging = ({group[k] for k in rows} for rows in (train, validation))
        assert not learning & judging
        assert learning | judging | set(dealt.held_out) == set(GROUPS)
        assert not (learning | judging) & set(dealt.held_out)
        assert {GROUPS[g] for g in judging} == {'recorded', 'simulated'}
        judged.append(judging)
        left_out += dealt.held_out
    assert sorted(left_out) == sorted(g for g in GROUPS if GROUPS[g] == 'recorded')
    assert len({frozenset(g for g in each if g.startswith('city')) for each in judged}) == 1


def test_groups_too_short_for_a_sample_are_held_out_by_one_fold_each() -> None:
    group, origin = list(GROUPS), list(GROUPS.values())
    bare = ['US-b', 'US-a', 'US-c', 'US-a', 'US-3']  # the last has samples as well
    left_out: list[str] = []
    for fold in range(4):
        parameters = DataParameters(folds=4, fold=fold)
        dealt = held_out_fold(group, origin, parameters, bare)
        without = held_out_fold(group, origin, parameters)
        assert dealt is not None
        assert without is not None
        assert set(without.held_out) <= set(dealt.held_out)
        left_out += dealt.held_out
    recorded = [g for g in GROUPS if GROUPS[g] == 'recorded']
    assert sorted(left_out) == sorted([*recorded, 'US-a', 'US-b', 'US-c'])


def test_excluded_groups_are_nowhere() -> None:
    parameters = DataParameters(exclude_groups=('US-1', 'city-3'))
    group, origin = list(GROUPS), list(GROUPS.values())
    train, validation = split(group, origin, None, parameters)
    assert {group[k] for k in [*train, *validation]} == set(GROUPS) - {'US-1', 'city-3'}


def test_a_split_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(ParameterError, match='no sample is left to validate on'):
        split(['a'], ['recorded'], None, DataParameters())


def test_data_of_a_training_are_described_and_told_apart(tmp_path: Path, agents_of: Any) -> None:
    store_of(tmp_path / 'one', agents_of, {'a': 'simulated', 'b': 'simulated', 'c': 'recorded'})
    data = DataParameters(folders=(str(tmp_path / 'one'),), options={'repeat': {'recorded': 3}})
    opened = open_samples(TrainParameters(data=data), SIZES)
    assert len(opened.train) == 4 + 3 * 4
    assert len(opened.validation) == 4
    assert opened.sources['samples to learn from, by origin'] == {'simulated': 4, 'recorded': 12}
    once = open_samples(TrainParameters(data=dataclasses.replace(data, options={})), SIZES)
    assert once.digest != opened.digest
    shard = next((tmp_path / 'one').glob('c-*.tar'))
    shard.write_bytes(shard.read_bytes()[:2000])
    assert opened.train_recording[0] != opened.train_recording[-1] == '0/c'
    opened.train.example(0, None)  # of another recording, which is well
    with pytest.raises(DataError, match='damaged'):
        opened.train.example(len(opened.train) - 1, None)


def test_examples_say_whether_people_drove(tmp_path: Path, agents_of: Any) -> None:
    """And all samples of a folder can be asked for, as they are."""
    store_of(tmp_path, agents_of, {'city-1': 'simulated', 'road-1': 'recorded'})
    everything = all_samples([str(tmp_path)], TrainParameters(), SIZES)
    assert len(everything) == 8
    recorded = [float(everything.example(k, None)['recorded']) for k in range(8)]
    assert recorded == [float(everything.sample(k).origin == 'recorded') for k in range(8)]
    assert sum(recorded) == 4.0
    batch = collate([everything.example(k, None) for k in range(8)])
    assert batch['recorded'].shape == (8,)
    assert everything.digest == all_samples([str(tmp_path)], TrainParameters(), SIZES).digest


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    """Untrained, and calibrated by hand."""
    pytest.importorskip('lightning', reason='needs requirements/training.txt')
    pytest.importorskip('onnx', reason='needs requirements/training.txt')
    from prediction_node.network.export import save_weights

    narrow: dict[str, Any] = {
        'width': 16, 'heads': 2, 'layers': 1, 'edge_width': 8, 'knot_width': 8
    }  # fmt: skip
    network = Network(NetworkConfig(sizes=SIZES, **narrow)).eval()
    model = tmp_path / 'model'
    model.mkdir()
    save_weights(network, model / 'weights.safetensors')
    calibration = {'temperature': {'pedestrian': 7.0}, 'sigma_scale': {'car': 0.06}}
    write_description(model, network.config.as_dict(), (), {'calibration': calibration})
    (model / 'card.md').write_text('# small\n\n## Model\n\n- a\n\n## Data\n\n- b\n')
    return model


def test_a_model_is_calibrated_on_samples_it_never_saw(
    tmp_path: Path, agents_of: Any, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {f'road-{k}': 'recorded' for k in range(7)}
    store_of(tmp_path / 'fleet', agents_of, groups)  # 28 samples, in each two whole futures
    words = ['calibrate', '--model', str(small_model), '--out', str(tmp_path / 'out')]
    assert main([*words, '--unseen', str(tmp_path / 'fleet'), 'run.batch_size=4']) == 0
    assert 'calibrated on 56 agents' in ' '.join(capsys.readouterr().out.split())
    found = ModelFolder.read(tmp_path / 'out')
    # What is said of others than cars stays.
    assert found.calibration['temperature']['pedestrian'] == 7.0
    assert found.calibration['sigma_scale']['car'] >= 0.25
    assert len(found.provenance['calibrated']['data']) == 64
    card = (tmp_path / 'out' / 'card.md').read_text()
    assert card.index('## Model') < card.index('56 agents') < card.index('## Data')
    assert main([*words, '--unseen', str(tmp_path / 'nothing')]) == 2
    assert str(tmp_path / 'nothing') in capsys.readouterr().err


def test_too_few_samples_do_not_calibrate_and_what_a_fold_holds_out_never_does(
    tmp_path: Path, agents_of: Any, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {f'road-{k}': 'recorded' for k in range(5)}
    store_of(tmp_path / 'fleet', agents_of, groups)
    write_fold(small_model, Fold(0, 2, ('road-1', 'road-3')))
    words = ['calibrate', '--model', str(small_model), '--out', str(tmp_path / 'out')]
    assert main([*words, '--unseen', str(tmp_path / 'fleet')]) == 2
    assert '24 agents with a whole future are too few' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
    kept = all_samples([str(tmp_path / 'fleet')], TrainParameters(), SIZES, without=['road-1'])
    assert {kept.sample(k).group for k in range(len(kept))} == set(groups) - {'road-1'}


@pytest.mark.slow
def test_the_shipped_model_is_quantised_on_samples(
    tmp_path: Path, agents_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('onnx', reason='needs requirements/tensorrt.txt')
    shipped = share_directory() / 'models' / 'product'
    if not (shipped / 'model.json').is_file():
        pytest.skip(f'needs the shipped model in {shipped}')
    store_of(tmp_path / 'fleet', agents_of, {'road-1': 'recorded', 'road-2': 'simulated'})
    out = tmp_path / 'int8'
    words = ['quantise', '--data', str(tmp_path / 'fleet'), '--count', '3']
    assert main([*words, '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert 'encoder.onnx: 93 % of its numbers in 8 bits' in said
    assert 'scenes, compared on' in said
    made, model = ModelFolder.read(out), ModelFolder.read(shipped)
    assert made.provenance['quantised']['scenes'] >= 2
    assert made.calibration == model.calibration
    # Processors take the quantised encoder as well.
    assert set(made.files) == set(model.files) - {ENCODER_CPU}
    assert made.files['encoder.onnx'] != model.files['encoder.onnx']
    assert (out / 'card.md').read_bytes() == (shipped / 'card.md').read_bytes()
    for again, reason in ((str(out), 'is quantised already'), ('', 'must be an empty folder')):
        assert main([*words, '--out', str(out), '--model', again]) == 2
        assert reason in capsys.readouterr().err
    store_of(tmp_path / 'one', agents_of, {'road-1': 'recorded'})
    words = ['quantise', '--data', str(tmp_path / 'one'), '--out', str(tmp_path / 'other')]
    assert main(words) == 2
    assert 'of at least two groups' in capsys.readouterr().err
