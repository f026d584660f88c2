"""metadata.yaml of a rosbag2 folder: written for all from Humble on, read with distrust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prediction_node.bags.mcap_file import LIBRARY, TopicRecord
from prediction_node.domain.errors import BagError

FILE_NAME = 'metadata.yaml'
VERSION = 8  # the last that Humble can read: quality of service as numbers in a text
LIMIT_BYTES = 16 << 20


@dataclass(frozen=True)
class Metadata:
    """What metadata.yaml says."""

    files: tuple[str, ...]  # as written: not yet checked
    compression_mode: str = ''  # '', 'file' or 'message'
    compression_format: str = ''
    last_ns: int | None = None
    type_hash: dict[str, str] = field(default_factory=dict)  # by topic


def dump(
    file: str, topics: Sequence[TopicRecord], messages: int, first_ns: int, last_ns: int
) -> str:
    """The text of metadata.yaml for a bag of one MCAP file."""
    starting = {'nanoseconds_since_epoch': first_ns}
    duration = {'nanoseconds': last_ns - first_ns}
    content = {
        'version': VERSION,
        'storage_identifier': 'mcap',
        'duration': duration,
        'starting_time': starting,
        'message_count': messages,
        'topics_with_message_count': [
            {
                'topic_metadata': {
                    'name': t.name,
                    'type': t.message_type,
                    'serialization_format': 'cdr',
                    'offered_qos_profiles': t.qos,
                    'type_description_hash': t.type_hash,
                },
                'message_count': t.count,
            }
            for t in topics
        ],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file],
        'files': [
            {
                'path': file,
                'starting_time': dict(starting),
                'duration': dict(duration),
                'message_count': messages,
            }
        ],
        'custom_data': None,
        'ros_distro': LIBRARY,
    }
    whole = {'rosbag2_bagfile_information': content}
    return str(yaml.safe_dump(whole, sort_keys=False, width=1000))


def load(path: Path) -> Metadata:
    """Read metadata.yaml. Raises BagError naming the file and what is wrong with it."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise BagError(f'{path} is larger than {LIMIT_BYTES} bytes')
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise BagError(f'{path} cannot be read: {_first_line(error)}') from error
    try:
        return _parse(content['rosbag2_bagfile_information'])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BagError(f'{path} lacks what rosbag2 writes: {_first_line(error)}') from error


def _parse(info: dict[str, Any]) -> Metadata:
    files = tuple(str(name) for name in info['relative_file_paths'])
    hashes: dict[str, str] = {}
    for entry in info.get('topics_with_message_count') or ():
        topic = entry['topic_metadata']
        hashes[str(topic['name'])] = str(topic.get('type_description_hash') or '')
    last_ns = None
    if info.get('message_count'):
        start = int(info['starting_time']['nanoseconds_since_epoch'])
        last_ns = start + int(info['duration']['nanoseconds'])
    return Metadata(
        files=files,
        compression_mode=_choice(info, 'compression_mode', ('', 'none', 'file', 'message')),
        compression_format=_choice(info, 'compression_format', ('', 'zstd')),
        last_ns=last_ns,
        type_hash=hashes,
    )


def _choice(info: dict[str, Any], key: str, known: tuple[str, ...]) -> str:
    value = str(info.get(key) or '').lower()
    if value not in known:
        raise ValueError(f'{key} {value!r} is not supported')
    return '' if value == 'none' else value


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0]
