"""Every table of the metrics' speed, one after the other: `python -m benchmarks.speed`."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

TABLES = ("captions", "images")


def main() -> int:
    """Run each table in a process of its own, so that none is measured in the memory that another left."""
    for table in TABLES:
        module = f"benchmarks.speed.{table}"
        if find_spec(module) is not None:
            done = subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
