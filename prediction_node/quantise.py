"""`python -m prediction_node quantise`: a model whose files say what is computed in 8 bits."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prediction_node.command_line import positive, progress_bar
from prediction_node.domain.errors import DataError
from prediction_node.inference.tensorrt_engine.request import EIGHT_BITS

if TYPE_CHECKING:
    from prediction_node.domain.model_folder import ModelFolder
    from prediction_node.domain.scene import Scene
    from prediction_node.domain.tensors import Arrays, Sizes
    from prediction_node.inference.onnx_model import OnnxModel

EPILOG = """\
Puts quantise and dequantise nodes around the products of a model that have learned weights. Weights
are rounded by output channel, what goes into them by the range that it has on scenes of --data
(folders of `extract`); geometry and last layers stay in 32 bits, with fp8 convolutions too. The
result is a model folder like any other: `evaluate` and `benchmark inference` ask it in ONNX
Runtime, `prepare-engine` builds engines of it: int8 with the full TensorRT, fp8 with either, for
GPUs from Ada on. Whether it is worth it, figures must say: docs/tensorrt.md.

examples:
  python -m prediction_node quantise --data out/samples --out out/int8
  python -m prediction_node evaluate bags --data out/other_samples --model out/int8
  python -m prediction_node prepare-engine --model out/int8

exit status: 0 written; 2 bad input
"""
SCENES, PLANS = 64, 4


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'quantise',
        help='make a model for engines in 8 bits, calibrated on samples',
        description='Writes a model with quantise and dequantise nodes, calibrated on samples.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--model', default='', help='folder of a model, or the name of a shipped one'
    )
    parser.add_argument(
        '--data', type=Path, required=True, metavar='DIR', help='folder of samples (extract)'
    )
    parser.add_argument(
        '--count',
        type=functools.partial(positive, most=1000),
        default=SCENES,
        metavar='N',
        help=f'scenes to calibrate on, evenly spread, and as many to compare on (default {SCENES})',
    )
    parser.add_argument(
        '--precision', choices=EIGHT_BITS, default=EIGHT_BITS[0], help=f'(default {EIGHT_BITS[0]})'
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the model')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Quantise, compare, say how far apart. Returns the exit status."""
    from prediction_node.domain.model_folder import ModelFolder
    from prediction_node.inference.onnx_model import OnnxModel
    from prediction_node.inference.tensorrt_engine.request import quantised_as
    from prediction_node.predictor import MAP_NODES, MAP_NODES_UP_TO, find_model
    from prediction_node.raster.manifest import digest

    folder = ModelFolder.read(find_model(args.model), raster_manifest=digest())
    if quantised_as(folder):
        raise DataError(f'{folder.path} is quantised already')
    if args.out.is_dir() and any(args.out.iterdir()):
        raise DataError(f'--out {args.out} must be an empty folder, or none yet')
    if importlib.util.find_spec('onnx') is None:
        raise DataError('onnx is missing: pip install -r requirements/tensorrt.txt')
    model = OnnxModel(folder, agents=MAP_NODES_UP_TO, map_nodes=MAP_NODES)
    with progress_bar() as progress:
        scenes = _scenes(args.data, 2 * args.count)
        feeds: tuple[list[Arrays], list[Arrays]] = ([], [])
        for done, (side, scene) in enumerate(scenes):
            progress('reading scenes', done, len(scenes))
            feeds[side].append(_feed(model, folder, scene))
        if not all(feeds):
            raise DataError(f'{args.data}: needs scenes with agents of at least two groups')
        seen, others = feeds
        shares = _write(folder, args.precision, seen, args.out, progress)
    made = ModelFolder.read(args.out)
    quantised = OnnxModel(made, agents=MAP_NODES_UP_TO, map_nodes=MAP_NODES)
    apart = np.concatenate([_apart_m(model, quantised, feed) for feed in others])
    for name, share in shares.items():
        print(f'{name}: {100 * share:.0f} % of its numbers in 8 bits')
    median, p99, most = np.quantile(apart, [0.5, 0.99, 1.0])
    print(f'calibrated on {len(seen)} scenes, compared on {len(others)} of other groups')
    print(
        f'places after 8 s, all modes: {median:.2f} m apart in the middle, 99 % within {p99:.2f} m,'
        f' {most:.2f} m at most'
    )
    print(f'{args.out} is ready for evaluate and prepare-engine')
    return 0


