"""What a method, an author's class or a disk may do while a study runs, and what no other number sees of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.storage.store import LocalStore
from tests.engine.conftest import planned, run_in_memory, suite  # noqa: F401  (fixtures)
from tests.memory_store import MemoryStore

METHOD = """
import os, random, warnings
import numpy as np
import torch
from benchmarks.methods.hooks import Mitigation

class Guest(Mitigation):
    reads = {{{hook!r}: ({reads})}}
    asked = 0

    def {hook}(self, ctx):
{body}
"""


COUNT = itertools.count()


def guest(folder: Path, hook: str, reads: tuple[str, ...], body: str) -> str:
    """Write a method into a module of its own; return what `--method` takes."""
    name = f"guest_{next(COUNT)}"
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = METHOD.format(hook=hook, reads="".join(f"{r!r}, " for r in reads), body=lines)
    (folder / f"{name}.py").write_text(text)
    return f"{folder / name}.py:Guest"


def numbers(outcome: Any, method: str) -> list[Any]:
    """Return the curves of a method's cells."""
    found = [r for r in outcome.results.values() if r.rows[0].mitigation == method]
    assert found
    assert all(r.status == "complete" for r in found), [r.error for r in found]
    return [(r.seed, [p.values for p in r.metrics]) for r in sorted(found, key=lambda r: r.seed)]


class GuestsFirst(InProcessExecutor):
    """Runs what a guest changes before what it must not change, and what these need."""

    def run(self, steps: Any, store: Any, listener: Any) -> None:
        by_key = {s.key: s for s in steps}
        wanted = [s for s in steps if "Guest" in s.where]
        first: set[str] = set()
        while wanted:
            step = wanted.pop()
            first.add(step.key)
            wanted.extend(by_key[p] for p in step.parents if p in by_key and p not in first)
        ordered = sorted(steps, key=lambda s: s.key not in first)
        super().run(ordered, store, listener)


#: What a hook may do to what it is given: hook, reads, body.
MISCHIEF = {
    "the base, in merge": ("merge", ("base",), "ctx.base.means += 5.0\nreturn ctx.new_model"),
    "the previous model": ("merge", ("previous",), "ctx.previous.variances *= 9.0\nreturn ctx.new_model"),
    "the model that the fit starts from": ("objective", ("start",), "ctx.start.means[:] = 7.0\nreturn None"),
    "the base, in curate": ("curate", ("new", "base"), "ctx.base.variances[:] = 0.0\nreturn ctx.new"),
    "the new pool": ("curate", ("new",), "ctx.new.images[:] = 3.0\nreturn ctx.new"),
    "the real pairs": ("curate", ("new", "real"), "for p in ctx.real: p.images[:] = 3.0\nreturn ctx.new"),
    "a model that samples": (
        "sampling", (),
        "class Own:\n    def generate(self, model, inputs, decoding, seeds):\n        model.means += 4.0\n"
        "        return model.generate(inputs, decoding, seeds)\nreturn Own()",
    ),
    "the attributes of a model": ("merge", ("base",), "ctx.base.generate = None\nreturn ctx.new_model"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISCHIEF)
@pytest.mark.parametrize("kept", ["files", "memory"])
def test_a_hook_changes_no_number_but_its_own(
    name: str,
    kept: str,
    planned: Callable[..., Any],
    tmp_path: Path,
) -> None:
    hook, reads, body = MISCHIEF[name]
    method = guest(tmp_path, hook, reads, body)
    plan = planned((method,), seeds=[0])
    plain, _ = run_in_memory(planned(seeds=[0]), tmp_path / "plain")
    store: Any = MemoryStore() if kept == "memory" else LocalStore(tmp_path / "store")
    outcome = execute(plan, store, GuestsFirst(), tmp_path / "results", plan.cells)
    assert numbers(outcome, "Guest")
    assert numbers(outcome, "none") == numbers(plain, "none")
