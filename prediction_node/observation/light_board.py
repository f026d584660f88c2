"""The latest state of every traffic-light group."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.domain.message_arrays import TrafficLightGroupsArrays
from prediction_node.domain.stamps import nanoseconds
from prediction_node.observation.judging import probability
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason

MAX_WAITING = 64
MAX_GROUPS = 1024
MAX_ELEMENTS = 4096
STATUS_OFF = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    stamp_ns: int
    colour: np.ndarray
    shape: np.ndarray
    confidence: np.ndarray


class LightBoard:
    """Keeps the newest set of lamps per group; older messages never replace newer ones."""

    def __init__(self, parameters: ObservationParameters) -> None:
        self._max_age_ns = nanoseconds(parameters.light_max_age_s)
        self._tolerance_ns = nanoseconds(parameters.future_tolerance_s)
        self._other_clock_ns = nanoseconds(parameters.other_clock_s)
        self._waiting: deque[tuple[int, TrafficLightGroupsArrays]] = deque(maxlen=MAX_WAITING)
        self._groups: dict[int, _Group] = {}

    def forget(self) -> None:
        """Time has jumped: the states known so far are of another time. Waiting messages stay."""
        self._groups.clear()

    def drop_after(self, arrival_ns: int) -> None:
        """The driving clock has gone back: drop what came later than `arrival_ns` on it."""
        kept = [item for item in self._waiting if item[0] <= arrival_ns]
        self._waiting.clear()
        self._waiting.extend(kept)

    def put(self, arrays: TrafficLightGroupsArrays, arrival_ns: int) -> bool:
        """Let a message wait for the next release; false if the oldest one had to make room."""
        full = len(self._waiting) == MAX_WAITING
        self._waiting.append((arrival_ns, arrays))
        return not full

    def look(self, release_ns: int, scene_ns: int) -> list[Reason | None]:
        """Take over what had come by `release_ns`; for each message None or why it was refused."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting.extend(item for item in waiting if item[0] > release_ns)
        return [self._show(arrays, scene_ns) for at_ns, arrays in waiting if at_ns <= release_ns]

    def _show(self, arrays: TrafficLightGroupsArrays, scene_ns: int) -> Reason | None:
        """Take one message over at scene time; returns why it was refused, if it was.

        Elements that are off show nothing. Those with a confidence outside [0, 1] are left out;
        colours and shapes yet unknown become UNKNOWN. Of more than MAX_ELEMENTS elements the first
        are read.
        """
        stamp_ns = int(arrays.stamp_ns)
        if abs(stamp_ns - scene_ns) > self._other_clock_ns:
            return Reason.OTHER_CLOCK
        if stamp_ns - scene_ns > self._tolerance_ns:
            return Reason.FUTURE
        if scene_ns - stamp_ns > self._max_age_ns:
            return Reason.LATE
        group_id = np.asarray(arrays.group_id[:MAX_ELEMENTS], dtype=np.int64)
        confidence = np.asarray(arrays.confidence[:MAX_ELEMENTS], dtype=np.float64)
        on = (arrays.status[:MAX_ELEMENTS] != STATUS_OFF) & probability(confidence)
        colour = _known(arrays.color[:MAX_ELEMENTS], len(LightColour))
        shape = _known(arrays.shape[:MAX_ELEMENTS], len(LightShape))
        order = np.argsort(group_id, kind='stable')
        borders = (np.flatnonzero(np.diff(group_id[order])) + 1).tolist()
        for first, end in zip([0, *borders], [*borders, len(order)], strict=True):
            rows = order[first:end]
            if not len(rows):
                continue
            group = int(group_id[rows[0]])
            known = self._groups.get(group)
            if known is not None and known.stamp_ns >= stamp_ns:
                continue
            lit = rows[on[rows]]
            self._groups[group] = _Group(
                stamp_ns, colour[lit], shape[lit], np.clip(confidence[lit], 0.0, 1.0)
            )
        if len(self._groups) > MAX_GROUPS:
            # By id among equally old ones, so that no order of arrival matters.
            newest = sorted(self._groups, key=lambda g: (-self._groups[g].stamp_ns, g))
            self._groups = {group: self._groups[group] for group in newest[:MAX_GROUPS]}
        return None

    def at(self, scene_ns: int) -> LightStates:
        """The lamps that are on, of all groups seen recently enough, sorted by group."""
        fresh = [
            (group, self._groups[group])
            for group in sorted(self._groups)
            if -self._tolerance_ns <= scene_ns - self._groups[group].stamp_ns <= self._max_age_ns
            and len(self._groups[group].colour)
        ]
        if not fresh:
            return LightStates.none()
        counts = [len(state.colour) for _, state in fresh]
        return LightStates(
            group_id=np.repeat(np.array([group for group, _ in fresh], dtype=np.int64), counts),
            colour=np.concatenate([state.colour for _, state in fresh]),
            shape=np.concatenate([state.shape for _, state in fresh]),
            confidence=np.concatenate([state.confidence for _, state in fresh]),
            stamp_ns=np.repeat(
                np.array([state.stamp_ns for _, state in fresh], dtype=np.int64), counts
            ),
        )


def _known(values: np.ndarray, count: int) -> np.ndarray:
    """(E,) int8, zero (UNKNOWN) for numbers beyond the last known one."""
    numbers = np.asarray(values, dtype=np.int64)
    return np.where(numbers < count, numbers, 0).astype(np.int8)
