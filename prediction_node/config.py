"""The parameter tree: every stage's parameters under one roof, as flat ROS names and as YAML.

A leaf is declared once, by `domain.parameter.parameter` in the dataclass of the stage that uses
it. This
module walks the dataclasses: `declarations` lists name, default, unit, range and description of
every leaf; `from_flat` builds a `Config` from `{'fusion.gate_probability': 0.99, ...}`; `load_yaml`
reads a ROS
parameter file. Unknown names, wrong types and broken ranges raise ParameterError naming the key.
"""

from __future__ import annotations

import dataclasses
import difflib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.parameters import EngineParameters
from prediction_node.lanelet.parameters import (
    MapLimits,
    ProjectionParameters,
    ReadingParameters,
)
from prediction_node.observation.parameters import (
    DEFAULT_SOURCES,
    MountParameters,
    ObservationParameters,
    SourceParameters,
)
from prediction_node.scene.parameters import SceneParameters
from prediction_node.scorecard.parameters import ScorecardParameters

NODE_NAME = 'prediction'


@dataclass(frozen=True, slots=True)
class MapParameters:
    """Where the map comes from and how it is read."""

    path: str = parameter(
        '',
        'Lanelet2 map (.osm or .bin) loaded at configure; a map message replaces it.',
        fixed_after_configure=True,
    )
    projection: ProjectionParameters = field(default_factory=ProjectionParameters)
    limits: MapLimits = field(default_factory=MapLimits)
    reading: ReadingParameters = field(default_factory=ReadingParameters)


@dataclass(frozen=True, slots=True)
class TopicParameters:
    """Default topics; launch remappings apply on top. Sensor topics stand under
    `sources.<name>.topic`.
    """

    odometry: str = parameter('/localization/odometry', 'nav_msgs/Odometry of the vehicle.')
    tf: str = parameter('/tf', 'Moving transforms.')
    tf_static: str = parameter('/tf_static', 'Sensor mounts.')
    traffic_signals: str = parameter(
        '/perception/traffic_light_recognition/traffic_signals',
        'autoware_perception_msgs/TrafficLightGroupArray.',
    )
    vector_map: str = parameter(
        '/map/vector_map',
        'autoware_map_msgs/LaneletMapBin, transient local; preferred to map.path.',
    )
    candidate_trajectories: str = parameter(
        '/planning/candidate_trajectories',
        'autoware_internal_planning_msgs/CandidateTrajectories: what the robotaxi might do.',
    )
    objects: str = parameter(
        '/perception/object_recognition/objects',
        'Output: autoware_perception_msgs/PredictedObjects.',
    )

    def __post_init__(self) -> None:
        check(self, 'topics.')


