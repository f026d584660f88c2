"""One model of several: the futures of one training, the answer to plans of another, and how likely
those who stand stay of a third.

Paths stay as they are when nothing is planned, bit for bit, and so does the calibration.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from prediction_node.domain.errors import DataError
from prediction_node.domain.model_folder import CARD, WEIGHTS, ModelFolder
from prediction_node.inference.tensorrt_engine.request import quantised_as
from prediction_node.learning.best import read_weights
from prediction_node.learning.card import with_lines
from prediction_node.learning.folds import FILE as FOLD
from prediction_node.learning.folds import read_fold, site_of
from prediction_node.network import Network, NetworkConfig
from prediction_node.network.export import export

# What answers a plan, and says nothing without one; and the weight of staying, which is learned
# under the calibration that the base has.
MAY_BE_TAKEN = (
    'decoder.reaction',
    'encoder.to_reaction',
    'encoder.block_embedding',
    'encoder.modes.staying',
)


@dataclass(frozen=True, slots=True)
class Part:
    """Parameters whose names begin with `beginning`, of the model in `folder`."""

    beginning: str
    folder: Path

    @classmethod
    def read(cls, text: str) -> Part:
        """Of `decoder.reaction.following=MODEL`. Raises DataError for anything else."""
        beginning, equals, folder = text.partition('=')
        if not equals or not beginning or not folder:
            raise DataError(f'a part must read BEGINNING=MODEL, got {text!r}')
        if not beginning.startswith(MAY_BE_TAKEN):
            raise DataError(
                f'a part must begin with {", ".join(MAY_BE_TAKEN)}, for paths without a plan '
                f'and their calibration are those of the base; got {beginning!r}'
            )
        return cls(beginning, Path(folder))


def combine(base: Path, parts: list[Part], out: Path) -> None:
    """Write the model of `base` with `parts` of others to `out`, later ones over earlier ones.

    Raises DataError or ModelError naming the folder, where a part is not there, has another shape
    than in the base, or was not blind to what the base of a fold holds out.
    """
    used = [base, *(part.folder for part in parts)]
    if out.resolve() in [folder.resolve() for folder in used]:
        raise DataError(f'{out} is one of the models that are combined: write to another folder')
    described = ModelFolder.read(base)
    if quantised_as(described):
        raise DataError(f'{base} is quantised: combine the model it is from, and quantise that')
    network = Network(NetworkConfig.from_dict(described.network))
    weights, _ = read_weights(described.file(WEIGHTS))
    expected = network.state_dict()
    taken = {}
    for part in parts:
        donor = taken[part.beginning] = ModelFolder.read(part.folder)
        weights |= _of(donor, part.beginning, expected)
    missing = sorted(set(expected) - set(weights))
    if missing:
        raise DataError(f'{base} has no {", ".join(missing[:3])}: name them as parts')
    network.load_state_dict(weights)
    _check_folds(base, parts)

    export(
        network,
        out,
        {
            'name': described.name,
            'calibration': described.calibration,
            'raster_manifest': described.raster_manifest,
            'provenance': {**described.provenance, 'parts': _provenance(described, taken)},
        },
    )
    if (base / FOLD).is_file():
        shutil.copyfile(base / FOLD, out / FOLD)
    if (base / CARD).is_file():
        text = (base / CARD).read_text(encoding='utf-8')
        (out / CARD).write_text(with_parts(text, taken), encoding='utf-8')


def _of(donor: ModelFolder, beginning: str, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights, _ = read_weights(donor.file(WEIGHTS))
    found = {name: value for name, value in weights.items() if name.startswith(beginning)}
    wanted = {name for name in expected if name.startswith(beginning)}
    if not wanted or set(found) != wanted:
        raise DataError(f'{donor.path} has no {beginning} such as the base has')
    for name, value in found.items():
        if value.shape != expected[name].shape:
            raise DataError(
                f'{donor.path}: {name} must have the shape {tuple(expected[name].shape)}, '
                f'got {tuple(value.shape)}'
            )
    return found


def _check_folds(base: Path, parts: list[Part]) -> None:
    """What a fold holds out, none of its parts may have seen."""
    if not (base / FOLD).is_file():
        return
    held_out = read_fold(base).held_out
    for part in parts:
        blind = set(read_fold(part.folder).held_out)
        sites = {site_of(group) for group in blind}
        seen = [group for group in held_out if site_of(group) in sites and group not in blind]
        if seen:
            raise DataError(f'{part.folder} does not hold out {seen[0]}, which {base} does')


def _provenance(described: ModelFolder, taken: Mapping[str, ModelFolder]) -> dict[str, Any]:
    earlier = described.provenance.get('parts', {})
    return {**earlier, **{name: dict(model.provenance) for name, model in taken.items()}}


def with_parts(card: str, taken: Mapping[str, ModelFolder]) -> str:
    """The card of the base, which says below `## Model` where the parts are from."""
    return with_lines(
        card,
        {
            f'- `{name}` from': f' `{model.name}`: {json.dumps(dict(model.provenance))}'
            for name, model in taken.items()
        },
    )
