"""Recordings as fusion meets them: modelled sensors, the observation stage, releases, truth."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prediction_node.config import Config
from prediction_node.domain.agents import Ego
from prediction_node.domain.errors import DataError
from prediction_node.domain.interpolation import snapshot
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S, STEP_NS
from prediction_node.evaluation.tracking import TruthFrame
from prediction_node.importers.av2 import read_av2_log
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.ego import choose_ego
from prediction_node.observation.observer import Observer
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.simulation.sensors.randomness import generator_for
from prediction_node.simulation.sensors.suite import rows_in_view, simulate_sensors
from prediction_node.vehicle.own_messages import mounts, odometry_at

BOXES_FILES = ('annotations.feather', 'annotations_with_ego.feather')  # either makes a log


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """What one release hands to fusion, and the truth at its instant."""

    observations: tuple[SensorTracks, ...]
    ego: Ego
    truth: TruthFrame
    reset: bool


def find_recordings(folder: Path) -> list[Path]:
    """CommonRoad files and Argoverse 2 logs below `folder`, sorted by name.

    Raises DataError if there are none.
    """
    logs = {f.parent for name in BOXES_FILES for f in folder.rglob(name)}
    files = [*folder.rglob('*.xml'), *logs]
    if not files:
        raise DataError(f'{folder} holds neither CommonRoad files (*.xml) nor Argoverse 2 logs')
    return sorted(files)


def read_recording(path: Path) -> Recording:
    """The recording of a CommonRoad file or an Argoverse 2 log.

    Its `ego` is None if nobody in it can play the robotaxi.
    """
    if path.is_dir():
        return read_av2_log(path)[0]
    recording = read_commonroad(path)[0]
    if recording.ego is not None:
        return recording
    return dataclasses.replace(recording, ego=choose_ego(recording))


def cycles_of(
    recording: Recording, suite: SuiteParameters, config: Config, seed: int
) -> Iterator[Cycle]:
    """Every release while the robotaxi is there, 0.1 s apart.

    The messages of the modelled sensors go through the observation stage as they would on the road,
    noisy odometry included. Only their way over the wire is left out.
    """
    observer = Observer(config.observation, config.sources, config.mounts)
    start_ns, end_ns = int(recording.stamp_ns[0]), int(recording.stamp_ns[-1])
    observer.on_transforms(mounts(suite, start_ns), static=True, arrival_ns=start_ns)
    arriving = heapq.merge(
        _sensors(recording, suite, seed), _odometry(recording, suite, seed), key=lambda m: m[:2]
    )
    waiting = next(arriving, None)
    for now_ns in range(start_ns + STEP_NS, end_ns, STEP_NS):
        while waiting is not None and waiting[0] <= now_ns:
            arrival_ns, source, arrays = waiting
            if source == '':
                observer.on_odometry(arrays, arrival_ns)  # type: ignore[arg-type]
            else:
                observer.on_tracks(source, arrays, arrival_ns)  # type: ignore[arg-type]
            waiting = next(arriving, None)
        observed = observer.release(now_ns)
        if observed.ego is None or observed.stamp_ns is None:
            continue
        if not start_ns <= observed.stamp_ns <= end_ns:
            continue
        truth = truth_at(recording, suite, observed.stamp_ns)
        yield Cycle(observed.observations, observed.ego, truth, observed.reset)


def _sensors(
    recording: Recording, suite: SuiteParameters, seed: int
) -> Iterator[tuple[int, str, object]]:
    for message in simulate_sensors(recording, suite, seed):
        yield message.arrival_ns, message.source, message.arrays


def _odometry(
    recording: Recording, suite: SuiteParameters, seed: int
) -> Iterator[tuple[int, str, object]]:
    """Arrival, an empty source name, and the message."""
    rng = generator_for(seed, 'odometry')
    start_ns, end_ns = int(recording.stamp_ns[0]), int(recording.stamp_ns[-1])
    latency_ns = round(suite.odometry_latency_ms * 1e6)
    for k in range(int((end_ns - start_ns) * suite.odometry_rate_hz / NS_PER_S) + 1):
        stamp_ns = start_ns + round(k * NS_PER_S / suite.odometry_rate_hz)
        arrays = odometry_at(snapshot(recording, stamp_ns), recording, suite, rng)
        if arrays is not None:
            yield stamp_ns + latency_ns, '', arrays


def truth_at(recording: Recording, suite: SuiteParameters, stamp_ns: int) -> TruthFrame:
    """All road users but the robotaxi; in view is what any sensor would see without dropouts."""
    truth = snapshot(recording, stamp_ns)
    in_view = np.zeros(len(recording.track_id), bool)
    for rows in rows_in_view(recording, suite, stamp_ns).values():
        in_view[rows] = True
    others = truth.row != recording.ego
    rows = truth.row[others]
    return TruthFrame(
        stamp_ns=stamp_ns,
        id=rows,
        position_m=truth.position_m[others],
        yaw_rad=truth.yaw_rad[others],
        velocity_mps=truth.velocity_mps[others],
        label=recording.label[rows],
        in_view=in_view[rows],
    )
