"""The node in the loop: a simulated city, its sensors, a planner and a monitor around it.

ros2 launch prediction_node hil.launch.py scenario:=downtown duration:=60 json:=/tmp/hil.json

The run is prepared (city, map, parameters) in a folder first. With node:=false the node runs on
another machine of this ROS domain, with the folder's map.osm and prediction.yaml.
`python -m prediction_node hil` is the same as a command, with a node that can be killed, a progress
bar and an exit status.
"""

import os
import sys
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription
from prediction_node.bench.launching import commands, prepare_from_words
from prediction_node.middleware import profile_environment


def start(context):
    share = Path(get_package_share_directory('prediction_node'))
    words = {
        name: LaunchConfiguration(name).perform(context)
        for name in (
            *('folder', 'scenario', 'duration', 'seed', 'faults', 'config', 'clock'),
            *('planner', 'model'),
        )
    }
    folder = prepare_from_words(words)
    json = LaunchConfiguration('json').perform(context)
    processes = {
        name: ExecuteProcess(cmd=[sys.executable, *command], name=name, output='screen')
        for name, command in commands(folder, json).items()
    }
    actions = list(processes.values())
    if LaunchConfiguration('node').perform(context) == 'true':
        node = IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(share / 'launch' / 'prediction.launch.py')),
            launch_arguments={
                'params_file': str(folder / 'prediction.yaml'),
                'map_path': str(folder / 'map.osm'),
                'use_sim_time': words['clock'],
            }.items(),
        )
        actions.insert(0, node)
    over = OnProcessExit(target_action=processes['monitor'], on_exit=[EmitEvent(event=Shutdown())])
    return [*actions, RegisterEventHandler(over)]


def generate_launch_description():
    config = Path(get_package_share_directory('prediction_node')) / 'config'
    arguments = [
        DeclareLaunchArgument('scenario', default_value='downtown', description='Name or file.'),
        DeclareLaunchArgument('duration', default_value='60', description='Seconds that count.'),
        DeclareLaunchArgument('seed', default_value='0', description='Of city, traffic, noise.'),
        DeclareLaunchArgument(
            'faults',
            default_value='',
            description='KIND:SOURCE:START:END, several apart by spaces.',
        ),
        DeclareLaunchArgument(
            'config', default_value=str(config / 'hil.yaml'), description='Budgets and thresholds.'
        ),
        DeclareLaunchArgument('folder', default_value='', description='For the files of the run.'),
        DeclareLaunchArgument('json', default_value='', description='Where the verdict goes.'),
        DeclareLaunchArgument('clock', default_value='false', description='Publish /clock.'),
        DeclareLaunchArgument(
            'planner',
            default_value='kinematic',
            description='What it drives by: kinematic, learned, conditional or asking.',
        ),
        DeclareLaunchArgument(
            'model', default_value='', description='Folder of the learned model; empty: shipped.'
        ),
        DeclareLaunchArgument('node', default_value='true', description='Start the node here.'),
    ]
    profiles = [
        SetEnvironmentVariable(name, value)
        for name, value in profile_environment(os.environ, config).items()
    ]
    return LaunchDescription([*arguments, *profiles, OpaqueFunction(function=start)])
