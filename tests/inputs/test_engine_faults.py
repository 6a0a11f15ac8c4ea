"""What a method, an author's class or a disk may do while a study runs, and what no other number sees of it."""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.analytic.families import ImageMoments
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.reporter import Lines
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.sound import remove_damaged, set_results_aside
from benchmarks.running.study import run_study
from benchmarks.running.undisturbed import undisturbed
from benchmarks.storage.store import DamagedArtifact, LocalStore, Record
from lightning_modules.fitting.callbacks import Checkpoint
from records.errors import UsageError
from records.results import read_result
from tests.engine.conftest import TESTBED, run_in_memory, write_suite
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


def planned(folder: Path, *methods: str, **changes: Any) -> Plan:
    return make_plan(str(write_suite(folder, **{"seeds": [0], **changes})), (), methods)


@pytest.mark.parametrize(("name", "kept"), [*((name, "files") for name in MISCHIEF), ("the new pool", "memory")])
def test_a_hook_changes_no_number_but_its_own(name: str, kept: str, tmp_path: Path) -> None:
    plan = planned(tmp_path, guest(tmp_path, *MISCHIEF[name]))
    plain, _ = run_in_memory(planned(tmp_path), tmp_path / "plain")
    store: Any = MemoryStore() if kept == "memory" else LocalStore(tmp_path / "store")
    outcome = execute(plan, store, GuestsFirst(), tmp_path / "results", plan.cells)
    assert numbers(outcome, "Guest")
    assert numbers(outcome, "none") == numbers(plain, "none")


#: Hooks that draw without a seed, or carry something from one step to the next.
UNSEEDED = {
    "numpy": "return ctx.new.take(np.random.permutation(len(ctx.new)) // 2)",
    "torch": "return ctx.new.take(torch.randperm(len(ctx.new)).numpy() // 2)",
    "python": "return ctx.new.take([random.randrange(len(ctx.new)) for _ in range(len(ctx.new))])",
    "its own state": "self.asked += 1\nreturn ctx.new.take(np.arange(len(ctx.new)) // self.asked)",
}


@pytest.mark.parametrize("name", UNSEEDED)
def test_a_hook_does_the_same_in_every_order_of_steps(name: str, tmp_path: Path) -> None:
    method = guest(tmp_path, "curate", ("new",), UNSEEDED[name])
    np.random.seed(1)  # noqa: NPY002
    one, _ = run_in_memory(planned(tmp_path, method, seeds=[0, 1]), tmp_path / "one")
    np.random.seed(2)  # noqa: NPY002
    other, _ = run_in_memory(planned(tmp_path, method, seeds=[1]), tmp_path / "other")
    assert numbers(one, "Guest")[1:] == numbers(other, "Guest")


