"""Lanes: direction, centrelines, connections, neighbours, speeds and turns."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap, Turn
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.parameters import ReadingParameters
from prediction_node.lanelet.polyline import side_of


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def loaded(text: Any, **options: Any) -> LaneMap:
        return load_map(text.save(tmp_path / 'map.osm'), reading=ReadingParameters(**options))

    return loaded


def ids(lane_map: LaneMap, relation: Any, lane_id: int) -> list[int]:
    return sorted(lane_map.id[relation[lane_map.index_of(lane_id)]].tolist())


def row(lane_map: LaneMap, name: str, lane_id: int) -> Any:
    return getattr(lane_map, name)[lane_map.index_of(lane_id)]


class TestDirection:
    @pytest.mark.parametrize('left_turned', [False, True])
    @pytest.mark.parametrize('right_turned', [False, True])
    def test_ways_may_run_either_way(
        self, map_text: Any, load: Any, left_turned: bool, right_turned: bool
    ) -> None:
        """The driving direction follows from which way is left, not from how they run."""
        text = map_text()
        left = text.way([(0, 2), (20, 2), (50, 2)][:: -1 if left_turned else 1], type='virtual')
        right = text.way([(0, -2), (50, -2)][:: -1 if right_turned else 1], type='curbstone')
        lane_map = load(text_with_lanelet(text, left, right))
        np.testing.assert_allclose(lane_map.left_border[0][[0, -1], :2], [[0, 2], [50, 2]])
        np.testing.assert_allclose(lane_map.right_border[0][[0, -1], :2], [[0, -2], [50, -2]])
        np.testing.assert_allclose(
            lane_map.centreline[0][[0, -1], :2], [[0, 0], [50, 0]], atol=1e-9
        )
        assert lane_map.left_border_kind[0] == BorderKind.VIRTUAL
        assert lane_map.right_border_kind[0] == BorderKind.CURB

    @settings(max_examples=50, deadline=None)
    @given(
        heading=st.floats(-np.pi, np.pi),
        curvature=st.floats(-0.05, 0.05),
        turned=st.tuples(st.booleans(), st.booleans()),
        east=st.floats(-1e6, 1e6),
    )
    def test_left_is_left_on_any_curve(
        self, heading: float, curvature: float, turned: Any, east: float, map_text: Any,
        tmp_path_factory: Any,
    ) -> None:  # fmt: skip
        s = np.linspace(0.0, 40.0, 15)
        angle = heading + curvature * s
        step = np.column_stack([np.cos(angle), np.sin(angle)]) * s[1]
        middle = np.cumsum(step, axis=0) + np.array([east, 0.0])
        normal = np.column_stack([-np.sin(angle), np.cos(angle)])
        lines = [middle + 1.8 * normal, middle - 1.8 * normal]
        text = map_text(geographic=False)
        ways = [
            text.way([tuple(map(float, p)) for p in (line[::-1] if flip else line)])
            for line, flip in zip(lines, turned, strict=True)
        ]
        path = tmp_path_factory.getbasetemp() / 'curve.osm'
        lane_map = load_map(text_with_lanelet(text, *ways).save(path))
        for border, line in ((lane_map.left_border, lines[0]), (lane_map.right_border, lines[1])):
            np.testing.assert_allclose(border[0][:, :2], line, atol=1e-9)
        centre = lane_map.centreline[0]
        assert side_of(centre, lane_map.left_border[0][7]) == pytest.approx(1.8, abs=0.1)
        assert side_of(centre, lane_map.right_border[0][7]) == pytest.approx(-1.8, abs=0.1)


def text_with_lanelet(text: Any, left: int, right: int) -> Any:
    text.lanelet(left, right)
    return text


class TestCentreline:
    def test_spacing(self, map_text: Any, load: Any) -> None:
        text = map_text()
        text.straight(0.0, 30.0)
        for step_m in (0.5, 2.0, 7.0):
            line = load(text, centreline_step_m=step_m).centreline[0]
            steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
            assert steps.max() <= step_m + 1e-9
            assert steps.max() - steps.min() < 1e-9

    def test_heights_are_kept(self, map_text: Any, load: Any) -> None:
        text = map_text()
        left = text.way([(0.0, 2.0, 10.0), (30.0, 2.0, 13.0)])
        right = text.way([(0.0, -2.0, 12.0), (30.0, -2.0, 15.0)])
        line = load(text_with_lanelet(text, left, right)).centreline[0]
        np.testing.assert_allclose(line[[0, -1], 2], [11.0, 14.0])

    def test_a_drawn_one_is_kept_and_completed(self, map_text: Any, load: Any) -> None:
        text = map_text()
        left, right = text.way([(0.0, 2.0), (60.0, 2.0)]), text.way([(0.0, -2.0), (60.0, -2.0)])
        centre = text.way([(20.0, 0.5), (30.0, 0.7), (40.0, 0.5)])
        text.lanelet(left, right, centreline=centre)
        line = load(text).centreline[0]
        np.testing.assert_allclose(line[[0, -1], :2], [[0.0, 0.0], [60.0, 0.0]], atol=1e-9)
        drawn = line[(line[:, 0] >= 20.0) & (line[:, 0] <= 40.0)]
        np.testing.assert_allclose(drawn[:, :2], [[20.0, 0.5], [30.0, 0.7], [40.0, 0.5]], atol=1e-9)
        assert np.all(np.diff(line[:, 0]) > 0)

    def test_a_drawn_one_that_almost_reaches_the_ends(self, map_text: Any, load: Any) -> None:
        text = map_text()
        left, right = text.way([(0.0, 2.0), (60.0, 2.0)]), text.way([(0.0, -2.0), (60.0, -2.0)])
        centre = text.way([(0.4, 0.3), (59.3, 0.3)])
        text.lanelet(left, right, centreline=centre)
        line = load(text).centreline[0]
        np.testing.assert_allclose(
            line[:, :2], [[0.0, 0.0], [0.4, 0.3], [59.3, 0.3], [60.0, 0.0]], atol=1e-9
        )

    def test_a_drawn_one_ends_with_its_lanelet(self, map_text: Any, load: Any) -> None:
        text = map_text()
        left, right = text.way([(0.0, 2.0), (60.0, 2.0)]), text.way([(0.0, -2.0), (60.0, -2.0)])
        centre = text.way([(-0.6, 0.4), (30.0, 0.4), (60.9, 0.4)])
        text.lanelet(left, right, centreline=centre)
        line = load(text).centreline[0]
        np.testing.assert_allclose(line[[0, -1], :2], [[0.0, 0.4], [60.0, 0.4]], atol=1e-9)


class TestConnections:
    def test_a_fork(self, map_text: Any, load: Any) -> None:
        text = map_text()
        a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
        first = text.lanelet(text.way([(-30.0, 2.0), a]), text.way([(-30.0, -2.0), b]))
        ahead = text.lanelet(text.way([a, (30.0, 2.0)]), text.way([b, (30.0, -2.0)]))
        turn = text.lanelet(
            text.way([a, (2.0, 4.0), (3.0, 15.0)]), text.way([b, (6.0, 2.0), (7.0, 15.0)])
        )
        lane_map = load(text)
        assert ids(lane_map, lane_map.successors, first) == [ahead, turn]
        assert ids(lane_map, lane_map.predecessors, turn) == [first]
        assert row(lane_map, 'turn', first) == Turn.NONE
        assert row(lane_map, 'turn', ahead) == Turn.STRAIGHT
        assert row(lane_map, 'turn', turn) == Turn.LEFT
        assert set(load(text, derive_turns=False).turn.tolist()) == {int(Turn.NONE)}

    def test_the_tag_counts_more_than_the_shape(self, map_text: Any, load: Any) -> None:
        text = map_text()
        a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
        text.lanelet(text.way([(-30.0, 2.0), a]), text.way([(-30.0, -2.0), b]))
        ways = text.way([a, (30.0, 2.0)]), text.way([b, (30.0, -2.0)])
        tagged = text.lanelet(*ways, turn_direction='right')
        text.lanelet(text.way([a, (30.0, 6.0)]), text.way([b, (30.0, 2.5)]))
        assert row(load(text), 'turn', tagged) == Turn.RIGHT

    def test_neighbours_and_lane_changes(self, map_text: Any, load: Any) -> None:
        text = map_text()
        lines = [
            text.way([(0.0, y), (50.0, y)], type='line_thin', subtype=subtype)
            for y, subtype in ((6.0, 'solid'), (2.0, 'dashed'), (-2.0, 'solid'), (-6.0, 'solid'))
        ]
        lanes = [text.lanelet(a, b, one_way='yes') for a, b in itertools.pairwise(lines)]
        lane_map = load(text)
        top, middle, bottom = lanes
        assert ids(lane_map, lane_map.right, top) == [middle]
        assert ids(lane_map, lane_map.left, middle) == [top]
        assert ids(lane_map, lane_map.right, middle) == [bottom]
        assert ids(lane_map, lane_map.left, top) == []
        assert row(lane_map, 'left_change', middle)
        assert row(lane_map, 'right_change', top)
        assert not row(lane_map, 'right_change', middle)
        assert not row(lane_map, 'left_change', bottom)
        assert row(lane_map, 'left_border_kind', middle) == BorderKind.DASHED

    def test_lane_change_attribute_wins_over_the_marking(self, map_text: Any, load: Any) -> None:
        text = map_text()
        lines = [
            text.way([(0.0, y), (50.0, y)], type='line_thin', subtype='dashed', lane_change='no')
            for y in (2.0, -2.0, -6.0)
        ]
        text.lanelet(*lines[:2])
        text.lanelet(*lines[1:])
        lane_map = load(text)
        assert not lane_map.left_change.any()
        assert not lane_map.right_change.any()
        assert len(lane_map.left.targets) == 1

    def test_two_way_lanes_are_a_row_for_each_direction(self, map_text: Any, load: Any) -> None:
        """A -> B -> C drawn eastward, B two-way; D enters B from the east and drives west to E."""
        text = map_text()
        a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
        c, d = text.node(50.0, 2.0), text.node(50.0, -2.0)
        into = text.lanelet(text.way([(-40.0, 2.0), a]), text.way([(-40.0, -2.0), b]))
        both = text.lanelet(
            text.way([a, c]),
            text.way([b, d]),
            one_way='no',
            turn_direction='left',
            speed_limit='30',
        )
        onward = text.lanelet(text.way([c, (90.0, 2.0)]), text.way([d, (90.0, -2.0)]))
        against = text.lanelet(text.way([(90.0, -3.0), d]), text.way([(90.0, 3.0), c]))
        lane_map = load(text)
        assert sorted(lane_map.id.tolist()) == sorted([into, both, onward, against, -both])
        assert ids(lane_map, lane_map.successors, into) == [both]
        assert ids(lane_map, lane_map.successors, both) == [onward]
        assert ids(lane_map, lane_map.successors, against) == [-both]
        assert ids(lane_map, lane_map.predecessors, -both) == [against]
        forward, backward = lane_map.index_of(both), lane_map.index_of(-both)
        np.testing.assert_array_equal(
            lane_map.centreline[backward], lane_map.centreline[forward][::-1]
        )
        np.testing.assert_array_equal(
            lane_map.left_border[backward], lane_map.right_border[forward][::-1]
        )
        assert (lane_map.turn[forward], lane_map.turn[backward]) == (Turn.LEFT, Turn.RIGHT)
        assert not lane_map.one_way[[forward, backward]].any()
        assert lane_map.speed_limit_mps[backward] == pytest.approx(30 / 3.6)

    def test_walkers_and_cyclists(self, map_text: Any, load: Any) -> None:
        """A sidewalk leads onto a crosswalk and back; a bicycle lane ends in a road."""
        text = map_text()
        a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
        c, d = text.node(9.0, 2.0), text.node(9.0, -2.0)
        walk = text.lanelet(
            text.way([(-40.0, 2.0), a]), text.way([(-40.0, -2.0), b]), subtype='walkway'
        )
        cross = text.lanelet(text.way([a, c]), text.way([b, d]), subtype='crosswalk', one_way='yes')
        e, f = text.node(0.0, 22.0), text.node(0.0, 20.0)
        bicycle = text.lanelet(
            text.way([(-40.0, 22.0), e]), text.way([(-40.0, 20.0), f]), subtype='bicycle_lane'
        )
        road = text.lanelet(text.way([e, (40.0, 22.0)]), text.way([f, (40.0, 20.0)]))
        before = text.lanelet(text.way([(-40.0, 23.0), e]), text.way([(-40.0, 19.0), f]))
        lane_map = load(text)
        assert ids(lane_map, lane_map.successors, walk) == [cross]
        assert ids(lane_map, lane_map.successors, cross) == [walk]
        assert not row(lane_map, 'one_way', cross)
        assert ids(lane_map, lane_map.successors, bicycle) == [road]
        assert ids(lane_map, lane_map.successors, before) == [road]
        assert row(lane_map, 'kind', bicycle) == LaneKind.BICYCLE
        assert ids(lane_map, lane_map.successors, road) == []

    def test_order_of_the_file_does_not_matter(
        self, map_text: Any, tmp_path: Path, same_map: Any
    ) -> None:
        text = map_text()
        a, b = text.node(0.0, 2.0), text.node(0.0, -2.0)
        text.lanelet(text.way([(-30.0, 2.0), a]), text.way([(-30.0, -2.0), b]))
        text.lanelet(text.way([a, (30.0, 2.0)]), text.way([b, (30.0, -2.0)]))
        expected = load_map(text.save(tmp_path / 'map.osm'))
        head, *body, tail = str(text).splitlines()[1:]
        (tmp_path / 'turned.osm').write_text('\n'.join([head, *reversed(body), tail]))
        same_map(load_map(tmp_path / 'turned.osm'), expected)


class TestSpeed:
    def test_tag_sign_and_location(self, map_text: Any, load: Any) -> None:
        text = map_text()
        tagged = text.straight(0.0, 50.0, 0.0, speed_limit='30 mph', location='urban')
        urban = text.straight(0.0, 50.0, 10.0, location='urban')
        rural = text.straight(0.0, 50.0, 20.0, location='nonurban')
        nothing = text.straight(0.0, 50.0, 30.0)
        odd = text.straight(0.0, 50.0, 40.0, speed_limit='fast')
        sign = text.way([(0.0, 52.0), (1.0, 52.0)], type='traffic_sign', subtype='de274-70')
        rule = text.rule('speed_limit', ('way', sign, 'refers'))
        signed = text.straight(0.0, 50.0, 50.0, rules=[rule], speed_limit='30')
        lane_map = load(text)
        assert row(lane_map, 'speed_limit_mps', tagged) == pytest.approx(30 * 0.44704)
        assert row(lane_map, 'speed_limit_mps', urban) == pytest.approx(50 / 3.6, rel=1e-3)
        assert row(lane_map, 'speed_limit_mps', rural) == pytest.approx(100 / 3.6, rel=1e-3)
        assert row(lane_map, 'speed_limit_mps', nothing) == np.inf
        assert not row(lane_map, 'has_speed_limit', nothing)
        assert not row(lane_map, 'has_speed_limit', odd)
        assert row(lane_map, 'speed_limit_mps', signed) == pytest.approx(70 / 3.6)
        assert lane_map.warnings == (
            f"speed_limit 'fast' of lanelet {odd} is not a speed and left out",
        )
