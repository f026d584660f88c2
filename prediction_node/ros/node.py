"""Executable `prediction`: starts the lifecycle node and spins it until it is told to stop."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the node. Returns 0 after a clean stop, 2 when it cannot start."""
    # The arrays of one cycle are small: BLAS threads would only fight the middleware's for the
    # cores.
    for variable in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ.setdefault(variable, '1')

    try:
        import rclpy
        from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
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
    rclpy.init(args=arguments)  # SIGINT and SIGTERM from here on end the context, and so the spin
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
        node.stop()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
