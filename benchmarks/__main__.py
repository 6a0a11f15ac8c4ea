"""`python -m benchmarks`, or `mmcollapse`."""

import sys

from benchmarks.commands.stopping import stoppable


def main() -> int:
    """Run the command of this process; what is told to stop while it is still loading stops, too."""
    with stoppable():
        from benchmarks.commands.main import main as command

        return command()


if __name__ == "__main__":
    sys.exit(main())
