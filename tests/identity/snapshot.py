"""Every identity of the shipped suites as plain data: what `golden.json` holds, and how it is written anew.

    python -m tests.identity.snapshot

writes it. A change of this file says that identities were changed on purpose: results made before are of another
protocol, so such a commit says why, and what becomes of committed entries.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.methods.ready import make_method
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES
from records.canonical import digest

GOLDEN = Path(__file__).with_name("golden.json")
SHIPPED = sorted(file.stem for file in SUITES.glob("*.yaml"))
METHODS = sorted(file.stem for file in (SUITES / "mitigations").glob("*.yaml"))
#: Hex digits kept of a digest.
SHORT = 16
#: Step keys kept of each kind in each suite, spread over its plan; all others are in the suite's sum.
KEPT = 3


def snapshot_of(plan: Plan) -> dict[str, Any]:
    """Return a suite's digest, and of its rows, cells and steps what shows which of them changed."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for key, step in plan.steps.items():
        kinds[step.kind].append(key)
    rows = {
        f"{row.scenario}/{row.variant}/{row.mitigation}": [row.protocol[:SHORT], row.keys[0][:SHORT]]
        for row in plan.rows
    }
    return {
        "digest": plan.digest[:SHORT],
        "rows": rows,
        "cells": summed(plan.cells),
        "steps": {kind: [key[:SHORT] for key in _spread(keys)] for kind, keys in sorted(kinds.items())},
        "all": summed(plan.steps),
    }


def summed(keys: Any) -> str:
    """Return the number of keys and a digest of them all, in any order."""
    keys = sorted(keys)
    return f"{len(keys)} {hashlib.sha256(' '.join(keys).encode()).hexdigest()[:SHORT]}"


def _spread(keys: list[str]) -> list[str]:
    return [keys[i * (len(keys) - 1) // max(1, KEPT - 1)] for i in range(min(KEPT, len(keys)))]


def method_digest(name: str) -> str:
    """Return what a shipped method's code and knobs add to the keys of its cells."""
    return digest(make_method(name, SUITES).method.identity)[:SHORT]


def write() -> None:
    """Write the file of this commit's identities."""
    found = {
        "suites": {name: snapshot_of(make_plan(name)) for name in SHIPPED},
        "methods": {name: method_digest(name) for name in METHODS},
    }
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
