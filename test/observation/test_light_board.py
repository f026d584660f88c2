"""Traffic lights: the newest state of each group, for a limited time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.lights import LightColour
from prediction_node.observation.light_board import MAX_GROUPS, LightBoard
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason

MS = 1_000_000
EPOCH_NS = 1_700_000_000_123_456_789


def shown(*messages: Any, scene_ns: int = EPOCH_NS) -> Any:
    board = LightBoard(ObservationParameters())
    for message in messages:
        board.put(message, 0)
    assert board.look(0, scene_ns) == [None] * len(messages)
    return board.at(scene_ns)


def test_the_newest_message_of_each_group_counts_whole(build: Any) -> None:
    old = build.lights((7, 1), (7, 2), (8, 1), stamp_ns=EPOCH_NS - 200 * MS)
    new = build.lights((7, 3), stamp_ns=EPOCH_NS - 100 * MS)
    for order in ((old, new), (new, old)):
        lights = shown(*order)
        np.testing.assert_array_equal(lights.group_id, [7, 8])
        np.testing.assert_array_equal(lights.colour, [LightColour.GREEN, LightColour.RED])
        np.testing.assert_array_equal(lights.stamp_ns, [EPOCH_NS - 100 * MS, EPOCH_NS - 200 * MS])


@given(st.permutations(range(6)))
def test_order_of_arrival_does_not_matter(build: Any, order: list[int]) -> None:
    messages = [build.lights((i % 2, 1 + i % 3), stamp_ns=EPOCH_NS - i * 10 * MS) for i in range(6)]
    lights = shown(*[messages[i] for i in order])
    np.testing.assert_array_equal(lights.group_id, [0, 1])
    np.testing.assert_array_equal(lights.colour, [1, 2])


def test_lamps_that_are_off_and_bad_confidences_show_nothing(build: Any) -> None:
    message = build.lights(
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 3),
        (3, 77),
        status=np.array([2, 1, 3, 2, 2], np.uint8),
        confidence=np.array([1, 1, 0.5, np.nan, 0.9], np.float32),
        shape=np.array([1, 1, 2, 1, 200], np.uint8),
    )
    lights = shown(message)
    np.testing.assert_array_equal(lights.group_id, [1, 1, 3])
    np.testing.assert_array_equal(lights.colour, [1, 3, LightColour.UNKNOWN])
    np.testing.assert_array_equal(lights.shape, [1, 2, 0])
    np.testing.assert_allclose(lights.confidence, [1.0, 0.5, 0.9], rtol=1e-6)


def test_states_are_forgotten_when_old(build: Any) -> None:
    board = LightBoard(ObservationParameters(light_max_age_s=2.0))
    board.put(build.lights((1, 1)), 0)
    board.look(0, EPOCH_NS)
    assert len(board.at(EPOCH_NS + 2000 * MS)) == 1
    assert len(board.at(EPOCH_NS + 2001 * MS)) == 0


@pytest.mark.parametrize(
    ('ahead_ms', 'reason'),
    [
        (101, Reason.FUTURE),
        (-2001, Reason.LATE),
        (3_600_000, Reason.OTHER_CLOCK),
        (-3_600_000, Reason.OTHER_CLOCK),
        (0, None),
    ],
)
def test_stamps_off_the_scene_are_refused(build: Any, ahead_ms: int, reason: Reason | None) -> None:
    board = LightBoard(ObservationParameters())
    board.put(build.lights((1, 1), stamp_ns=EPOCH_NS + ahead_ms * MS), 0)
    assert board.look(0, EPOCH_NS) == [reason]
    assert len(board.at(EPOCH_NS)) == (reason is None)


def test_messages_count_from_the_release_after_their_arrival(build: Any) -> None:
    board = LightBoard(ObservationParameters())
    board.put(build.lights((1, 1)), arrival_ns=100)
    assert board.look(99, EPOCH_NS) == []
    assert board.look(100, EPOCH_NS) == [None]


def test_groups_and_queue_are_bounded(build: Any) -> None:
    board = LightBoard(ObservationParameters())
    board.put(build.lights(*[(i, 1) for i in range(5000)]), 0)
    board.look(0, EPOCH_NS)
    assert len(board.at(EPOCH_NS)) == MAX_GROUPS
    assert [board.put(build.lights((1, 1)), 0) for _ in range(66)] == [True] * 64 + [False] * 2


def test_no_lights_and_empty_messages(build: Any) -> None:
    assert len(shown()) == 0
    assert len(shown(build.lights())) == 0
