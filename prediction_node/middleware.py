"""Which DDS profile file to set for a middleware, unless the user has set one (used by the launch
files).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEFAULT_RMW = 'rmw_fastrtps_cpp'


def profile_environment(environment: Mapping[str, str], config_directory: Path) -> dict[str, str]:
    """Variables to set so that messages of 2 MB travel well, given the user's environment.

    Empty when the user has already chosen a profile, or when the middleware is not one we ship one
    for.
    """
    rmw = environment.get('RMW_IMPLEMENTATION') or DEFAULT_RMW
    if 'fastrtps' in rmw:
        # The second name is what Fast DDS 3 reads; the first is what ROS 2 Jazzy's Fast DDS 2
        # reads.
        chosen = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
        if any(environment.get(name) for name in (*chosen, 'FASTDDS_BUILTIN_TRANSPORTS')):
            return {}
        return dict.fromkeys(chosen, str(config_directory / 'fastdds.xml'))
    if 'cyclonedds' in rmw:
        if environment.get('CYCLONEDDS_URI'):
            return {}
        return {'CYCLONEDDS_URI': f'file://{config_directory / "cyclonedds.xml"}'}
    return {}
