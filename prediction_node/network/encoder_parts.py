"""An exported encoder once more in three files, so that two cores can work on one scene: what
depends on the rasters alone, what does not depend on them, and what joins the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx

from prediction_node.domain.model_folder import BESIDE, JOINED, LOOKED

RASTERS = ('raster_near', 'raster_far')


def split_encoder(path: Path) -> None:
    """Write LOOKED, BESIDE and JOINED next to the encoder at `path`.

    The nodes are those of the whole one, each in one of the files. What goes from the first two to
    the last is every output of theirs that it reads, under its name in the whole encoder.
    """
    model = onnx.load(path)
    inputs = [each.name for each in model.graph.input]
    outputs = [each.name for each in model.graph.output]
    looked, beside, joined = _sorted(model.graph)
    from_looked = _made(looked) & _read(joined)
    from_beside = _made(beside) & (_read(joined) | set(outputs))
    others = [name for name in inputs if name not in RASTERS]
    joins = (from_looked | from_beside | set(others)) & _read(joined)
    for name, reads, gives in (
        (LOOKED, [name for name in inputs if name in RASTERS], from_looked),
        (BESIDE, [name for name in others if name in _read(beside)], from_beside),
        (JOINED, sorted(joins), set(outputs) - from_beside),
    ):
        part = path.with_name(name)
        onnx.utils.extract_model(str(path), str(part), reads, sorted(gives), check_model=False)
        _label(part, model)


def _sorted(graph: onnx.GraphProto) -> tuple[list[onnx.NodeProto], ...]:
    """The nodes that rasters alone decide, those that they do not touch, and the others."""
    seen = {each.name: {each.name in RASTERS} for each in graph.input}
    parts: dict[frozenset[bool], list[onnx.NodeProto]] = {}
    for node in graph.node:
        of = set().union(*(seen.get(name, set()) for name in node.input))
        seen.update(dict.fromkeys(node.output, of))
        # Constants are copied to where they are read.
        parts.setdefault(frozenset(of), []).append(node)
    kinds = ({True}, {False}, {True, False})
    return tuple(parts.get(frozenset(kind), []) for kind in kinds)


def _made(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {name for node in nodes for name in node.output}


def _read(nodes: Sequence[onnx.NodeProto]) -> set[str]:
    return {name for node in nodes for name in node.input if name}


def _label(part: Path, whole: onnx.ModelProto) -> None:
    labels = {each.key: each.value for each in whole.metadata_props}
    model = onnx.load(part)
    onnx.helper.set_model_props(model, labels)
    onnx.save(model, part)
