"""`python -m prediction_node simulate`: scenes of a simulated city, one or thousands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_node.command_line import positive
from prediction_node.generation.many import add_worker_arguments, ended_by_sigterm

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.generation.request import SceneRequest
    from prediction_node.generation.run import Workers
    from prediction_node.generation.store import SceneStore
    from prediction_node.simulation.sensors.parameters import SuiteParameters

RANDOM = 'random'
SEED_LIMIT = 1 << 31  # SUMO's seeds are 32 bit with a sign
LONGEST_S = 3600.0

EPILOG = """\
scenarios:
  {scenarios}
  random (each scene its own city, streets, traffic and weather, drawn from its seed), or the path
  of your own YAML file: copy one of config/scenarios

results:
  OUT/scene_NNNNNN, NNNNNN being the scene's seed: --seed, --seed + 1, ... A scene holds
    bag          rosbag2 folder (MCAP): what the vehicle's sensors report, odometry, tf, signals,
                 and the exact truth on /ground_truth/objects
    map.osm      the city as a Lanelet2 map
    scene.json   scenario, agents, windows that were rejected and why, digests of the files
  with --scenes-only, scene.npz in place of bag and map: tracks, who is in view of which sensor,
  lights and map in one compact file, made much faster. Read it with
  prediction_node.generation.scene_file.read_scene_file.
  OUT/summary.json holds the counts that are printed at the end.

  The same seed gives the same bytes, alone or among thousands, whatever --jobs. A run that was
  stopped goes on where it was when you give the same command again; finished scenes are kept and
  checked against their digests. Windows in which bodies run into each other or jump are rejected
  and replaced; the share is printed.

examples:
  python -m prediction_node simulate --scenario downtown --duration 60 --out out/downtown
  python -m prediction_node simulate --scenario random --count 1000 --jobs 8 --scenes-only \\
    --out out/scenes
  python -m prediction_node simulate --scenario random --count 100000 --jobs 256 --scenes-only \\
    --ray ray://head:10001 --out out/scenes

look at one, and at what is predicted for it:
  python -m prediction_node replay out/downtown/scene_000000/bag \\
    --map out/downtown/scene_000000/map.osm --out out/replay

exit status: 0 all scenes are there; 1 some could not be made, they are listed; 2 bad input
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from prediction_node.simulation.scenario import SHIPPED

    parser = subparsers.add_parser(
        'simulate',
        help='record scenes of a simulated city: bags to replay, or scenes to learn from',
        description='Builds cities with traffic in SUMO, drives a robotaxi through them, and '
        'records what its\nsensors report and what really happened. Needs the libraries of '
        'requirements/simulation.txt.',
        epilog=EPILOG.format(scenarios=', '.join(SHIPPED)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--scenario', required=True, metavar='NAME', help='one of those below, a file, or random'
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the scenes')
    parser.add_argument(
        '--seed', type=_seed, default=0, metavar='N', help='of the first scene (default: 0)'
    )
    parser.add_argument(
        '--duration',
        type=_duration,
        default=60.0,
        metavar='S',
        help='simulated seconds per scene (default: 60)',
    )
    parser.add_argument(
        '--count', type=positive, default=1, metavar='K', help='number of scenes (default: 1)'
    )
    add_worker_arguments(parser, 'scenes')
    parser.add_argument(
        '--scenes-only', action='store_true', help='no bags: tracks and visibility, for learning'
    )
    parser.add_argument(
        '--sensors',
        type=Path,
        metavar='YAML',
        help="the sensors' figures, such as config/sensors_corners.yaml (default: the usual four)",
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='read all bags back and look for jumps and overlaps of moving bodies above 0.2 m',
    )
    parser.set_defaults(run=run)


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < SEED_LIMIT:
        raise argparse.ArgumentTypeError(f'must be in 0 to {SEED_LIMIT - 1}, got {text}')
    return value


def _duration(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= LONGEST_S:
        raise argparse.ArgumentTypeError(f'must be in 1 to {LONGEST_S:.0f} s, got {text}')
    return value


def run(args: argparse.Namespace) -> int:
    """Simulate. Returns 0, or 1 if scenes are missing or flawed."""
    from rich.console import Console

    from prediction_node.generation.run import progress_bar, run_scenes
    from prediction_node.generation.store import SceneStore
    from prediction_node.simulation.network.netconvert import require_sumo

    console = Console(file=sys.stderr)
    requests = _requests(args)
    if args.ray is None:
        # This machine is told once, not once a scene; those of a cluster are on their own.
        require_sumo()
    store = SceneStore(args.out)
    with ended_by_sigterm(), store.claimed():
        try:
            with progress_bar(console, len(requests)) as bar:
                workers = _workers(args, store, bar.scene)
                summary = run_scenes(store, requests, workers, bar)
        except KeyboardInterrupt:
            console.print(f'finished scenes are in {args.out}; the same command goes on with them')
            raise
        summary.write(args.out)
    summary.print(Console(soft_wrap=True))
    flawed = args.check and not _check(store, requests, console)
    return 1 if summary.failed or flawed else 0


def _requests(args: argparse.Namespace) -> list[SceneRequest]:
    from prediction_node.domain.errors import ParameterError
    from prediction_node.generation.request import SceneRequest
    from prediction_node.simulation.scenario import load_scenario

    if args.seed + args.count > SEED_LIMIT:
        raise ParameterError(f'--seed plus --count must be at most {SEED_LIMIT}')
    scenario = None if args.scenario == RANDOM else load_scenario(args.scenario)
    suite = _suite(args.sensors)
    return [
        SceneRequest(seed, scenario, args.duration, args.scenes_only, suite)
        for seed in range(args.seed, args.seed + args.count)
    ]


def _suite(path: Path | None) -> SuiteParameters:
    from prediction_node.simulation.sensors.parameters import SuiteParameters
    from prediction_node.simulation.sensors.suite_file import load_suite

    return SuiteParameters() if path is None else load_suite(path)


def _workers(
    args: argparse.Namespace, store: SceneStore, on_progress: Callable[[int, float], None]
) -> Workers:
    from prediction_node.generation.cluster import RayWorkers
    from prediction_node.generation.make import make_scene
    from prediction_node.generation.workers import LocalWorkers

    if args.ray is not None:
        return RayWorkers(make_scene, store, args.jobs, args.ray)
    return LocalWorkers(make_scene, store, args.jobs, on_progress=on_progress)


def _check(store: SceneStore, requests: Sequence[SceneRequest], console: Console) -> bool:
    """Inspect the bags that are there; true if none has a flaw."""
    from rich.progress import track

    from prediction_node.generation.inspection import inspect_bag
    from prediction_node.generation.make import BAG

    bags = [store.place(request.seed) / BAG for request in requests]
    bags = [bag for bag in bags if bag.is_dir()]
    flaws = 0
    for bag in track(bags, 'check', console=console, transient=True):
        for flaw in inspect_bag(bag).flaws:
            flaws += 1
            print(f'{bag}: {flaw}')
    print(f'{len(bags)} bags read back: {flaws} jumps or overlaps above 0.2 m')
    return flaws == 0
