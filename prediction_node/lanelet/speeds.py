"""Speed limits of lanes: sign before tag before the location's default, as in Lanelet2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.lane_map import LaneKind
from prediction_node.lanelet import meaning
from prediction_node.lanelet.elements import Elements, LaneletElement, RuleElement


def speed_limits(
    elements: Elements,
    lanelets: Sequence[LaneletElement],
    kinds: Sequence[LaneKind],
    default_mps: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(L,) m/s, inf where there is none, and (L,) whether there is one; warnings to `elements`."""
    speed = default_mps.copy()
    has_speed = np.isfinite(speed)
    for row, (lanelet, kind) in enumerate(zip(lanelets, kinds, strict=True)):
        limit = _signed_speed(elements, lanelet)
        text = meaning.speed_tag(lanelet.tags, kind)
        if limit is None and text is not None:
            limit = meaning.speed_mps(text)
            if limit is None:
                elements.warnings.append(
                    f'speed_limit {text[:40]!r} of lanelet {lanelet.id} is not a speed and left out'
                )
        if limit is not None:
            speed[row], has_speed[row] = limit, True
    return speed, has_speed


def _signed_speed(elements: Elements, lanelet: LaneletElement) -> float | None:
    for id_ in lanelet.rules:
        rule = elements.rules.get(id_)
        if rule is not None and rule.kind == 'speed_limit':
            for sign in _sign_types(elements, rule):
                speed = meaning.sign_speed_mps(sign)
                if speed is not None:
                    return speed
            warning = f'regulatory element {id_} (speed_limit) tells no speed'
            if warning not in elements.warnings:
                elements.warnings.append(warning)
    return None


def _sign_types(elements: Elements, rule: RuleElement) -> list[str]:
    signs = [rule.tags['sign_type']] if 'sign_type' in rule.tags else []
    for member in rule.members.get('refers', ()):
        if member.kind == 'way' and member.id in elements.ways:
            tags = elements.ways[member.id].tags
            signs += [tags[key] for key in ('sign_type', 'subtype') if key in tags]
    return signs
