"""Prints how many kernels were compiled by a rehearsal, and how many by the sample after it."""

from __future__ import annotations

from prediction_node.bags.reader import BagReader
from prediction_node.compiled import compilations
from prediction_node.config import Config
from prediction_node.domain.stamps import STEP_NS
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.rehearsal import rehearse
from prediction_node.resources import share_path


def main() -> None:
    sample = share_path('samples', 'lankershim')
    pipeline = Pipeline(Config(), load_map(sample / 'map.osm'))
    rehearse(pipeline)
    ready = compilations()
    names = {entry.topic: entry.name for entry in inputs(Config())}
    with BagReader(sample / 'bag') as bag:
        due_ns = None
        for log_ns, topic, _, data in bag.messages():
            due_ns = due_ns or log_ns + STEP_NS
            while log_ns > due_ns:
                assert pipeline.release(due_ns).objects_cdr
                due_ns += STEP_NS
            if topic in names:
                pipeline.receive(names[topic], data, log_ns)
    print(ready, compilations() - ready)


main()
