"""Worst moments: which are kept, how much memory they take, and that others can read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prediction_node.bags.reader import BagReader
from prediction_node.config import Config
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.resources import share_path
from prediction_node.scorecard.moments import Channel, Moments
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Miss
from prediction_node.scorecard.witness import Witness

SECOND = 1_000_000_000
CHANNELS = {
    'odometry': Channel('/localization/odometry', 'nav_msgs/msg/Odometry', False),
    'tf_static': Channel('/tf_static', 'tf2_msgs/msg/TFMessage', True),
}


def miss(at_s: float, error_m: float, horizon_s: float = 5.0) -> Miss:
    at_ns = round(at_s * SECOND)
    return Miss(at_ns, at_ns, horizon_s, 1, error_m, bytes(16), 'test')


def hear(moments: Moments, misses: dict[float, Miss], until_s: int, size: int = 100) -> None:
    """A message of `size` bytes every second; misses are told five seconds after them."""
    for k in range(until_s + 1):
        moments.hear('odometry', k.to_bytes(4, 'little') + bytes(size - 4), k * SECOND)
        told = [m for at_s, m in misses.items() if at_s + 5 == k]
        moments.note(told, k * SECOND)


def times_of(moments: Moments) -> list[float]:
    return [each.release_ns / SECOND for each in moments.worst]


def test_the_worst_are_kept_and_neighbours_are_one() -> None:
    moments = Moments(ScorecardParameters(moments=3), CHANNELS)
    misses = {20.0: 4.0, 21.0: 9.0, 22.0: 3.0, 40.0: 6.0, 60.0: 5.0, 80.0: 7.0, 100.0: 1.0}
    hear(moments, {at_s: miss(at_s, error) for at_s, error in misses.items()}, 120)
    assert times_of(moments) == [21.0, 80.0, 40.0]


def test_a_moment_holds_what_came_before_it_and_its_whole_future() -> None:
    moments = Moments(ScorecardParameters(lead_s=4.0), CHANNELS)
    moments.hear('tf_static', b'mounts', 0)
    moments.hear('tf_static', b'mounts', SECOND)
    hear(moments, {20.0: miss(20.0, 4.0)}, 40)
    saving = moments.take()
    assert [kept.arrival_ns // SECOND for kept in saving.moments[0].messages] == [
        *range(16, 29)
    ]  # fmt: skip
    assert [kept.data for kept in saving.latched] == [b'mounts']
    assert moments.worst == ()


def test_memory_stays_below_its_bound() -> None:
    moments = Moments(ScorecardParameters(memory_mb=1.0, moments=8), CHANNELS)
    for k in range(400):
        hear(moments, {}, 0)
        moments.hear('odometry', bytes(40_000), k * SECOND)
        moments.note([miss(k - 5.0, 1.0 + k % 17)], k * SECOND)
        assert moments.size <= 1_000_000


def test_with_no_moments_wanted_nothing_is_kept() -> None:
    moments = Moments(ScorecardParameters(moments=0), CHANNELS)
    hear(moments, {20.0: miss(20.0, 4.0)}, 40)
    assert moments.size == 0
    assert moments.take().moments == ()


def test_unknown_inputs_are_not_kept() -> None:
    moments = Moments(ScorecardParameters(), CHANNELS)
    moments.hear('candidate_trajectories', b'x' * 99, 0)
    assert moments.size == 0


def test_saved_moments_lie_side_by_side(tmp_path: Path) -> None:
    moments = Moments(ScorecardParameters(), CHANNELS)
    moments.hear('tf_static', b'\x00\x01\x00\x00\x00\x00\x00\x00', 0)
    hear(moments, {20.0: miss(20.0, 4.0)}, 40)
    saving = moments.take()
    map_path = share_path('samples', 'lankershim', 'map.osm')
    first = saving.write(tmp_path, map_path, clock_offset_ns=7 * SECOND)
    again = saving.write(tmp_path, None, clock_offset_ns=0)
    assert len({*first, *again}) == 2
    with BagReader(first[0]) as bag:
        messages = list(bag.messages())
    assert [m.topic for m in messages[:1]] == ['/tf_static']
    assert messages[-1].log_ns == (28 + 7) * SECOND
    assert (first[0] / 'map.osm').read_bytes() == map_path.read_bytes()
    assert not (again[0] / 'map.osm').exists()


@pytest.fixture(scope='module')
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Witness]:
    """Worst moments of the sample drive."""
    sample = share_path('samples', 'lankershim')
    from prediction_node.lanelet.load import load_map

    pipeline = Pipeline(Config(), load_map(sample / 'map.osm'))
    channels = {e.name: Channel(e.topic, e.type, e.latched) for e in inputs(Config())}
    witness = Witness(ScorecardParameters(moments=1, lead_s=1.5, memory_mb=500.0), channels)
    names = {entry.topic: entry.name for entry in inputs(Config())}
    due_ns = None
    with BagReader(sample / 'bag') as bag:
        for message in bag.messages():
            due_ns = due_ns or message.log_ns + SECOND // 10
            while message.log_ns > due_ns:
                witness.see(pipeline.release(due_ns))
                due_ns += SECOND // 10
            name = names.get(message.topic)
            if name is not None:
                pipeline.receive(name, message.data, message.log_ns)
                witness.hear(name, bytes(message.data), message.log_ns)
    folder = tmp_path_factory.mktemp('moments')
    # The sample may end before a moment's future is over: let the clock go on without messages.
    witness.moments.note([], (due_ns or 0) + 9 * SECOND)
    witness.moments.take().write(folder, sample / 'map.osm', 0)
    return folder, witness


def test_a_drive_is_scored_and_its_worst_moment_saved(saved: tuple[Path, Witness]) -> None:
    folder, witness = saved
    figures = witness.scorecard.figures()
    assert figures['scored'] > 500
    assert figures['classes']['car']['1s']['n'] > 100
    assert 0.0 < figures['all']['1s']['fde_m'] < 2.0
    assert len(list(folder.iterdir())) == 1


def test_extract_reads_a_saved_moment(
    saved: tuple[Path, Witness], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from prediction_node import cli

    folder, _ = saved
    out = tmp_path / 'samples'
    status = cli.main(['extract', str(folder), '--out', str(out)])
    assert status == 0, capsys.readouterr().err
    from prediction_node.learning.samples import SampleStore

    store = SampleStore(out)
    assert len(store) > 0
    sample = store[0]
    assert len(sample.scene.agents) > 5
    assert np.asarray(sample.future_valid).any()
