"""The parameter tree declared with ROS: descriptions, ranges, read-only until the next
configure.
"""

from __future__ import annotations

import difflib
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from prediction_node.config import (
    GROUPS,
    Config,
    Declaration,
    branch_declarations,
    from_flat,
    member_declarations,
    names_declaration,
)
from prediction_node.domain.errors import ParameterError


def declare(node: Node) -> None:
    """Declare every parameter; overrides from the command line or a file take effect here.

    Raises ParameterError naming the parameter for a wrong type, a broken range, or an unknown name
    that is or seems to be of the tree.
    """
    for declaration in branch_declarations():
        _declare(node, declaration)
    for group in GROUPS:
        names = _declare(node, names_declaration(group)) or ()
        for name in names:
            if not name.isidentifier():
                raise ParameterError(f'{group.names} must hold identifiers, got {name!r}')
            for declaration in member_declarations(group, name):
                _declare(node, declaration)
    _refuse_unknown(node)


def _declare(node: Node, d: Declaration) -> Any:
    if node.has_parameter(d.name):
        return node.get_parameter(d.name).value
    descriptor = ParameterDescriptor(
        description=d.description + (f' [{d.unit}]' if d.unit else ''),
        additional_constraints=', '.join(d.choices),
        read_only=False,
    )
    if isinstance(d.default, bool | str | tuple):
        pass  # ROS ranges exist for numbers only; the tree checks the rest when it is built
    elif isinstance(d.default, int):
        low = -(2**63) if d.low is None else int(d.low)
        high = 2**63 - 1 if d.high is None else int(d.high)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif d.low is not None or d.high is not None:
        low_f = -1.0e308 if d.low is None else float(d.low)
        high_f = 1.0e308 if d.high is None else float(d.high)
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=low_f, to_value=high_f, step=0.0)
        ]
    default = list(d.default) if isinstance(d.default, tuple) else d.default
    # A file may write 3 where the tree holds 3.0, and an empty list has no type: the tree converts
    # and checks.
    descriptor.dynamic_typing = isinstance(d.default, float) or d.default == ()
    try:
        return node.declare_parameter(d.name, default, descriptor).value
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise ParameterError(f'parameter {d.name}: {error}') from None


def _refuse_unknown(node: Node) -> None:
    """A name within the tree, or nearly, is a mistake. Others were not meant for this node: launch
    files may give all nodes the same parameters, as Autoware's do with those of the vehicle.
    """
    known = set(node._parameters) | {'use_sim_time'}
    branches = {name.split('.')[0] for name in known}
    for name in node._parameter_overrides:
        if name in known or name.startswith(('qos_overrides.', 'use_sim_time')):
            continue
        branch = name.split('.')[0]
        if branch in branches or difflib.get_close_matches(branch, branches, cutoff=0.8):
            from_flat({name: None})  # raises with a suggestion
        node.get_logger().warning(f'parameter {name!r} is none of this node, left out')


def read(node: Node) -> Config:
    """The Config of the node's present parameter values. Raises ParameterError naming the key."""
    values = {d.name: _value(node, d.name) for d in branch_declarations()}
    for group in GROUPS:
        names = values[group.names] = _value(node, group.names)
        for name in names:
            for declaration in member_declarations(group, name):
                values[declaration.name] = _value(node, declaration.name)
    return from_flat(values, origin='parameter')


def _value(node: Node, name: str) -> Any:
    value = node.get_parameter(name).value
    if value is None:  # an empty list in a file reads as "not set"
        return ()
    return tuple(value) if isinstance(value, list) or hasattr(value, 'tolist') else value
