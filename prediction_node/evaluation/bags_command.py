"""`python -m prediction_node evaluate bags`: engines beside each other, by class and horizon."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import positive, progress_bar, write_json
from prediction_node.evaluation.arguments import (
    add_engine,
    add_output,
    chosen_engine,
    table_console,
)

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.evaluation.engines import EngineSpec
    from prediction_node.learning.samples import SampleStore

EPILOG = """\
PATH is a folder of samples (of `extract`), a bag, or a folder of whatever recordings `extract`
reads: bags pass through observation and fusion first, as in a replay, one scene a second. The
engine, the kinematic predictor and constant velocity are asked about the same agents.

With --out the tables, the calibration curve, errors by class and horizon, and the worst cases as
pictures make a page; samples made of recordings are kept there, so that the same command is quicker
the next time. Recordings that cannot be read are left out and named.

examples:
  python -m prediction_node evaluate bags --data bags/test --engine onnx --out report
  python -m prediction_node evaluate bags --data samples/test --model out/train/model --out report
  python -m prediction_node evaluate bags --data drive.mcap --map city.osm --json bags.json

exit status: 0 done; 1 done, but recordings were left out; 2 bad input
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'bags',
        help='prediction on bags or samples by class and horizon, beside its baselines',
        description='Scores an engine, the kinematic predictor and constant velocity on samples.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, required=True, metavar='PATH', help='bags or samples')
    parser.add_argument(
        '--map', type=Path, metavar='FILE', help='Lanelet2 map of bags that have none beside them'
    )
    add_engine(parser, folds=False, shipped=True)
    parser.add_argument('--limit', type=positive, metavar='N', help='only N samples, evenly spread')
    parser.add_argument('--jobs', type=positive, default=1, metavar='J', help='processes (1)')
    parser.add_argument('--out', type=Path, metavar='DIR', help='for the page with its pictures')
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the files. Returns 1 if recordings were left out."""
    from prediction_node.evaluation.bags import evaluate_bags
    from prediction_node.evaluation.engines import Same, baselines_of
    from prediction_node.evaluation.stores import open_store

    choice = chosen_engine(args)
    assert isinstance(choice, Same)  # no folds are offered
    specs = [choice.spec, *baselines_of(choice.spec.name)]
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            samples = args.out / 'samples'
        else:
            samples = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store, failed = open_store(args.data, samples, args.map, args.jobs, progress)
        result, _ = evaluate_bags(store, specs, args.limit, args.jobs, progress)
        result['left_out'] = [{'path': each.path, 'reason': each.reason} for each in failed]
        if args.out is not None:
            write_report(args.out, args.data.name, result, store, choice.spec)
    print_tables(result, table_console())
    write_json(args.json, result)
    for each in failed:
        print(f'left out: {each.path}: {each.reason}', file=sys.stderr)
    if args.out is not None:
        print(f'{args.out / "index.html"} shows it with pictures')
    return 1 if failed else 0


def write_report(
    folder: Path, name: str, result: dict[str, Any], store: SampleStore, spec: EngineSpec
) -> None:
    """index.html, calibration.png, errors.png and a picture per worst case."""
    from prediction_node.evaluation.page import write_page
    from prediction_node.evaluation.pictures import draw_case
    from prediction_node.evaluation.plots import plot_calibration, plot_errors
    from prediction_node.evaluation.sample_windows import window_of

    engines = [result['engine'], *result['baselines']]
    overall = result['all_classes']
    plot_calibration({n: overall[n]['calibration'] for n in engines}, folder / 'calibration.png')
    plot_errors(result['classes'], engines, folder / 'errors.png')
    pictures = [
        ('errors.png', 'errors by class and horizon'),
        ('calibration.png', 'how often modes of a claimed probability end closest to the truth'),
    ]
    engine = spec.build()
    for rank, case in enumerate(result['worst'], start=1):
        window = window_of(store[case['sample']])
        title = (
            f'{case["class"]} of {case["recording"]}: {case["fde"]:.1f} m off at 5 s, '
            f'best mode {case["min_fde"]:.1f} m'
        )
        file = f'worst_{rank}.png'
        draw_case(window, engine.predict(window.scene), case['agent'], title, folder / file)
        pictures.append((file, title))
    write_page(folder / 'index.html', f'{engines[0]} on {name}', result, pictures)


def print_tables(result: dict[str, Any], console: Console) -> None:
    """Moving agents by class, at 3, 5 and 8 s, and those who stand at present."""
    from rich.table import Table

    from prediction_node.evaluation.tables import metres, percent

    engine = result['engine']
    table = Table(title=f'{result["samples"]} samples, moving agents: FDE of the likeliest mode')
    for heading in ('class', 'horizon', 'windows', engine, 'best of 6'):
        table.add_column(heading, justify='right')
    for baseline in result['baselines']:
        table.add_column(baseline.replace('_', ' '), justify='right')
        table.add_column('gain over it', justify='right')
    for name, entry in {'all': result['all_classes'], **result['classes']}.items():
        for horizon in ('3s', '5s', '8s'):
            cell = entry[engine]['moving'][horizon]
            if not cell['windows']:
                continue
            others: list[str] = []
            for baseline in result['baselines']:
                gain = entry['gain_over'][baseline][horizon]
                others.append(metres(entry[baseline]['moving'][horizon]['fde']))
                others.append(percent(gain and gain['fde']))
            table.add_row(
                name, horizon, str(cell['windows']), metres(cell['fde']), metres(cell['min_fde']),
                *others,
            )  # fmt: skip
    console.print(table)

    standing = Table(title='Standing at present, whatever they do then: FDE of the likeliest mode')
    for heading in ('class', 'horizon', 'windows', engine, 'best of 6', *result['baselines']):
        standing.add_column(heading.replace('_', ' '), justify='right')
    for name, entry in {'all': result['all_classes'], **result['classes']}.items():
        for horizon in ('5s', '8s'):
            cell = entry[engine]['standing'][horizon]
            if cell['windows']:
                others = [metres(entry[b]['standing'][horizon]['fde']) for b in result['baselines']]
                standing.add_row(
                    name, horizon, str(cell['windows']), metres(cell['fde']),
                    metres(cell['min_fde']), *others,
                )  # fmt: skip
    if standing.row_count:
        console.print(standing)
