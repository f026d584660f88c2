"""`python -m prediction_node evaluate`: how good the parts are, against recorded truth."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

# Each adds one parser. Cheap to import: heavy libraries are imported by what a command runs.
PROTOCOLS = (
    'prediction_node.evaluation.ngsim_command',
    'prediction_node.evaluation.eth_ucy_command',
    'prediction_node.evaluation.bags_command',
    'prediction_node.evaluation.conditional_command',
    'prediction_node.evaluation.ablation_command',
    'prediction_node.evaluation.tracking_command',
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'evaluate',
        help='measure accuracy on recorded traffic',
        description='Measures the parts against what was recorded.',
    )
    whats = parser.add_subparsers(title='what to evaluate', metavar='WHAT', required=True)
    for module in PROTOCOLS:
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).add_parser(whats)
