"""Executable `prediction`: starts the lifecycle node and spins it until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys

_USAGE = """\
usage: prediction [--ros-args [-p NAME:=VALUE ...] [--params-file FILE] [-r FROM:=TO ...] ...]

The live prediction node: sensor tracks in, predicted paths out ten times a second. It configures
and activates itself; with `-p autostart:=false` it waits for `ros2 lifecycle set /prediction ...`.

examples:
  prediction --ros-args -p map.path:=/maps/city/lanelet2_map.osm
  prediction --ros-args --params-file config/prediction.yaml -p cycle.max_agents:=128
  prediction --ros-args -r /localization/odometry:=/odom -p use_sim_time:=true --log-level debug

Every parameter, with its default, unit, range and meaning, is in config/prediction.yaml;
`ros2 param describe /prediction NAME` says the same of a running node. Topics and diagnostics:
docs/interfaces.md. Large messages want a DDS profile, which the launch files set:
FASTRTPS_DEFAULT_PROFILES_FILE=config/fastdds.xml, or CYCLONEDDS_URI=file://.../config/cyclonedds.xml.

To replay a bag without a running graph: python -m prediction_node replay --help
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the node. Returns 0 after a clean stop, 2 when it cannot start.

    `arguments` are those of the command line, the program's name first; None: the process's own.
    """
    arguments = sys.argv if arguments is None else arguments
    if {'-h', '--help'} & set(arguments):
        print(_USAGE, end='')
        return 0
    # The arrays of one cycle are small: BLAS threads would only fight the middleware's for the
    # cores.
    for variable in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ.setdefault(variable, '1')

    try:
        import rclpy
        from rclpy._rclpy_pybind11 import RCLError, UnknownROSArgsError
        from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
        from rclpy.utilities import remove_ros_args
    except ImportError as error:
        print(
            f'error: rclpy cannot be imported ({error}); source a ROS 2 installation, or '
            'run `make test` once, which sets up a virtual environment with ROS 2 in .venv',
            file=sys.stderr,
        )
        return 2
    from prediction_node.allocator import keep_freed_memory
    from prediction_node.domain.errors import PredictionNodeError
    from prediction_node.ros.lifecycle import PredictionNode

    keep_freed_memory()
    try:
        # SIGINT and SIGTERM from here on end the context, and so the spin.
        rclpy.init(args=arguments)
    except UnknownROSArgsError as error:
        return _refuse(f'ROS does not know {error}')
    except RCLError as error:
        return _refuse(f'the ROS arguments cannot be used: {error}')
    strangers = remove_ros_args(arguments)[1:]
    if strangers:
        rclpy.try_shutdown()
        return _refuse(f'unknown argument {strangers[0]!r}; ROS arguments come after --ros-args')
    executor = SingleThreadedExecutor()
    try:
        node = PredictionNode()
    except PredictionNodeError as error:
        print(f'error: {error}', file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    executor.add_node(node)
    try:
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():
            raise
        # A signal in the middle of a transition leaves it without a context to end in.
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not end it half way
            signal.signal(number, signal.SIG_IGN)
        node.stop()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _refuse(reason: str) -> int:
    print(f'error: {reason} (prediction --help shows examples)', file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main())
