"""Map frames: local coordinates, projections, and mixtures of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lanelet2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import MapError, ParameterError
from prediction_node.lanelet.elements import Points
from prediction_node.lanelet.geodesy import (
    local_cartesian,
    mgrs_square,
    transverse_mercator,
    utm,
    utm_zone,
)
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.parameters import ProjectionParameters
from prediction_node.lanelet.projection import place

PLACES = st.tuples(st.floats(-79.0, 83.0), st.floats(-179.0, 179.0))


def points_at(latitude: Any, longitude: Any, local: Any = None, elevation: float = 0.0) -> Points:
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    n = len(latitude)
    return Points(
        id=np.arange(1, n + 1),
        latitude_deg=latitude,
        longitude_deg=longitude,
        elevation_m=np.full(n, elevation),
        local_m=np.full((n, 2), np.nan) if local is None else np.asarray(local, float),
    )


def placed(points: Points, **options: Any) -> np.ndarray:
    used = np.ones(len(points), bool)
    return place(points, used, ProjectionParameters(**options), 'map').xyz_m


@settings(max_examples=60, deadline=None)
@given(at=PLACES, north=st.floats(-0.1, 0.1), east=st.floats(-0.1, 0.1))
def test_utm_and_tangent_plane_agree_with_lanelet2(
    at: tuple[float, float], north: float, east: float
) -> None:
    origin = lanelet2.io.Origin(*at)
    gps = lanelet2.core.GPSPoint(at[0] + north, at[1] + east, 12.0)
    latitude, longitude = np.array([gps.lat]), np.array([gps.lon])
    theirs = lanelet2.projection.LocalCartesianProjector(origin).forward(gps)
    ours = local_cartesian(latitude, longitude, np.array([12.0]), (*at, 0.0))[0]
    np.testing.assert_allclose(ours, [theirs.x, theirs.y, theirs.z], atol=1e-6)
    try:
        theirs = lanelet2.projection.UtmProjector(origin).forward(gps)
    except RuntimeError:
        return  # beyond what its projector takes: another hemisphere or a far zone
    zone = utm_zone(*at)
    if zone != utm_zone(gps.lat, gps.lon) or at[0] * gps.lat <= 0:
        return
    ours = utm(latitude, longitude, zone) - utm(np.array([at[0]]), np.array([at[1]]), zone)
    np.testing.assert_allclose(ours[0], [theirs.x, theirs.y], atol=1e-6)


@given(longitude=st.floats(-180, 180), scale=st.floats(0.9, 1.1))
def test_the_meridian_is_straight_and_to_scale(longitude: float, scale: float) -> None:
    """The quarter meridian of WGS 84 is 10 001 965.729 m."""
    xy = transverse_mercator(np.array([0.0, 90.0]), np.full(2, longitude), longitude, scale)
    np.testing.assert_allclose(xy, [[0, 0], [0, scale * 10001965.729]], atol=2e-3)


@pytest.mark.parametrize(
    ('latitude', 'longitude', 'zone'),
    [
        (35.2, 138.8, 54),
        (49.0, 8.4, 32),
        (60.4, 5.3, 32),
        (78.2, 15.6, 33),
        (-33.9, 151.2, 56),
        (0, 180, 1),
        (1, -1e-106, 30),
    ],
)
def test_zones(latitude: float, longitude: float, zone: int) -> None:
    assert utm_zone(latitude, longitude) == zone


def test_mgrs_squares() -> None:
    """Known squares: Mount Fuji's foot, Tokyo station, Honolulu (GeographicLib's example)."""
    for latitude, longitude, square in (
        (35.2378, 138.8076, '54SUE'),
        (35.6812, 139.7671, '54SUE'),
        (21.3069, -157.8583, '4QFJ'),
    ):
        zone = utm_zone(latitude, longitude)
        x, y = utm(np.array([latitude]), np.array([longitude]), zone)[0]
        assert mgrs_square(x, y, latitude, zone) == square


def test_local_coordinates_win_and_need_no_others() -> None:
    points = points_at([np.nan] * 2, [np.nan] * 2, [[3.0, 4.0], [5.0, 6.0]], 7.0)
    np.testing.assert_array_equal(placed(points), [[3, 4, 7], [5, 6, 7]])
    np.testing.assert_array_equal(placed(points, kind='utm'), [[3, 4, 7], [5, 6, 7]])
    with pytest.raises(MapError, match='node 1 has neither'):
        placed(points, coordinates='projected')


def test_local_coordinates_may_be_demanded() -> None:
    with pytest.raises(MapError, match='point 1 has no local_x and local_y'):
        placed(points_at([35.0], [138.0]), coordinates='local')


def test_centred_maps_have_their_middle_at_the_origin_and_true_lengths() -> None:
    points = points_at([35.0, 35.01], [138.0, 138.02])
    xyz = placed(points)
    np.testing.assert_allclose(xyz[0, :2], -xyz[1, :2], rtol=1e-3)
    true = local_cartesian(
        points.latitude_deg, points.longitude_deg, np.zeros(2), (35.005, 138.01, 0)
    )
    assert np.linalg.norm(xyz[1] - xyz[0]) == pytest.approx(
        np.linalg.norm(true[1] - true[0]), rel=1e-6
    )


def test_mgrs_goes_on_beyond_its_square() -> None:
    """No jump of 100 km where the map leaves the square."""
    latitude = np.linspace(35.0, 37.0, 50)
    points = points_at(latitude, np.full(50, 138.9))
    steps = np.diff(placed(points, kind='mgrs')[:, 1])
    assert np.all(np.abs(steps - steps[0]) < 10)
    named = placed(points, kind='mgrs', mgrs_grid='54SUE')
    wrapped = utm(points.latitude_deg, points.longitude_deg, 54) % 1e5
    inside = [
        mgrs_square(*xy, lat, 54) == '54SUE'
        for xy, lat in zip(
            utm(points.latitude_deg, points.longitude_deg, 54), latitude, strict=True
        )
    ]
    assert any(inside)
    assert not all(inside)
    np.testing.assert_allclose(named[inside, :2], wrapped[inside], atol=1e-6)


def test_mgrs_squares_must_exist_and_hold_the_map() -> None:
    with pytest.raises(ParameterError, match=r"mgrs_grid must name a 100 km square .* got 'Tokyo'"):
        placed(points_at([35.2], [138.8]), kind='mgrs', mgrs_grid='Tokyo')
    with pytest.raises(MapError, match='no point of the map lies in the square mgrs_grid 54SVE'):
        placed(points_at([35.2], [138.8]), kind='mgrs', mgrs_grid='54SVE')


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(-3, 3),
    east=st.floats(-1e5, 1e5),
    north=st.floats(-1e5, 1e5),
    seed=st.integers(0, 99),
)
def test_points_without_local_coordinates_follow_the_others(
    angle: float, east: float, north: float, seed: int
) -> None:
    """The local frame is the projected one, turned and shifted: so are the points that lack it."""
    rng = np.random.default_rng(seed)
    points = points_at(35.2 + rng.uniform(0, 0.01, 8), 138.8 + rng.uniform(0, 0.01, 8))
    plane = placed(points)[:, :2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    local = plane @ turn.T + [east, north]
    points.local_m = np.where(np.arange(8)[:, None] < 5, local, np.nan)
    np.testing.assert_allclose(placed(points)[:, :2], local, atol=1e-5)


def test_points_that_cannot_be_placed_are_named() -> None:
    contradicting = points_at([35.2, 35.3, 35.4], [138.8] * 3, [[0, 0], [5, 5], [np.nan, np.nan]])
    contradicting.local_m[1] = [5, 5]
    mixed = points_at([35.2] * 3, [138.8] * 3, [[0, 0], [np.nan] * 2, [np.nan] * 2])
    with pytest.raises(MapError, match=r'point 2 has no local_x .* too few other points'):
        placed(mixed)
    scattered = points_at([35.2, 35.21, 35.25, 35.4], [138.8, 138.9, 138.7, 138.8],
                          [[0, 0], [900, 5], [3, 77], [np.nan] * 2])  # fmt: skip
    with pytest.raises(MapError, match=r'point 4 has no local_x .* differ from their local ones'):
        placed(scattered)


def test_one_map_in_every_projection_keeps_its_shape(map_text: Any, tmp_path: Path) -> None:
    text = map_text(local=False)
    text.straight(0.0, 80.0)
    path = text.save(tmp_path / 'map.osm')
    for kind in ('centred', 'utm', 'mgrs', 'local_cartesian', 'transverse_mercator'):
        lane_map = load_map(
            path,
            projection=ProjectionParameters(
                kind=kind, origin_latitude_deg=35.2, origin_longitude_deg=138.8
            ),
        )
        line = lane_map.centreline[0]
        assert np.linalg.norm(line[-1] - line[0]) == pytest.approx(80.0, abs=0.05)
        if kind in ('utm', 'local_cartesian', 'transverse_mercator'):
            np.testing.assert_allclose(line[0, :2], [0.0, 0.0], atol=0.01)


@pytest.mark.parametrize(
    ('changes', 'match'),
    [
        ({'kind': 'mercator'}, "kind must be one of .*, got 'mercator'"),
        ({'coordinates': 'both'}, 'coordinates must be one of'),
        ({'origin_latitude_deg': 91.0}, 'origin_latitude_deg must be <= 90'),
        ({'scale_factor': float('nan')}, 'scale_factor must be a number'),
    ],
)
def test_parameters_are_checked(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        ProjectionParameters(**changes)
