"""The learned engine: the network's answers reach the right agents, and obey laws of the world."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from prediction_node.config import Config, CycleParameters
from prediction_node.domain.conditional import EgoPlan
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.model_folder import DECODER, ENCODER, ModelError, write_description
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    Sizes,
    check_arrays,
    encoder_inputs,
)
from prediction_node.inference.guard import fault_of, fault_of_answers
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.torch_model import TorchModel
from prediction_node.network import Network, NetworkConfig
from prediction_node.predictor import LearnedEngine, find_model, load_engine, reaction_m
from prediction_node.priority import most_at_risk
from prediction_node.raster import Rasterizer, manifest
from prediction_node.tensors.calibration import Calibration

SIZES = Sizes(agents=16, map_nodes=64)
SEEING = dataclasses.replace(SIZES, channels=len(manifest.CHANNELS))
FLOAT = onnx.TensorProto.FLOAT
BODIES = [
    (20.0, 0.1, 0.0, 9.0, ObjectClass.CAR),
    (-20.0, 3.4, 0.02, 11.0, ObjectClass.TRUCK),
    (30.2, -3.0, 1.5, 1.3, ObjectClass.PEDESTRIAN),
]
AFTER_S = 0.1 * np.arange(81)


class Echo:
    """Answers with the proposals; a plan pushes everybody to the left by its number of metres."""

    def __init__(self, sizes: Sizes = SIZES) -> None:
        self.sizes = sizes
        self.seen: list[Mapping[str, np.ndarray]] = []

    def encode(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        check_arrays(arrays, encoder_inputs(self.sizes), self.sizes)
        self.seen.append({name: array.copy() for name, array in arrays.items()})
        return self.seen[-1]

    def decode(
        self, encoded: Mapping[str, np.ndarray], plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        count = len(plan)
        sizes = dataclasses.replace(self.sizes, candidates=count)
        check_arrays({'plan': plan, 'plan_valid': plan_valid}, DECODER_INPUTS, sizes)
        mean = np.repeat(encoded['proposal'][None, ..., :2], count, axis=0)
        number = np.arange(1, count + 1, dtype=np.float32) * plan_valid.any(axis=1)
        ramp = np.linspace(0.0, 1.0, self.sizes.steps, dtype=np.float32)
        mean[..., 1] += number[:, None, None, None] * ramp
        spread = np.full((*mean.shape[:-1], 3), 0.05, np.float32)
        spread[..., 2] = 0.0
        weight = np.broadcast_to(
            encoded['proposal_log_weight'][None, ..., None],
            (count, *encoded['proposal_log_weight'].shape, self.sizes.weights),
        )
        return {'mean': mean, 'spread': spread, 'weight_logit': weight}


def engine_of(model: Any, *larger: Any) -> LearnedEngine:
    kinematic = KinematicEngine(KinematicParameters())
    return LearnedEngine(model, kinematic, Rasterizer(), Calibration(), larger)


def proposed(scene: Scene) -> Prediction:
    return KinematicEngine(KinematicParameters()).predict(scene)


def straight(scene: Scene, speed: float) -> EgoPlan:
    ego = scene.ego
    towards = np.array([np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)])
    xy = ego.position_m + speed * AFTER_S[:, None] * towards
    return EgoPlan(AFTER_S, np.column_stack([xy, np.full(81, ego.yaw_rad)]), np.full(81, speed))


def apart_m(one: Prediction, other: Prediction) -> np.ndarray:
    """(N, modes, poses) distances."""
    return np.hypot(*np.moveaxis((one.pose - other.pose)[..., :2], -1, 0))


def test_a_network_that_changes_nothing_leaves_the_proposals(scene_of: Any) -> None:
    scene = scene_of(0.6, (1e6, -2e6))
    engine = engine_of(Echo())
    engine.prepare(scene.lane_map)
    prediction = engine.predict(scene)
    assert fault_of(prediction, scene) is None
    assert prediction.engine == engine.name == 'onnx'
    assert np.percentile(apart_m(prediction, proposed(scene)), 98) < 0.01
    np.testing.assert_allclose(prediction.probability, proposed(scene).probability, atol=1e-6)


def test_a_network_that_looks_gets_pictures(scene_of: Any) -> None:
    scene = scene_of()
    model = Echo(SEEING)
    engine = engine_of(model)
    assert engine.raster is None
    engine.predict(scene)
    assert engine.raster is not None
    expected = Rasterizer().draw(scene)
    for name in ('near', 'far'):
        np.testing.assert_array_equal(model.seen[0][f'raster_{name}'], getattr(expected, name))
        np.testing.assert_array_equal(getattr(engine.raster, name), getattr(expected, name))
    blind = engine_of(Echo())
    blind.predict(scene)
    assert blind.raster is None


def test_a_scene_whose_proposals_fail_leaves_the_next_one_alone(scene_of: Any) -> None:
    class Failing(KinematicEngine):
        fails = True

        def predict(self, scene: Scene) -> Prediction:
            if self.fails:
                raise RuntimeError('no proposals today')
            return super().predict(scene)

    scene = scene_of()
    kinematic, model = Failing(KinematicParameters()), Echo(SEEING)
    engine = LearnedEngine(model, kinematic, Rasterizer(), Calibration())
    with pytest.raises(RuntimeError, match='no proposals today'):
        engine.predict(scene_of(bodies=[(20.0, 0.0, 0.0, 9.0, ObjectClass.CAR)]))
    assert engine.raster is None
    kinematic.fails = False
    engine.predict(scene)
    np.testing.assert_array_equal(model.seen[0]['raster_near'], Rasterizer().draw(scene).near)


@pytest.mark.parametrize('standing_in', ['', 'onnx for tensorrt: gone'])
def test_a_scene_is_painted_here_unless_a_gpu_does(scene_of: Any, standing_in: str) -> None:
    class OnGpu(Echo):
        answers = 'tensorrt'

        def __init__(self) -> None:
            super().__init__(SEEING)
            self.standing_in = standing_in
            self.painted: list[bool] = []

        def encode(self, arrays: Any) -> Any:
            self.painted.append(arrays.drawing.painted)
            return super().encode(arrays)

    model = OnGpu()
    engine_of(model).predict(scene_of())
    assert model.painted == [bool(standing_in)]


def test_more_agents_go_to_a_larger_network(scene_of: Any) -> None:
    small, large = (Echo(dataclasses.replace(SIZES, agents=n)) for n in (4, 16))
    engine = engine_of(small, large)
    engine.predict(scene_of())
    assert (len(small.seen), len(large.seen)) == (0, 1)
    engine.predict(scene_of(bodies=[(20.0, 0.0, 0.0, 9.0, ObjectClass.CAR)]))
    assert (len(small.seen), len(large.seen)) == (1, 1)


def test_beyond_the_largest_those_of_least_risk_keep_their_proposals(scene_of: Any) -> None:
    scene = scene_of()
    model = Echo(dataclasses.replace(SIZES, agents=4))
    engine = engine_of(model)
    prediction, proposals = engine.predict(scene), proposed(scene)
    assert fault_of(prediction, scene) is None
    chosen = most_at_risk(scene.agents, scene.ego, 4)
    rest = np.setdiff1d(np.arange(len(scene.agents)), chosen)
    np.testing.assert_array_equal(prediction.sigma[rest], proposals.sigma[rest])
    np.testing.assert_array_equal(prediction.pose[rest], proposals.pose[rest])
    np.testing.assert_allclose(prediction.sigma[chosen, :, 1:, :2], 0.05, atol=1e-6)
    (answer,) = engine.condition((straight(scene, 5.0),))
    assert fault_of_answers((answer,), (straight(scene, 5.0),), scene) is None
    assert (answer.reaction_m[chosen] > 0.2).all()
    assert not answer.reaction_m[rest].any()


def test_who_is_far_away_changes_nothing_for_the_others(scene_of: Any) -> None:
    alone = scene_of(bodies=BODIES)
    far = (-260.0, 40.0, 0.0, 12.0, ObjectClass.CAR)
    scene = scene_of(bodies=[*BODIES, far])
    model = Echo()
    engine = engine_of(model)
    engine.predict(alone)
    prediction = engine.predict(scene)
    assert fault_of(prediction, scene) is None
    before, after = model.seen
    for name in ('actor_pose', 'map_pose', 'actor_map_kind', 'proposal'):
        np.testing.assert_allclose(after[name], before[name], atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(prediction.pose[-1], proposed(scene).pose[-1])


def test_plans_are_answered_in_order(scene_of: Any) -> None:
    scene = scene_of()
    engine = engine_of(Echo())
    unconditional = engine.predict(scene)
    plans = tuple(straight(scene, speed) for speed in (1.0, 5.0, 9.0))
    answers = engine.condition(plans)
    assert fault_of_answers(answers, plans, scene) is None
    for number, answer in enumerate(answers, start=1):
        expected = reaction_m(answer.prediction, unconditional)
        np.testing.assert_array_equal(answer.reaction_m, expected)
        # The push grows evenly to its number: half of it on average.
        np.testing.assert_allclose(np.median(answer.reaction_m), 0.5 * number, atol=0.1)
    assert engine.condition(()) == ()
    again = engine.condition(plans[:1])
    np.testing.assert_array_equal(again[0].prediction.pose, answers[0].prediction.pose)


def test_a_question_stays_with_its_scene(folder: Path, scene_of: Any) -> None:
    """Asked about before, answered after another scene was predicted."""
    scene, later = scene_of(), scene_of(bodies=BODIES)
    engine = load_engine(folder, Config())
    engine.predict(scene)
    ask, plans = engine.asking(), (straight(scene, 4.0), straight(scene, 8.0))
    before = ask(plans)
    engine.predict(later)
    for one, other in zip(before, ask(plans), strict=True):
        assert other.prediction.agents is one.prediction.agents
        np.testing.assert_array_equal(other.prediction.pose, one.prediction.pose)
        np.testing.assert_array_equal(other.collision, one.collision)
    assert len(engine.condition(plans)[0].prediction.agents) == len(later.agents)


def test_a_plan_into_a_standing_car_collides(scene_of: Any) -> None:
    scene = scene_of(bodies=[(30.0, 0.0, 0.0, 0.0, ObjectClass.CAR)], with_map=False)
    engine = engine_of(Echo())
    engine.predict(scene)
    into, short = engine.condition((straight(scene, 8.0), straight(scene, 1.0)))
    assert into.collision[-1] > 0.8
    assert short.collision[-1] < 0.01
    assert into.collision[10] < 0.01  # a second on, there are still 15 m between them
    assert (np.diff(into.collision) >= 0.0).all()


def test_questions_before_the_first_scene_are_refused(scene_of: Any) -> None:
    engine = engine_of(Echo())
    with pytest.raises(RuntimeError, match='no scene'):
        engine.condition((straight(scene_of(), 1.0),))
    engine.predict(scene_of())
    plan = straight(scene_of(), 1.0)
    pose = plan.pose.copy()
    pose[5] = np.nan
    with pytest.raises(ValueError, match=r'plans\[0\] must be finite'):
        engine.condition((EgoPlan(plan.after_s, pose, plan.speed_mps),))


def test_an_answer_that_is_none_leaves_nothing_to_ask_about(scene_of: Any) -> None:
    class Broken(Echo):
        def decode(self, *args: Any) -> dict[str, np.ndarray]:
            outputs = super().decode(*args)
            outputs['mean'][0, 0] = np.nan
            return outputs

    engine = engine_of(Broken())
    with pytest.raises(ValueError, match='mean is not finite'):
        engine.predict(scene_of())
    with pytest.raises(RuntimeError, match='no scene'):
        engine.condition((straight(scene_of(), 1.0),))


def test_where_nobody_is_nothing_is_asked_of_the_network(scene_of: Any) -> None:
    scene = scene_of(bodies=[])
    model = Echo()
    engine = engine_of(model)
    assert len(engine.predict(scene).agents) == 0
    (answer,) = engine.condition((straight(scene, 3.0),))
    assert not answer.collision.any()
    assert not model.seen


@pytest.mark.parametrize(
    ('change', 'name'),
    [({'modes': 20}, 'modes'), ({'steps': 48}, 'steps'), ({'channels': 3}, 'channels')],
)
def test_networks_of_other_answers_are_refused(change: dict[str, int], name: str) -> None:
    with pytest.raises(ModelError, match=f'model.sizes.{name} must be'):
        engine_of(Echo(dataclasses.replace(SIZES, **change)))


def small_network() -> Network:
    """Of random weights, none of them zero, so that it has something to say."""
    torch.manual_seed(1)
    config = NetworkConfig(
        sizes=SEEING,
        width=32,
        heads=4,
        layers=2,
        raster_offset=tuple(channel.offset for channel in manifest.CHANNELS),
    )
    network = Network(config)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(0.0, 0.03)
    return network.eval()


@pytest.fixture(scope='module')
def network() -> Network:
    return small_network()


@pytest.fixture(scope='module')
def engine(network: Network) -> LearnedEngine:
    names = list(encoder_inputs(SEEING))
    return engine_of(TorchModel(network.encoder, network.decoder, SEEING, names))


@pytest.mark.parametrize(
    ('turn', 'shift'),
    [
        (np.pi / 2, (0.0, 0.0)),
        (np.pi, (300.0, -50.0)),
        (0.3, (0.0, 0.0)),
        (-1.234, (5e6, -4e6)),
        (2.5, (12.3, 4.56)),
        (0.785, (1e3, 1e3)),
    ],
)
def test_a_turned_and_shifted_world_is_predicted_alike(
    engine: LearnedEngine, scene_of: Any, turn: float, shift: tuple[float, float]
) -> None:
    scene = scene_of()
    here = engine.predict(scene)
    moved = apart_m(here, proposed(scene))[:, :, -1]
    assert np.median(moved) > 0.3  # or the law would be the kinematic predictor's
    there = engine.predict(scene_of(turn, shift))
    cos, sin = np.cos(turn), np.sin(turn)
    back = (there.pose[..., :2] - shift) @ np.array([[cos, -sin], [sin, cos]])
    away = np.hypot(*np.moveaxis(back - here.pose[..., :2], -1, 0))
    assert away.max() < 0.1
    np.testing.assert_allclose(there.probability, here.probability, atol=0.01)


def test_agents_in_another_order_are_predicted_alike(
    engine: LearnedEngine, scene_of: Any, reordered: Any
) -> None:
    scene = scene_of()
    order = np.random.default_rng(5).permutation(len(scene.agents))
    here, there = engine.predict(scene), engine.predict(reordered(scene, order))
    np.testing.assert_allclose(there.pose, here.pose[order], atol=0.01)
    np.testing.assert_allclose(there.probability, here.probability[order], atol=1e-3)


@pytest.mark.parametrize('block', [0, 1, 5, 14])
def test_an_answer_knows_nothing_of_the_plan_ahead_of_its_time(
    engine: LearnedEngine, scene_of: Any, block: int
) -> None:
    """Plans that part after the beginning of a block agree on everything up to the block's end."""
    scene = scene_of()
    plan = straight(scene, 8.0)
    known = 5 * block  # steps that both plans share
    pose, speed = plan.pose.copy(), plan.speed_mps.copy()
    pose[known + 1 :, 0] = pose[known, 0]
    speed[known + 1 :] = 0.0
    engine.predict(scene)
    one, other = engine.condition((plan, EgoPlan(AFTER_S, pose, speed)))
    until = 5 * (block + 1) + 1
    a, b = one.prediction, other.prediction
    np.testing.assert_allclose(a.pose[:, :, :until], b.pose[:, :, :until], atol=1e-6)
    np.testing.assert_allclose(a.sigma[:, :, :until], b.sigma[:, :, :until], atol=1e-6)
    assert apart_m(a, b)[:, :, until:].max() > 1e-4  # the plan does matter


