"""`python -m prediction_node raster`: what the network sees of a recorded instant, as a picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from prediction_node.bags.values import Message
    from prediction_node.domain.scene import Scene
    from prediction_node.pipeline import Perception

EPILOG = """\
RECORDING is a bag (rosbag2 folder, .mcap or .db3), which goes through the vehicle's own pipeline up
to that instant, or a scene.npz of `simulate --scenes-only`. The picture shows both scales as a
whole, then every channel by its name; docs/raster.md says what each of them means.

examples:
  python -m prediction_node raster samples/city/bag --map samples/city/map.osm --at 10 --out r.png
  python -m prediction_node raster out/scenes/0/scene.npz --at 20 --out r.png --arrays r.npz
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        'raster',
        help='picture of what the network sees of a scene',
        description='Draws the raster of one instant of a recording and writes it as a picture.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('recording', type=Path, metavar='RECORDING', help='see below')
    parser.add_argument(
        '--map', type=Path, metavar='FILE', help='Lanelet2 map of a bag that holds none'
    )
    parser.add_argument(
        '--at', type=_seconds, default=5.0, metavar='S', help='after its first scene (default 5)'
    )
    parser.add_argument('--out', type=Path, required=True, metavar='PNG', help='the picture')
    parser.add_argument(
        '--arrays', type=Path, metavar='NPZ', help='write the bytes of both scales as well'
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < 1e7:
        raise argparse.ArgumentTypeError(f'must be at least 0 s, got {text}')
    return value


def run(args: argparse.Namespace) -> int:
    from prediction_node.domain.errors import PredictionNodeError
    from prediction_node.raster import Rasterizer, montage

    if args.recording.suffix == '.npz':
        scene = _of_simulation(args.recording, args.at)
    else:
        scene = _of_bag(args.recording, args.map, args.at)
    raster = Rasterizer().draw(scene)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_bytes(png(montage(raster)))
        if args.arrays is not None:
            _write_arrays(args.arrays, raster.near, raster.far)
    except OSError as error:
        raise PredictionNodeError(f'cannot write {error.filename}: {error.strerror}') from error
    road = 'no map' if scene.lane_map is None else f'{len(scene.lane_map)} lanes'
    print(f'{args.out}: {len(scene.agents)} agents, {road}, {len(scene.lights)} lamps')
    return 0


class _Newest:
    """Keeps the newest scene of a replay."""

    def __init__(self) -> None:
        self.scene: Scene | None = None

    def keep(self, messages: Sequence[Message], perception: Perception | None) -> None:
        if perception is not None and perception.scene is not None:
            self.scene = perception.scene


def _of_bag(path: Path, map_path: Path | None, at_s: float) -> Scene:
    """The scene that the pipeline makes of a bag, `at_s` after its first release."""
    from prediction_node.bags.reader import BagReader
    from prediction_node.config import Config
    from prediction_node.domain.errors import DataError
    from prediction_node.map_source import map_from_file
    from prediction_node.pipeline import Pipeline
    from prediction_node.replay.run import Replay
    from prediction_node.replay.topics import map_topics, require_odometry, types_read

    config = Config()
    with BagReader(path, types_read(config)) as bag:
        mapping = map_topics(bag.topics, config, {})
        require_odometry(mapping, path)
        lane_map = None if map_path is None else map_from_file(map_path, mapping.config.map)
        pipeline = Pipeline(mapping.config, lane_map)
        newest = _Newest()
        inputs = mapping.pipeline_inputs(recorded_map=lane_map is None)
        Replay(pipeline, inputs, newest, limit_s=at_s).run(bag, lambda _: None)
    if newest.scene is None:
        raise DataError(f'{path}: no scene within {at_s:g} s of the first odometry')
    return newest.scene


def _of_simulation(path: Path, at_s: float) -> Scene:
    """The scene of a simulated drive that is nearest to `at_s` after its first."""
    from prediction_node.domain.errors import DataError
    from prediction_node.domain.stamps import NS_PER_S
    from prediction_node.extraction.asking import Asking
    from prediction_node.extraction.readers import open_unit
    from prediction_node.extraction.units import SCENE, Unit
    from prediction_node.learning.samples.sample import Sample

    first_ns: int | None = None
    nearest: tuple[float, Scene] | None = None

    def take(sample: Sample) -> None:
        nonlocal first_ns, nearest
        stamp_ns = sample.scene.stamp_ns
        first_ns = stamp_ns if first_ns is None else first_ns
        distance_s = abs((stamp_ns - first_ns) / NS_PER_S - at_s)
        if nearest is None or distance_s < nearest[0]:
            nearest = (distance_s, sample.scene)

    open_unit(Unit(SCENE, path, path.stem), Asking(stride_s=1.0)).tell(take)
    if nearest is None or nearest[0] > 1.0:
        raise DataError(f'{path}: it has no scene {at_s:g} s after its first')
    return nearest[1]


def _write_arrays(path: Path, near: np.ndarray, far: np.ndarray) -> None:
    import numpy as np

    from prediction_node.raster.manifest import CHANNELS, digest

    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array([channel.name for channel in CHANNELS])
    with path.open('wb') as file:
        np.savez_compressed(file, near=near, far=far, channels=names, manifest=np.array(digest()))


def png(picture: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG file (ISO/IEC 15948)."""
    import struct
    import zlib

    import numpy as np

    height, width, _ = picture.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack('>I', len(data)) + checked + struct.pack('>I', zlib.crc32(checked))

    # Every row is the difference to the one above it (filter 2): flat pictures become small.
    rows = picture.reshape(height, 3 * width)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows - above], axis=1)
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b''.join(
        (
            b'\x89PNG\r\n\x1a\n',
            chunk(b'IHDR', header),
            chunk(b'IDAT', zlib.compress(filtered.tobytes(), 9)),
            chunk(b'IEND', b''),
        )
    )
