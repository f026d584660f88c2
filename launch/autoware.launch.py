"""In Autoware, in place of its map-based prediction: same inputs, same output topic.

ros2 launch prediction_node autoware.launch.py [params_file:=/path/to/your.yaml]

Leave Autoware's own prediction node out of the perception launch: both publish
/perception/object_recognition/objects.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription


def generate_launch_description():
    share = Path(get_package_share_directory('prediction_node'))
    params_file = DeclareLaunchArgument(
        'params_file',
        default_value=str(share / 'config' / 'autoware.yaml'),
        description='Parameter file; begin yours with a copy of the default.',
    )
    use_sim_time = DeclareLaunchArgument(
        'use_sim_time', default_value='false', description='Follow /clock.'
    )
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / 'launch' / 'prediction.launch.py')),
        launch_arguments={
            'params_file': LaunchConfiguration('params_file'),
            'use_sim_time': LaunchConfiguration('use_sim_time'),
        }.items(),
    )
    return LaunchDescription([params_file, use_sim_time, node])
