"""The layers of prediction_node, and a walk over its imports that holds them.

Bottom up: values, places, stages, composition, verbs, top. What a unit (a package or module
directly below prediction_node) may import follows from its layer.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = 'prediction_node'
LAYERS: Mapping[str, frozenset[str]] = {
    # Frozen values that everything shares.
    'values': frozenset({'domain'}),
    # Where the files that travel with the package lie; how loops become machine code.
    'places': frozenset({'compiled', 'resources'}),
    # Each does one thing to values and knows of no other.
    'stages': frozenset(
        {'allocator', 'bags', 'cdr', 'crowds', 'fusion', 'inference', 'lanelet', 'markers'}
        | {'metrics', 'middleware', 'network', 'observation', 'output', 'priority', 'raster'}
        | {'command_line', 'scene', 'schedule', 'simulation', 'tensors'}
    ),
    # Joins stages.
    'composition': frozenset(
        {
            'accelerated',
            'bench',
            'channels',
            'conditional',
            'config',
            'engines',
            'map_source',
            'pipeline',
            'predictor',
            'prepared_map',
            'release',
        }
        | {'rehearsal', 'scorecard', 'stored_scenes', 'vehicle'}
    ),
    # What a user asks for; each joins the composition with the outside.
    'verbs': frozenset({'generation', 'hil', 'importers', 'learning', 'replay', 'ros'}),
    # The command line and what measures it all.
    'top': frozenset(
        {
            'benchmark',
            'cli',
            'evaluation',
            'extraction',
            'prepare_engine',
            'quantise',
            'raster_view',
        }
        | {'__main__'}
    ),
}
ORDER = tuple(LAYERS)
# Inside these layers units may import each other; cycles are refused everywhere.
SOCIABLE = frozenset({'composition', 'top'})

ROS = frozenset({'rclpy', 'launch', 'launch_ros', 'ament_index_python', 'std_srvs', 'tf2_ros'})
# Heavy or machine-bound libraries -> modules (with all below them) that may import them.
RESTRICTED: Mapping[str, tuple[str, ...]] = {
    'torch': ('network', 'learning', 'inference.torch_model'),
    'lightning': ('learning',),
    'onnxruntime': ('inference.onnx_model',),
    'tensorrt': ('inference.tensorrt_engine',),
    'tensorrt_rtx': ('inference.tensorrt_engine',),
    'pycuda': ('inference.tensorrt_engine',),
    'numba': ('compiled',),
    'libsumo': ('simulation',),
    'sumolib': ('simulation',),
    'traci': ('simulation',),
    'sumo': ('simulation',),
    'ray': ('generation', 'extraction'),
}
DOMAIN_LIBRARIES = frozenset({'numpy'})
# In the standard library only after Python 3.10, the oldest that a vehicle may run.
TOO_NEW = frozenset(
    {'tomllib', 'enum.StrEnum', 'datetime.UTC', 'itertools.batched', 'typing.Self'}
    | {'typing.Never', 'typing.assert_never', 'typing.override'}
)


@dataclass(frozen=True)
class Import:
    """One import: the importing module, what it names, and the line."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f'{self.importer}, line {self.line}: imports {self.imported}'


