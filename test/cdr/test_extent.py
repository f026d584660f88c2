"""From nothing to 100,000 objects, and strings of ten megabytes."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import MessageError

MANY = 100_000


def with_rows(arrays: Any, count: int) -> Any:
    """The same message with its one object (and all that belongs to it) `count` times over."""
    values = {}
    for field in dataclasses.fields(arrays):
        value = getattr(arrays, field.name)
        if field.name.endswith('_offsets'):
            value = int(value[1]) * np.arange(count + 1)
        elif isinstance(value, np.ndarray):
            value = np.tile(value, (count, *[1] * (value.ndim - 1)))
        elif isinstance(value, tuple):
            value = value * count
        values[field.name] = value
    if 'path_pose' in values and not count:
        # Without a path nothing on the wire tells its pose count or time step.
        values['path_pose'] = np.zeros((0, 0, 7))
        values['path_time_step_ns'] = 0
    return type(arrays)(**values)


def assert_same(actual: Any, expected: Any) -> None:
    for field in dataclasses.fields(expected):
        wanted = getattr(expected, field.name)
        if isinstance(wanted, np.ndarray):
            np.testing.assert_array_equal(getattr(actual, field.name), wanted, field.name)
        else:
            assert getattr(actual, field.name) == wanted, field.name


LISTS = ('TrackedObjects', 'PredictedObjects', 'Detection3DArray', 'RadarTracks', 'TFMessage')


@pytest.mark.parametrize('count', [0, 1, 2, MANY])
@pytest.mark.parametrize('name', LISTS)
def test_any_number_of_objects(codecs: Any, messages: Any, name: str, count: int) -> None:
    codec = codecs[name]
    one = codec.read(messages.serialize(codec, messages.sample(codec, seed=7, count=1)))
    arrays = with_rows(one, count)
    assert_same(codec.read(codec.write(arrays)), arrays)


def test_one_more_than_the_default_limit_is_refused(codecs: Any, messages: Any) -> None:
    codec = codecs['RadarTracks']
    one = codec.read(messages.serialize(codec, messages.sample(codec, seed=7, count=1)))
    with pytest.raises(MessageError, match=r'tracks at byte 20: count 100001 is above'):
        codec.read(codec.write(with_rows(one, MANY + 1)))


def test_strings_of_ten_megabytes(codec: Any, messages: Any, means: Any) -> None:
    message = messages.sample(codec, seed=5, count=0, text='x' * 10_000_000)
    raw = messages.serialize(codec, message)
    means(codec.read(raw), codec.meaning(message))
    with pytest.raises(MessageError):
        codec.read(raw[: len(raw) // 2])


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview, np.array])
def test_any_buffer_is_read_and_not_kept(codec: Any, messages: Any, means: Any, kind: Any) -> None:
    message = messages.sample(codec, seed=2)
    raw = bytearray(messages.serialize(codec, message))
    data = np.frombuffer(raw, np.uint8) if kind is np.array else kind(raw)
    arrays = codec.read(data)
    raw[4:] = bytes(len(raw) - 4)
    means(arrays, codec.meaning(message))


def test_equal_arrays_give_equal_bytes_whatever_was_written_before(
    codecs: Any, messages: Any
) -> None:
    written = {}
    for _ in range(2):
        for count in (3, 1, 2):
            for name, codec in codecs.items():
                raw = messages.serialize(codec, messages.sample(codec, seed=1, count=count))
                data = codec.write(codec.read(raw))
                assert written.setdefault((name, count), data) == data


def test_threads_do_not_share_memory(codecs: Any, messages: Any) -> None:
    codec = codecs['PredictedObjects']
    samples = [messages.sample(codec, seed=i, count=2 + i) for i in range(4)]
    arrays = [codec.read(messages.serialize(codec, sample)) for sample in samples]
    expected = [codec.write(a) for a in arrays]
    wrong: list[int] = []

    def write_often(i: int) -> None:
        for _ in range(200):
            if codec.write(arrays[i]) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=write_often, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_ragged_objects_keep_their_places(codecs: Any, messages: Any, means: Any) -> None:
    """Counts of classes, paths and footprints all differ from object to object."""
    codec = codecs['PredictedObjects']
    message = messages.sample(codec, seed=3, count=5)
    for i, item in enumerate(message.objects):
        item.classification = item.classification[: (3 * i) % 5]
        item.kinematics.predicted_paths = item.kinematics.predicted_paths[: (2 * i + 1) % 6]
        item.shape.footprint.points = item.shape.footprint.points[: (i + 2) % 4]
    raw = messages.serialize(codec, message)
    arrays = codec.read(raw)
    means(arrays, codec.meaning(message))
    assert len(codec.write(arrays)) == len(raw)
    means(codec.read(codec.write(arrays)), codec.meaning(message))
