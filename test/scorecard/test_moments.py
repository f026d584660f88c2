"""Worst moments: which are kept, how much memory they take, and that others can read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.config import Config
from prediction_node.domain.message_arrays import TransformsArrays
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.resources import share_path
from prediction_node.scorecard.moments import Channel, Moments
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Miss
from prediction_node.scorecard.witness import Witness

SECOND = 1_000_000_000
MB = 1_000_000
CHANNELS = {
    'odometry': Channel('/localization/odometry', 'nav_msgs/msg/Odometry', False),
    'tf_static': Channel('/tf_static', 'tf2_msgs/msg/TFMessage', True),
    'vector_map': Channel('/map/vector_map', 'autoware_map_msgs/msg/LaneletMapBin', True),
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


def mounts(stamp_ns: int, *children: str) -> bytes:
    """A /tf_static message."""
    n = len(children)
    return cdr.write_transforms(
        TransformsArrays(
            stamp_ns=np.full(n, stamp_ns),
            frame_id=('base_link',) * n,
            child_frame_id=children,
            translation=np.zeros((n, 3)),
            rotation=np.tile([0.0, 0.0, 0.0, 1.0], (n, 1)),
        )
    )


def latched(moments: Moments) -> list[bytes]:
    return [kept.data for kept in moments.take().latched]


def test_mounts_sent_again_push_out_neither_the_map_nor_other_mounts() -> None:
    moments = Moments(ScorecardParameters(), CHANNELS)
    moments.hear('vector_map', b'the map', 0)
    moments.hear('tf_static', mounts(0, 'lidar', 'radar'), 0)
    for k in range(100):
        moments.hear('tf_static', mounts(k * SECOND, 'camera'), k * SECOND)
    assert latched(moments) == [
        b'the map', mounts(0, 'lidar', 'radar'), mounts(99 * SECOND, 'camera')
    ]  # fmt: skip


def test_a_newer_map_takes_the_place_of_the_one_before() -> None:
    moments = Moments(ScorecardParameters(), CHANNELS)
    for data in (b'a map', b'another map', b'a map'):
        moments.hear('vector_map', data, 0)
    assert latched(moments) == [b'a map']


def test_ever_new_frames_are_bounded_and_leave_the_map() -> None:
    moments = Moments(ScorecardParameters(), CHANNELS)
    moments.hear('vector_map', b'the map', 0)
    for k in range(200):
        moments.hear('tf_static', mounts(0, f'part_{k}'), 0)
    kept = latched(moments)
    assert kept[0] == b'the map'
    assert kept[1:] == [mounts(0, f'part_{k}') for k in range(136, 200)]


def test_the_map_counts_towards_the_memory() -> None:
    moments = Moments(ScorecardParameters(memory_mb=1.0, moments=8), CHANNELS)
    map_size = 450_000
    moments.hear('vector_map', bytes(map_size), 0)
    assert moments.size == map_size
    moments.hear('vector_map', b'', 0)
    assert moments.size == 0
    for k in range(120):
        if k == 60:
            without = moments.size
            assert moments.worst
            moments.hear('vector_map', bytes(map_size), k * SECOND)
            assert moments.size <= MB < without + map_size
        moments.hear('odometry', bytes(40_000), k * SECOND)
        moments.note([miss(k - 5.0, 1.0 + k % 17)], k * SECOND)
        assert moments.size <= MB
    assert moments.worst
    assert moments.size > map_size


def test_a_map_too_large_for_the_memory_is_not_kept_nor_the_one_before() -> None:
    moments = Moments(ScorecardParameters(memory_mb=1.0), CHANNELS)
    moments.hear('vector_map', b'the map before', 0)
    moments.hear('tf_static', mounts(0, 'lidar'), 0)
    moments.hear('vector_map', bytes(MB), 0)
    assert latched(moments) == [mounts(0, 'lidar')]
    assert moments.size == len(mounts(0, 'lidar'))


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
