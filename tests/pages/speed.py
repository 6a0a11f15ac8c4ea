"""How large and how fast a page is at the size of a large study; `python -m tests.pages.speed` reports, nothing asserts.

30 methods on 7 scenarios, 10 iterations, 5 seeds: time to draw the page, its bytes, and what a click on it takes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reporting.pages.board_page import board_page, board_parts
from benchmarks.reporting.pages.extras import Extras
from leaderboard.board import Board, build
from leaderboard.readings import BoardRow
from records.results import CellResult, Cost, Floor, MetricInfo, Point, Row
from tests.pages.browser import browser, open_page, why_not

METHODS, SCENARIOS, ITERATIONS, SEEDS = 30, 7, 10, 5
CLICKED = 5  # times
METRICS = {
    f"captioner/{name}@n=512": direction
    for name, direction in (
        ("attribute_accuracy", "up"), ("attribute_drift", "down"), ("bleu4", "up"), ("cider", "up"),
        ("tail_survival", "up"), ("unique_share", "up"), ("vocabulary", "up"), ("variance", "up"),
        ("distinct2", "up"), ("readable_share", "up"), ("alignment", "up"), ("recall", "up"),
    )
}  # fmt: skip
#: What is clicked: a name, and the script that does it and returns after the page has drawn itself.
CLICKS = {
    "sort": "document.querySelector('button[data-sort=end]').click()",
    "filter": "const e = document.getElementById('filters').elements.loop; e.selectedIndex = 2; e.dispatchEvent(new Event('input', {bubbles: true}))",
    "every scenario": "const e = document.getElementById('filters').elements.loop; e.selectedIndex = 0; e.dispatchEvent(new Event('input', {bubbles: true}))",
    "another metric": "const e = document.getElementById('filters').elements.metric; e.selectedIndex = 3; e.dispatchEvent(new Event('input', {bubbles: true}))",
    "a method's curves": "document.querySelectorAll('.legend input')[9].click()",
    "evidence": "document.querySelector('tbody.row details').open = true",
}
TIMED = """
const [script, done] = arguments, start = performance.now();
new Function(script)();
document.body.offsetHeight;
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""


def large_board(seed: int = 0) -> Board:
    """Return a board with simulated numbers at the size of a large study."""
    rng = np.random.default_rng(seed)
    names = ["none", "real", *(f"method_{i:02d}" for i in range(METHODS - 2))]
    rates = {"none": 1.0, "real": 0.05} | {name: float(rng.uniform(0, 1.1)) for name in names[2:]}
    info = {m: MetricInfo(d, i == 0, "c" * 64) for i, (m, d) in enumerate(METRICS.items())}  # type: ignore[arg-type]
    rows, cells = [], {}
    for s in range(SCENARIOS):
        for name in names:
            keys = tuple(f"{s}/{name}/{k}" for k in range(SEEDS))
            rows.append(
                BoardRow(f"scenario_{s}", "default", name, None, tuple(range(SEEDS)), keys, origin="entry",
                         command=f"make bench SUITE=large METHOD={name}", version="0.1.0")
            )  # fmt: skip
            for k, key in enumerate(keys):
                slope = rates[name] * (1 + 0.1 * rng.standard_normal(len(METRICS))) * 0.02
                cells[key] = _cell(s, name, k, key, slope, info, int(rng.integers(30, 70)) * 1000)
    return build(rows, cells)


def _cell(
    s: int, name: str, seed: int, key: str, slope: np.ndarray, info: dict[str, MetricInfo], evaluations: int
) -> CellResult:
    def value(i: int, metric: str, t: int) -> float:
        return 0.9 - slope[i] * t if METRICS[metric] == "up" else 0.1 + slope[i] * t

    points = tuple(Point(t, {m: value(i, m, t) for i, m in enumerate(METRICS)}) for t in range(ITERATIONS + 1))
    return CellResult(
        "large", "", key, seed, ITERATIONS, 512, (Row(f"scenario_{s}", "default", name),), ("captioner",), "complete",
        metrics=points, floors={m: Floor(0.92, 0.001, 20, 0.002) for m in METRICS}, info=info,
        cost=Cost(evaluations, 0, 512, 100, 10.0, 10.0), execution={"device": "cpu", "machine": "x86_64", "threads": 1},
        versions={"torch": "2.13.0"}, commit="ab" * 20, created="2030-01-01T00:00:00+00:00",
    )  # fmt: skip


def main() -> None:
    """Print the report."""
    start = time.perf_counter()
    board = large_board()
    print(f"{METHODS} methods, {SCENARIOS} scenarios, {ITERATIONS} iterations, {SEEDS} seeds, {len(METRICS)} metrics")
    print(f"board made    {time.perf_counter() - start:6.1f} s, {time.process_time():.1f} s of processor time so far")
    start, spent = time.perf_counter(), time.process_time()
    text = board_page(board_parts(board, "large", "of simulated numbers"), Extras())
    print(f"page drawn    {time.perf_counter() - start:6.1f} s, {time.process_time() - spent:.1f} s of processor time")
    print(f"page          {len(text.encode()) / 1e6:6.2f} MB")
    if reason := why_not():
        print(f"clicks were not timed: {reason}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        file = Path(folder) / "large.html"
        file.write_text(text, encoding="utf-8")
        start = time.perf_counter()
        open_page(driver, file)
        print(f"opened        {time.perf_counter() - start:6.1f} s")
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        for name, script in CLICKS.items():
            before = spent_by(driver)
            times = sorted(driver.execute_async_script(TIMED, script) for _ in range(CLICKED))
            mean = (spent_by(driver) - before) / CLICKED
            print(
                f"{name:20s} {times[CLICKED // 2]:6.0f} ms, at most {times[-1]:.0f} ms; {mean:.0f} ms of processor time"
            )


def spent_by(driver: Any) -> float:
    """Milliseconds of processor time that the page's own thread has spent."""
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1000 * next(metric["value"] for metric in found if metric["name"] == "TaskDuration")


if __name__ == "__main__":
    main()
