"""From message bytes to predictions: the one path that the live node, replay and tests share.

`receive` translates and files a message; `release` fuses what has arrived and predicts. Neither
raises on anything that can arrive on a topic: what cannot be used is counted under the input's
name.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prediction_node import cdr, output
from prediction_node.channels import CANDIDATES as CANDIDATES
from prediction_node.channels import TF as TF
from prediction_node.channels import TF_STATIC as TF_STATIC
from prediction_node.channels import TRAFFIC_SIGNALS as TRAFFIC_SIGNALS
from prediction_node.channels import VECTOR_MAP as VECTOR_MAP
from prediction_node.channels import Input as Input
from prediction_node.channels import inputs as inputs
from prediction_node.channels import questions as questions
from prediction_node.conditional.answers import Answers
from prediction_node.conditional.desk import Desk
from prediction_node.config import Config
from prediction_node.domain.agents import Agents
from prediction_node.domain.errors import MapError, MessageError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.engines import guarded, learned_engine, plans_together
from prediction_node.fusion.fusion import Fusion
from prediction_node.inference.guard import Engine, Guarded
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.map_source import map_from_message
from prediction_node.observation.health import ObservationHealth
from prediction_node.observation.observer import (
    ODOMETRY,
    TRAFFIC_LIGHTS,
    TRANSFORMS,
    Observer,
)
from prediction_node.prepared_map import PreparedMap
from prediction_node.priority import AgentBudget, most_at_risk
from prediction_node.release import Release as Release
from prediction_node.scene.builder import SceneBuilder

if TYPE_CHECKING:
    from prediction_node.predictor import LearnedEngine
    from prediction_node.raster import Raster

NOMINAL, DEGRADED, LOST = 'nominal', 'degraded', 'lost'

# Inputs whose health the observer keeps under another name.
_MONITORS = {TF: TRANSFORMS, TF_STATIC: TRANSFORMS, TRAFFIC_SIGNALS: TRAFFIC_LIGHTS}

_TRACK_READERS: dict[str, Callable[[bytes], Any]] = {
    'autoware_perception_msgs/msg/TrackedObjects': cdr.read_tracked_objects,
    'vision_msgs/msg/Detection3DArray': cdr.read_detection3d_array,
    'radar_msgs/msg/RadarTracks': cdr.read_radar_tracks,
}


@dataclass(frozen=True, slots=True, eq=False)
class Perception:
    """What one cycle knows before it predicts. All at `stamp_ns`, in the map frame."""

    release_ns: int  # instant on the clock of `receive` and `release`
    stamp_ns: int
    scene: Scene | None  # of the agents to predict; None without usable odometry
    agents: Agents  # all fused agents, to be predicted or not
    lane_map: LaneMap | None
    health: ObservationHealth
    notice: str
    coasting_s: float
    timings_ms: dict[str, float]

    def with_map(self, lane_map: LaneMap | None) -> Perception:
        """The same with another map, or none, for the way to another process."""
        scene = None if self.scene is None else dataclasses.replace(self.scene, lane_map=lane_map)
        return dataclasses.replace(self, scene=scene, lane_map=lane_map)


class Pipeline:
    """Observation, fusion, scene and prediction in a row, with their memories."""

    def __init__(
        self, config: Config, lane_map: LaneMap | None, engine: Engine | None = None
    ) -> None:
        """`engine` None: the one that the parameters name, made when it is first needed; a model
        that cannot be used raises PredictionNodeError then, in `prepare` at the latest.
        """
        self._config = config
        self._observer = Observer(config.observation, config.sources, config.mounts)
        self._fusion = Fusion(config.fusion)
        self._scenes = SceneBuilder(config.scene)
        self._kinematic = KinematicEngine(config.kinematic)
        self._own_engine = engine
        self._learned: LearnedEngine | None = None
        self._guarded: Guarded | None = None
        frame_id = config.observation.map_frame
        self.desk = Desk(config.conditioned, plans_together(config), frame_id)
        self._scene: Scene | None = None  # that the engine has predicted
        self._lane_map = lane_map
        self._readers = self._make_readers(config)
        self._last_stamp_ns = 0
        self._budget = AgentBudget(config.cycle.max_agents, config.cycle.time_budget_ms)
        self.map_error: str | None = None  # why the newest map blob was refused

    @property
    def lane_map(self) -> LaneMap | None:
        return self._lane_map

    @property
    def agent_limit(self) -> int:
        """Most agents predicted in a cycle, as the budget has it now."""
        return self._budget.limit

    @property
    def engine(self) -> Guarded:
        # Not in __init__: a replay predicts in a process that is forked later, and the threads of
        # a network's runtime do not come along.
        if self._guarded is None:
            if self._own_engine is None:
                self._learned = learned_engine(self._config, self._kinematic)
            self._guarded = guarded(self._own_engine or self._learned, self._kinematic)
        return self._guarded

    @property
    def raster(self) -> Raster | None:
        """What the learned engine saw last; None where there is none, or it sees none."""
        return None if self._learned is None else self._learned.raster

    def _make_readers(self, config: Config) -> dict[str, Callable[[bytes, int], None]]:
        observer = self._observer
        readers: dict[str, Callable[[bytes, int], None]] = {
            ODOMETRY: lambda data, t: observer.on_odometry(cdr.read_odometry(data), t),
            TF: lambda data, t: observer.on_transforms(
                cdr.read_transforms(data), static=False, arrival_ns=t
            ),
            TF_STATIC: lambda data, t: observer.on_transforms(
                cdr.read_transforms(data), static=True, arrival_ns=t
            ),
            TRAFFIC_SIGNALS: lambda data, t: observer.on_traffic_lights(
                cdr.read_traffic_light_groups(data), t
            ),
            VECTOR_MAP: lambda data, _: self.set_map(map_from_message(data, config.map)),
            CANDIDATES: self.desk.receive,
        }
        for source in config.sources:
            readers[source.name] = self._track_reader(source.name, _TRACK_READERS[source.type])
        return readers

    def _track_reader(
        self, name: str, read: Callable[[bytes], Any]
    ) -> Callable[[bytes, int], None]:
        return lambda data, arrival_ns: self._observer.on_tracks(name, read(data), arrival_ns)

    def set_map(self, lane_map: LaneMap) -> None:
        """Use another map from the next release on."""
        self._lane_map = lane_map
        self.map_error = None

    def adopt(self, prepared: PreparedMap) -> None:
        """Use another map that was prepared elsewhere: no cycle has to."""
        self._kinematic.adopt(prepared.road)
        if prepared.lane_map is not None:
            self.set_map(prepared.lane_map)
            if self._learned is not None:
                self._learned.adopt(prepared)

    @property
    def learned(self) -> bool:
        """Whether a network predicts; known after `prepare`."""
        return self._learned is not None

    @property
    def place_m(self) -> np.ndarray | None:
        """(2,) where the robotaxi was in the newest release; None where that is not known."""
        return None if self._scene is None else self._scene.ego.position_m

    def prepare(self) -> None:
        """Load the model, make it warm and find the routes of the map now rather than in the first
        cycle.

        Raises PredictionNodeError for a model that cannot be used.
        """
        self._kinematic.prepare(self._lane_map)
        _ = self.engine
        if self._learned is not None:
            self._learned.prepare(self._lane_map)
            self._learned.warm_up(self._config.conditioned.max_candidates)

    def understudy(self, *, with_map: bool = True) -> Pipeline:
        """A pipeline with the default inputs and the same predictor, on the same map without
        finding its routes or loading its model again; or on none.
        """
        engine = self._config.engine
        if not with_map:
            # Of its own, and on the processor: this one keeps what it knows of its map.
            name = 'kinematic' if engine.name == 'kinematic' else 'onnx'
            engine = dataclasses.replace(engine, name=name, device='cpu')
            return Pipeline(Config(engine=engine), None)
        other = Pipeline(Config(engine=engine), None, self._learned)
        if self._lane_map is not None:
            other.adopt(PreparedMap(self._kinematic.road))
        return other

    def fit_to_budget(self, response_ms: float, predicted: int) -> None:
        """Tell how long the last cycle took for `predicted` agents; see AgentBudget.

        Only the live node calls it: a replay must not depend on how fast the machine is.
        """
        self._budget.after(response_ms, predicted)

    def receive(self, name: str, data: bytes, arrival_ns: int) -> None:
        """File one message (CDR bytes) of the input `name`; `arrival_ns` on the clock of
        `release`.
        """
        try:
            self._readers[name](data, arrival_ns)
        except MapError as error:
            self.map_error = str(error)
        except MessageError as error:
            self._observer.on_malformed(_MONITORS.get(name, name), str(error), arrival_ns)

    def silent_inputs(self, now_ns: int) -> frozenset[str]:
        """Inputs that have fallen silent; cheap enough to be asked between releases."""
        return self._observer.silent(now_ns)

    def health(self, now_ns: int) -> ObservationHealth:
        """How all inputs are doing, between releases too."""
        return self._observer.health(now_ns)

    def release(self, now_ns: int) -> Release:
        """Fuse what arrived up to `now_ns` and predict."""
        return self.answer(self.perceive(now_ns))

    def perceive(self, now_ns: int) -> Perception:
        """The first half of a release: fuse what arrived up to `now_ns`."""
        timings: dict[str, float] = {}
        with _timed(timings, 'observe'):
            observed = self._observer.release(now_ns)
            health = self._observer.health(now_ns)
        if observed.reset:
            self._fusion.reset()
            self._scenes.reset()
        ego, scene = observed.ego, None
        agents = Agents.empty(self._last_stamp_ns)
        if observed.stamp_ns is not None and ego is not None:
            stamp_ns = self._last_stamp_ns = observed.stamp_ns
            with _timed(timings, 'fuse'):
                agents = self._fusion.step(observed.observations, stamp_ns, ego)
                agents = agents.select(agents.existence >= self._config.cycle.min_existence)
                chosen = agents.select(most_at_risk(agents, ego, self._budget.limit))
            with _timed(timings, 'scene'):
                scene = self._scenes.build(chosen, ego, self._lane_map, observed.lights, stamp_ns)
        return Perception(
            release_ns=now_ns,
            stamp_ns=self._last_stamp_ns,
            scene=scene,
            agents=agents,
            lane_map=self._lane_map,
            health=health,
            notice=observed.notice,
            coasting_s=observed.coasting_s,
            timings_ms=timings,
        )

    def answer(self, perception: Perception) -> Release:
        """The second half: predict. It needs nothing of the first but what `perception` holds, so
        that a replay may run the two halves in two processes.
        """
        scene, health = perception.scene, perception.health
        self._scene = scene
        self.desk.next_cycle()
        if scene is None:
            return self._lost(perception)
        timings = dict(perception.timings_ms)
        with _timed(timings, 'predict'):
            prediction = output.most_likely_first(self.engine.predict(scene))
        agents = perception.agents
        reasons = self._degradations(scene, health, perception.coasting_s)
        blind = len(health.lost_modalities) == len({s.modality for s in health.sources})
        mode = NOMINAL if not reasons else LOST if blind and not len(agents) else DEGRADED
        return Release(
            release_ns=perception.release_ns,
            stamp_ns=perception.stamp_ns,
            mode=mode,
            reasons=reasons,
            prediction=prediction,
            agents=agents,
            ego=scene.ego,
            lights=scene.lights,
            lane_map=perception.lane_map,
            health=health,
            notice=perception.notice,
            shed=len(agents) - len(scene.agents),
            timings_ms=timings,
            frame_id=self._config.observation.map_frame,
        )

    @property
    def draws_elsewhere(self) -> bool:
        """Whether the newest raster was drawn on the network's device, not by the processor."""
        return self._learned is not None and self._learned.drawn_elsewhere

    def answer_candidates(self, *, part: int | None = None) -> Answers | None:
        """Answer the request of the planner that waits, on the scene of the newest release; None
        if none waits, or one was answered on this scene already. A `part` of it: as `Desk.answer`.
        """
        return self.desk.answer(self.engine, self._scene, part=part)

    def _degradations(
        self, scene: Scene, health: ObservationHealth, coasting_s: float
    ) -> tuple[str, ...]:
        reasons = [f'{modality.name.lower()} lost' for modality in health.lost_modalities]
        if health.odometry.lost:
            reasons.append(f'odometry silent for {coasting_s:.1f} s')
        if scene.lane_map is None:
            reasons.append('no map')
        if self.engine.failing:
            reasons.append(f'engine fallback ({self.engine.last_fault})')
        elif self.engine.standing_in:
            reasons.append(f'engine fallback ({self.engine.standing_in})')
        return tuple(reasons)

    def _lost(self, perception: Perception) -> Release:
        # The stamp stays where the scene was last known: an empty answer must not look fresh.
        return Release(
            release_ns=perception.release_ns,
            stamp_ns=perception.stamp_ns,
            mode=LOST,
            reasons=('no usable odometry',),
            prediction=Prediction.empty(perception.agents),
            agents=perception.agents,
            ego=None,
            lights=LightStates.none(),
            lane_map=perception.lane_map,
            health=perception.health,
            notice=perception.notice,
            shed=0,
            timings_ms=dict(perception.timings_ms),
            frame_id=self._config.observation.map_frame,
        )


@contextmanager
def _timed(timings: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter_ns()
    yield
    timings[part] = (time.perf_counter_ns() - start) / 1e6
