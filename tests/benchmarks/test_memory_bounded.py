"""What a step holds does not grow with the pictures of a pool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
from benchmarks.planning.planner import make_plan
from benchmarks.speed.memory import measured, written
from benchmarks.steps import in_parts
from datamodules import pairs_file

in_parts.PART = 4 * 2**20  # so that twenty-one pictures are a part
pairs_file._GROUP = 2**20
found = []
for turn, n in enumerate((21, 21, 168)):  # the first one imports what there is to import
    folder = Path(sys.argv[1]) / str(turn)
    outcome, seen = measured(make_plan(str(written(folder, n, 256, 8, 1, "accumulate"))), folder / "runs", 0)
    assert not outcome.failed
    found.append(seen["kinds"])
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the largest memory is read where Linux says it")
def test_no_step_holds_a_pool(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, timeout=600
    )
    _, small, large = json.loads(done.stdout.splitlines()[-1])
    pool = 168 * 256 * 256 * 3  # bytes of a raw pool: `accumulate` trains on two of them, a floor looks at two
    grown = {kind: round((large[kind] - small[kind]) / 2**20) for kind in small}
    assert set(small) == set(large)
    assert max(large[kind] - small[kind] for kind in small) < 1.5 * pool, grown
