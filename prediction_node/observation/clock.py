"""Scene time: the newest odometry stamp, advanced by the time that has passed since it came.

Two clocks meet here. Stamps are instants of the sensors' clock; arrivals and releases are instants
of the clock that drives the node: a steady one live, the ROS clock under `use_sim_time`, the log
time in replay. Only differences of the latter matter.

What a step of the odometry stamps against the arrivals does:

- up to `jump_threshold_s` (0.3 s) either way: nothing is reset. A step ahead moves scene time
  ahead at once. After a step back scene time stands still until the stamps have caught up, for at
  most the step: it never runs backwards without a reset.
- beyond it: the message is set aside. If the next one continues it, the clock has jumped: one
  reset. If the next one goes on in the old time instead, the first was a stray, and is refused.
- stamps that go on where they were after a pause, as if no time had passed (a paused bag): scene
  time had run ahead meanwhile. One reset takes it back.
- scene time that leaps by more than the coasting time between two releases (odometry or the node
  itself stood still) is a reset too: what was believed before is worth nothing by then.
- the driving clock itself going back (a looping bag under `use_sim_time`): everything starts anew.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.parameters import ObservationParameters


class Verdict(enum.Enum):
    """What the clock makes of an odometry message."""

    NEWEST = 'newest'  # time goes on
    OLDER = 'older'  # between known ones: late or swapped
    ASIDE = 'aside'  # off the time line; keep it, and forget what was kept aside before
    JUMPED = 'jumped'  # it continues the one kept aside: a new time line starts with these two


@dataclass(frozen=True, slots=True)
class SceneTime:
    """The instant of one release."""

    stamp_ns: int | None  # None before the first odometry; stands still while lost
    coasting_ns: int  # since the newest odometry came, at most the coasting time
    lost: bool  # no odometry for longer than that, or ever
    reset: bool  # time has jumped since the release before: start anew
    notice: str  # why, for the log; empty without a reset


@dataclass(frozen=True, slots=True)
class _Tick:
    stamp_ns: int
    arrival_ns: int

    def off_ns(self, stamp_ns: int, arrival_ns: int) -> int:
        """How far a stamp is from where this tick, advanced to its arrival, expects it."""
        return stamp_ns - (self.stamp_ns + (arrival_ns - self.arrival_ns))


class SceneClock:
    """Offer it every odometry message in order of arrival, then ask it once per release."""

    def __init__(self, parameters: ObservationParameters) -> None:
        self._threshold_ns = nanoseconds(parameters.jump_threshold_s)
        self._coasting_ns = nanoseconds(parameters.max_coasting_s)
        self._newest: _Tick | None = None
        self._aside: _Tick | None = None
        self._released_ns: int | None = None
        self._lost = False
        self._lagging = False
        self._jump = ''

    def restart(self, notice: str) -> None:
        """The driving clock has gone back: forget all, and say so when odometry comes again."""
        self._newest = self._aside = None
        self._jump = notice
        self._released_ns = None
        self._lost = self._lagging = False

    def offer(self, stamp_ns: int, arrival_ns: int) -> Verdict:
        """Judge the stamp of an odometry message whose values are fine."""
        tick = _Tick(stamp_ns, arrival_ns)
        if self._newest is None:
            self._newest = tick
            return Verdict.NEWEST
        off_ns = self._newest.off_ns(stamp_ns, arrival_ns)
        ahead = stamp_ns > self._newest.stamp_ns
        # A stamp ahead of the newest but short of the expected one is a stream that was held up.
        if off_ns <= self._threshold_ns and (ahead or off_ns >= -self._threshold_ns):
            self._aside = None
            if not ahead:
                return Verdict.OLDER
            self._newest = tick
            return Verdict.NEWEST
        aside, self._aside = self._aside, tick
        if (
            aside is None
            or stamp_ns <= aside.stamp_ns
            or abs(aside.off_ns(stamp_ns, arrival_ns)) > self._threshold_ns
        ):
            return Verdict.ASIDE
        self._jump = f'odometry stamps jumped by {seconds(off_ns):+.3f} s'
        self._newest, self._aside = tick, None
        return Verdict.JUMPED

    def expected_ns(self, arrival_ns: int) -> int | None:
        """The stamp of what comes at `arrival_ns` without delay; None before the first odometry."""
        if self._newest is None:
            return None
        return self._newest.stamp_ns + (arrival_ns - self._newest.arrival_ns)

    def release(self, now_ns: int) -> SceneTime:
        """Scene time at `now_ns` of the driving clock, which must not run backwards."""
        if self._newest is None:
            return SceneTime(None, 0, lost=True, reset=False, notice='')
        elapsed_ns = max(0, now_ns - self._newest.arrival_ns)
        coasting_ns = min(elapsed_ns, self._coasting_ns)
        lost = elapsed_ns > self._coasting_ns
        stamp_ns = self._newest.stamp_ns + coasting_ns
        notice, self._jump = self._jump, ''
        last_ns = self._released_ns
        if not notice and last_ns is not None:
            back_ns = last_ns - stamp_ns
            if back_ns > self._threshold_ns and (self._lagging or self._lost):
                notice = (
                    f'odometry went on {seconds(back_ns):.3f} s behind scene time after a pause'
                )
            elif -back_ns > self._coasting_ns + self._threshold_ns:
                notice = f'scene time leapt by {seconds(-back_ns):.3f} s'
            # A queue that is still draining catches up within a release: wait for it once.
            self._lagging = not notice and back_ns > self._threshold_ns
            if not notice:
                stamp_ns = max(stamp_ns, last_ns)
        else:
            self._lagging = False
        self._released_ns, self._lost = stamp_ns, lost
        return SceneTime(stamp_ns, coasting_ns, lost=lost, reset=bool(notice), notice=notice)
