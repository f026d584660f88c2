"""`import` from end to end: results whole or absent, and replies that help."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.domain.errors import DataError, PredictionNodeError
from prediction_node.importers import command
from prediction_node.importers.output_folder import whole_results
from prediction_node.vehicle import messages as vehicle_messages

READERS = {
    'autoware_perception_msgs/msg/TrackedObjects': cdr.read_tracked_objects,
    'vision_msgs/msg/Detection3DArray': cdr.read_detection3d_array,
    'radar_msgs/msg/RadarTracks': cdr.read_radar_tracks,
    'nav_msgs/msg/Odometry': cdr.read_odometry,
}
REPOSITORY = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(['import', *map(str, arguments)])
    return int(args.run(args))


@pytest.fixture
def file(scenario: Any, xml: Any) -> Path:
    place = (
        '<location><gpsLatitude>34.1</gpsLatitude><gpsLongitude>-118.4</gpsLongitude></location>'
    )
    return scenario(
        place, xml.road, xml.driver(1, (0, 0), (5, 0)), xml.driver(2, (20, 0), (4, 0), steps=18)
    )


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_bag_and_map_appear(file: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / 'deep' / 'out'
    assert run('commonroad', file, '--out', out) == 0
    assert names_in(out) == {'bag', 'map.osm'}
    assert names_in(out.parent) == {'out'}
    assert 'track 1 is the robotaxi' in capsys.readouterr().out
    with BagReader(out / 'bag') as bag:
        assert bag.end_ns > bag.start_ns
    nodes = ET.parse(out / 'map.osm').getroot().findall('node')
    assert abs(float(nodes[0].get('lat', '0')) - 34.1) < 0.01


def test_results_are_not_overwritten_unless_asked(file: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    run('commonroad', file, '--out', out)
    (out / 'README.md').write_text('mine')
    before = (out / 'bag' / 'bag_0.mcap').read_bytes()
    with pytest.raises(DataError, match=r'out already holds bag and map.osm; use --force'):
        run('commonroad', file, '--out', out, '--seed', 1)
    assert (out / 'bag' / 'bag_0.mcap').read_bytes() == before
    run('commonroad', file, '--out', out, '--seed', 1, '--force')
    assert (out / 'bag' / 'bag_0.mcap').read_bytes() != before
    assert names_in(out) == {'bag', 'map.osm', 'README.md'}
    assert names_in(tmp_path) == {'out', file.name}


def test_a_failure_leaves_nothing_behind(file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def broken(*_: object) -> Any:
        raise DataError('the disk is on fire')

    monkeypatch.setattr(vehicle_messages, 'truth_at', broken)
    with pytest.raises(DataError, match='the disk is on fire'):
        run('commonroad', file, '--out', tmp_path / 'out')
    assert names_in(tmp_path) == {file.name}


def test_the_robotaxi_can_be_named(file: Path, tmp_path: Path, capsys: Any) -> None:
    run('commonroad', file, '--out', tmp_path / 'out', '--ego', '2')
    assert 'track 2 is the robotaxi' in capsys.readouterr().out
    with pytest.raises(DataError, match="no track '9'"):
        run('commonroad', file, '--out', tmp_path / 'other', '--ego', '9')
    assert not (tmp_path / 'other').exists()


def test_sensors_from_a_file(file: Path, tmp_path: Path) -> None:
    sensors = tmp_path / 'sensors.yaml'
    sensors.write_text('sensors:\n  roof:\n    modality: lidar\n    topic: /roof\n')
    run('commonroad', file, '--out', tmp_path / 'out', '--sensors', sensors)
    with BagReader(tmp_path / 'out' / 'bag') as bag:
        topics = {topic.name for topic in bag.topics}
    assert '/roof' in topics
    assert not any(topic.endswith('camera/tracks') for topic in topics)
    sensors.write_text('sensor: {}')
    with pytest.raises(PredictionNodeError, match=r'sensors\.yaml: sensor is unknown'):
        run('commonroad', file, '--out', tmp_path / 'other', '--sensors', sensors)


def test_night_changes_the_bag(scenario: Any, xml: Any, tmp_path: Path) -> None:
    far = scenario(xml.road, xml.driver(1, (0, 0), (5, 0)), xml.driver(2, (90, 0), (5, 0)))

    def seen(out: Path) -> int:
        with BagReader(out / 'bag') as bag:
            return sum(
                len(cdr.read_detection3d_array(data).position)
                for _, _, _, data in bag.messages(['/perception/camera/tracks'])
            )

    run('commonroad', far, '--out', tmp_path / 'day')
    run('commonroad', far, '--out', tmp_path / 'night', '--night')
    assert seen(tmp_path / 'day') > 0
    assert seen(tmp_path / 'night') == 0


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'absent\.xml cannot be read'):
        run('commonroad', tmp_path / 'absent.xml', '--out', tmp_path / 'out')
    with pytest.raises(DataError, match='is not a folder'):
        run('av2', tmp_path / 'absent', '--out', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_output_below_a_file_is_an_error(file: Path) -> None:
    with pytest.raises(DataError, match='cannot be written'):
        run('commonroad', file, '--out', file / 'out')


def test_results_replace_only_when_complete(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'a').write_text('old')

    def half_done() -> None:
        with whole_results(out, ('a', 'b'), force=True) as scratch:
            (scratch / 'a').write_text('new')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    assert (out / 'a').read_text() == 'old'
    with whole_results(out, ('a', 'b'), force=True) as scratch:
        (scratch / 'a').write_text('new')
        (scratch / 'b').write_text('new')
    assert {path.name: path.read_text() for path in out.iterdir()} == {'a': 'new', 'b': 'new'}
    assert names_in(tmp_path) == {'out'}


def test_help_names_what_is_written(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        run('--help')
    text = capsys.readouterr().out
    assert 'OUT/map.osm' in text
    assert '--sensors' in text


@pytest.mark.slow
def test_the_sample_is_what_its_command_makes(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / 'ngsim_commonroad' / 'Lankershim' / 'USA_Lanker-2_10_T-1.xml'
    run('commonroad', source, '--out', tmp_path / 'out', '--seed', 0)
    sample = REPOSITORY / 'samples' / 'lankershim'
    from prediction_node.lanelet.load import load_map

    ours, theirs = (load_map(folder / 'map.osm') for folder in (tmp_path / 'out', sample))
    assert ours.id.tolist() == theirs.id.tolist()
    with BagReader(tmp_path / 'out' / 'bag') as made, BagReader(sample / 'bag') as shipped:
        for a, b in zip(made.messages(), shipped.messages(), strict=True):
            assert a[:3] == b[:3]
            if a[2] in READERS:  # the last bits of a sine differ between processors
                one, other = (READERS[a[2]](m[3]).position for m in (a, b))
                np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-9)
    assert sum(f.stat().st_size for f in sample.rglob('*') if f.is_file()) < 5_000_000
