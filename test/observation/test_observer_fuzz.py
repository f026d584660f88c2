"""Whatever comes, in whatever order and at whatever time: the promises of a release hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from prediction_node.domain.observations import ROW_FIELDS
from prediction_node.observation.observer import Observer
from prediction_node.observation.parameters import DEFAULT_SOURCES, ObservationParameters

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789
FAR_NS = 3_000_000_000_000_000_000

# Mostly times that fit, now and then some that do not.
offsets_ns = st.one_of(
    st.integers(-100, 50).map(lambda ms: ms * MS),
    st.sampled_from(
        [-FAR_NS, -60_000 * MS, -1000 * MS, -301 * MS, 0, 1, 299 * MS, 1000 * MS, 10**15, FAR_NS]
    ),
)
stamps_ns = st.one_of(offsets_ns, st.sampled_from([None, 'zero', 'negative', 'last', 'least']))
kinds = st.sampled_from(
    ['odometry'] * 6 + ['lidar', 'camera', 'radar', 'lights', 'tf', 'malformed'] + ['release'] * 3
)
events = st.lists(st.tuples(kinds, st.integers(0, 60), stamps_ns), min_size=30, max_size=100)
steps_ns = st.sampled_from([20 * MS] * 20 + [0, 500 * MS, 2000 * MS, 10**14, -400 * MS, -(10**13)])


@settings(deadline=None, max_examples=60)
@given(events, st.data())
def test_the_promises_of_a_release(build: Any, script: Any, data: Any) -> None:
    observer = Observer(ObservationParameters(), DEFAULT_SOURCES)
    observer.on_transforms(build.transforms(*build.mounts), static=True, arrival_ns=0)
    now_ns, last_stamp_ns, used = 10**10, EPOCH_NS, 0
    last_scene_ns: int | None = None
    jumped = False
    for kind, arrival_offset_ms, offset in script:
        now_ns += data.draw(steps_ns)
        stamp_ns = {
            None: last_stamp_ns,
            'zero': 0,
            'negative': -5,
            'last': last_stamp_ns,
            'least': -(2**31) * 10**9,
        }.get(offset, EPOCH_NS + now_ns - 10**10 + (offset if isinstance(offset, int) else 0))
        last_stamp_ns = stamp_ns
        arrival_ns = now_ns + (arrival_offset_ms - 10) * MS
        if kind == 'odometry':
            arrays = build.odometry(stamp_ns, xyz=(used, 0, 0), velocity=(5, 0, 0))
            observer.on_odometry(arrays, arrival_ns)
        elif kind == 'lidar':
            observer.on_tracks('lidar', build.tracked(2, stamp_ns=stamp_ns), arrival_ns)
        elif kind == 'camera':
            observer.on_tracks('camera', build.detections(2, stamp_ns=stamp_ns), arrival_ns)
        elif kind == 'radar':
            observer.on_tracks('radar', build.radar(2, stamp_ns=stamp_ns), arrival_ns)
        elif kind == 'lights':
            observer.on_traffic_lights(build.lights((1, 2), stamp_ns=stamp_ns), arrival_ns)
        elif kind == 'tf':
            edge = ('base_link', 'turret', (1.0, 0.0, 0.0), 0.3)
            observer.on_transforms(
                build.transforms(edge, stamp_ns=stamp_ns), static=False, arrival_ns=arrival_ns
            )
        elif kind == 'malformed':
            observer.on_malformed('thermal', 'broken', arrival_ns)
        else:
            observed = observer.release(now_ns)
            used += len(observed.observations)
            assert observed.reset == bool(observed.notice)
            assert observed.lost == (observed.ego is None)
            assert 0.0 <= observed.coasting_s <= 1.0
            if observed.stamp_ns is None:
                assert observed.lost
                assert observed.observations == ()
                continue
            assert isinstance(observed.stamp_ns, int)
            assert observed.stamp_ns > 0
            if last_scene_ns is not None and not observed.reset:
                assert observed.stamp_ns >= last_scene_ns
            jumped |= observed.reset
            last_scene_ns = observed.stamp_ns
            order = [(t.stamp_ns, t.source) for t in observed.observations]
            assert order == sorted(set(order))
            for tracks in observed.observations:
                assert 0 <= observed.stamp_ns - tracks.stamp_ns <= 500 * MS
                for name in ROW_FIELDS:
                    values = np.asarray(getattr(tracks, name), dtype=np.float64)
                    assert np.all(np.isfinite(values)), name
            if observed.ego is not None:
                assert observed.ego.stamp_ns == observed.stamp_ns
                assert np.all(np.isfinite(observed.ego.map_from_base.translation_m))
    event(f'observations came through: {used > 0}')
    event(f'time jumped: {jumped}')
    health = observer.health(now_ns)
    for source in health.sources:
        assert source.accepted + sum(source.refused.values()) <= source.received
