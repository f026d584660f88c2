"""What people look at: montage, letters, the command, the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.cli import main
from prediction_node.raster import Raster, Rasterizer, montage
from prediction_node.raster.lettering import lettered, write
from prediction_node.raster.manifest import CELLS, CHANNELS, INDEX, digest
from prediction_node.raster.montage import overview
from prediction_node.raster_view import png
from tools import raster_table


def blank() -> Raster:
    raster = Raster.blank()
    for picture in (raster.near, raster.far):
        picture[:] = [channel.offset for channel in CHANNELS]
    return raster


def test_channels_show_in_places_of_their_own() -> None:
    empty = montage(blank())
    assert empty.dtype == np.uint8
    places = set()
    chosen = range(0, len(CHANNELS), 9)  # in every column and row of the picture
    for i in chosen:
        raster = blank()
        raster.far[:, :, i] = 255
        changed = np.argwhere((montage(raster) != empty).any(axis=-1))
        # The overview lies above.
        below = changed[changed[:, 0] >= 4 * CELLS + 16]
        assert len(below) == (CELLS // 2) ** 2, CHANNELS[i].name
        places.add((below[:, 0].min(), below[:, 1].min()))
    assert len(places) == len(chosen)


def test_both_scales_have_an_overview(town: Any) -> None:
    raster = Rasterizer().draw(town.scene())
    for picture in (raster.near, raster.far):
        rgb = overview(picture)
        assert rgb.shape == (CELLS, CELLS, 3)
        share = picture[..., INDEX['ego']]
        most = rgb[share == share.max()].astype(int)
        assert np.all(np.abs(most - [230, 90, 230]) <= 256 - int(share.max()))
    assert raster.near[..., INDEX['ego']].max() == 255


def test_letters_are_told_apart() -> None:
    texts = 'abcdefghijklmnopqrstuvwxyz0123456789_-.:+'
    dots = {lettered(letter).tobytes() for letter in texts if letter not in '0o'}
    assert len(dots) == len(texts) - 2
    assert lettered('AB').shape == (5, 8)
    np.testing.assert_array_equal(lettered('Ab'), lettered('aB'))
    assert not lettered('\N{GREEK SMALL LETTER ALPHA} ').any()
    assert lettered('e', 3).sum() == 9 * lettered('e').sum()


def test_text_that_does_not_fit_is_cut() -> None:
    picture = np.zeros((8, 10, 3), np.uint8)
    write(picture, 'word', 2, 1, (1, 2, 3), 2)
    assert picture.any()


def test_a_picture_file_holds_the_picture() -> None:
    cv2 = pytest.importorskip('cv2')
    picture = np.random.default_rng(0).integers(0, 256, (23, 37, 3), dtype=np.uint8)
    read = cv2.imdecode(np.frombuffer(png(picture), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read[..., ::-1], picture)


def test_the_command_shows_a_bag(samples_folder: Path, tmp_path: Path) -> None:
    city = samples_folder / 'city'
    if not (city / 'bag').is_dir():
        pytest.skip(f'needs the sample in {city}')
    out, arrays = tmp_path / 'new' / 'picture.png', tmp_path / 'raster.npz'
    inputs = ['raster', str(city / 'bag'), '--map', str(city / 'map.osm'), '--at', '1.0']
    status = main([*inputs, '--out', str(out), '--arrays', str(arrays)])
    assert status == 0
    assert out.read_bytes().startswith(b'\x89PNG')
    with np.load(arrays) as written:
        assert str(written['manifest']) == digest()
        assert written['near'].shape == (CELLS, CELLS, len(CHANNELS))
        for name in ('drivable', 'ego', 'length', 'light_ruled'):
            assert written['far'][..., INDEX[name]].any(), name


def test_the_command_names_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ('none', 'none.npz'):
        path = tmp_path / name
        assert main(['raster', str(path), '--out', str(tmp_path / 'x.png')]) == 2
        assert str(path) in capsys.readouterr().err


def test_the_page_lists_the_manifest() -> None:
    page = raster_table.PAGE.read_text(encoding='utf-8')
    assert raster_table.renewed(page) == page, 'run python -m tools.raster_table'


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match='channels: begin'):
        raster_table.renewed('# The raster\n')
