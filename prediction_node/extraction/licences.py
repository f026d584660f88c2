"""Under which licence a recording came."""

from __future__ import annotations

from prediction_node.extraction.units import (
    AV2_FORECASTING,
    AV2_LOG,
    COMMONROAD,
    DUT,
    ETH_UCY,
    SDD,
    VRU,
    Unit,
)

# What the publishers say.
_OF_KIND = {
    AV2_LOG: 'CC BY-NC-SA 4.0',
    AV2_FORECASTING: 'CC BY-NC-SA 4.0',
    SDD: 'CC BY-NC-SA 3.0',
    VRU: 'none stated',
    DUT: 'none stated',
}


def licence_of(unit: Unit) -> str:
    """What the publisher says, else what was said when it was asked for; empty if nobody did.

    Raises DataError for a file that cannot be read.
    """
    return _published(unit) or unit.licence


def _published(unit: Unit) -> str:
    if unit.kind == COMMONROAD:
        from prediction_node.importers.commonroad import licence_of_scenario

        return licence_of_scenario(unit.path)
    if unit.kind == ETH_UCY:
        from prediction_node.importers.eth_ucy import licence_of_crowd

        return licence_of_crowd(unit.path)
    return _OF_KIND.get(unit.kind, '')