def echo_files(path: Path, sizes: Sizes) -> None:
    """Two ONNX files that answer with the proposals, whatever the plan."""
    path.mkdir()
    value, make = helper.make_tensor_value_info, helper.make_node
    proposal = ['agents', sizes.modes, sizes.steps, 3]
    weight = ['agents', sizes.modes]
    passed = [value('base', FLOAT, proposal), value('log_weight', FLOAT, weight)]
    asked = [value('proposal', FLOAT, proposal), value('proposal_log_weight', FLOAT, weight)]
    nodes = [
        make('Identity', ['proposal'], ['base']),
        make('Identity', ['proposal_log_weight'], ['log_weight']),
    ]
    save(path / ENCODER, nodes, asked, passed, {})
    constants = {
        'zero': np.zeros(1, np.float32),
        'first': np.array([0], np.int64),
        'second': np.array([2], np.int64),
        'last': np.array([3], np.int64),
        'plan_axes': np.array([1, 2], np.int64),
        'front': np.array([0], np.int64),
        'ends': np.array([0, 3], np.int64),
        'more': np.array([3, 4], np.int64),
        'instants': np.zeros(sizes.weights, np.float32),
        'sigma': np.array([0.05, 0.05, 0.0], np.float32),
    }
    nodes = [
        make('ReduceSum', ['plan', 'plan_axes'], ['sum']),
        make('Mul', ['sum', 'zero'], ['nothing']),  # (C, 1, 1): as many rows as plans
        make('Unsqueeze', ['nothing', 'more'], ['rows']),
        make('Slice', ['base', 'first', 'second', 'last'], ['xy']),
        make('Unsqueeze', ['xy', 'front'], ['one']),
        make('Add', ['one', 'rows'], ['mean']),
        make('Slice', ['mean', 'first', 'first_end', 'four'], ['x']),
        make('Mul', ['x', 'zero'], ['flat']),
        make('Add', ['flat', 'sigma'], ['spread']),
        make('Unsqueeze', ['log_weight', 'ends'], ['logits']),
        make('Unsqueeze', ['nothing', 'last'], ['few']),
        make('Add', ['logits', 'few'], ['by_plan']),
        make('Add', ['by_plan', 'instants'], ['weight_logit']),
    ]
    constants |= {'first_end': np.array([1], np.int64), 'four': np.array([4], np.int64)}
    asked = [
        *passed,
        value('plan', FLOAT, ['candidates', sizes.blocks, 5]),
        value('plan_valid', FLOAT, ['candidates', sizes.blocks]),
    ]
    body = ['candidates', 'agents', sizes.modes]
    answers = [
        value('mean', FLOAT, [*body, sizes.steps, 2]),
        value('spread', FLOAT, [*body, sizes.steps, 3]),
        value('weight_logit', FLOAT, [*body, sizes.weights]),
    ]
    save(path / DECODER, nodes, asked, answers, constants)