SETTINGS = {
    "default dtype": ("torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
    "gradients": ("torch.set_grad_enabled(False)", torch.is_grad_enabled),
    "cudnn": ("torch.backends.cudnn.benchmark = True", lambda: torch.backends.cudnn.benchmark),
    "precision": ("torch.set_float32_matmul_precision('medium')", torch.get_float32_matmul_precision),
    "threads": ("torch.set_num_threads(torch.get_num_threads() + 1)", torch.get_num_threads),
    "device": ("torch.set_default_device('meta')", lambda: str(torch.get_default_device())),
    "numpy errors": ("np.seterr(all='raise')", np.geterr),
    "environment": ("os.environ.update(A_GUEST='1'); os.environ.pop('PATH')", lambda: dict(os.environ)),
    "folder": ("os.chdir('/')", os.getcwd),
    "import path": ("import sys; sys.path.insert(0, '/guest')", lambda: list(sys.path)),
    "warnings": ("warnings.simplefilter('error')", lambda: [f for f in warnings.filters if f[0] == "error"]),
    "random numbers": ("random.seed(1); np.random.seed(1); torch.manual_seed(1)",
                       lambda: (random.getstate(), random.getstate(), torch.get_rng_state().tolist())),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_step_sets_is_put_back(name: str) -> None:
    code, read = SETTINGS[name]
    was = read()
    with suppress(RuntimeError), undisturbed(7):
        exec(code, {"torch": torch, "np": np, "os": os, "random": random, "warnings": warnings})
        assert read() != was
        raise RuntimeError("and it fails")
    assert read() == was


EDITED = """
from benchmarks.methods.hooks import Mitigation
from {helper} import SHARE

class Guest(Mitigation):
    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        keep = int(len(ctx.new) * SHARE)
        return ctx.new.take([i % keep for i in range(len(ctx.new))])
"""


@pytest.mark.parametrize("edited", ["the method", "its helper", "removed"])
def test_code_that_was_edited_after_the_plan_is_not_run_under_its_keys(edited: str, tmp_path: Path) -> None:
    method, helper = f"guest_{next(COUNT)}", f"guest_{next(COUNT)}"
    (tmp_path / f"{helper}.py").write_text("SHARE = 0.5\n")
    file = tmp_path / f"{method}.py"
    file.write_text(EDITED.format(helper=helper))
    plan = planned(tmp_path, f"{file}:Guest")
    if edited == "its helper":
        (tmp_path / f"{helper}.py").write_text("SHARE = 0.9\n")
    elif edited == "removed":
        file.unlink()
    else:
        file.write_text(EDITED.format(helper=helper).replace("i % keep", "keep - 1"))
    outcome, store = run_in_memory(plan, tmp_path / "results")
    failed = [r for r in outcome.results.values() if r.rows[0].mitigation == "Guest"]
    assert [r.error.message for r in failed] == [
        f"the code of {method}.Guest was edited after the run was planned; start the run again"
    ]
    assert numbers(outcome, "none")
    hooked = {s.key for s in plan.steps.values() if getattr(s, "hooked", None) is not None and "Guest" in s.where}
    assert not any(store.has(key) for key in hooked)


def test_an_edit_is_seen_by_a_later_plan_of_the_same_process(tmp_path: Path) -> None:
    method = guest(tmp_path, "curate", ("new",), "return ctx.new")
    planned(tmp_path, method)
    file = Path(method.partition(":")[0])
    file.write_text(file.read_text().replace("return ctx.new", "return ctx.new.take([0] * len(ctx.new))"))
    with pytest.raises(UsageError, match="edited after this process imported it"):
        planned(tmp_path, method)


AUTHORED = """
from benchmarks.analytic.data import AnalyticData
from benchmarks.analytic.families import ImageMoments
from benchmarks.analytic.models import GaussianGenerator

class MyData(AnalyticData):
    shift = 0.0

class MyGenerator(GaussianGenerator):
    shift = 0.0

class MyMoments(ImageMoments):
    version = 1
    side = "generator"
    needs = ("images",)
    declares = {declares}
    shift = 0.0
"""


@pytest.mark.parametrize("edited", ["MyData", "MyGenerator", "MyMoments"])
def test_edited_models_data_and_metrics_are_refused_too(edited: str, tmp_path: Path) -> None:
    module = f"guest_{next(COUNT)}"
    (tmp_path / f"{module}.py").write_text(AUTHORED.format(declares=repr(ImageMoments.declares)))
    testbed = copy.deepcopy(TESTBED)
    metrics = ["benchmarks.analytic.families.ImageMoments"]
    if edited == "MyData":
        testbed["data"]["class_path"] = f"{module}.MyData"
    elif edited == "MyGenerator":
        testbed["generators"] = [{**testbed["generators"][0], "class_path": f"{module}.MyGenerator"}]
    else:
        metrics = [f"{module}.MyMoments"]
    plan = planned(
        tmp_path, testbed_data=testbed, metrics=metrics, primary={"generator": "variance"}, mitigations=["none"]
    )
    text = (tmp_path / f"{module}.py").read_text()
    head, name, rest = text.partition(f"class {edited}")
    (tmp_path / f"{module}.py").write_text(head + name + rest.replace("shift = 0.0", "shift = 1.0", 1))
    outcome, _ = run_in_memory(plan, tmp_path / "results")
    (result,) = outcome.results.values()
    assert result.error is not None
    assert f"the code of {module}.{edited} was edited" in result.error.message


def flip(file: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped bit": flip,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-3]),
    "empty": lambda file: file.write_bytes(b""),
    "removed": lambda file: file.unlink(),
    "a file more": lambda file: file.with_name("more.npy").write_bytes(b"x"),
}
#: How which files of a run are damaged.
CASES = [
    ("a flipped bit", "value/model.json"), ("cut", "value/value.json"), ("a flipped bit", "value/value.json"),
    ("empty", "manifest.json"), ("a flipped bit", "manifest.json"), ("removed", "value/pairs.parquet"),
    ("a file more", "value/pairs.parquet"), ("a flipped bit", "value/pairs.parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "part"), CASES)
def test_what_was_damaged_on_the_disk_is_named_and_made_again(how: str, part: str, tmp_path: Path) -> None:
    """Every such artifact; the second run makes what the first one made."""
    plan, folder, results = planned(tmp_path, mitigations=["none"], iterations=1), tmp_path / "store", tmp_path / "r"
    first = execute(plan, LocalStore(folder), InProcessExecutor(), results)
    damaged = sorted(folder.glob(f"*/*/{part}"))
    assert damaged
    for file in damaged:
        DAMAGE[how](file)
    readers = {"value/pairs.parquet": ("metrics", "fit"), "value/model.json": ("metrics", "sample")}
    for step in plan.steps.values():  # what was damaged is about to be read
        if step.kind in readers.get(part, ()):
            LocalStore(folder).drop(step.key)
    store = LocalStore(folder)
    notes = list(remove_damaged(plan, plan.cells.values(), store))
    assert notes
    assert all(note.startswith("artifact ") and "not what was written; it is made again" in note for note in notes)
    again = execute(plan, store, InProcessExecutor(), tmp_path / "again")
    assert {k: r.stable_json() for k, r in again.results.items()} == {
        k: r.stable_json() for k, r in first.results.items()
    }
    assert list(remove_damaged(plan, plan.cells.values(), LocalStore(folder))) == []


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', "\x00" * 9])
def test_result_files_that_cannot_be_read_are_written_anew(text: str, tmp_path: Path, capsys: Any) -> None:
    plan, runs = planned(tmp_path, mitigations=["none"], iterations=1), tmp_path / "runs"
    if text:  # once with all that a run writes beside
        first = execute(plan, LocalStore(runs / "store"), InProcessExecutor(), runs / "small" / "results")
    else:
        first = run_study(plan, runs, workers=0, mirror=False)
    (file,) = (runs / "small" / "results").glob("*.json")
    file.write_text(text)
    if text:
        assert [note.partition(": ")[0] for note in set_results_aside(file.parent)] == [str(file)]
        again = execute(plan, LocalStore(runs / "store"), InProcessExecutor(), file.parent)
    else:
        again = run_study(plan, runs, workers=0, mirror=False, reporter=Lines())
        assert f"note {file}: not valid JSON" in capsys.readouterr().err
    assert again.computed == 0
    (one,), (other,) = first.results.values(), again.results.values()
    assert read_result(file).stable_json() == one.stable_json() == other.stable_json()
    assert file.with_suffix(".json.damaged").read_text() == text


def test_artifacts_without_digests_are_still_read(tmp_path: Path) -> None:
    store, key = LocalStore(tmp_path), "ab" + "0" * 62
    store.put(Record(key, "metrics", "an old one"), {"values": {"x": 0.5}})
    file = store.folder(key) / "manifest.json"
    old = {k: v for k, v in json.loads(file.read_text()).items() if k not in ("digest", "files")}
    file.write_text(json.dumps(old))
    assert LocalStore(tmp_path).get(key) == {"values": {"x": 0.5}}
    (store.folder(key) / "value" / "value.json").write_text("{}")
    with pytest.raises(DamagedArtifact, match=r"artifact ab0+ \(an old one\): its size is not what was written"):
        LocalStore(tmp_path).get(key)
    assert not store.has(key)


@pytest.mark.parametrize("name", ["random", "guest_twice"])
def test_a_method_is_its_own_file_and_no_namesake(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file of the same name, or a library, is never run in its place."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # workers of later tests would import this `random`
    code = METHOD.format(hook="curate", reads="'new',", body="        return ctx.new\n")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(code + f"# {folder}\n")
    if name != "random":
        planned(tmp_path, f"{tmp_path / 'one' / name}.py:Guest")
    with pytest.raises(UsageError, match=r"allowed: a file (with a name of its own|that is called otherwise)"):
        planned(tmp_path, f"{tmp_path / 'other' / name}.py:Guest")


@pytest.mark.parametrize("state", ["another recipe's", "cut"])
def test_a_training_goes_on_from_its_own_checkpoint_alone(state: str, tmp_path: Path) -> None:
    file, module = tmp_path / "state.pt", torch.nn.Linear(1, 1)
    held = {"of": "other", "step": 5, "losses": [], "module": module.state_dict(), "optimizer": {}, "average": None}
    torch.save(held, file)
    if state == "cut":
        file.write_bytes(file.read_bytes()[:200])
    assert Checkpoint(file, None, of="mine").read(module).step == 0
    torch.save({**held, "of": "mine"}, file)
    assert Checkpoint(file, None, of="mine").read(module).step == 5


def test_two_processes_that_train_one_base_write_no_checkpoint_over_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bases that follow from the same one train it at the same time, in the same folder."""
    file, module = tmp_path / "state.pt", torch.nn.Linear(1, 1)
    trainer = SimpleNamespace(optimizers=[torch.optim.SGD(module.parameters())],
                              lr_scheduler_configs=[SimpleNamespace(scheduler=SimpleNamespace(state_dict=dict))])  # fmt: skip
    learning = SimpleNamespace(losses_so_far=list, state_dict=module.state_dict)
    save, parts = torch.save, []

    def meanwhile(state: Any, part: Path) -> None:
        parts.append(part)
        save(state, part)
        if len(parts) == 1:  # the other one is as far as this one
            monkeypatch.setattr("lightning_modules.fitting.callbacks.mark", lambda: "by-another-1-1")
            Checkpoint(file, None, seconds=0).on_train_batch_end(trainer, learning, None, [6], 6)

    monkeypatch.setattr(torch, "save", meanwhile)
    Checkpoint(file, None, seconds=0).on_train_batch_end(trainer, learning, None, [5], 5)
    assert len(set(parts)) == 2
    assert [found.name for found in tmp_path.iterdir()] == ["state.pt"]
    assert Checkpoint(file, None).read(module).step == 6