def _scenes(data: Path, count: int) -> list[tuple[int, Scene]]:
    """Evenly spread scenes of samples that hold somebody, and the side of their group: 0 to
    calibrate on, 1 to compare on.
    """
    from prediction_node.evaluation.sample_windows import spread_indices, store_windows
    from prediction_node.learning.samples.store import SampleStore

    store = SampleStore(data)
    found = list(store_windows(store, spread_indices(store, count)))
    side = {name: k % 2 for k, name in enumerate(sorted({each.group for each in found}))}
    return [(side[each.group], each.scene) for each in found if len(each.scene.agents)]


def _feed(model: OnnxModel, folder: ModelFolder, scene: Scene) -> Arrays:
    """What encoder and decoder read of a scene: all by name."""
    from prediction_node.stored_scenes import encoded_plans, encoded_scenes

    (arrays,) = encoded_scenes([scene], model.sizes)
    encoded = zip(folder.encoded, model.encode(arrays), strict=True)
    plan, valid = encoded_plans(scene, model.sizes, PLANS)
    made = {name: value.numpy() for name, value in encoded}
    return {**arrays, **made, 'plan': plan, 'plan_valid': valid}


def _write(
    folder: ModelFolder, precision: str, feeds: list[Arrays], out: Path, progress: Any
) -> dict[str, float]:
    """The quantised model, and how much of each file is in 8 bits."""
    import onnx

    from prediction_node.domain.model_folder import (
        CARD,
        DECODER,
        ENCODER,
        UNPLANNED,
        WEIGHTS,
        write_description,
    )
    from prediction_node.inference.tensorrt_engine.eight_bits import (
        ROUNDINGS,
        eight_bit_share,
        quantised_inputs,
        seen_ranges,
        to_eight_bits,
    )
    from prediction_node.inference.tensorrt_engine.request import QUANTISED
    from prediction_node.learning.folds import FILE as FOLD

    out.mkdir(parents=True, exist_ok=True)
    rounding, shares = ROUNDINGS[precision], {}
    names = [name for name in (ENCODER, DECODER, UNPLANNED) if name in folder.files]
    for done, name in enumerate(names):
        progress('quantising', done, len(names))
        model = onnx.load(folder.file(name))
        try:
            ranges = seen_ranges(model, quantised_inputs(model, rounding), feeds)
            made = to_eight_bits(model, ranges, rounding)
        except ValueError as error:
            raise DataError(f'{folder.path / name}: {error}') from error
        onnx.save(made, out / name)
        shares[name] = eight_bit_share(made)
    for kept in (WEIGHTS, CARD, FOLD):
        if (folder.path / kept).is_file():
            shutil.copyfile(folder.path / kept, out / kept)
    said = {'precision': precision, 'scenes': len(feeds)}
    meta: Mapping[str, Any] = {
        'name': f'{folder.name}_{precision}',
        'calibration': dict(folder.calibration),
        'raster_manifest': folder.raster_manifest,
        'provenance': {
            **folder.provenance,
            QUANTISED: said,
        },
    }
    write_description(out, folder.network, folder.encoded, meta)
    return shares


def _apart_m(one: OnnxModel, other: OnnxModel, feed: Arrays) -> np.ndarray:
    """Distances of all modes of the agents that are there, at the last step, plans included."""
    there = feed['actor_valid'][1:] > 0.5
    ends = []
    for model in (one, other):
        found = model.decode(
            model.encode(_of_encoder(feed, model.sizes)), feed['plan'], feed['plan_valid']
        )
        ends.append(found['mean'][:, there, :, -1])
    return np.asarray(np.hypot(*np.moveaxis(ends[0] - ends[1], -1, 0)).ravel())


def _of_encoder(feed: Arrays, sizes: Sizes) -> Arrays:
    from prediction_node.domain.tensors import encoder_inputs

    return {name: feed[name] for name in encoder_inputs(sizes)}
