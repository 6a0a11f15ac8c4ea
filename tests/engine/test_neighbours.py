"""A step whose worker dies takes no other step down with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import LocalExecutor
from benchmarks.seeds import draw_items
from benchmarks.storage.store import LocalStore

Planner = Callable[..., Plan]
METHOD = '''
import os
import signal
from pathlib import Path

from benchmarks.methods.hooks import Mitigation

HOME = Path({home!r})


class Neighbour(Mitigation):
    """Seed 0 kills its worker every time, the first time beside seed 1, which would never end then."""

    reads = {{"curate": ("new", "real")}}

    def curate(self, ctx):
        killer = int(ctx.real[0].ids[0]) == {first}
        mark = HOME / ("killer" if killer else "neighbour")
        again = mark.exists()
        mark.touch()
        if not again:  # opening a pipe waits for its other end
            os.open(HOME / "meeting", os.O_WRONLY if killer else os.O_RDONLY)
        if killer:
            os.kill(os.getpid(), signal.SIGKILL)
        if not again:
            os.open(HOME / "never", os.O_RDONLY)
        return ctx.new
'''


@pytest.mark.slow
def test_the_step_beside_a_killer_is_not_blamed(planned: Planner, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meeting")
    os.mkfifo(tmp_path / "never")
    file = tmp_path / "neighbour.py"
    file.write_text(METHOD.format(home=str(tmp_path), first=int(draw_items(0, 1, 16, 64)[0])))
    plan = planned(methods=(f"{file}:Neighbour",), mitigations=["none"], iterations=1)
    store = LocalStore(tmp_path / "store")
    outcome = execute(plan, store, LocalExecutor(store.root, 2), tmp_path / "results")
    status = {
        (row.mitigation, seed): outcome.results[key].status
        for row in plan.rows
        for seed, key in zip(row.seeds, row.keys, strict=True)
    }
    assert [cell for cell, found in status.items() if found != "complete"] == [("Neighbour", 0)]