@dataclass(frozen=True, slots=True)
class CycleParameters:
    """The release cycle and its limits."""

    max_agents: int = parameter(
        256,
        'Agents predicted per cycle; those of least risk to the ego are left out and counted.',
        low=1,
        high=4096,
    )
    time_budget_ms: float = parameter(
        90.0,
        'When cycles take longer, the number of predicted agents is cut until they fit again.',
        unit='ms',
        low=5.0,
        high=100.0,
    )
    min_existence: float = parameter(
        0.3, 'Tracks less likely than this to exist are not published.', low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        check(self, 'cycle.')


@dataclass(frozen=True, slots=True)
class Config:
    """All parameters. Fields are sub-trees; `sources` and `mounts` have one sub-tree per name."""

    topics: TopicParameters = field(default_factory=TopicParameters)
    cycle: CycleParameters = field(default_factory=CycleParameters)
    engine: EngineParameters = field(default_factory=EngineParameters)
    conditioned: ConditionedParameters = field(default_factory=ConditionedParameters)
    scorecard: ScorecardParameters = field(default_factory=ScorecardParameters)
    map: MapParameters = field(default_factory=MapParameters)
    observation: ObservationParameters = field(default_factory=ObservationParameters)
    fusion: FusionParameters = field(default_factory=FusionParameters)
    scene: SceneParameters = field(default_factory=SceneParameters)
    kinematic: KinematicParameters = field(default_factory=KinematicParameters)
    sources: tuple[SourceParameters, ...] = DEFAULT_SOURCES
    mounts: tuple[MountParameters, ...] = ()

    def __post_init__(self) -> None:
        for group in GROUPS:
            names = [getattr(member, group.key) for member in getattr(self, group.name)]
            for name in names:
                if not name.isidentifier():
                    raise ParameterError(f'{group.names} must hold identifiers, got {name!r}')
                if names.count(name) > 1:
                    raise ParameterError(f'{group.names} must not repeat, got {name!r} twice')


@dataclass(frozen=True, slots=True)
class Group:
    """Sub-trees that the user names: `<group>.names` lists them, `<group>.<name>.*` describes
    one.
    """

    name: str  # field of Config
    member: type[Any]
    key: str  # field of the member that holds its name
    description: str

    @property
    def names(self) -> str:
        return f'{self.name}.names'

    def of(self, config: Config) -> dict[str, Any]:
        """Members by name."""
        return {getattr(m, self.key): m for m in getattr(config, self.name)}


GROUPS = (
    Group(
        'sources',
        SourceParameters,
        'name',
        'Names of the sensors; each has its own parameters under sources.<name>.',
    ),
    Group(
        'mounts',
        MountParameters,
        'frame',
        'Sensor frames whose place is given here, not by /tf_static; each has its own parameters '
        'under mounts.<name>.',
    ),
)
_GROUP_FIELDS = tuple(group.name for group in GROUPS)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One leaf of the tree as a ROS parameter."""

    name: str
    default: Any
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    fixed_after_configure: bool


def declarations(config: Config | None = None) -> list[Declaration]:
    """Every leaf in the order of the tree, with the values of `config` (or the defaults) as
    defaults.
    """
    config = config or Config()
    out = branch_declarations(config)
    for group in GROUPS:
        out.append(names_declaration(group, config))
        for name in group.of(config):
            out += member_declarations(group, name, config)
    return out


def branch_declarations(config: Config | None = None) -> list[Declaration]:
    """The leaves outside of the named groups."""
    config = config or Config()
    out: list[Declaration] = []
    for branch in dataclasses.fields(Config):
        if branch.name not in _GROUP_FIELDS:
            out += _declare(getattr(config, branch.name), f'{branch.name}.')
    return out


def names_declaration(group: Group, config: Config | None = None) -> Declaration:
    """The leaf that lists the members of a group."""
    names = tuple(group.of(config or Config()))
    return Declaration(group.names, names, group.description, '', None, None, (), True)


def member_declarations(group: Group, name: str, config: Config | None = None) -> list[Declaration]:
    """The leaves of one member: a known name keeps its values, a new one starts from the
    defaults.
    """
    member = group.of(config or Config()).get(name) or group.member(**{group.key: name})
    return _declare(member, f'{group.name}.{name}.', skip=(group.key,))


def _declare(values: Any, prefix: str, skip: tuple[str, ...] = ()) -> list[Declaration]:
    out = []
    for f in dataclasses.fields(values):
        if f.name in skip:
            continue
        value = getattr(values, f.name)
        if dataclasses.is_dataclass(value):
            out += _declare(value, f'{prefix}{f.name}.')
            continue
        m = f.metadata
        out.append(
            Declaration(
                f'{prefix}{f.name}',
                value,
                m['description'],
                m['unit'],
                m['low'],
                m['high'],
                m['choices'],
                m['fixed_after_configure'],
            )
        )
    return out


def from_flat(
    values: Mapping[str, Any], base: Config | None = None, origin: str = 'parameters'
) -> Config:
    """A Config from flat names; what is not named keeps the value of `base` (or the default).

    Raises ParameterError naming `origin` and the key for unknown names, wrong types, broken ranges.
    """
    base = base or Config()
    rest = dict(values)
    branches: dict[str, Any] = {}
    for branch in dataclasses.fields(Config):
        if branch.name not in _GROUP_FIELDS:
            current = getattr(base, branch.name)
            branches[branch.name] = _fill(current, f'{branch.name}.', rest, origin)
    for group in GROUPS:
        known = group.of(base)
        names = _convert(group.names, rest.pop(group.names, tuple(known)), (), origin)
        members = []
        for name in names:
            current = known.get(name) or group.member(**{group.key: name})
            prefix = f'{group.name}.{name}.'
            members.append(_fill(current, prefix, rest, origin, skip=(group.key,)))
        branches[group.name] = tuple(members)
    if rest:
        key = sorted(rest)[0]
        raise ParameterError(f'{origin}: unknown parameter {key!r}{_suggest(key, base)}')
    return Config(**branches)


def _fill(
    current: Any, prefix: str, rest: dict[str, Any], origin: str, skip: tuple[str, ...] = ()
) -> Any:
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(current):
        value = getattr(current, f.name)
        key = f'{prefix}{f.name}'
        if f.name in skip:
            continue
        if dataclasses.is_dataclass(value):
            changes[f.name] = _fill(value, f'{key}.', rest, origin)
        elif key in rest:
            changes[f.name] = _convert(key, rest.pop(key), value, origin)
    try:
        return dataclasses.replace(current, **changes)
    except ParameterError as error:
        raise ParameterError(f'{origin}: {error}') from None


def _convert(key: str, value: Any, like: Any, origin: str) -> Any:
    """`value` in the type of `like`. A whole number may stand for a float, nothing else is bent."""
    if isinstance(like, tuple):
        if not isinstance(value, list | tuple):
            raise ParameterError(f'{origin}: {key} must be a list, got {value!r}')
        item = like[0] if like else None
        return tuple(v if item is None else _convert(key, v, item, origin) for v in value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise ParameterError(f'{origin}: {key} must be a {type(like).__name__}, got {value!r}')
    return value


def _suggest(key: str, base: Config) -> str:
    names = [d.name for d in declarations(base)]
    close = difflib.get_close_matches(key, names, n=1)
    return f'; did you mean {close[0]!r}?' if close else ''


def load_yaml(path: Path | str, base: Config | None = None) -> Config:
    """A Config from a ROS parameter file (`<node>: ros__parameters: ...` or `/**: ros__parameters:
    ...`).

    Raises ParameterError naming the file and the key.
    """
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ParameterError(f'{path}: cannot be read: {error.strerror}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f'{path}: not YAML: {" ".join(str(error).split())}') from None
    if not isinstance(document, dict):
        raise ParameterError(
            f'{path}: must hold a node name and ros__parameters, got {document!r:.60}'
        )
    flat: dict[str, Any] = {}
    for node, content in document.items():
        if str(node).strip('/') not in (NODE_NAME, '**'):
            raise ParameterError(f'{path}: unknown node {node!r}, must be {NODE_NAME!r} or "/**"')
        if not isinstance(content, dict) or set(content) != {'ros__parameters'}:
            raise ParameterError(f'{path}: {node} must hold ros__parameters and nothing else')
        _flatten(content['ros__parameters'], '', flat)
    flat.pop('use_sim_time', None)  # belongs to rclpy, not to this tree
    return from_flat(flat, base, origin=str(path))


def _flatten(tree: Any, prefix: str, out: dict[str, Any]) -> None:
    for key, value in (tree or {}).items():
        if isinstance(value, dict):
            _flatten(value, f'{prefix}{key}.', out)
        else:
            out[f'{prefix}{key}'] = value


def to_yaml(config: Config | None = None) -> str:
    """The parameter file of `config` with every leaf, its description, unit and range as
    comments.
    """
    lines = [f'{NODE_NAME}:', '  ros__parameters:']
    open_path: list[str] = []
    for d in declarations(config):
        *path, leaf = d.name.split('.')
        if d.default == () and leaf == 'names':  # a group without members would be an empty branch
            lines.append(f'    # {path[0]}: {d.description}')
            continue
        shared = 0
        while shared < min(len(path), len(open_path)) and path[shared] == open_path[shared]:
            shared += 1
        for depth in range(shared, len(path)):
            lines.append('  ' * (depth + 2) + f'{path[depth]}:')
        open_path = path
        indent = '  ' * (len(path) + 2)
        comment = f'{d.description}{_bounds(d)}'
        lines += textwrap.wrap(
            comment, 100, initial_indent=f'{indent}# ', subsequent_indent=f'{indent}# '
        )
        value = list(d.default) if isinstance(d.default, tuple) else d.default
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix('...\n')
        # ROS cannot tell the type of an empty list in a file.
        off = '# ' if value == [] else ''
        lines.append(f'{indent}{off}{leaf}: {text.strip()}')
    return '\n'.join(lines) + '\n'


def _bounds(d: Declaration) -> str:
    parts = [d.unit] if d.unit else []
    if d.low is not None or d.high is not None:
        low = '' if d.low is None else f'{d.low:.10g}'
        high = '' if d.high is None else f'{d.high:.10g}'
        parts.append(f'{low} .. {high}')
    if d.choices:
        parts.append(' | '.join(d.choices))
    return f' [{", ".join(parts)}]' if parts else ''
