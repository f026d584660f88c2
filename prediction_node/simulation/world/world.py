"""A running city."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.network.net_file import read_network
from prediction_node.simulation.network.signals import signal_groups
from prediction_node.simulation.world.alert import Alert
from prediction_node.simulation.world.bodies import BodyTypes
from prediction_node.simulation.world.crossings import Crossings
from prediction_node.simulation.world.driving import Driving
from prediction_node.simulation.world.ego import Ego
from prediction_node.simulation.world.engine import Engine
from prediction_node.simulation.world.lights import Lights
from prediction_node.simulation.world.roster import Roster
from prediction_node.simulation.world.state import EgoPose, WorldState
from prediction_node.simulation.world.vehicles import EGO_ID, Vehicles
from prediction_node.simulation.world.walkers import Walkers

if TYPE_CHECKING:
    from prediction_node.simulation.network.city import City

STEP_S = 0.1
# The demand fills the streets at once; this long everybody takes to find their pace.
WARM_UP_S = 12.0
# The last part of it is watched, so that tracks have a past when the story begins.
_WATCHED_S = 2.0
# The robotaxi has to have entered by then.
_EGO_LATEST_S = 60.0


class World:
    """A city whose traffic goes on step by step, with the robotaxi in it.

    It begins after a warm-up, at a state that holds everybody. Instants are simulated time since
    the start of the demand. One world at a time in a process; SimulationError if there is one
    already, if SUMO is missing or fails, or if the robotaxi cannot enter.
    """

    def __init__(
        self, city: City, seed: int, step_s: float = STEP_S, warm_up_s: float = WARM_UP_S
    ) -> None:
        self._step_ns = round(step_s * 1e9)
        self._steps = 0
        script, behaviour = city.script, city.scenario.behaviour
        groups = signal_groups(read_network(city.net))
        self._engine = Engine(city.net, city.routes, city.additional, seed, step_s)
        try:
            self.cast = roster = Roster(step_s)
            bodies = BodyTypes(self._engine)
            driving = Driving(roster, script, seed, behaviour.signalling_share)
            self._vehicles = Vehicles(self._engine, roster, bodies, driving, script, step_s)
            self._walkers = Walkers(
                self._engine, roster, bodies, script, seed, behaviour.looking_share, step_s
            )
            self._crossings = Crossings(self._engine, roster, script.crossings, step_s)
            self._ego = Ego(self._engine, roster, seed)
            self._alert = Alert(self._engine, roster, step_s)
            self._lights = Lights(self._engine, groups)
            with self._engine.errors('failed in the warm-up'):
                self._warm_up(round(warm_up_s / step_s), round(_WATCHED_S / step_s))
        except BaseException:
            self.close()
            raise

    @property
    def counts(self) -> dict[str, int]:
        """What happened so far: artefacts and how they were treated."""
        return {
            'steps': self._steps,
            'teleports': self._vehicles.removed,
            'jumps_smoothed': self._walkers.jumps_smoothed,
            'tracks_cut': self._walkers.tracks_cut,
            'late_brakings': self._alert.brakings,
            'crossings': self._crossings.started,
        }

    @property
    def now_s(self) -> float:
        """Simulated time of the newest state."""
        return self._steps * self._step_ns * 1e-9

    def step(self, ego: EgoPose | None = None) -> WorldState:
        """One step on. The robotaxi is then exactly at `ego`; without it, SUMO drives."""
        if ego is not None:
            self._ego.put(ego)
        else:
            self._ego.keep_going()
        with self._engine.errors('failed at a step'):
            self._advance(ego)
            self._observe(ego)
        if self.cast.ego is None or not self.cast.is_here(self.cast.ego):
            raise SimulationError(f'the robotaxi has left the city after {self.now_s:.1f} s')
        return self.state

    def close(self) -> None:
        """End it; another world may begin then."""
        self._engine.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _warm_up(self, steps: int, watched: int) -> None:
        """To the first state: after `steps`, the last of them watched, and not before the robotaxi
        is there.
        """
        for _ in range(max(0, steps - watched)):
            self._ego.keep_going()
            self._engine.step()
            self._take_note()
        self._observe(None)
        while self._steps < steps or self.cast.ego is None:
            if self.now_s > _EGO_LATEST_S:
                raise SimulationError(
                    f'the robotaxi found no room to enter the city within {_EGO_LATEST_S:.0f} s'
                )
            self._ego.keep_going()
            self._advance(None)
            self._observe(None)

    def _advance(self, ego: EgoPose | None) -> None:
        """Scripted actors, drivers and SUMO move on."""
        vehicles, scripted = self._vehicles, self._crossings.rows()
        self._crossings.move(self.now_s, vehicles.rows())
        names, rows = vehicles.drivers, vehicles.driver_rows
        if ego is not None:
            # Its planner brakes for it.
            names, rows = [n for n in names if n != EGO_ID], rows[rows != self.cast.ego]
        shot = self.state.snapshot
        self._alert.look(shot, names, rows, vehicles.trailers, scripted, self.now_s)
        self._engine.step()
        self._take_note()

    def _take_note(self) -> None:
        self._steps += 1
        self._vehicles.watch(self.now_s)
        self._walkers.watch(self._crossings.ids)

    def _observe(self, ego: EgoPose | None) -> None:
        """What SUMO says, as boxes, velocities, attributes and lights: the newest state."""
        stamp_ns = self._steps * self._step_ns
        cast = self.cast
        cast.begin()
        self._vehicles.read(self.now_s, ego)
        self._crossings.show()
        rows = self._vehicles.rows()
        speed_mps = np.hypot(*cast.velocity_mps[rows].T)
        self._walkers.read(self.now_s, cast.boxes(rows), speed_mps, self._crossings.rows())
        self.state = WorldState(cast.snapshot(stamp_ns), self._lights.read(stamp_ns))
