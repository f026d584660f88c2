"""The same scenes as tasks of a local Ray with two workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.generation.cluster import LOCAL, RayWorkers
from prediction_node.generation.run import run_scenes
from prediction_node.generation.store import SceneStore

pytest.importorskip('ray', reason='Ray is not installed (requirements/cluster.txt)')


@pytest.mark.slow
def test_ray_makes_the_same_bytes_and_survives_the_same_faults(bulk: Any, tmp_path: Path) -> None:
    bulk.run(bulk.requests([1, 3, 4]))
    expected = bulk.contents()
    bulk.order(1, 'die once')
    bulk.order(2, 'raise')
    bulk.order(5, 'die')
    bulk.out = tmp_path / 'by ray'
    store = SceneStore(bulk.out)
    bar = type(bulk.bar)()
    with store.claimed():
        workers = RayWorkers(bulk.make, store, 2, LOCAL)
        summary = run_scenes(store, bulk.requests(range(1, 6)), workers, bar)
    reasons = {failed.seed: failed.reason for failed in summary.failed}
    assert reasons[2] == 'netconvert says no'
    assert reasons[5].startswith('its task died 2 times')
    assert set(reasons) == {2, 5}
    assert bulk.contents() == expected
    assert len(bulk.tries(5)) == 2
    assert summary.cpu_s > 0.0
    assert len({*bulk.tries(3), *bulk.tries(4), *bulk.tries(1)}) >= 2


def test_no_ray_at_the_address_is_one_sentence(bulk: Any) -> None:
    store = SceneStore(bulk.out)
    with store.claimed(), pytest.raises(DataError, match=r'no Ray answers at --ray 127\.0\.0\.1:9'):
        next(RayWorkers(bulk.make, store, 2, '127.0.0.1:9').outcomes(bulk.requests([0])))
