"""What goes wrong with sensors on an ordinary day, on top of their noise."""

from __future__ import annotations

import dataclasses
from typing import Any

from prediction_node.domain.kinds import Modality
from prediction_node.simulation.sensors.parameters import SuiteParameters

# Chosen, not measured: a few phantoms a minute and sensor, more echoes for a radar among houses,
# an id mixed up every minute or so of watching somebody, and arrivals as uneven as on a busy bus.
NUISANCES: dict[Modality, dict[str, Any]] = {
    Modality.CAMERA: {
        'latency_jitter_ms': 20.0,
        'id_switch': 0.002,
        'false_alarms': 0.01,
        'ghosts_per_minute': 1.0,
        'ghost_lifetime_s': 0.5,
    },
    Modality.LIDAR: {
        'latency_jitter_ms': 10.0,
        'id_switch': 0.001,
        'false_alarms': 0.01,
        'ghosts_per_minute': 0.5,
        'ghost_lifetime_s': 1.0,
    },
    Modality.RADAR: {
        'latency_jitter_ms': 10.0,
        'id_switch': 0.002,
        'false_alarms': 0.03,
        'ghosts_per_minute': 2.0,
        'ghost_lifetime_s': 0.7,
        'clutter': 0.1,
    },
    Modality.THERMAL: {
        'latency_jitter_ms': 20.0,
        'id_switch': 0.002,
        'false_alarms': 0.01,
        'ghosts_per_minute': 1.0,
        'ghost_lifetime_s': 0.5,
    },
}


def with_nuisances(suite: SuiteParameters) -> SuiteParameters:
    """The suite with everyday trouble in every sensor; other figures stay."""
    return dataclasses.replace(
        suite,
        sensors={
            name: dataclasses.replace(sensor, **NUISANCES[sensor.kind])
            for name, sensor in suite.sensors.items()
        },
    )
