"""`python -m prediction_node evaluate eth-ucy`: pedestrians of five scenes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import progress_bar, write_json
from prediction_node.crowds.files import SCENES
from prediction_node.evaluation.arguments import add_output, table_console

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
DIR holds the folders eth, hotel, univ, zara1 and zara2, each with the text files (frame, id, x, y)
that a training without this scene learns from (train), chooses by (val) and is judged on (test).
Each scene is predicted by the network that was trained without it: MODELS holds one per scene. One
forward pass gives twenty weighted trajectories: the most likely one and the best of them are from
the same pass. All pedestrians of windows of 8 + 12 steps of 0.4 s with at least two of them count:
181, 1053, 24334, 2253 and 5833. About a minute; needs no PyTorch. Protocol, JSON file and how to
train the networks: docs/evaluation_eth_ucy.md.

examples:
  python -m prediction_node evaluate eth-ucy --data eth_ucy --json eth_ucy.json
  python -m prediction_node evaluate eth-ucy --data eth_ucy --plots out/eth_ucy
  python -m prediction_node evaluate eth-ucy --data eth_ucy --models out/train/eth_ucy
"""
COLUMNS = (
    ('most likely', 'most_likely'),
    ('best of 20', 'best_of_20'),
    ('constant velocity', 'constant_velocity'),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'eth-ucy',
        help='prediction of pedestrians on ETH and UCY, one scene left out at a time',
        description='Scores the five networks of the ETH/UCY protocol, and constant velocity.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder of the data'
    )
    parser.add_argument(
        '--models',
        type=Path,
        metavar='DIR',
        help='folder with a model per scene: DIR/eth, DIR/hotel, ... (default: those shipped)',
    )
    add_output(parser)
    parser.add_argument(
        '--plots',
        type=Path,
        metavar='DIR',
        help='draw calibration, error by horizon and worst cases there (needs matplotlib)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the table, write figures and pictures."""
    from prediction_node.evaluation.eth_ucy import evaluate_eth_ucy, summary
    from prediction_node.evaluation.eth_ucy_models import open_model
    from prediction_node.resources import share_path

    folder = args.models if args.models is not None else share_path('models', 'eth_ucy')
    models = {scene: open_model(folder, scene, args.data) for scene in SCENES}
    with progress_bar() as progress:
        scores = evaluate_eth_ucy(args.data, models.__getitem__, progress)
    result = summary(scores)
    print_table(result, table_console())
    write_json(args.json, result)
    if args.plots is not None:
        from prediction_node.evaluation.eth_ucy_plots import draw_plots

        for path in draw_plots(scores, args.plots):
            print(path)
    return 0


def print_table(result: dict[str, Any], console: Console) -> None:
    """A line per scene and their average; ADE / FDE in metres."""
    from rich.table import Table

    table = Table(title='ETH/UCY: ADE / FDE in metres over 4.8 s', title_justify='left')
    table.add_column('scene')
    for heading in (*(title for title, _ in COLUMNS), 'ECE', 'ECE top', 'NLL', 'pedestrians'):
        table.add_column(heading, justify='right', no_wrap=True)
    for scene in (*SCENES, 'average'):
        if scene == 'average':
            table.add_section()
        figures = result[scene]
        count = figures['windows']
        table.add_row(
            scene,
            *(f'{figures[name][0]:.3f} / {figures[name][1]:.3f}' for _, name in COLUMNS),
            f'{figures["ece"]:.3f}',
            f'{figures["ece_most_likely"]:.3f}',
            f'{figures["nll"]:.2f}',
            str(sum(count) if isinstance(count, list) else count),
        )
    console.print(table)
    console.print(
        'ECE: of all modes; ECE top: of the most likely alone. NLL: nats, averaged over the steps.',
        highlight=False,
    )
