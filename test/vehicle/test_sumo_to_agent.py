"""From SUMO's poses through messages, observation and fusion back to SUMO's poses.

A city is more than made-up actors: crowds at crossings, queues, houses in the way. Bounds are for
bodies within 40 m that a camera or a LiDAR could report for the last second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.interpolation import Passage, Snapshot
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.simulation.network.city import build_city
from prediction_node.simulation.scenario import load_scenario
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.walls import Walls
from prediction_node.vehicle.messages import VehicleMessages

libsumo = pytest.importorskip('libsumo')

SECONDS = 8
NEAR_M = 40.0


def test_what_comes_out_is_where_sumo_has_it(tmp_path: Path, config_of: Any, judged: Any) -> None:
    from prediction_node.simulation.world.world import World

    city = build_city(load_scenario('downtown'), 1, tmp_path, 60.0)
    suite = corner_suite()
    config = config_of(suite)
    names = {i.topic: i.name for i in inputs(config)}
    pipeline = Pipeline(config, None)
    worlds: list[Snapshot] = []
    releases = []
    with World(city, 1) as world:
        vehicle = VehicleMessages(world.cast, suite, 1, buildings=city.buildings)
        for k in range(10 * SECONDS):
            state = world.state if not k else world.step()
            worlds.append(state.snapshot)
            for message in vehicle.advance(state.snapshot, state.lights):
                if message.topic in names:
                    pipeline.receive(names[message.topic], message.data, message.log_ns)
            if k:
                releases.append(pipeline.release(state.snapshot.stamp_ns))

        stamps = np.array([there.stamp_ns for there in worlds])

        def at(stamp_ns: int) -> Snapshot:
            after = int(np.searchsorted(stamps, stamp_ns))
            return Passage(worlds[max(after - 1, 0)], worlds[after]).at(stamp_ns)

        settled = [r for r in releases if r.stamp_ns >= stamps[0] + 2_000_000_000]
        errors = judged(world.cast, at, suite, settled, NEAR_M, Walls.of(city.buildings))
    known = len(errors.position_m)
    assert known > 300
    assert max(errors.missing, errors.doubled, errors.invented) <= 0.01 * known
    for values, bounds in (
        (errors.position_m, (0.10, 0.25, 0.6)),
        (errors.velocity_mps, (0.3, 1.0, 5.0)),  # walkers stop and start at once in SUMO
        (np.degrees(errors.yaw_rad), (2.5, 6.0, 20.0)),
    ):
        found = np.percentile(values, [50.0, 95.0, 100.0])
        assert (found <= bounds).all(), found
    assert np.mean(errors.right_class) > 0.98
