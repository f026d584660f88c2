"""Message types by name: their definitions, their hashes, and objects for tests and importers."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from prediction_node import resources
from prediction_node.domain.errors import BagError


@lru_cache(maxsize=1)
def type_store() -> Typestore:
    """The types of ROS 2 Jazzy and those of interfaces/. One store per process.

    Raises BagError naming the file whose definition cannot be read or contradicts another.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted(resources.share_path('interfaces').glob('*/msg/*.msg')):
        _register(store, path)
    return store


def _register(store: Typestore, path: Path) -> None:
    name = f'{path.parent.parent.name}/msg/{path.stem}'
    try:
        store.register(get_types_from_msg(path.read_text(encoding='utf-8'), name))
    except (TypesysError, OSError, UnicodeDecodeError) as error:
        raise BagError(f'{path} does not define {name}: {error}') from error


def definition(message_type: str) -> str | None:
    """The definition with all it contains, as rosbag2 records it ('ros2msg'); None if not known."""
    store = type_store()
    if message_type not in store.fielddefs:
        return None
    return store.generate_msgdef(message_type, ros_version=2)[0]


def type_hash(message_type: str) -> str | None:
    """The hash of the type's layout (REP 2016, 'RIHS01_...'); None if the type is not known."""
    store = type_store()
    if message_type not in store.fielddefs:
        return None
    return store.hash_rihs01(message_type)


@lru_cache(maxsize=256)
def hash_of_definition(message_type: str, text: str) -> str | None:
    """The hash of a recorded definition of `message_type`; None if the text does not define it."""
    own = get_typestore(Stores.EMPTY)
    try:
        own.register(get_types_from_msg(text, message_type))
        return own.hash_rihs01(message_type)
    except Exception:  # text from a damaged file: whatever it raises, it defines nothing
        return None
