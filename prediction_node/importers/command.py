"""`python -m prediction_node import`: public recordings in, a bag and a map out."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prediction_node.domain.lane_map import LaneMap
    from prediction_node.domain.recording import Recording
    from prediction_node.lanelet.write import Origin
    from prediction_node.simulation.sensors.parameters import SuiteParameters

EPILOG = """\
Both write OUT/bag, a rosbag2 folder in MCAP, and OUT/map.osm, a Lanelet2 map. The recorded road
users pass through modelled sensors (camera, LiDAR, radar, thermal), so that four kinds of messages
arrive with noise, delays and gaps; the exact tracks are beside them on /ground_truth/objects. The
sensors' figures and their meaning: config/sensors.yaml; copy it, change it, give it with --sensors.

examples:
  python -m prediction_node import commonroad USA_Lanker-2_16_T-1.xml --out out/lankershim
  python -m prediction_node import av2 logs/3b3570b4-7b0b-3268-a571-b0889dbf40b6 --out out/miami
  --night

then look at predictions for it:
  python -m prediction_node replay out/lankershim/bag --map out/lankershim/map.osm --out out/replay
"""
RESULTS = ('bag', 'map.osm')


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'import',
        help='turn a public recording into a bag and a map',
        description='Turns a recording of real traffic into a bag, as a vehicle in it would have '
        'recorded it, and a map.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(title='formats', metavar='FORMAT', required=True)

    commonroad = kinds.add_parser(
        'commonroad',
        help='a CommonRoad 2020a scenario with recorded traffic, such as the NGSIM ones',
        description='A CommonRoad 2020a scenario. One of the recorded vehicles plays the robotaxi: '
        'the moving one that is there longest, of equals the most central one.',
    )
    commonroad.add_argument('file', type=Path, metavar='FILE', help='the scenario, an XML file')
    commonroad.add_argument(
        '--ego', metavar='TRACK', help='id of the vehicle that plays the robotaxi'
    )
    _add_common(commonroad)
    commonroad.set_defaults(run=import_commonroad)

    av2 = kinds.add_parser(
        'av2',
        help='an annotated drive of Argoverse 2 (sensor data set)',
        description='An Argoverse 2 log: the drive of the recording vehicle, the annotated boxes '
        'around it, and the vector map. Cameras and LiDAR sweeps are not needed. Reading it takes '
        'pyarrow (pip install pyarrow).',
    )
    av2.add_argument('log', type=Path, metavar='LOG', help='the folder of the log')
    _add_common(av2)
    av2.set_defaults(run=import_av2)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='where the results go'
    )
    parser.add_argument(
        '--sensors',
        type=Path,
        metavar='YAML',
        help="the sensors' figures (default: the usual four)",
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of all noise: the same seed gives the same bag (0)'
    )
    parser.add_argument('--night', action='store_true', help='it is dark: cameras see half as far')
    parser.add_argument('--force', action='store_true', help='replace results of an earlier import')


def import_commonroad(args: argparse.Namespace) -> int:
    from prediction_node.importers.commonroad import read_commonroad, read_origin
    from prediction_node.importers.ego import with_ego

    recording, lane_map = read_commonroad(args.file)
    if args.ego is not None or recording.ego is None:
        recording = with_ego(recording, args.ego)
    return _write(args, recording, lane_map, read_origin(args.file))


def import_av2(args: argparse.Namespace) -> int:
    from prediction_node.importers.av2 import read_av2_log

    recording, lane_map, origin = read_av2_log(args.log)
    return _write(args, recording, lane_map, origin)


def _write(
    args: argparse.Namespace, recording: Recording, lane_map: LaneMap, origin: Origin
) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from prediction_node.importers.output_folder import whole_results
    from prediction_node.lanelet.write import write_lanelet2
    from prediction_node.vehicle.bag import write_bag

    suite = _suite(args)
    console = Console(file=sys.stderr)
    with whole_results(args.out, RESULTS, args.force) as scratch:
        parted = write_lanelet2(lane_map, scratch / 'map.osm', origin)
        with Progress(
            TextColumn('modelled sensors'), BarColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task('', total=1.0)
            count = write_bag(
                recording,
                suite,
                args.seed,
                scratch / 'bag',
                lambda share: bar.update(task, completed=share),
            )
            bar.update(task, completed=1.0)
    for sentence in (*lane_map.warnings, *parted):
        console.print(f'map: {sentence}', highlight=False)
    assert recording.ego is not None
    seconds = (int(recording.stamp_ns[-1]) - int(recording.stamp_ns[0])) / 1e9
    print(
        f'{recording.name}: {seconds:.1f} s, {len(recording.track_id)} road users, '
        f'track {recording.track_id[recording.ego]} is the robotaxi, {len(lane_map)} lanes\n'
        f'{args.out / "bag"}: {count} messages\n{args.out / "map.osm"}'
    )
    return 0


def _suite(args: argparse.Namespace) -> SuiteParameters:
    from prediction_node.simulation.sensors.parameters import SuiteParameters
    from prediction_node.simulation.sensors.suite_file import load_suite

    suite = SuiteParameters() if args.sensors is None else load_suite(args.sensors)
    return dataclasses.replace(suite, night=True) if args.night else suite