def save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]
) -> None:
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, tensors)
    opset = [helper.make_opsetid('', 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('models') / 'echo'
    sizes = dataclasses.replace(SIZES, agents=64, map_nodes=192)
    echo_files(path, sizes)
    calibration = {'temperature': {'car': 1.5}}
    write_description(
        path,
        {'sizes': dataclasses.asdict(sizes)},
        ('base', 'log_weight'),
        {'raster_manifest': manifest.digest(), 'calibration': calibration},
    )
    return path


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_a_model_folder_becomes_an_engine(folder: Path, scene_of: Any) -> None:
    scene = scene_of()
    loaded = load_engine(folder, Config())
    loaded.prepare(scene.lane_map)
    plain, prediction = engine_of(Echo()).predict(scene), loaded.predict(scene)
    assert apart_m(plain, prediction).max() < 1e-3
    cars = scene.agents.label == ObjectClass.CAR
    # Its calibration makes cars less sure, and nobody else.
    unsure = plain.probability.max(axis=1) < 0.99
    most, before = prediction.probability.max(axis=1), plain.probability.max(axis=1)
    assert (most[cars & unsure] < before[cars & unsure]).all()
    np.testing.assert_allclose(most[~cars], before[~cars], atol=1e-6)
    plans = (straight(scene, 4.0), straight(scene, 8.0))
    answers = loaded.condition(plans)
    assert fault_of_answers(answers, plans, scene) is None
    assert not answers[1].reaction_m.any()


def test_answers_to_plans_tell_the_modes_of_the_answer_without_one(scene_of: Any) -> None:
    """Which modes are one must not depend on what is planned for later."""

    class Meeting(Echo):
        """Every mode of everybody goes aside by its number; all meet where there is a plan."""

        def decode(self, *args: Any) -> dict[str, np.ndarray]:
            outputs = super().decode(*args)
            mode = np.arange(6, dtype=np.float32)[:, None]
            alone = np.float32(not args[-1].any())
            outputs['mean'][..., 1] += alone * mode * np.linspace(0.0, 5.0, self.sizes.steps)
            outputs['mean'][..., 0] *= alone
            outputs['weight_logit'] = np.zeros_like(outputs['weight_logit'])
            return outputs

    scene = scene_of(bodies=BODIES)
    engine = engine_of(Meeting())
    prediction = engine.predict(scene)
    np.testing.assert_allclose(prediction.probability, 1.0 / 6.0)
    (answer,) = engine.condition((straight(scene, 5.0),))
    np.testing.assert_allclose(answer.prediction.probability, 1.0 / 6.0)


def test_a_crowd_goes_to_the_session_for_crowds(folder: Path, scene_of: Any) -> None:
    rng = np.random.default_rng(0)
    bodies = [
        (x, y, 0.0, 1.0, ObjectClass.PEDESTRIAN) for x, y in rng.uniform(-40.0, 40.0, (100, 2))
    ]
    scene = scene_of(bodies=bodies)
    engine = load_engine(folder, Config())
    assert fault_of(engine.predict(scene), scene) is None
    few = dataclasses.replace(Config(), cycle=CycleParameters(max_agents=64))
    shed = load_engine(folder, few).predict(scene)
    rest = np.setdiff1d(np.arange(100), most_at_risk(scene.agents, scene.ego, 64))
    np.testing.assert_array_equal(shed.sigma[rest], proposed(scene).sigma[rest])


def test_broken_models_are_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='neither a folder nor a shipped model'):
        load_engine('no such model', Config())
    with pytest.raises(ModelError, match='neither a folder nor a shipped model'):
        find_model('../models')
    damaged = copied(folder, tmp_path / 'damaged')
    data = bytearray((damaged / 'encoder.onnx').read_bytes())
    data[len(data) // 2] ^= 1
    (damaged / 'encoder.onnx').write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r'encoder\.onnx: SHA-256'):
        load_engine(damaged, Config())
    for field, value, said in (
        ('contract', 99, 'contract must be'),
        ('raster_manifest', 'ffff', 'another raster'),
        ('calibration', {'temperature': {'car': -1.0}}, r'calibration\.temperature'),
    ):
        other = copied(folder, tmp_path / field)
        content = json.loads((other / 'model.json').read_text())
        if field == 'raster_manifest':
            content['network']['sizes']['channels'] = len(manifest.CHANNELS)
        (other / 'model.json').write_text(json.dumps(content | {field: value}))
        with pytest.raises(ModelError, match=said):
            load_engine(other, Config())


def test_who_faces_neither_end_of_a_crosswalk_is_predicted_alike_in_a_turned_world(
    scene_of: Any,
) -> None:
    """The body stands square to it: which way to cross must not be a matter of rounding."""
    walker = (26.0, 1.4, 0.0, 0.0, ObjectClass.PEDESTRIAN)
    here = proposed(scene_of(bodies=[walker]))
    ends = here.pose[0, :, -1, :2]
    assert np.ptp(ends[:, 1]) > 5.0  # somebody crosses
    for turn in np.linspace(0.1, 6.2, 40):
        there = proposed(scene_of(turn, (10.0, 5.0), bodies=[walker]))
        cos, sin = np.cos(turn), np.sin(turn)
        back = (there.pose[0, :, -1, :2] - (10.0, 5.0)) @ np.array([[cos, -sin], [sin, cos]])
        np.testing.assert_allclose(back, ends, atol=1e-3)
