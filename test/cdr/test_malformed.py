"""Whatever the bytes: an exact result or a MessageError, in bounded time and memory."""

from __future__ import annotations

import re
import struct
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_node import cdr
from prediction_node.domain.errors import MessageError

settings_of_laws = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read_or_refuse(codec: Any, data: bytes) -> Any:
    """The arrays, or None if refused; anything but MessageError, warnings too, is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            return codec.read(data)
        except MessageError:
            return None


@pytest.mark.parametrize('little_endian', [True, False])
def test_a_message_cut_anywhere_is_refused(codec: Any, messages: Any, little_endian: bool) -> None:
    message = messages.sample(codec, seed=3)
    raw = messages.serialize(codec, message, little_endian)
    for length in range(len(raw)):
        with pytest.raises(MessageError, match=r'at byte \d+'):
            codec.read(raw[:length])


def test_padding_at_the_end_is_no_loss(codec: Any, messages: Any, means: Any) -> None:
    message = messages.sample(codec, seed=4)
    raw = messages.serialize(codec, message)
    for extra in range(4):
        means(codec.read(raw + b'\xff' * extra), codec.meaning(message))
    with pytest.raises(MessageError, match='end of message'):
        codec.read(raw + bytes(4))


@pytest.mark.parametrize('little_endian', [True, False])
def test_a_lying_count_allocates_nothing(codec: Any, messages: Any, little_endian: bool) -> None:
    raw = messages.serialize(codec, messages.sample(codec, seed=5), little_endian)
    most_bytes = 0
    tracemalloc.start()
    try:
        for offset in range(4, len(raw) - 3, 4):
            for lie in (0xFFFFFFFF, 0x7FFFFFFF, 0x10000000, 100_000):
                word = struct.pack('<I' if little_endian else '>I', lie)
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                read_or_refuse(codec, raw[:offset] + word + raw[offset + 4 :])
                most_bytes = max(most_bytes, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert most_bytes < 20 * len(raw) + 200_000


@settings_of_laws
@given(data=st.data())
def test_flipped_bytes_never_escape_as_another_error(data: Any, codec: Any, messages: Any) -> None:
    message = data.draw(messages.strategy(codec, most=2))
    raw = bytearray(messages.serialize(codec, message, data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(codec, bytes(raw))


@settings_of_laws
@given(data=st.binary(max_size=400), little_endian=st.booleans())
def test_noise_never_escapes_as_another_error(codec: Any, data: bytes, little_endian: bool) -> None:
    read_or_refuse(codec, bytes([0, little_endian, 0, 0]) + data)


def test_many_random_flips(codec: Any, messages: Any) -> None:
    """What hypothesis is too slow for: thousands of damaged copies of one message."""
    rng = np.random.default_rng(11)
    clean = np.frombuffer(messages.serialize(codec, messages.sample(codec, seed=6)), np.uint8)
    refused = 0
    for _ in range(1500):
        raw = clean.copy()
        places = rng.integers(4, len(raw), rng.integers(1, 5))
        raw[places] = rng.integers(0, 256, len(places))
        refused += read_or_refuse(codec, raw.tobytes()[: rng.integers(4, len(raw) + 1)]) is None
    assert refused > 0


@pytest.mark.parametrize('kind', [0x0002, 0x0003, 0x0006, 0x0007, 0x000A, 0x0100, 0xFFFF])
def test_other_encapsulations_are_refused_by_their_id(codec: Any, messages: Any, kind: int) -> None:
    raw = messages.serialize(codec, messages.sample(codec, seed=1))
    with pytest.raises(MessageError, match=f'0x{kind:04x}'):
        codec.read(kind.to_bytes(2, 'big') + raw[2:])


def test_an_empty_buffer_is_refused(codec: Any) -> None:
    for length in range(4):
        with pytest.raises(MessageError, match='encapsulation'):
            codec.read(bytes(length))


def header(frame: bytes, count: int) -> bytes:
    """Encapsulation, stamp, a frame id as given, and the count of a sequence."""
    data = b'\0\1\0\0' + struct.pack('<iII', 1, 2, len(frame)) + frame
    return data + bytes(-len(data) % 4) + struct.pack('<I', count)


WITH_HEADER = ('TrackedObjects', 'PredictedObjects', 'Detection3DArray', 'RadarTracks')


@pytest.mark.parametrize('name', WITH_HEADER)
def test_frame_ids_are_text(codecs: Any, name: str) -> None:
    read = codecs[name].read
    assert read(header(b'map\0', 0)).frame_id == 'map'
    assert read(header(b'\0', 0)).frame_id == ''
    assert read(header(b'', 0)).frame_id == ''
    with pytest.raises(MessageError, match=r'header\.frame_id at byte 16: string is not UTF-8'):
        read(header(b'm\xff\xfep\0', 0))
    with pytest.raises(MessageError, match=r'header\.frame_id at byte 16: .* zero byte'):
        read(header(b'map', 0))


@pytest.mark.parametrize('name', WITH_HEADER)
def test_counts_above_the_limit_are_refused(codecs: Any, messages: Any, name: str) -> None:
    codec = codecs[name]
    raw = messages.serialize(codec, messages.sample(codec, seed=2, count=3))
    codec.read(raw, limit=3)
    with pytest.raises(MessageError, match='count 3 is above the limit 2'):
        codec.read(raw, limit=2)


def test_an_error_names_field_and_byte(codecs: Any, messages: Any) -> None:
    codec = codecs['TrackedObjects']
    raw = messages.serialize(codec, messages.sample(codec, seed=8, count=4, text='abc'))
    # Header: 4 + 8 + 4 + 4, count 4, so objects begin at byte 24, which is 20 in the payload.
    head, classes = 24, 4
    body = 4 + -(-(head - 4 + 24 + 8 * classes) // 8) * 8
    size = body + 1024 + 12 * 4 + 24 - head
    for i in range(1, 4):
        head += size
        count_at = head + 20
        lying = raw[:count_at] + struct.pack('<I', 10**6) + raw[count_at + 4 :]
        where = re.escape(f'TrackedObjects: objects[{i}].classification at byte {count_at}: ')
        with pytest.raises(MessageError, match=where + 'count 1000000 needs at least 8000000'):
            codec.read(lying)
        size = 24 + 8 * classes + 1024 + 12 * 4 + 24  # behind the first object there is no padding


def cut_names(codec: Any, raw: bytes) -> list[str]:
    """The fields that errors name as the cut moves to the end, each once, in order."""
    names: list[str] = []
    for length in range(4, len(raw)):
        with pytest.raises(MessageError) as error:
            codec.read(raw[:length])
        name = str(error.value).split(': ')[1].split(' at byte ')[0]
        if name not in names:
            names.append(name)
    return names


def swell(message: Any, name: str) -> None:
    """Make the first element large: else the count is refused before the last is looked at."""
    if name in ('TrackedObjects', 'PredictedObjects'):
        message.objects[0].classification *= 300
    elif name == 'Detection3DArray':
        message.detections[0].results *= 20
    elif name == 'TFMessage':
        message.transforms[0].header.frame_id *= 100


# What errors name as the cut moves through the second and last element.
CUTS = {
    'TrackedObjects': [
        'objects[1]',
        'objects[1].classification',
        'objects[1].kinematics',
        'objects[1].shape.footprint',
        'objects[1].shape.footprint.points',
        'objects[1].shape.dimensions',
    ],
    'PredictedObjects': [
        'objects[1]',
        'objects[1].classification',
        'objects[1].kinematics',
        'objects[1].kinematics.predicted_paths',
        'objects[1].kinematics.predicted_paths[0].path',
        'objects[1].kinematics.predicted_paths[0]',
        'objects[1].shape',
        'objects[1].shape.footprint.points',
        'objects[1].shape.dimensions',
    ],
    'Detection3DArray': [
        'detections[1].header.frame_id',
        'detections[1].results',
        'detections[1].results[0]',
        'detections[1].bbox',
        'detections[1].id',
    ],
    'RadarTracks': ['tracks[1]'],
    'TFMessage': [
        'transforms[1].header.stamp',
        'transforms[1].header.frame_id',
        'transforms[1].child_frame_id',
        'transforms[1].transform',
    ],
}


@pytest.mark.parametrize('name', sorted(CUTS))
def test_a_cut_is_named_by_the_field_it_hits(codecs: Any, messages: Any, name: str) -> None:
    codec = codecs[name]
    message, another = (messages.sample(codec, seed=9, count=1, text='abcdefg') for _ in range(2))
    sequence = CUTS[name][0].split('[')[0]
    getattr(message, sequence).extend(getattr(another, sequence))
    swell(message, name)
    names = cut_names(codec, messages.serialize(codec, message))
    assert [n for n in names if '[1]' in n] == CUTS[name]


def test_the_first_incomplete_track_is_named(codecs: Any, messages: Any) -> None:
    """With many tracks the padding between them hides a missing one from the check of the count."""
    codec = codecs['RadarTracks']
    message = messages.sample(codec, seed=2, count=1, text='map')
    message.tracks *= 120
    raw = messages.serialize(codec, message)
    for missing in range(1, 450):
        last = 119 - (missing - 1) // 216
        with pytest.raises(MessageError, match=rf'tracks\[{last}\] at byte \d+: needs'):
            codec.read(raw[:-missing])


def test_an_error_in_a_path_names_it(codecs: Any, messages: Any) -> None:
    codec = codecs['PredictedObjects']
    message = messages.sample(codec, seed=9, count=3)
    path = message.objects[1].kinematics.predicted_paths[2]
    pose = path.path.pop()
    name = re.escape('objects[1].kinematics.predicted_paths[2]')
    with pytest.raises(MessageError, match=name + r'\.path at byte \d+: 2 poses where .* have 3'):
        codec.read(messages.serialize(codec, message))
    path.path.append(pose)
    step = messages.store.types['builtin_interfaces/msg/Duration']
    path.time_step = step(sec=path.time_step.sec, nanosec=path.time_step.nanosec ^ 1)
    with pytest.raises(MessageError, match=name + r'\.time_step at byte \d+: -?\d+ ns where'):
        codec.read(messages.serialize(codec, message))


def test_any_byte_but_zero_is_true(codecs: Any, messages: Any) -> None:
    codec = codecs['TrackedObjects']
    raw = bytearray(messages.serialize(codec, messages.sample(codec, seed=8, count=1, text='abc')))
    stationary = 4 + 20 + 24 + 8 + 4 + 1016 + 1
    for value, expected in ((0, False), (1, True), (0xFE, True)):
        raw[stationary] = value
        flag = codec.read(bytes(raw)).is_stationary
        assert flag.dtype == bool
        assert flag.tolist() == [expected]


def test_predictions_of_lights_are_skipped(codecs: Any, messages: Any) -> None:
    codec = codecs['TrafficLightGroupArray']
    message = messages.sample(codec, seed=1, count=3, text='V2I')
    with_predictions = codec.read(messages.serialize(codec, message))
    for group in message.traffic_light_groups:
        group.predictions = []
    without = codec.read(messages.serialize(codec, message))
    np.testing.assert_array_equal(with_predictions.color, without.color)
    np.testing.assert_array_equal(with_predictions.group_id, without.group_id)


def test_a_map_above_the_limit_is_refused() -> None:
    blob = cdr.LaneletMapBlob(0, 'map', 'v', '1', 'm', bytes(1000))
    data = cdr.write_lanelet_map_bin(blob)
    assert len(cdr.read_lanelet_map_bin(data, limit_bytes=1000).data) == 1000
    with pytest.raises(MessageError, match=r'data at byte .*above the limit 999'):
        cdr.read_lanelet_map_bin(data, limit_bytes=999)
