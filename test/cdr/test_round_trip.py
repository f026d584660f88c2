"""Two foreign serialisers agree with our reader and writer on random messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Fixtures here hold no state that an example changes.
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize('little_endian', [True, False])
@quick
@given(data=st.data())
def test_reader_reads_what_rosbags_wrote(
    data: Any, codec: Any, messages: Any, means: Any, little_endian: bool
) -> None:
    message = data.draw(messages.strategy(codec))
    raw = messages.serialize(codec, message, little_endian=little_endian)
    means(codec.read(raw), codec.meaning(message))


@quick
@given(data=st.data())
def test_rosbags_reads_what_writer_wrote(data: Any, codec: Any, messages: Any, means: Any) -> None:
    message = data.draw(messages.strategy(codec))
    arrays = codec.read(messages.serialize(codec, message))
    written = codec.write(arrays)
    means(arrays, codec.meaning(messages.deserialize(codec, written)))
    means(codec.read(written), codec.meaning(message))


@pytest.mark.ros
@quick
@given(data=st.data())
def test_reader_reads_what_rclpy_wrote(
    data: Any, codec: Any, messages: Any, ros: Any, means: Any
) -> None:
    message = ros.copy(data.draw(messages.strategy(codec)))
    means(codec.read(ros.serialize(message)), codec.meaning(message))


@pytest.mark.ros
@quick
@given(data=st.data())
def test_rclpy_reads_what_writer_wrote(
    data: Any, codec: Any, messages: Any, ros: Any, means: Any
) -> None:
    message = data.draw(messages.strategy(codec))
    arrays = codec.read(messages.serialize(codec, message))
    means(arrays, codec.meaning(ros.deserialize(codec, codec.write(arrays))))
