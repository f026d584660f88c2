"""The benchmark compares like with like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.benchmark import codec as benchmark

pytestmark = pytest.mark.ros


def test_both_variants_write_the_same_message(ros: Any, codecs: Any, means: Any) -> None:
    from prediction_node.ros import message_baseline

    arrays = benchmark.predicted_objects(np.random.default_rng(3), 3)
    message = message_baseline.predicted_objects_message(arrays)
    means(arrays, codecs['PredictedObjects'].meaning(message))
    slow, fast = message_baseline.serialize(message), cdr.write_predicted_objects(arrays)
    assert len(slow) == len(fast)
    means(cdr.read_predicted_objects(slow), codecs['PredictedObjects'].meaning(message))


def test_both_variants_read_the_same_messages(ros: Any, codecs: Any, means: Any) -> None:
    from prediction_node.ros import message_baseline

    inputs = benchmark.sensor_messages(np.random.default_rng(3), 5)
    assert [name.rsplit('/', 1)[1] for name, _, _ in inputs] == [
        'Detection3DArray',
        'Detection3DArray',
        'TrackedObjects',
        'RadarTracks',
    ]
    for type_name, read, data in inputs:
        codec = codecs[type_name.rsplit('/', 1)[1]]
        means(read(data), codec.meaning(message_baseline.deserialize(data, type_name)))


def test_figures_have_the_promised_names(ros: Any) -> None:
    figures = benchmark.measure(agents=2, rounds=1)
    assert figures['agents'] == 2
    for name in ('encode', 'decode', 'message_encode', 'message_decode'):
        assert 0.0 < figures[f'{name}_ms'] <= figures[f'{name}_p99_ms']
