"""A clean stretch of a running city as a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.recording import Recording
from prediction_node.simulation.world.contact import MOVING_MPS, overlaps
from prediction_node.simulation.world.state import WorldState
from prediction_node.simulation.world.tape import Tape
from prediction_node.simulation.world.world import STEP_S, WARM_UP_S, World

if TYPE_CHECKING:
    from prediction_node.simulation.network.city import City

SEARCH_SHARE = 1.0  # of the wanted duration: how far beyond it a clean window may end


@dataclass(frozen=True, slots=True, eq=False)
class SceneResult:
    """The longest clean window found, at most as long as wanted; why it is not to be used, if it is
    shorter; and what was seen on the way.
    """

    recording: Recording
    counts: dict[str, int]
    rejected: str | None


def record(
    city: City,
    duration_s: float,
    seed: int,
    *,
    warm_up_s: float = WARM_UP_S,
    search_share: float = SEARCH_SHARE,
    progress: Callable[[float], None] | None = None,
) -> SceneResult:
    """The first `duration_s` of the city, SUMO driving the robotaxi, in which no two boxes of which
    one moves overlap by more than contact.ALLOWED_M and nobody is taken out of a jam.

    The search ends `search_share` of the duration later, or as soon as it cannot succeed; a window
    that is `rejected` is so with 'KIND: particulars', KIND being jam or overlap. `progress` is told
    the seconds of the window so far. The same city, duration and seed give the same bits.
    SimulationError as World raises it.
    """
    wanted = round(duration_s / STEP_S) + 1
    if wanted < 2:
        raise SimulationError(f'a recording must last {STEP_S} s at least, got {duration_s}')
    limit = wanted + round(search_share * wanted)
    with World(city, seed, STEP_S, warm_up_s) as world:
        tape = Tape(world.cast)
        judge = _Judge(world)
        best, begin = (0, 0), 0
        while True:
            tape.take(world.state)
            fault = judge.fault(world.state)
            if fault:
                begin = len(tape)
            elif len(tape) - begin > best[1] - best[0]:
                best = (begin, len(tape))
            if progress is not None:
                progress(max(0, best[1] - best[0] - 1) * STEP_S)
            # The last: no window that begins now ends in time.
            if best[1] - best[0] >= wanted or len(tape) >= limit or begin + wanted > limit:
                break
            world.step()
        rejected = None
        if best[1] - best[0] < wanted:
            found_s = max(0, best[1] - best[0] - 1) * STEP_S
            rejected = (
                f'{judge.last_kind}: only {found_s:.1f} of {duration_s:g} s in a row were clean; '
                f'{judge.last_fault}'
            )
        name = f'{city.scenario.name}-{seed}'
        recording = tape.cut(name, *(best if best[1] > best[0] else (0, 1)))
        return SceneResult(recording, {**world.counts, **judge.counts}, rejected)


class _Judge:
    """Which instants are unclean, and why."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._teleports = world.counts['teleports']
        self.last_kind = self.last_fault = ''
        self.counts = {'unclean_instants': 0, 'overlaps': 0}
        self._known: set[tuple[int, int]] = set()

    def fault(self, state: WorldState) -> str | None:
        """What is wrong at this instant; None if nothing is."""
        jam = self._teleported()
        fault = jam or self._overlapping(state, self._world.cast)
        if fault:
            self.last_kind = 'jam' if jam else 'overlap'
            self.counts['unclean_instants'] += 1
            self.last_fault = f'at {state.snapshot.stamp_ns * 1e-9:.1f} s {fault}'
        return fault

    def _teleported(self) -> str | None:
        before, self._teleports = self._teleports, self._world.counts['teleports']
        return 'a jammed vehicle was taken out' if self._teleports > before else None

    def _overlapping(self, state: WorldState, cast: Cast) -> str | None:
        shot = state.snapshot
        moving = np.hypot(*shot.velocity_mps.T) > MOVING_MPS
        found = overlaps(self._world.cast.boxes(shot.row), moving)
        if not len(found.depth_m):
            return None
        pairs = {
            (int(a), int(b))
            for a, b in zip(shot.row[found.first], shot.row[found.second], strict=True)
        }
        self.counts['overlaps'] += len(pairs - self._known)
        self._known |= pairs
        deepest = int(np.argmax(found.depth_m))
        first, second = (
            f'{CLASS_NAMES[cast.label[row]]} {cast.track_id[row]}'
            for row in (shot.row[found.first[deepest]], shot.row[found.second[deepest]])
        )
        return f'{first} and {second} overlapped by {found.depth_m[deepest]:.2f} m'
