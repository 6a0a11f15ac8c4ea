"""The plan as plain data, and MLflow's copy of what a run leaves."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.planning.estimate import estimate
from benchmarks.planning.plan import Plan, resolved
from benchmarks.reporting.pages.published import BOARD, REPORT
from records.names import RowName
from records.results import read_results


def describe(plan: Plan, store_root: Path) -> dict[str, Any]:
    """Return the plan as plain JSON data; nothing is written and no folder is made."""
    cost, rows = estimate(plan, store_root), []
    for row in plan.rows:
        cell = plan.cells[row.keys[0]].cell
        rows.append(
            {"scenario": row.scenario, "variant": row.variant, "mitigation": row.mitigation, "parent": row.parent,
             "seeds": list(row.seeds), "n": cell.n, "iterations": cell.iterations, "protocol": row.protocol,
             "cells": list(row.keys)}
        )  # fmt: skip
    return {
        "suite": plan.suite.name,
        "digest": plan.digest,
        "protocol": {str(RowName.of(row).group): row.protocol for row in plan.rows},
        "rows": rows,
        "cells": list(plan.cells),
        "kinds": dict(Counter(s.kind for s in plan.steps.values())),
        "steps_total": plan.steps_total,
        "steps_unique": len(plan.steps),
        "steps_done": len(plan.steps) - cost["steps_left"],
        "estimate": cost,
    }


def mirror_plan(plan: Plan, runs: Path) -> str:
    """Copy the results of a plan's cells into MLflow; a second copy changes nothing. Return one line about it."""
    from benchmarks.reporting.cell_pictures import pictures_of
    from benchmarks.reporting.tracking import mirror
    from records.canonical import canonical
    from records.yaml_text import yaml_text

    folder = plan.home(runs)
    results = [r for k, r in read_results(plan.results(runs)).items() if k in plan.cells]
    text = yaml_text(json.loads(canonical(resolved(plan))))
    pages = [folder / name for name in (BOARD, REPORT) if (folder / name).is_file()]
    done = mirror(results, lambda r: pictures_of(folder, r), plan.suite.name, plan.digest, text, runs, pages=pages)
    return f"mlflow: {done}"


def try_mirror(plan: Plan, runs: Path) -> str:
    """Copy the results into MLflow where that can be done; one line says what came of it, and nothing is raised."""
    from benchmarks.reporting.mlflow_store import shown

    try:
        return mirror_plan(plan, runs)
    except Exception as error:
        why = shown(f"{type(error).__name__}: {error}")[:160]
        return f"note: MLflow has no copy ({why}); all results are in {runs}, and `mmcollapse mirror` makes it again"
