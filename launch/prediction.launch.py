"""The prediction node on the vehicle.

ros2 launch prediction_node prediction.launch.py map_path:=/maps/city/lanelet2_map.osm
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from prediction_node.middleware import profile_environment


def generate_launch_description():
    config = Path(get_package_share_directory('prediction_node')) / 'config'
    arguments = [
        DeclareLaunchArgument(
            'params_file',
            default_value=str(config / 'prediction.yaml'),
            description='Parameter file.',
        ),
        DeclareLaunchArgument(
            'map_path',
            default_value='',
            description='Lanelet2 map (.osm or .bin); empty: as the parameter file says, else '
            'from the map topic.',
        ),
        DeclareLaunchArgument('namespace', default_value='', description='Namespace of the node.'),
        DeclareLaunchArgument('use_sim_time', default_value='false', description='Follow /clock.'),
        DeclareLaunchArgument(
            'autostart', default_value='true', description='Configure and activate at start.'
        ),
        DeclareLaunchArgument('log_level', default_value='info', description='Logger level.'),
    ]
    profiles = [
        SetEnvironmentVariable(name, value)
        for name, value in profile_environment(os.environ, config).items()
    ]
    return LaunchDescription([*arguments, *profiles, OpaqueFunction(function=_node)])


def _node(context):
    parameters = {
        'use_sim_time': ParameterValue(LaunchConfiguration('use_sim_time'), value_type=bool),
        'autostart': ParameterValue(LaunchConfiguration('autostart'), value_type=bool),
    }
    map_path = LaunchConfiguration('map_path').perform(context)
    if map_path:  # else what the parameter file says holds
        parameters['map.path'] = map_path
    node = LifecycleNode(
        package='prediction_node',
        executable='prediction',
        name='prediction',
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        respawn=True,
        respawn_delay=0.5,
        parameters=[LaunchConfiguration('params_file'), parameters],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
    )
    return [node]
