"""A short invented drive through a pipeline, so that the first real cycle is not the slow one.

Kernels are compiled, or loaded from disk, when they are first called; memory grows to its size;
tables are filled. All of it happens here, at configure, and none of it in a cycle.
"""

from __future__ import annotations

import numpy as np

from prediction_node import cdr
from prediction_node.compiled import compilations
from prediction_node.conditional.straight import straight_candidates
from prediction_node.config import Config
from prediction_node.domain.agents import Ego
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, Modality, ObjectClass
from prediction_node.domain.lane_map import LaneKind
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import STEP_NS
from prediction_node.fusion import warm_up as fusion
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.inference.parameters import EngineParameters
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import CANDIDATES, Pipeline, inputs
from prediction_node.raster import warm_up as draw_rasters
from prediction_node.resources import share_path
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor
from prediction_node.simulation.traffic import make_traffic
from prediction_node.vehicle.messages import messages

_AGENTS = 16
_DURATION_S = 1.2
_WITHOUT_MAP_STEPS = 4


def rehearse(pipeline: Pipeline) -> None:
    """Do once whatever `pipeline` will do in a cycle, with invented messages and on its map.

    `pipeline` itself hears of nothing but the routes of its map; its model is loaded and warm.
    Takes about a second, and once, to compile the kernels, about half a minute.

    Raises PredictionNodeError for a model that cannot be used.
    """
    pipeline.prepare()
    lane_map = pipeline.lane_map
    if lane_map is not None and np.any(lane_map.kind == LaneKind.ROAD):
        _drive(pipeline.understudy(), make_traffic(lane_map, _AGENTS, _DURATION_S))
        _drive(pipeline.understudy(with_map=False), _in_the_open())
    else:
        _drive(pipeline.understudy(), _in_the_open())
    fusion.warm_up(FusionParameters())  # what is too rare for a drive of a second
    if pipeline.raster is not None:
        draw_rasters()  # with a map too, which may come by topic later


def _drive(pipeline: Pipeline, recording: Recording) -> None:
    """Everything that sensors say of the recording, and a release every 0.1 s."""
    names = {entry.topic: entry.name for entry in inputs(Config())}
    sensors = {m.name.lower(): default_sensor(m, warm_bodies_only=False) for m in Modality}
    due_ns = int(recording.stamp_ns[0]) + STEP_NS
    for message in messages(recording, SuiteParameters(occlusion=False, sensors=sensors), seed=0):
        while message.log_ns > due_ns:
            release = pipeline.release(due_ns)
            _ = release.objects_cdr, release.tracks_cdr, release.uncertainty_cdr
            if release.ego is not None:
                pipeline.receive(CANDIDATES, _question(release.ego), due_ns)
                answers = pipeline.answer_candidates()
                _ = answers and (answers.objects_cdr, answers.scored_cdr)
            due_ns += STEP_NS
        if message.topic in names:
            pipeline.receive(names[message.topic], message.data, message.log_ns)


def _question(ego: Ego) -> bytes:
    """CandidateTrajectories: what if the robotaxi stood, or drove straight on?"""
    speeds = (0.0, 8.0)
    request = straight_candidates(ego.stamp_ns, ego.position_m, ego.yaw_rad, speeds)
    return cdr.write_candidate_trajectories(request)


def _in_the_open() -> Recording:
    """Some of every class, straight on, where no lane is."""
    label = np.repeat([int(c) for c in ObjectClass], 2).astype(np.int8)
    n, steps = len(label), _WITHOUT_MAP_STEPS
    stamps = STEP_NS * (1 + np.arange(steps))
    heading = np.linspace(-3.0, 3.0, n)
    speed = np.linspace(0.0, 8.0, n)
    velocity = speed[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
    seconds = 0.1 * np.arange(steps)
    position = np.zeros((n, steps, 3))
    position[:, :, 0] = np.arange(n)[:, None] * 7.0
    position[:, :, :2] += velocity[:, None] * seconds[:, None]
    return Recording(
        name='rehearsal',
        stamp_ns=stamps,
        track_id=tuple(f'{i}' for i in range(n)),
        label=label,
        size_m=np.tile([4.0, 1.8, 1.5], (n, 1)),
        position_m=position,
        yaw_rad=np.repeat(heading[:, None], steps, axis=1),
        velocity_mps=np.repeat(velocity[:, None], steps, axis=1),
        valid=np.ones((n, steps), bool),
        attributes=np.zeros((n, steps, ATTRIBUTE_COUNT)),
        has_attribute=np.zeros((n, steps, ATTRIBUTE_COUNT), bool),
        ego=0,
        lights=(LightStates.none(),) * steps,
    )


def main() -> None:
    """`python -m prediction_node.rehearsal`: compile all kernels now, with a line for each stage.

    They are kept on disk: a node that starts later loads them.
    """
    lane_map = load_map(share_path('samples', 'lankershim', 'map.osm'))
    print('kernels of fusion', flush=True)
    fusion.warm_up(FusionParameters())
    print('kernels of prediction and messages', flush=True)
    rehearse(Pipeline(Config(engine=EngineParameters(name='kinematic')), lane_map))
    print('kernels of the learned predictor', flush=True)
    rehearse(Pipeline(Config(engine=EngineParameters(name='onnx')), lane_map))
    print(f'{compilations()} kernels are ready', flush=True)


if __name__ == '__main__':
    main()
