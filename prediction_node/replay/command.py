"""`python -m prediction_node replay`: a recording in; predictions, figures and a report out."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.bags.reader import BagReader
    from prediction_node.config import Config
    from prediction_node.domain.lane_map import LaneMap
    from prediction_node.inference.guard import Engine
    from prediction_node.replay.counts import Counts
    from prediction_node.replay.keeper import Outcome
    from prediction_node.replay.topics import TopicMapping

ENGINES = ('kinematic', 'onnx', 'constant_velocity')
DAMAGED = 3  # exit status

EPILOG = """\
BAG is a rosbag2 folder or a single .mcap or .db3 file. It needs the vehicle's odometry and at least
one topic of tracks (autoware_perception_msgs/TrackedObjects, vision_msgs/Detection3DArray or
radar_msgs/RadarTracks); tf, traffic signals and a map are used when they are there. Topics are
found by their default names, else by message type; the table that is printed first says which. If
it is not what you want, write a YAML file and give it with --topics:

  odometry: /my/odometry
  lidar: /my/lidar/tracks
  ground_truth: /my/true/objects

The truth for the figures is /ground_truth/objects if the recording has it, else what the sensors
saw later.

example:
  python -m prediction_node replay drive_0 --map lanelet2_map.osm --out out/drive_0

exit status: 0 done; 2 nothing could be done; 3 done, but the recording is damaged and part of it is
lost
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'replay',
        help='predict for a recorded drive, and compare with what happened',
        description='Feeds a recording through the same pipeline as the live node, without a ROS '
        'graph\nand with the same result every time. Writes predictions.mcap (inputs kept), '
        'metrics.json,\nsummary.json and report.html.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bag', type=Path, metavar='BAG', help='rosbag2 folder, .mcap or .db3 file')
    parser.add_argument(
        '--map', type=Path, help='Lanelet2 map, .osm or .bin; without it the map in the recording'
    )
    parser.add_argument('--out', type=Path, required=True, help='folder for the results')
    parser.add_argument(
        '--engine',
        choices=ENGINES,
        help='predictor to use: learned (onnx), by rules (kinematic), or the baseline; without it '
        'the one that the parameters name',
    )
    parser.add_argument(
        '--model', metavar='DIR', help='learned model to use in place of the shipped one'
    )
    parser.add_argument('--topics', type=Path, metavar='FILE', help='YAML of input: topic')
    parser.add_argument('--config', type=Path, metavar='YAML', help='parameters, as for the node')
    parser.add_argument(
        '--limit-s', type=_positive, metavar='S', help='stop after this much recorded time'
    )
    parser.add_argument('--no-report', action='store_true', help='do not write report.html')
    parser.set_defaults(run=run)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1e9:
        raise argparse.ArgumentTypeError(f'must be above 0 s, got {text}')
    return value


def run(args: argparse.Namespace) -> int:
    """Replay. Returns 0, or 3 if the recording is damaged."""
    from prediction_node.bags.reader import BagReader
    from prediction_node.config import Config, load_yaml
    from prediction_node.replay import console as terminal
    from prediction_node.replay.topics import (
        load_overrides,
        map_topics,
        require_odometry,
        types_read,
    )

    console = terminal.make_console()
    config = _with_engine(load_yaml(args.config) if args.config else Config(), args)
    args.engine = args.engine or config.engine.name
    overrides = load_overrides(args.topics) if args.topics else {}
    _refuse_own_input(args.bag, args.out)
    with BagReader(args.bag, types_read(config)) as bag:
        terminal.print_damage(console, bag.damage, bag.start_ns)
        mapping = map_topics(bag.topics, config, overrides)
        terminal.print_mapping(console, mapping)
        require_odometry(mapping, args.bag)
        started = time.monotonic()
        map_file, lane_map = _load_map(args.map, mapping.config)
        terminal.print_map_warnings(console, lane_map)
        counts, outcome = _replay(args, bag, mapping, lane_map, console)
        wall_s = time.monotonic() - started
        _write_results(args, bag, mapping, map_file, counts, outcome)
        terminal.print_figures(console, outcome, args.engine)
        terminal.print_scorecard(console, outcome.scorecard)
        terminal.print_speed(console, counts, wall_s)
        terminal.print_files(console, args.out, report=not args.no_report)
        # Once more, below everything: this must not scroll away.
        terminal.print_damage(console, bag.damage, bag.start_ns)
        return DAMAGED if bag.damage else 0


