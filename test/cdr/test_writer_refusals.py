"""Arrays that do not fit together are refused by name, not written as a broken message."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import MessageError


@pytest.fixture
def arrays_of(codecs: Any, messages: Any) -> Any:
    def build(name: str) -> tuple[Any, Any]:
        codec = codecs[name]
        return codec, codec.read(messages.serialize(codec, messages.sample(codec, seed=1, count=3)))

    return build


LISTS = ('TrackedObjects', 'PredictedObjects', 'Detection3DArray', 'RadarTracks', 'TFMessage')
WITH_ARRAYS = (*LISTS, 'Odometry', 'TrafficLightGroupArray')
WITH_TEXT = (*LISTS, 'Odometry', 'LaneletMapBin')


@pytest.mark.parametrize('name', WITH_ARRAYS)
def test_every_array_of_a_wrong_shape_is_refused(arrays_of: Any, name: str) -> None:
    codec, arrays = arrays_of(name)
    for field in dataclasses.fields(arrays):
        value = getattr(arrays, field.name)
        if not isinstance(value, np.ndarray):
            continue
        for wrong in (value[:-1], value[..., None], np.concatenate([value, value])):
            with pytest.raises(MessageError, match='must'):
                codec.write(dataclasses.replace(arrays, **{field.name: wrong}))


@pytest.mark.parametrize('name', ['Detection3DArray', 'TFMessage'])
def test_tuples_of_a_wrong_length_are_refused(arrays_of: Any, name: str) -> None:
    codec, arrays = arrays_of(name)
    for field in dataclasses.fields(arrays):
        value = getattr(arrays, field.name)
        if isinstance(value, tuple):
            with pytest.raises(MessageError, match='must'):
                codec.write(dataclasses.replace(arrays, **{field.name: value[:-1]}))


@pytest.mark.parametrize('name', ['class_offsets', 'footprint_offsets', 'path_offsets'])
def test_offsets_must_rise_from_zero_to_the_total(arrays_of: Any, name: str) -> None:
    codec, arrays = arrays_of('PredictedObjects')
    good = getattr(arrays, name)
    assert good.tolist() == [0, 3, 6, 9]
    for wrong in ([1, 3, 6, 9], [0, 3, 6, 8], [0, 7, 6, 9], [0, 10, 6, 9], [0, -1, 6, 9]):
        with pytest.raises(MessageError, match=rf'PredictedObjects\.{name} must rise from 0 to 9'):
            codec.write(dataclasses.replace(arrays, **{name: np.array(wrong)}))


def test_types_that_would_lose_their_values_are_refused(arrays_of: Any) -> None:
    codec, arrays = arrays_of('TrackedObjects')
    wide = arrays.class_label.astype(np.int64) + 256
    with pytest.raises(MessageError, match=r'TrackedObjects\.class_label must have type uint8'):
        codec.write(dataclasses.replace(arrays, class_label=wide))


@pytest.mark.parametrize('text', ['a\0b', '\ud800'])
@pytest.mark.parametrize('name', WITH_TEXT)
def test_text_that_no_string_can_hold_is_refused(arrays_of: Any, name: str, text: str) -> None:
    codec, arrays = arrays_of(name)
    for field in dataclasses.fields(arrays):
        value = getattr(arrays, field.name)
        wrong: Any = None
        if isinstance(value, str):
            wrong = text
        elif isinstance(value, tuple):
            wrong = (*value[:-1], text)
        if wrong is not None:
            with pytest.raises(MessageError, match=r'zero character|not valid text'):
                codec.write(dataclasses.replace(arrays, **{field.name: wrong}))


@pytest.mark.parametrize('stamp_ns', [2**31 * 10**9, -(2**31) * 10**9 - 1])
def test_stamps_beyond_32_bit_seconds_are_refused(
    codec: Any, arrays_of: Any, stamp_ns: int
) -> None:
    codec, arrays = arrays_of(codec.type_name.rsplit('/', 1)[1])
    for field in dataclasses.fields(arrays):
        if not field.name.endswith('_ns'):
            continue
        value = getattr(arrays, field.name)
        wrong = np.full_like(value, stamp_ns) if isinstance(value, np.ndarray) else stamp_ns
        with pytest.raises(MessageError, match='32-bit seconds'):
            codec.write(dataclasses.replace(arrays, **{field.name: wrong}))


@pytest.mark.parametrize('stamp_ns', [0, -1, -1_500_000_000, 1_700_000_000_999_999_999])
def test_stamps_keep_every_nanosecond(arrays_of: Any, stamp_ns: int) -> None:
    codec, arrays = arrays_of('RadarTracks')
    again = codec.read(codec.write(dataclasses.replace(arrays, stamp_ns=stamp_ns)))
    assert again.stamp_ns == stamp_ns
