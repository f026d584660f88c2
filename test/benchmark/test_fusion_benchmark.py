"""The fusion benchmark measures what it says: its traffic is followed, its figures add up."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from prediction_node.benchmark import fusion as benchmark
from prediction_node.domain.kinds import Modality


def test_every_road_user_is_fused_and_the_figures_are_ordered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmark, 'STEPS', 10)
    monkeypatch.setattr(benchmark, 'WARM_UP_STEPS', 10)
    figures = benchmark.run(argparse.Namespace(agents=12))['fusion']
    assert figures['agents'] == 12
    assert 12 <= figures['fused_agents'] <= 16
    assert 0.0 < figures['p50_ms'] <= figures['p99_ms'] <= figures['max_ms']
    assert figures['messages_per_step'] == pytest.approx(4.5, abs=0.3)


def test_the_traffic_speaks_at_the_rates_of_its_sensors() -> None:
    heard = dict.fromkeys(Modality, 0)
    stamps = []
    for _, window in benchmark.Traffic(3).windows(50):
        for report in window:
            heard[report.modality] += 1
            assert len(report) == 3
            stamps.append(report.stamp_ns)
    assert len(stamps) == len(set(stamps))
    assert np.abs(np.array([heard[m] for m in Modality]) - [50, 50, 75, 50]).max() <= 2