def _refuse_own_input(bag: Path, out: Path) -> None:
    from prediction_node.domain.errors import BagError
    from prediction_node.replay.recorder import refuse_foreign_folder

    folder = bag if bag.is_dir() else bag.parent
    if bag.exists() and folder.resolve() == out.resolve():
        raise BagError(f'--out {out} is where the recording itself lies; choose another folder')
    refuse_foreign_folder(out)


def _load_map(path: Path | None, config: Config) -> tuple[Path | None, LaneMap | None]:
    """The map named by --map, else by the configuration; None leaves it to the recording."""
    from prediction_node.map_source import map_from_file

    if path is None and config.map.path:
        path = Path(config.map.path)
    return (path, map_from_file(path, config.map)) if path is not None else (None, None)


def _with_engine(config: Config, args: argparse.Namespace) -> Config:
    """The parameters with the engine and the model of the command line."""
    engine = config.engine
    if args.engine in ('kinematic', 'onnx'):
        engine = dataclasses.replace(engine, name=args.engine)
    if args.model is not None:
        engine = dataclasses.replace(engine, model_path=args.model)
    return dataclasses.replace(config, engine=engine)


def _engine(name: str) -> Engine | None:
    """None: the one that the parameters name."""
    from prediction_node.inference.constant_velocity import ConstantVelocityEngine

    return ConstantVelocityEngine() if name == 'constant_velocity' else None


def _replay(
    args: argparse.Namespace,
    bag: BagReader,
    mapping: TopicMapping,
    lane_map: LaneMap | None,
    console: Console,
) -> tuple[Counts, Outcome]:
    import numpy as np

    from prediction_node.pipeline import Pipeline
    from prediction_node.replay import console as terminal
    from prediction_node.replay.keeper import Keeper
    from prediction_node.replay.keeper_process import KeeperProcess
    from prediction_node.replay.log import ReplayLog
    from prediction_node.replay.recorder import Recorder
    from prediction_node.replay.run import Replay
    from prediction_node.replay.topics import GROUND_TRUTH
    from prediction_node.scorecard.scorecard import Scorecard

    pipeline = Pipeline(mapping.config, lane_map, _engine(args.engine))

    def make_keeper() -> Keeper:
        log = ReplayLog(bag.path.name, args.engine, None, np.zeros(2))
        kept = mapping.config.scorecard
        return Keeper(
            Recorder(args.out, bag.topics, mapping),
            log,
            mapping.topic_of(GROUND_TRUTH),
            Scorecard(kept) if kept.enabled else None,
        )

    keeper = KeeperProcess(make_keeper, pipeline.answer)
    inputs = mapping.pipeline_inputs(recorded_map=lane_map is None)
    replay = Replay(pipeline, inputs, keeper, limit_s=args.limit_s)
    try:
        with terminal.progress(console, bag.start_ns or 0, bag.end_ns or 0) as advance:
            replay.run(bag, advance)
        outcome, releases = keeper.finish()
    except BaseException:
        keeper.abort()
        raise
    outcome.log.lane_map = pipeline.lane_map
    return replay.counts.of_releases(releases), outcome


def _write_results(
    args: argparse.Namespace,
    bag: BagReader,
    mapping: TopicMapping,
    map_file: Path | None,
    counts: Counts,
    outcome: Outcome,
) -> None:
    from prediction_node.replay import figures
    from prediction_node.replay.topics import has_map

    map_name = map_file.name if map_file else ('in the recording' if has_map(mapping) else None)
    log = outcome.log
    log.metrics = figures.metrics(outcome, args.engine)
    log.summary = figures.summary(bag, map_name, mapping, counts, outcome)
    figures.write_json(args.out / 'metrics.json', log.metrics)
    figures.write_json(args.out / 'summary.json', log.summary)
    if not args.no_report:
        from prediction_node.replay.report import write_report

        write_report(log, args.out / 'report.html')
