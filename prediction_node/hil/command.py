"""`python -m prediction_node hil`: the node in front of a world that answers."""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import positive, write_json
from prediction_node.domain.errors import PredictionNodeError

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.bench.run_file import RunFile
    from prediction_node.bench.stand import Stand

PASSED, FAILED = 0, 1
PLANNERS = ('kinematic', 'learned', 'conditional', 'asking')
_LEAST_S, _MOST_S = 1.0, 86_400.0
_MOST_RUNS = 100_000

EPILOG = """\
KIND of a fault: off, stuck, garbage, wrong, slow, delayed, intermittent, clock_jump, burst, kill.
SOURCE: a sensor (lidar_front_left), a modality (lidar), all, odometry, tf, signals; for kill: node.
START and END are seconds of the run. Thresholds, budgets, how bad a fault is: config/hil.yaml.

examples:
  python -m prediction_node hil --scenario downtown --duration 60 --json out/hil.json
  python -m prediction_node hil --scenario downtown --duration 60 --fault off:lidar:20:40
  python -m prediction_node hil --scenario roundabout --duration 30 --lockstep --seed 7
  python -m prediction_node hil --scenario downtown --duration 60 --fault kill:node:20:22

  python -m prediction_node hil --scenario downtown --duration 60 --planner conditional

Which planner drives better? The same cities, once with either, and 95 % intervals of the paired
differences; runs that lie in --out already are not repeated:

  python -m prediction_node hil --scenario downtown --duration 60 --planner conditional \\
      --against kinematic --seeds 40 --jobs 2 --out out/compare --json out/compare.json

With the node on another machine, prepare a run, copy map.osm and prediction.yaml of its folder
there (and set map.path), start the node there and the rest here, all on one ROS_DOMAIN_ID:

  python -m prediction_node hil --scenario downtown --duration 60 --out out/run --prepare
  python -m prediction_node hil --scenario downtown --duration 60 --out out/run --no-node

exit status: 0 the verdict is pass; 1 it is fail; 2 nothing could be judged
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'hil',
        help='drive the live node through a simulated city and judge it',
        description='Hardware in the loop: a simulated city, its sensors and a planner in real '
        'time\naround the node, faults on purpose, and a verdict with reasons.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--scenario', required=True, help='shipped scenario by name, or a scenario file'
    )
    parser.add_argument(
        '--duration', type=_duration, required=True, metavar='S', help='seconds that count'
    )
    parser.add_argument('--seed', type=_seed, default=0, help='of city, traffic, noise (default 0)')
    parser.add_argument(
        '--fault',
        action='append',
        default=[],
        metavar='KIND:SOURCE:START:END',
        help='something that goes wrong; may be given again',
    )
    parser.add_argument(
        '--lockstep',
        action='store_true',
        help='all in one process on simulated time, as fast as it goes, the same every time',
    )
    parser.add_argument('--config', type=Path, metavar='YAML', help='in place of config/hil.yaml')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures there')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='keep city, map and parameters there'
    )
    parser.add_argument(
        '--clock', action='store_true', help='publish /clock and let the node follow it'
    )
    parser.add_argument(
        '--planner',
        choices=PLANNERS,
        default='kinematic',
        help='what it drives by: predictions by rules (kinematic), learned ones (learned), learned '
        'ones of every candidate (conditional); asking: by rules, asked as if it were conditional',
    )
    parser.add_argument(
        '--model', default='', metavar='DIR', help='learned model in place of the shipped one'
    )
    parser.add_argument(
        '--against',
        choices=PLANNERS,
        metavar='PLANNER',
        help='compare --planner with this one, in lockstep',
    )
    count = functools.partial(positive, most=_MOST_RUNS)
    parser.add_argument(
        '--seeds', type=count, default=40, metavar='N', help='of a comparison, from --seed on'
    )
    parser.add_argument(
        '--jobs', type=count, default=1, metavar='N', help='runs of a comparison at a time'
    )
    parser.add_argument(
        '--prepare', action='store_true', help='write the files of the run to --out and end'
    )
    parser.add_argument(
        '--no-node', action='store_true', help='the node runs already, here or elsewhere'
    )
    parser.set_defaults(run=run)


def _duration(text: str) -> float:
    value = _number(text, float)
    if not _LEAST_S <= value <= _MOST_S:
        raise argparse.ArgumentTypeError(f'must be {_LEAST_S:g} to {_MOST_S:g} s, got {text}')
    return float(value)


def _seed(text: str) -> int:
    value = _number(text, int)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f'must be 0 to {2**31 - 1}, got {text}')
    return int(value)


def _number(text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a number, got {text!r}') from None


def run(args: argparse.Namespace) -> int:
    """0 when the verdict is pass, 1 when it is fail. Raises PredictionNodeError."""
    from rich.console import Console

    from prediction_node.bench.run_file import prepare
    from prediction_node.hil.table import show

    _refuse_contradictions(args)
    console = Console(stderr=True, highlight=False)
    if args.against is not None:
        return _compare(args, console)
    with ExitStack() as stack:
        folder = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='hil_')))
        console.print(f'building {args.scenario} ...')
        made, stand = prepare(
            folder,
            args.scenario,
            args.seed,
            args.duration,
            args.config,
            args.fault,
            use_clock=args.clock,
            planner=args.planner,
            model=args.model,
        )
        if args.prepare:
            console.print(f'{stand.map_path} and {stand.parameter_path} are for the node')
            return PASSED
        figures = _drive(args, console, folder, made, stand)
    write_json(args.json, figures)
    show(Console(highlight=False), figures)
    return PASSED if figures['verdict'] == 'pass' else FAILED


def _refuse_contradictions(args: argparse.Namespace) -> None:
    if args.prepare and args.out is None:
        raise PredictionNodeError('--prepare needs --out DIR to write to')
    if args.lockstep and (args.no_node or args.clock):
        raise PredictionNodeError('--lockstep runs no node, so --no-node and --clock say nothing')
    if args.no_node and any(text.startswith('kill:') for text in args.fault):
        raise PredictionNodeError('a node that runs elsewhere cannot be killed from here')
    if args.against == args.planner:
        raise PredictionNodeError(f'--against {args.against} is what --planner says already')
    if args.against is not None and (args.fault or args.prepare or args.no_node or args.clock):
        raise PredictionNodeError(
            '--against compares in lockstep, without --fault, --prepare, --no-node and --clock'
        )
    if args.json is not None and args.json.is_dir():
        raise PredictionNodeError(f'{args.json} is a folder, --json needs a file')


def _drive(
    args: argparse.Namespace, console: Console, folder: Path, made: RunFile, stand: Stand
) -> dict[str, Any]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    if not args.lockstep:
        _need_rclpy()
    columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[at]}'))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task('starting', total=args.duration, at='')

        def progress(at_s: float) -> None:
            text = 'settling' if at_s < 0.0 else 'driving'
            at = max(at_s, 0.0)
            bar.update(task, completed=at, description=text, at=f'{at:.0f} of {args.duration:g} s')

        if args.lockstep:
            from prediction_node.bench.arms import arm_of
            from prediction_node.hil.lockstep import Lockstep

            settings, faults = made.load_settings(), made.parsed_faults()
            asks = arm_of(args.planner).asks
            return Lockstep(stand, settings, faults, args.duration, asks=asks).run(progress)
        from prediction_node.hil.live import LiveRun

        return LiveRun(folder, made, own_node=not args.no_node).run(progress)


def _compare(args: argparse.Namespace, console: Console) -> int:
    """0: a comparison passes no verdict."""
    from prediction_node.hil.comparison import Comparison
    from prediction_node.hil.table import show_comparison

    with ExitStack() as stack:
        folder = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='hil_')))
        comparison = Comparison(
            (args.planner, args.against),
            range(args.seed, args.seed + args.seeds),
            args.scenario,
            args.duration,
            folder,
            config=args.config,
            model=args.model,
        )
        figures = comparison.run(args.jobs, console)
    write_json(args.json, figures)
    show_comparison(console, figures)
    return PASSED


def _need_rclpy() -> None:
    import importlib.util

    if importlib.util.find_spec('rclpy') is None:
        raise PredictionNodeError(
            'rclpy is not installed: source a ROS 2 installation, or use --lockstep'
        )
