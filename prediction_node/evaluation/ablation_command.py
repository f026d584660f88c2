"""`python -m prediction_node evaluate ablations`: what each input of an engine is worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import positive, progress_bar, write_json
from prediction_node.domain.errors import ParameterError
from prediction_node.evaluation.arguments import (
    add_engine,
    add_output,
    chosen_engine,
    table_console,
)

if TYPE_CHECKING:
    from rich.console import Console

    from prediction_node.evaluation.engines import EngineSpec

EPILOG = """\
DIR is a folder of samples (of `extract`). Inputs are hidden from the engine one by one: all
attributes, the lights, the map, the past, and that each modality sees an agent. Then the signs that
come before behaviour: agents whose wheels, turn signals, phone, brake lights or red light say what
they will do are asked about as seen, with the sign hidden, and reversed. Models trained without a
part (raster, graph) are judged on the same agents with --arm.

examples:
  python -m prediction_node evaluate ablations --data samples/test --model models/product
  python -m prediction_node evaluate ablations --data samples/test --model runs/full \\
      --arm 'no raster=runs/no_raster' --arm 'no graph=runs/no_graph'
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'ablations',
        help='what attributes, lights, map, past and modalities are worth',
        description='Hides inputs from an engine, and reverses signs that precede behaviour.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, required=True, metavar='DIR', help='samples')
    add_engine(parser, folds=False)
    parser.add_argument(
        '--arm',
        action='append',
        default=[],
        metavar='NAME=DIR',
        help='another model to judge beside, such as one trained without a part',
    )
    parser.add_argument('--limit', type=positive, metavar='N', help='only N samples, evenly spread')
    parser.add_argument('--jobs', type=positive, default=1, metavar='J', help='processes (1)')
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the file."""
    from prediction_node.evaluation.bags import figures, judge_store
    from prediction_node.evaluation.counterfactual import evaluate_precedents
    from prediction_node.evaluation.engines import EngineSpec, Same, baselines_of
    from prediction_node.evaluation.masks import MASKS
    from prediction_node.learning.samples import SampleStore

    choice = chosen_engine(args)
    assert isinstance(choice, Same)  # no folds are offered
    spec = choice.spec
    specs = [
        spec,
        *(EngineSpec(spec.name, spec.model, mask) for mask in MASKS),
        *map(_arm, args.arm),
    ]
    store = SampleStore(args.data)
    signs: dict[str, Any] = {}
    with progress_bar() as progress:
        judgement = judge_store(store, specs, args.limit, args.jobs, progress)
        for each in (spec, *(b for b in baselines_of(spec.name) if b.name == 'kinematic')):
            signs[each.name] = evaluate_precedents(store, each.build(), args.limit, progress)
    result = {
        'engine': spec.name,
        'arms': [each.key for each in specs],
        'hidden': figures(judgement),
        'signs': signs,
    }
    print_tables(result, table_console())
    write_json(args.json, result)
    return 0


def _arm(text: str) -> EngineSpec:
    from prediction_node.evaluation.engines import EngineSpec

    name, equals, folder = text.partition('=')
    if not (name and equals and folder):
        raise ParameterError(f'--arm must be NAME=DIR, got {text!r}')
    return EngineSpec('onnx', Path(folder), title=name)


def print_tables(result: dict[str, Any], console: Console) -> None:
    """At 5 s: what each arm loses by class, and what each sign is worth."""
    from rich.table import Table

    from prediction_node.evaluation.tables import metres, percent

    engine, *others = result['arms']
    classes = {'all': result['hidden']['all_classes'], **result['hidden']['classes']}
    for name, entry in classes.items():
        cell = entry[engine]['moving']['5s']
        if not cell['windows']:
            continue
        table = Table(title=f'{name}: {cell["windows"]} moving, FDE at 5 s {metres(cell["fde"])}')
        table.add_column('instead')
        for heading in ('FDE', f'gain of {engine} over it', 'minFDE', 'gain'):
            table.add_column(heading, justify='right')
        for arm in others:
            other, gain = entry[arm]['moving']['5s'], entry['gain_over'][arm]['5s']
            table.add_row(
                arm,
                metres(other['fde']),
                percent(gain and gain['fde'], 1),
                metres(other['min_fde']),
                percent(gain and gain['min_fde'], 1),
            )
        console.print(table)
    for name, signs in result['signs'].items():
        table = Table(title=f'{name}: signs that precede behaviour')
        table.add_column('sign')
        for heading in ('horizon', 'agents', 'FDE', 'hidden', 'gain', 'reversed', 'gain', 'shift'):
            table.add_column(heading, justify='right')
        for sign, entry in signs.items():
            for horizon in ('5s', '8s') if entry['agents'] else ():
                if horizon not in entry['seen']:
                    continue
                seen = entry['seen'][horizon]
                table.add_row(
                    sign,
                    horizon,
                    str(seen['agents']),
                    metres(seen['fde']),
                    metres(entry['hidden'][horizon]['fde']),
                    percent(entry['gain_over_hidden'][horizon]['fde'], 1),
                    metres(entry['reversed'][horizon]['fde']),
                    percent(entry['gain_over_reversed'][horizon]['fde'], 1),
                    metres(entry['shift_m'][horizon]),
                )
        console.print(table)
