"""`python -m prediction_node`."""

import sys

from prediction_node.cli import main

if __name__ == '__main__':
    sys.exit(main())