def module_names(root: Path) -> dict[str, Path]:
    """{'prediction_node.domain.frames': path} of every module below root/prediction_node."""
    found = {}
    for path in sorted((root / PACKAGE).rglob('*.py')):
        parts = path.relative_to(root).with_suffix('').parts
        found['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return found


def imports_of(root: Path) -> list[Import]:
    """Every import, wherever it stands. `from a import b` names a.b if that is a module."""
    modules = module_names(root)
    found = []
    for name, path in modules.items():
        is_package = path.name == '__init__.py'
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'), str(path))):
            for imported in _named_by(node, name, is_package, modules):
                found.append(Import(name, imported, getattr(node, 'lineno', 0)))
    return found


def _named_by(
    node: ast.AST, importer: str, is_package: bool, modules: Mapping[str, Path]
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ''
        if node.level:
            package = importer.split('.')
            package = package[: len(package) - node.level + (1 if is_package else 0)]
            base = '.'.join([*package, *([base] if base else [])])
        for alias in node.names:
            full = f'{base}.{alias.name}'
            yield full if full in modules or base.split('.')[0] != PACKAGE else base


def unit_of(module: str) -> str:
    """The unit of a module: 'prediction_node.cdr.reading' -> 'cdr'; '' for the package."""
    parts = module.split('.')
    return parts[1] if len(parts) > 1 else ''


def layer_of(unit: str) -> int | None:
    """The height of a unit's layer; None if the table does not know the unit."""
    for height, name in enumerate(ORDER):
        if unit in LAYERS[name]:
            return height
    return None


def layer_violations(imports: Iterable[Import]) -> list[str]:
    """Imports of our own units that the layers forbid."""
    found = []
    for each in imports:
        if each.imported.split('.')[0] != PACKAGE:
            continue
        importer, imported = unit_of(each.importer), unit_of(each.imported)
        # The package's own __init__ (its version) is below everything and imports nothing of ours.
        if importer == imported or (imported == '' and importer != ''):
            continue
        above, below = layer_of(importer), layer_of(imported)
        if above is None or below is None:
            unknown = importer if above is None else imported
            found.append(f'{each}: {unknown or PACKAGE} has no layer in tools/architecture.py')
        elif below > above or (below == above and ORDER[above] not in SOCIABLE):
            found.append(f'{each}: {ORDER[above]} must not import {ORDER[below]}')
    return found


def library_violations(imports: Iterable[Import]) -> list[str]:
    """Imports of other people's libraries where they have no place."""
    found = []
    for each in imports:
        library = each.imported.split('.')[0]
        unit = unit_of(each.importer)
        if library == PACKAGE or library in sys.stdlib_module_names:
            if each.imported in TOO_NEW:
                found.append(f'{each}: not in Python 3.10')
            continue
        if unit == 'domain' and library not in DOMAIN_LIBRARIES:
            found.append(f'{each}: domain knows numpy alone')
        if is_ros(library) and unit != 'ros':
            found.append(f'{each}: ROS belongs to {PACKAGE}.ros')
        places = RESTRICTED.get(library)
        if places is not None and not any(
            f'{each.importer}.'.startswith(f'{PACKAGE}.{place}.') for place in places
        ):
            found.append(f'{each}: {library} belongs to {" and ".join(places)}')
    return found


def is_ros(library: str) -> bool:
    """Is this rclpy, a message package or another part of ROS?"""
    generated = library.endswith(('_msgs', '_interfaces')) or library.startswith('rosidl_')
    return generated or library in ROS


def cycles(imports: Iterable[Import]) -> list[list[str]]:
    """Loops among our modules, and among units, each as the names along it."""
    by_module: dict[str, set[str]] = {}
    by_unit: dict[str, set[str]] = {}
    for each in imports:
        if each.imported.split('.')[0] != PACKAGE:
            continue
        if each.importer != each.imported:
            by_module.setdefault(each.importer, set()).add(each.imported)
        importer, imported = unit_of(each.importer), unit_of(each.imported)
        if importer != imported:
            by_unit.setdefault(importer, set()).add(imported)
    loops = [_loop_in(by_module), _loop_in(by_unit)]
    return [loop for loop in loops if loop]


def _loop_in(graph: Mapping[str, set[str]]) -> list[str]:
    """The names along one loop, the first repeated at the end; empty if there is none."""
    done: set[str] = set()

    def search(name: str, path: Sequence[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for following in sorted(graph.get(name, ())):
            loop = search(following, [*path, name])
            if loop:
                return loop
        done.add(name)
        return []

    for name in sorted(graph):
        loop = search(name, [])
        if loop:
            return loop
    return []


def overlong_files(root: Path, limit: int) -> list[str]:
    """Modules of more than `limit` lines."""
    found = []
    for path in module_names(root).values():
        count = len(path.read_text(encoding='utf-8').splitlines())
        if count > limit:
            found.append(f'{path.relative_to(root)}: {count} lines')
    return found


def foreign_names(root: Path) -> list[str]:
    """Compiled functions that use what another module of ours defines, be it a number.

    It becomes part of their machine code, and that is kept on disk until their own file changes.
    """
    found = []
    for module, path in module_names(root).items():
        tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
        imported = {
            alias.asname or alias.name: f'{node.module}.{alias.name}'
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == PACKAGE
            for alias in node.names
        }
        for function in _kernels(tree):
            used = {
                node.id
                for statement in function.body
                for node in ast.walk(statement)
                if isinstance(node, ast.Name)
            }
            found += [
                f'{module}.{function.name}: uses {imported[name]}'
                for name in sorted(used & imported.keys())
            ]
    return found


def _kernels(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(each, ast.Name) and each.id == 'compiled' for each in node.decorator_list
        ):
            yield node
