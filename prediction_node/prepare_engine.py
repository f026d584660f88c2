"""`python -m prediction_node prepare-engine`: TensorRT engines of a model, built and kept."""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prediction_node.command_line import positive, progress_bar, write_json
from prediction_node.domain.errors import EngineError
from prediction_node.inference.tensorrt_engine.flavour import FLAVOURS
from prediction_node.inference.tensorrt_engine.request import (
    AGENT_SIZES,
    DEFAULT_CANDIDATES,
    DEFAULT_PRECISION,
    EIGHT_BITS,
    MOST_CANDIDATES,
    PRECISIONS,
)

if TYPE_CHECKING:
    from prediction_node.domain.model_folder import ModelFolder
    from prediction_node.inference.tensorrt_engine.build import Watcher
    from prediction_node.inference.tensorrt_engine.cache import EngineCache
    from prediction_node.inference.tensorrt_engine.flavour import Flavour
    from prediction_node.inference.tensorrt_engine.parity import StoredDrawing, StoredScene
    from prediction_node.inference.tensorrt_engine.request import Request

EPILOG = """\
Builds the encoder and the decoder of a model as TensorRT engines for the GPU at hand and keeps them
in $XDG_CACHE_HOME/prediction_node/engines (or below ~/.cache), where the node finds them. An engine
serves only the model, sizes, GPU, driver and TensorRT it was built for; with any of them changed it
is built anew. Building never happens in the node while it is active.

With TensorRT for RTX (requirements/tensorrt.txt) no GPU is needed to build. fp16 keeps coordinates,
softmax and normalisation in 32 bits and is checked against fp32 on scenes of the samples first.
8 bits need a model that `quantise` wrote: int8 the full TensorRT, fp8 an Ada GPU or later.

examples:
  python -m prediction_node prepare-engine
  python -m prediction_node prepare-engine --agents 256 --precision fp32 --json engine.json

exit status: 0 kept (or kept already); 2 not possible, with the reason
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'prepare-engine',
        help='build TensorRT engines for the GPU at hand and keep them',
        description='Builds TensorRT engines of the learned predictor and keeps them.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--model', default='', help='folder of a model, or the name of a shipped one'
    )
    parser.add_argument(
        '--precision',
        choices=PRECISIONS,
        help=f'(default: that of a quantised model, else {DEFAULT_PRECISION})',
    )
    parser.add_argument(
        '--agents',
        type=int,
        choices=AGENT_SIZES,
        default=AGENT_SIZES[0],
        help=f'(default {AGENT_SIZES[0]})',
    )
    parser.add_argument(
        '--candidates',
        type=functools.partial(positive, most=MOST_CANDIDATES),
        default=DEFAULT_CANDIDATES,
        metavar='N',
        help=f'most plans in a batch (default {DEFAULT_CANDIDATES})',
    )
    parser.add_argument(
        '--tensorrt',
        choices=FLAVOURS,
        default='',
        help='which TensorRT (default: the full one where it is installed)',
    )
    parser.add_argument('--force', action='store_true', help='build even where one is kept')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write figures and layers here')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from prediction_node.domain.model_folder import ModelFolder
    from prediction_node.inference.tensorrt_engine.build import check_possible
    from prediction_node.inference.tensorrt_engine.cache import EngineCache
    from prediction_node.inference.tensorrt_engine.device import find_device
    from prediction_node.inference.tensorrt_engine.flavour import find_flavour
    from prediction_node.inference.tensorrt_engine.request import (
        EngineKey,
        Request,
        default_precision,
    )
    from prediction_node.predictor import find_model, map_nodes
    from prediction_node.raster.manifest import digest

    folder = ModelFolder.read(find_model(args.model), raster_manifest=digest())
    precision = args.precision or default_precision(folder)
    request = Request(precision, args.agents, map_nodes(args.agents), args.candidates)
    flavour = find_flavour(args.tensorrt)
    device = find_device()
    check_possible(flavour, request.precision, folder, device)
    key = EngineKey.of(folder, request, flavour, device).as_dict()
    cache = EngineCache()
    print(f'{folder.name}, {request.precision}, {request.agents} agents, 1 to {request.candidates}')
    print(f'{flavour.name} {flavour.version}, {device.name} {device.compute_capability}'.rstrip())
    with cache.building(key, lambda: print('another process builds this engine: waiting')):
        kept = None if args.force else _kept(cache, key)
        if kept is None:
            kept, timings = _build(flavour, folder, request, _timings(cache, key))
            path = cache.store(key, kept)
            if timings:
                cache.store(_timing_key(key), {'timings': timings})
        else:
            path = cache.path(key)
            print('kept already: --force builds it anew')
    report = json.loads(kept['report'])
    _show(report)
    print(f'{path} ({path.stat().st_size / 1e6:.1f} MB)')
    write_json(args.json, {'engine': {'file': str(path), 'key': key, **report}})
    return 0


def _kept(cache: EngineCache, key: dict[str, Any]) -> dict[str, bytes] | None:
    """What is kept under the key and fit for use; what is not is told and built apart."""
    from prediction_node.inference.tensorrt_engine.cache import NotKept

    try:
        return cache.load(key)
    except NotKept:
        return None
    except EngineError as error:
        print(f'refused: {error}')
        return None


def _build(
    flavour: Flavour, folder: ModelFolder, request: Request, timings: bytes
) -> tuple[dict[str, bytes], bytes]:
    """The parts of an engine file, and what was measured for it.

    Raises EngineError where the precision costs too much.
    """
    from prediction_node.inference.tensorrt_engine.build import build
    from prediction_node.inference.tensorrt_engine.parity import BOUND_M

    begin = time.perf_counter()
    with progress_bar() as watcher:
        scene, drawing, difference_m = _stored_scene(folder, request, watcher)
        bound_m = BOUND_M[request.precision]
        if difference_m > bound_m:
            raise EngineError(
                f'{folder.path}: {request.precision} must stay within {bound_m} m of fp32 after '
                f'8 s, got {difference_m:.3f} m on a scene of the samples'
            )
        built = build(flavour, folder, request, watcher=watcher, timing_cache=timings)
    report = {
        'precision': request.precision,
        'seconds': round(time.perf_counter() - begin, 2),
        'difference_m': round(difference_m, 5),
        **built.report,
    }
    parts = {
        'encoder': built.encoder,
        'decoder': built.decoder,
        'scene': scene.to_bytes(),
        'drawing': drawing.to_bytes(),
        'report': json.dumps(report).encode(),
    }
    return parts, built.timing_cache


def _stored_scene(
    folder: ModelFolder, request: Request, watcher: Watcher
) -> tuple[StoredScene, StoredDrawing, float]:
    """A scene of the samples with its answer in full precision, its raster, and how far the typed
    files are from it, both in ONNX Runtime.
    """
    from prediction_node.inference.onnx_model import OnnxModel
    from prediction_node.inference.tensorrt_engine.parity import StoredDrawing, StoredScene
    from prediction_node.inference.tensorrt_engine.typed_model import typed_model
    from prediction_node.stored_scenes import (
        encoded_plans,
        encoded_scenes,
        sample_scenes,
        scene_drawing,
    )

    watcher('a scene of the samples', 0.0)
    agents, nodes = request.agents, request.map_nodes
    model = OnnxModel(folder, agents=agents, map_nodes=nodes)
    (shown,) = sample_scenes('city', 1)
    (arrays,) = encoded_scenes([shown], model.sizes)
    plans = encoded_plans(shown, model.sizes, request.candidates)
    scene = StoredScene.of(model, arrays, *plans)
    drawing = StoredDrawing.of(scene_drawing(shown, agents), agents)
    watcher('a scene of the samples', 0.5)
    with tempfile.TemporaryDirectory() as into:
        files = typed_model(folder, request.precision, Path(into))
        typed = OnnxModel(files, agents=agents, map_nodes=nodes)
        difference_m = scene.difference_m(typed)
    watcher('a scene of the samples', 1.0)
    return scene, drawing, difference_m


def _timing_key(key: dict[str, Any]) -> dict[str, Any]:
    """Measured times serve every model on the same GPU."""
    names = ('flavour', 'flavour_version', 'gpu', 'compute_capability', 'driver', 'machine')
    return {'timings': 1, **{name: key[name] for name in names}}


def _timings(cache: EngineCache, key: dict[str, Any]) -> bytes:
    """What earlier builds measured; nothing where that cannot be used."""
    try:
        return cache.load(_timing_key(key))['timings']
    except (EngineError, KeyError):
        return b''


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in ('half', 'built in', 'size', 'layers', 'commonest'):
        table.add_column(column)
    for half in ('encoder', 'decoder'):
        found = report[half]
        commonest = ', '.join(f'{n} {kind}' for kind, n in list(found['types'].items())[:3])
        table.add_row(
            half,
            f'{found["seconds"]:.1f} s',
            f'{found["bytes"] / 1e6:.1f} MB',
            str(len(found['layers'])),
            commonest,
        )
    Console().print(table)
    if report['precision'] not in EIGHT_BITS:  # those were compared when they were quantised
        far_cm = 100 * report['difference_m']
        print(f'{report["precision"]} is {far_cm:.2f} cm from fp32 after 8 s')
