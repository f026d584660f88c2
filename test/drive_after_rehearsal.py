"""Prints how many kernels were compiled by a rehearsal, and how many by the sample after it."""

from __future__ import annotations

from conftest import released

from prediction_node.compiled import compilations
from prediction_node.config import Config
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import Pipeline
from prediction_node.rehearsal import rehearse
from prediction_node.resources import share_path


def main() -> None:
    pipeline = Pipeline(Config(), load_map(share_path('samples', 'lankershim', 'map.osm')))
    rehearse(pipeline)
    ready = compilations()
    for release in released(pipeline):
        assert release.objects_cdr
    print(ready, compilations() - ready)


main()
