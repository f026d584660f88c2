"""`python -m prediction_node train`: weights from samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from prediction_node.command_line import needs_training

EPILOG = """\
what it does:
  Reads samples that `extract` wrote, keeps whole groups apart for validation, and trains the
  network on the rest. Rasters, kinematic proposals and tensors are made while reading, by the code
  that runs in the vehicle, from views that are turned, shifted and partly blinded anew each time.
  At the end the best averaged weights are calibrated on the validation groups and exported.

results:
  OUT/model/             encoder.onnx, decoder.onnx, model.json, weights.safetensors, card.md:
                         what engine.model_path of the node wants
  OUT/best.safetensors   the averaged weights with the best validation so far
  OUT/checkpoints/       everything that is needed to go on; the newest two
  OUT/curves/            for TensorBoard: tensorboard --logdir OUT
  OUT/parameters.json    parameters, code version, digest of the data
  OUT/figures.json       validation of the best weights, beside the kinematic predictor

stopping and going on:
  SIGTERM saves and ends with status 143. After that, a crash or a power cut the same command with
  --resume goes on from the newest checkpoint (run.save_every_min), as if nothing had happened: same
  samples, same order, same weights. Other data or another network are refused.

examples:
  python -m prediction_node train --config config/train/smoke.yaml --out out/smoke
      a minute, needs no data: does it work here?
  python -m prediction_node extract out/scenes --out out/samples
  python -m prediction_node train --config config/train/product.yaml --data out/samples \\
    --out out/product
  ... --resume                                  go on after an interruption
  ... run.minutes=30 run.batch_size=8           other parameters, by their place in the file
  ... run.initial_weights=out/base/best.safetensors
                                                fine-tuning from weights of the same network
  ... network.use_raster=false                  an ablation; also network.use_graph=false
  ... data.folds=4 data.fold=0                  leave out a quarter of the recorded groups
  ... run.accelerator=gpu run.devices=4 run.precision=bf16-mixed
                                                four GPUs; start it with torchrun for more machines

All parameters with their meaning: docs/training.md. Needs requirements/training.txt.

exit status: 0 trained and exported; 2 bad input; 143 stopped, --resume goes on
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'train',
        help='train the learned predictor on samples, calibrate and export it',
        description='Trains the learned predictor on samples of `extract`: on one CPU, one GPU, or '
        'many on many machines.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--config',
        type=Path,
        required=True,
        metavar='YAML',
        help='parameters, such as config/train/product.yaml',
    )
    parser.add_argument(
        '--data',
        type=Path,
        nargs='+',
        default=[],
        metavar='DIR',
        help='sample folders, in place of data.folders',
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='for the results (default: out/train/NAME)'
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on where an earlier run was stopped or killed'
    )
    parser.add_argument(
        '--no-export', action='store_true', help='leave it at best.safetensors: no ONNX, no card'
    )
    parser.add_argument(
        'overrides', nargs='*', default=[], metavar='key=value', help='such as run.steps=1000'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train. Returns the exit status."""
    from rich.console import Console

    from prediction_node.learning.parameters import load_parameters, told_apart

    folders, overrides = told_apart(args.data, args.overrides)
    parameters = load_parameters(args.config, folders, overrides)
    out = args.out or Path('out') / 'train' / parameters.name
    with needs_training():
        from prediction_node.learning.checkpoint import Stopped
        from prediction_node.learning.run import train
        from prediction_node.learning.ship import ship

    console = Console()
    try:
        trained = train(parameters, out, resume=args.resume, console=console)
    except Stopped as stopped:
        console.print(str(stopped), highlight=False, soft_wrap=True)
        return 143
    if trained.first_process:
        ship(trained, parameters, out, export=not args.no_export, console=console)
    return 0
