"""Whatever a file holds, reading it gives a recording or an error that names the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import DataError, MapError
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.lanelet.write import write_lanelet2

LIGHT = (
    '<trafficLight id="60"><cycle><cycleElement><duration>5</duration><color>green</color>'
    '</cycleElement><timeOffset>3</timeOffset></cycle><position><point><x>20</x><y>5</y></point>'
    '</position><direction>left</direction></trafficLight>'
)
SIGN = (
    '<trafficSign id="50"><trafficSignElement><trafficSignID>R2-1</trafficSignID>'
    '<additionalValue>13.4</additionalValue></trafficSignElement></trafficSign>'
)
JUNCTION = (
    '<intersection id="80"><incoming id="81"><incomingLanelet ref="1"/><successorsLeft ref="2"/>'
    '</incoming><incoming id="82"><incomingLanelet ref="2"/><successorsStraight ref="1"/>'
    '</incoming></intersection>'
)
T = TypeVar('T')
VALUES = ('', '0', '-1', '1e308', '-1e308', '1e400', 'nan', '1e-320', 'x', '99999999999999999999')


@pytest.fixture(scope='module')
def template(xml: Any) -> str:
    lanes = (
        xml.straight_lane(
            1,
            (0, 0),
            20.0,
            extra='<successor ref="2"/><stopLine/><trafficLightRef ref="60"/>',
        ),
        xml.straight_lane(2, (20, 0), 20.0, extra='<trafficSignRef ref="50"/>'),
    )
    users = (xml.driver(7, (0, 0), (5, 0), steps=5), xml.driver(8, (9, 0), (5, 0), steps=5))
    return (
        '<commonRoad commonRoadVersion="2020a" benchmarkID="F" timeStepSize="0.1">'
        + ''.join((*lanes, *users, LIGHT, SIGN, JUNCTION))
        + '</commonRoad>'
    )


def complaint(about: Path, call: Callable[[], T]) -> T | None:
    """What the call returns, or None if it refuses in words that name the file."""
    try:
        return call()
    except (DataError, MapError) as error:
        message = str(error)
    assert str(about) in message
    return None


def read(text: str, folder: Path) -> None:
    file = folder / 'scenario.xml'
    file.write_text(text)
    result = complaint(file, lambda: read_commonroad(file))
    if result is None:
        return
    recording, lane_map = result
    for values in (recording.position_m, recording.velocity_mps, lane_map.centreline.points_m):
        assert np.isfinite(values).all()
    complaint(file, lambda: write_lanelet2(lane_map, folder / 'map.osm'))


fuzzing = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzzing
@given(place=st.integers(0, 10_000), value=st.sampled_from(VALUES))
def test_any_value_may_be_wrong(place: int, value: str, template: str, tmp_path: Path) -> None:
    spots = [m.span(1) for m in re.finditer(r'>([^<>]+)<', template)]
    spots += [m.span(1) for m in re.finditer(r'="([^"]*)"', template)]
    first, last = spots[place % len(spots)]
    read(template[:first] + value + template[last:], tmp_path)


@fuzzing
@given(place=st.integers(0, 10_000), data=st.data())
def test_any_element_may_be_missing_or_elsewhere(
    place: int, data: Any, template: str, tmp_path: Path
) -> None:
    whole = [m.span() for m in re.finditer(r'<(\w+)[^<>]*/>|<(\w+)[^<>]*>[^<>]*</\2>', template)]
    first, last = whole[place % len(whole)]
    element, rest = template[first:last], template[:first] + template[last:]
    if data.draw(st.booleans()):
        gaps = [m.start() for m in re.finditer('<', rest)][1:]
        at = gaps[data.draw(st.integers(0, len(gaps) - 1))]
        rest = rest[:at] + element + rest[at:]
    read(rest, tmp_path)


@fuzzing
@given(cut=st.integers(0, 100_000), junk=st.binary(max_size=8))
def test_any_byte_may_be_damaged(cut: int, junk: bytes, template: str, tmp_path: Path) -> None:
    data = template.encode()
    cut %= len(data)
    file = tmp_path / 'scenario.xml'
    file.write_bytes(data[:cut] + junk + data[cut + len(junk) :])
    complaint(file, lambda: read_commonroad(file))
