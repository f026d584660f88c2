"""CommonRoad scenarios written by the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

Point = tuple[float, float]


def exact(tag: str, value: float) -> str:
    return f'<{tag}><exact>{value}</exact></{tag}>'


def point(x: float, y: float) -> str:
    return f'<point><x>{x}</x><y>{y}</y></point>'


def state(tag: str, step: int, x: float, y: float, yaw: float = 0.0, speed: float = 0.0) -> str:
    return (
        f'<{tag}><position>{point(x, y)}</position>{exact("orientation", yaw)}'
        f'{exact("velocity", speed)}{exact("time", step)}</{tag}>'
    )


def car(number: int, states: Sequence[tuple[float, ...]], kind: str = 'car') -> str:
    """A dynamic obstacle, 4.5 m x 1.8 m, with states (step, x, y, yaw, speed)."""
    first, *rest = states
    later = ''.join(state('state', *s) for s in rest)
    trajectory = f'<trajectory>{later}</trajectory>' if rest else ''
    return (
        f'<dynamicObstacle id="{number}"><type>{kind}</type>'
        '<shape><rectangle><length>4.5</length><width>1.8</width></rectangle></shape>'
        f'{state("initialState", *first)}{trajectory}</dynamicObstacle>'
    )


def driver(
    number: int, start: Point, velocity: Point, steps: int = 21, first: int = 0, kind: str = 'car'
) -> str:
    """Somebody who drives straight on at one speed."""
    yaw, speed = float(np.arctan2(velocity[1], velocity[0])), float(np.hypot(*velocity))
    return car(
        number,
        [
            (
                k,
                start[0] + 0.1 * (k - first) * velocity[0],
                start[1] + 0.1 * (k - first) * velocity[1],
                yaw,
                speed,
            )
            for k in range(first, first + steps)
        ],
        kind,
    )


def lanelet(
    number: int,
    left: Sequence[Point],
    right: Sequence[Point],
    *,
    extra: str = '',
    markings: tuple[str, str] = ('', ''),
    kind: str = 'urban',
) -> str:
    """A lanelet; `extra` holds its references, `markings` those of its left and right border."""
    borders = []
    for tag, line, marking in (
        ('leftBound', left, markings[0]),
        ('rightBound', right, markings[1]),
    ):
        mark = f'<lineMarking>{marking}</lineMarking>' if marking else ''
        borders.append(f'<{tag}>{"".join(point(*p) for p in line)}{mark}</{tag}>')
    return (
        f'<lanelet id="{number}">{"".join(borders)}{extra}'
        f'<laneletType>{kind}</laneletType></lanelet>'
    )


def straight_lane(
    number: int, start: Point, length: float, width: float = 3.5, extra: str = '', **more: object
) -> str:
    """A lane eastward whose centreline starts at `start`."""
    x, y = start
    left, right = y + width / 2, y - width / 2
    return lanelet(
        number,
        [(x, left), (x + length, left)],
        [(x, right), (x + length, right)],
        extra=extra,
        **more,  # type: ignore[arg-type]
    )


ROAD = straight_lane(1, (0.0, 0.0), 100.0)


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., Path]:
    """Writes elements to a scenario file and returns its path."""

    def write(
        *elements: str, name: str = 'scenario.xml', head: str = '', **attributes: str
    ) -> Path:
        values = {
            'commonRoadVersion': '2020a',
            'benchmarkID': 'TST_Road-1_1_T-1',
            'timeStepSize': '0.1',
            **attributes,
        }
        text = ' '.join(f'{k}="{v}"' for k, v in values.items())
        path = tmp_path / name
        path.write_text(
            f'<?xml version="1.0"?>{head}<commonRoad {text}>{"".join(elements)}</commonRoad>'
        )
        return path

    return write


class Builders:
    """The functions above, for test modules."""

    exact = staticmethod(exact)
    point = staticmethod(point)
    state = staticmethod(state)
    car = staticmethod(car)
    driver = staticmethod(driver)
    lanelet = staticmethod(lanelet)
    straight_lane = staticmethod(straight_lane)
    road = ROAD


@pytest.fixture(scope='session')
def xml() -> type[Builders]:
    return Builders
