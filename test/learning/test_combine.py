"""One model of several trainings: what is said without a plan stays bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
pytest.importorskip('onnx', reason='needs the training libraries')

from safetensors.torch import load_file, save_file  # noqa: E402

from prediction_node.benchmark.inference import plan_arrays, scene_arrays  # noqa: E402
from prediction_node.cli import main  # noqa: E402
from prediction_node.domain.model_folder import ModelFolder, digest, write_description  # noqa: E402
from prediction_node.domain.tensors import Sizes  # noqa: E402
from prediction_node.learning.folds import Fold, read_fold, write_fold  # noqa: E402
from prediction_node.network import Network, NetworkConfig  # noqa: E402
from prediction_node.network.export import load, save_weights  # noqa: E402

REACTION = 'decoder.reaction'
STAYING = 'encoder.modes.staying'
FOLLOWING = 'decoder.reaction.following'
SIZES = Sizes(agents=5, map_nodes=0, channels=0)
NARROW: dict[str, Any] = {
    'heads': 2,
    'layers': 1,
    'edge_width': 8,
    'knot_width': 8,
    'reaction_width': 8,
    'relation_width': 8,
}


def write_model(folder: Path, width: int, seed: int) -> None:
    """A model of random weights, with a card; without ONNX files, which nobody reads here."""
    torch.manual_seed(seed)
    network = Network(NetworkConfig(sizes=SIZES, width=width, **NARROW)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    calibration = {'temperature': {'car': 1.5}}
    meta = {'name': folder.name, 'calibration': calibration, 'provenance': {'step': seed}}
    folder.mkdir()
    save_weights(network, folder / 'weights.safetensors')
    write_description(folder, network.config.as_dict(), (), meta)
    (folder / 'card.md').write_text(f'# {folder.name}\n\n## Model\n\n- a\n\n## Data\n\n- b\n')


@pytest.fixture(scope='module')
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base`, a narrower `donor`, and `both` combined."""
    folder = tmp_path_factory.mktemp('models')
    write_model(folder / 'base', 16, 1)
    write_model(folder / 'donor', 8, 2)
    assert command(folder / 'base', folder / 'both', f'{REACTION}={folder / "donor"}') == 0
    return folder


def command(base: Path, out: Path, *parts: str) -> int:
    told = [text for part in parts for text in ('--part', part)]
    return main(['combine', str(base), *told, '--out', str(out)])


def answers(network: Network, planned: bool) -> dict[str, Any]:
    scene = scene_arrays(SIZES, 0)
    batch = {name: torch.from_numpy(np.stack([value])) for name, value in scene.items()}
    if planned:
        plan = torch.from_numpy(plan_arrays(SIZES, 1)[0])
        batch |= {'plan': plan, 'plan_valid': torch.ones(plan.shape[:2])}
    with torch.no_grad():
        return network(batch)


def test_the_part_is_the_donors_and_all_else_the_bases(models: Path) -> None:
    base, donor, both = (load(models / name).state_dict() for name in ('base', 'donor', 'both'))
    for name, value in both.items():
        source = donor if name.startswith(REACTION) else base
        assert torch.equal(value, source[name]), name
    described = ModelFolder.read(models / 'both')
    assert described.calibration == {'temperature': {'car': 1.5}}
    assert described.provenance == {'step': 1, 'parts': {REACTION: {'step': 2}}}
    card = (models / 'both' / 'card.md').read_text()
    said = card.index(f'- `{REACTION}` from `donor`')
    assert card.index('## Model') < said < card.index('## Data')


def test_without_a_plan_nothing_changes(models: Path) -> None:
    before, after = load(models / 'base'), load(models / 'both')
    for name, value in answers(before, planned=False).items():
        assert torch.equal(value, answers(after, planned=False)[name])
    told = [answers(each, planned=True)['mean'] for each in (before, after)]
    assert not torch.equal(*told)
    files = ModelFolder.read(models / 'both').files
    assert {'encoder.onnx', 'decoder.onnx', 'unplanned.onnx'} <= set(files)


def test_the_weight_of_staying_moves_nobody(models: Path, tmp_path: Path) -> None:
    write_model(tmp_path / 'staying', 16, 3)
    part = f'{STAYING}={tmp_path / "staying"}'
    assert command(models / 'base', tmp_path / 'out', part) == 0
    before, after = load(models / 'base'), load(tmp_path / 'out')
    changed = {
        name
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert changed
    assert all(name.startswith(STAYING) for name in changed)
    first, second = (answers(each, planned=False) for each in (before, after))
    assert torch.equal(first['mean'], second['mean'])
    assert torch.equal(first['spread'], second['spread'])
    # Anybody who may read the folder may read the weights.
    weights, card = (tmp_path / 'out' / name for name in ('weights.safetensors', 'card.md'))
    assert weights.stat().st_mode == card.stat().st_mode


@pytest.mark.parametrize(
    ('part', 'said'),
    [
        ('decoder.reaction', 'must read BEGINNING=MODEL'),
        ('encoder.modes={donor}', 'a part must begin with decoder.reaction'),
        ('decoder.reaction.nothing={donor}', 'has no decoder.reaction.nothing'),
        ('encoder.to_reaction={donor}', 'encoder.to_reaction.weight must have the shape'),
        ('decoder.reaction.following={nowhere}', 'no model here'),
    ],
)
def test_what_cannot_be_taken_is_named(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, said: str
) -> None:
    text = part.format(donor=models / 'donor', nowhere=tmp_path / 'nowhere')
    assert command(models / 'base', tmp_path / 'out', text) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_no_model_is_written_over_one_it_is_made_of(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (models / 'base', models / 'donor'):
        assert command(models / 'base', out, f'{REACTION}={models / "donor"}') == 2
        assert 'write to another folder' in capsys.readouterr().err


def test_a_fold_takes_no_part_that_saw_what_it_holds_out(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fold, donor, out = tmp_path / 'fold', tmp_path / 'donor', tmp_path / 'out'
    shutil.copytree(models / 'base', fold)
    shutil.copytree(models / 'donor', donor)
    write_fold(fold, Fold(0, 4, ('city-3', 'USA_A-1', 'USA_A-2')))
    part = f'{FOLLOWING}={donor}'
    assert command(fold, out, part) == 2
    assert 'fold.json' in capsys.readouterr().err  # the donor does not say what it has seen

    write_fold(donor, Fold(0, 4, ('USA_A-1',)))
    assert command(fold, out, part) == 2
    assert 'does not hold out USA_A-2' in capsys.readouterr().err

    # It never saw a city. And the base may be older than the part.
    write_fold(donor, Fold(0, 4, ('USA_A-1', 'USA_A-2')))
    forget(fold, FOLLOWING)
    assert command(fold, out, part) == 0
    assert read_fold(out) == read_fold(fold)
    assert load(out).state_dict().keys() == load(models / 'base').state_dict().keys()


def forget(model: Path, beginning: str) -> None:
    """Leave parameters out of a model's file."""
    path = model / 'weights.safetensors'
    weights = load_file(path)
    save_file({n: v for n, v in weights.items() if not n.startswith(beginning)}, path)
    content = json.loads((model / 'model.json').read_text())
    content['files'][path.name] = digest(path)
    (model / 'model.json').write_text(json.dumps(content))
