"""`python -m prediction_node evaluate tracking`: fusion against truth, beside single modalities."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import progress_bar, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.config import Config
    from prediction_node.domain.kinds import Modality
    from prediction_node.evaluation.tracking import Identities, Matches
    from prediction_node.evaluation.tracking_scenes import Cycle

EPILOG = """\
DIR is searched for CommonRoad files (*.xml) and Argoverse 2 logs. Their road users pass through the
modelled sensors, the messages through observation and fusion, and the agents are matched with the
truth, at most 2 m apart. What no sensor could see is not judged. Each set of recordings (folder) is
judged with all modalities (fused), with each alone, and with each removed.

  IDF1, MOTA    identity score and tracking accuracy over everything in view of any sensor
  position      root mean square error of the matches, metres
  paired        the same at the instants only at which the fused list has a match as well;
  fused there   and the fused error at the instants which this variant matches: compare these
  with misses   the same over everything in view, where a miss costs 2 m
  velocity      root mean square error of moving vehicles followed for a second, m/s
  heading       mean error of the same, degrees
  NEES          normalised squared position error: 1 if the covariance is right, more if too small

example:
  python -m prediction_node evaluate tracking --data shared/data --limit 4 --json tracking.json
"""
FUSED = 'fused'
TABLE_WIDTH = 118
WARM_UP = 10  # releases that are not judged: tracks have to be confirmed first
COLUMNS = (
    ('IDF1', 'idf1', 3),
    ('MOTA', 'mota', 3),
    ('position', 'position_rmse_m', 3),
    ('paired', 'position_rmse_paired_m', 3),
    ('fused there', 'fused_position_rmse_paired_m', 3),
    ('with misses', 'position_rmse_missed_m', 3),
    ('velocity', 'moving_velocity_rmse_mps', 3),
    ('heading', 'moving_heading_error_deg', 2),
    ('NEES', 'position_nees', 2),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'tracking',
        help='fusion on recordings seen by modelled sensors, beside each modality alone',
        description='Scores fusion against the truth of recordings.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, required=True, metavar='DIR', help='recordings')
    parser.add_argument(
        '--limit', type=int, default=0, metavar='N', help='only the first N of each folder'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the sensor noise (default 0)')
    parser.add_argument('--sensors', type=Path, metavar='YAML', help='figures of the sensors')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures to this file')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the file."""
    from rich.console import Console

    from prediction_node.simulation.sensors.parameters import SuiteParameters
    from prediction_node.simulation.sensors.suite_file import load_suite

    suite = load_suite(args.sensors) if args.sensors is not None else SuiteParameters()
    sets = _sets(args.data, args.limit)
    total, done = sum(len(paths) for paths in sets.values()), itertools.count(1)
    with progress_bar() as progress:
        result = {
            'seed': args.seed,
            'datasets': {
                name: evaluate(
                    paths, suite, args.seed, lambda: progress('recordings', next(done), total)
                )
                for name, paths in sets.items()
            },
        }
    screen = Console()
    print_tables(result, Console(width=max(screen.width, TABLE_WIDTH)))
    write_json(args.json, result)
    return 0


def _sets(folder: Path, limit: int) -> dict[str, list[Path]]:
    """Recordings by the folder they lie in."""
    from prediction_node.evaluation.tracking_scenes import find_recordings

    sets: dict[str, list[Path]] = {}
    for path in find_recordings(folder):
        paths = sets.setdefault(path.parent.name, [])
        if not limit or len(paths) < limit:
            paths.append(path)
    return sets


def variants() -> dict[str, tuple[Modality, ...]]:
    """Which modalities are left, by name of the variant."""
    from prediction_node.domain.kinds import MODALITY_NAMES, Modality

    every = tuple(Modality)
    alone = {MODALITY_NAMES[m]: (m,) for m in every}
    removed = {f'without {MODALITY_NAMES[m]}': tuple(k for k in every if k is not m) for m in every}
    return {FUSED: every, **alone, **removed}


def evaluate(
    paths: Sequence[Path], suite: Any, seed: int, advance: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Figures by variant over all recordings at `paths`; `advance` hears of each one done."""
    from prediction_node.config import Config
    from prediction_node.evaluation.tracking import Identities, joined
    from prediction_node.evaluation.tracking_scenes import cycles_of, read_recording

    config = Config()
    counts = {name: Identities() for name in variants()}
    matches: dict[str, list[Matches]] = {name: [] for name in counts}
    used, skipped, frames = [], [], 0
    for path in paths:
        recording = read_recording(path)
        if recording.ego is None:
            skipped.append(path.stem)
            advance()
            continue
        used.append(path.stem)
        cycles = list(cycles_of(recording, suite, config, seed))
        frames = max(frames, len(cycles))
        for name, modalities in variants().items():
            judged = follow(cycles, modalities, config)
            counts[name] = counts[name] + judged[0]
            matches[name].append(judged[1])
        advance()
    return {
        'recordings': used,
        'without_robotaxi': skipped,
        'variants': _figures(
            counts, {name: joined(parts, frames) for name, parts in matches.items()}
        ),
    }


def follow(
    cycles: Iterable[Cycle], modalities: Sequence[Modality], config: Config
) -> tuple[Identities, Matches]:
    """Run fusion over the cycles with the given modalities only, and judge what it publishes."""
    from prediction_node.evaluation.tracking import judge_tracking
    from prediction_node.fusion import Fusion

    fusion = Fusion(config.fusion)
    truth, frames = [], []
    for cycle in cycles:
        if cycle.reset:
            fusion.reset()
        window = [o for o in cycle.observations if o.modality in modalities]
        agents = fusion.step(window, cycle.truth.stamp_ns, cycle.ego)
        frames.append(agents.select(agents.existence >= config.cycle.min_existence))
        truth.append(cycle.truth)
    return judge_tracking(truth[WARM_UP:], frames[WARM_UP:])


def _figures(
    counts: dict[str, Identities], matches: dict[str, Matches]
) -> dict[str, dict[str, float]]:
    from prediction_node.evaluation.tracking import figures

    out = {name: figures(counts[name], matches[name], matches[FUSED]) for name in counts}
    for name, values in out.items():
        there = figures(counts[FUSED], matches[FUSED], matches[name])
        for key in ('position_rmse_paired_m', 'velocity_rmse_paired_mps'):
            values[f'fused_{key}'] = there[key]
    return out


def print_tables(result: dict[str, Any], console: Console) -> None:
    """One table a set of recordings."""
    from rich.table import Table

    for name, figures in result['datasets'].items():
        table = Table(title=f'{name}: {len(figures["recordings"])} recordings')
        table.add_column('variant')
        for heading, _, _ in COLUMNS:
            table.add_column(heading, justify='right')
        for variant, values in figures['variants'].items():
            cells = [f'{values[key]:.{digits}f}' for _, key, digits in COLUMNS]
            table.add_row(variant, *cells)
        console.print(table)
        if figures['without_robotaxi']:
            left_out = ', '.join(figures['without_robotaxi'])
            console.print(f'left out, nobody in it can play the robotaxi: {left_out}')
