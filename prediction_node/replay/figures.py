"""metrics.json and summary.json of a replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prediction_node.bags.reader import BagReader
from prediction_node.domain.errors import BagError
from prediction_node.domain.stamps import seconds
from prediction_node.domain.whole_file import write_whole
from prediction_node.metrics import ALL, HORIZONS_S, MOVING, horizon_key
from prediction_node.replay.counts import Counts
from prediction_node.replay.keeper import Outcome
from prediction_node.replay.topics import TopicMapping

CONSTANT_VELOCITY = 'constant_velocity'


def metrics(outcome: Outcome, engine: str) -> dict[str, Any]:
    """{engine | 'constant_velocity': {class: {'moving' | 'all': {'1s': {...}}}}, 'calibration':
    {'ece'}}.

    Figures are null where no window reaches the horizon.
    """
    return {
        CONSTANT_VELOCITY: outcome.constant_velocity.as_dict(),
        engine: outcome.engine.as_dict(),
        'calibration': {'ece': outcome.engine.calibration.error},
    }


def summary(
    bag: BagReader,
    map_name: str | None,
    mapping: TopicMapping,
    counts: Counts,
    outcome: Outcome,
) -> dict[str, Any]:
    """What was replayed, how it went, and what is wrong with the recording."""
    nll = {
        motion: {
            horizon_key(h): outcome.engine.over_classes(motion, h).mean('nll') for h in HORIZONS_S
        }
        for motion in (MOVING, ALL)
    }
    return {
        'recording': bag.path.name,
        'map': map_name,
        'topics': {row.name: row.topic for row in mapping.rows},
        'messages': counts.messages,
        'releases': counts.releases,
        'seconds': _span_s(counts),
        'modes': dict(sorted(counts.modes.items())),
        'reasons': dict(sorted(counts.reasons.items())),
        'resets': counts.resets,
        'pauses': counts.pauses,
        'agents_per_release': counts.agents / counts.releases if counts.releases else None,
        'most_agents': counts.most_agents,
        'shed': counts.shed,
        'truth': 'fused tracks of this replay' if outcome.own_truth else 'recorded true objects',
        'agents_with_truth': outcome.matched,
        'agents_without_truth': outcome.unmatched,
        'unreadable_truth_messages': outcome.unreadable_truth,
        'negative_log_likelihood': nll,
        'scorecard': outcome.scorecard,
        'damage': [d.describe(bag.start_ns) for d in bag.damage],
    }


def _span_s(counts: Counts) -> float:
    if counts.first_release_ns is None or counts.last_release_ns is None:
        return 0.0
    return seconds(counts.last_release_ns - counts.first_release_ns)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is whole or not there. Raises BagError if it cannot be written."""
    text = json.dumps(content, indent=2, allow_nan=False) + '\n'
    write_whole(path, text, durable=False, error=BagError)
