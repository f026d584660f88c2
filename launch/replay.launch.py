"""A bag played into the live node, on the bag's own time.

ros2 launch prediction_node replay.launch.py bag:=/data/drive map_path:=/data/drive/map.osm

For figures and a report without a running ROS graph, use `ros2 run prediction_node replay`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription


def generate_launch_description():
    share = Path(get_package_share_directory('prediction_node'))
    arguments = [
        DeclareLaunchArgument('bag', description='Folder or file of the bag to play.'),
        DeclareLaunchArgument(
            'map_path', default_value='', description='Lanelet2 map (.osm or .bin).'
        ),
        DeclareLaunchArgument('rate', default_value='1.0', description='Speed of playing.'),
    ]
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / 'launch' / 'prediction.launch.py')),
        launch_arguments={
            'map_path': LaunchConfiguration('map_path'),
            'use_sim_time': 'true',
        }.items(),
    )
    player = ExecuteProcess(
        cmd=[
            'ros2',
            'bag',
            'play',
            LaunchConfiguration('bag'),
            '--clock',
            '100',
            '--rate',
            LaunchConfiguration('rate'),
        ],
        output='screen',
    )
    # The node needs a moment to load its map; bags are short and what is played before is lost.
    start_player = TimerAction(period=3.0, actions=[player])
    stop = RegisterEventHandler(
        OnProcessExit(target_action=player, on_exit=[EmitEvent(event=Shutdown())])
    )
    return LaunchDescription([*arguments, node, start_player, stop])
