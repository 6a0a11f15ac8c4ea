"""Methods of several, patches of the fit, declared search spaces: what they make, and what is refused before a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.methods.ready import make_method, with_knobs
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES, load_mitigation
from lightning_modules.settings import Lora
from records.errors import UsageError
from tests.engine.conftest import run_in_memory, write_suite

FIRST = "benchmarks.mitigations.fresh_real.FreshReal"
SECOND = "benchmarks.mitigations.accumulate.Accumulate"
KEEPING = '''
from benchmarks.methods.hooks import Mitigation


class Keeping(Mitigation):
    """Keep the base's weights."""

    reads = {"merge": ("base",)}

    def merge(self, ctx):
        return ctx.base
'''


def write(folder: Path, name: str, **keys: Any) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"schema": 1, "name": name, **keys}))
    return str(file)


def planned(folder: Path, *methods: str, **changes: Any) -> Plan:
    return make_plan(str(write_suite(folder, **{"mitigations": ["none"], "seeds": [0], **changes})), [], methods)


def cell(plan: Plan, name: str) -> Any:
    return plan.cells[next(r.keys[0] for r in plan.rows if r.mitigation == name)]


def test_each_hook_is_that_of_its_method(tmp_path: Path) -> None:
    (tmp_path / "keeping.py").write_text(KEEPING)
    write(tmp_path, "keeping", class_path="keeping.Keeping")
    both = write(tmp_path, "both", compose=["fresh_real", "keeping.yaml"])
    plan = planned(tmp_path, "fresh_real", str(tmp_path / "keeping.yaml"), both)
    outcome, store = run_in_memory(plan, tmp_path / "results")
    results = {r.mitigation: outcome.results[r.keys[0]] for r in plan.rows}
    assert [r.status for r in results.values()] == ["complete"] * 4
    curves = {name: [p.values["generator/variance@n=32"] for p in result.metrics] for name, result in results.items()}
    assert curves["both"] == curves["keeping"] == [curves["both"][0]] * 3  # merged
    assert curves["fresh_real"] != curves["none"]
    pools = {
        name: [store.get(k).origin.tolist() for k in cell(plan, name).needs if plan.steps[k].kind == "curate"]
        for name in ("both", "fresh_real")
    }
    assert pools["both"] == pools["fresh_real"]  # curated
    assert results["both"].cost.real_samples == results["fresh_real"].cost.real_samples > 0
    assert cell(plan, "both").cell.method.init_args["parts"][0] == {
        "class_path": FIRST,
        "init_args": {"fraction": 0.25},
    }


def test_editing_a_part_or_its_knobs_is_another_method(tmp_path: Path) -> None:
    keys = set()
    for fraction in (0.25, 0.5):
        write(tmp_path, "part", class_path=FIRST, init_args={"fraction": fraction})
        keys.add(cell(planned(tmp_path, write(tmp_path, "both", compose=["part.yaml", "neon"])), "both").key)
    assert len(keys) == 2


def test_a_composition_of_patches_is_the_cell_that_they_make(tmp_path: Path) -> None:
    both = write(tmp_path, "both", compose=["frozen_relabel", "ema_steps"])
    joint = [{"file": "joint_finetune", "variants": ["real_prompts"]}]
    plan = planned(tmp_path, "frozen_relabel", both, scenarios=joint)
    made = cell(plan, "both").cell
    assert made.method.identity is None
    assert made.scenario.frozen == cell(plan, "frozen_relabel").cell.scenario.frozen == ("captioner",)
    assert (made.fit.captioner.average, made.fit.generator.average) == (0.99, 0.99)
    assert cell(plan, "frozen_relabel").cell.fit.captioner.average == 0


COLLISIONS = {
    "a hook": (["fresh_real", "accumulate"], "'fresh_real' and 'accumulate' both have the hook curate"),
    "a hook of three": (["tce", "fresh_real", "l2_base"], "'tce' and 'l2_base' both have the hook objective"),
    "a setting": (["lora_rank", "redifine", "lora_rank_too.yaml"], "both set captioner.lora.rank"),
    "a setting within another": (["no_lora.yaml", "lora_rank"], "both set captioner.lora.rank"),
    "a composition": (["fresh_real_wise_ft"], "itself composed"),
}


@pytest.mark.parametrize("name", COLLISIONS)
def test_collisions_are_one_clear_error(name: str, tmp_path: Path) -> None:
    parts, said = COLLISIONS[name]
    write(tmp_path, "lora_rank_too", fit_patch={"captioner": {"lora": {"rank": 2}}})
    write(tmp_path, "no_lora", fit_patch={"captioner": {"lora": None}})
    with pytest.raises(UsageError, match=f"mitigation .*bad.yaml: compose: .*{said}.*; allowed: "):
        planned(tmp_path, write(tmp_path, "bad", compose=parts))


def test_a_fit_patch_leaves_steps_and_protocol_alone(tmp_path: Path) -> None:
    joint = [{"file": "joint_finetune", "variants": ["real_prompts"]}]
    plan = planned(tmp_path, "lora_rank", "redifine", scenarios=joint)
    none, rank, drop = (cell(plan, name).cell.fit for name in ("none", "lora_rank", "redifine"))
    assert rank.captioner.lora == rank.generator.lora == Lora(4, 4.0)
    assert drop.generator.condition_drop == 0.2
    assert drop.captioner == none.captioner
    for fit in (rank, drop):
        for side in ("captioner", "generator"):
            own, plain = getattr(fit, side), getattr(none, side)
            assert (own.steps, own.batch_size, own.learning_rate) == (
                plain.steps,
                plain.batch_size,
                plain.learning_rate,
            )
    assert len({r.protocol for r in plan.rows}) == 1
    assert len({cell(plan, name).key for name in ("none", "lora_rank", "redifine")}) == 3


def test_a_fit_patch_that_changes_nothing_gives_no_row(tmp_path: Path) -> None:
    idle = write(tmp_path, "idle", fit_patch={"captioner": {"average": 0.5}})
    assert [r.mitigation for r in planned(tmp_path, idle).rows] == ["none"]
    hooked = write(tmp_path, "hooked", class_path=FIRST, fit_patch={"captioner": {"average": 0.5}})
    assert [r.mitigation for r in planned(tmp_path, hooked).rows] == ["none", "hooked"]


BAD = {
    "more steps": ({"fit_patch": {"generator": {"steps": 9}}}, "fit_patch: generator: found steps; allowed: settings"),
    "a side": ({"fit_patch": {"judge": {"average": 0.5}}}, "fit_patch: found 'judge'; allowed: captioner, generator"),
    "an unknown setting": ({"fit_patch": {"generator": {"lr": 1}}}, "key 'generator.lr' is unknown; allowed: "),
    "a bad value": ({"fit_patch": {"generator": {"average": 2.0}}}, r"fit_patch: .*average must lie in \[0, 1\)"),
    "nothing": ({}, "exactly one of class_path, scenario_patch, fit_patch and compose"),
    "two ways": ({"class_path": FIRST, "compose": ["neon"]}, "exactly one of"),
    "patches at once": (
        {"fit_patch": {"generator": {"average": 0.5}}, "scenario_patch": {"start": "base"}},
        "found beside scenario_patch or compose",
    ),
    "no such knob": ({"class_path": FIRST, "search": {"share": [1]}}, "search: found 'share', which the file does not"),
    "a value outside": (
        {"class_path": FIRST, "init_args": {"fraction": 0.3}, "search": {"fraction": [0.1, 0.2]}},
        r"fraction: found 0.3, outside of its search space; allowed: \[0.1, 0.2\]",
    ),
    "a value twice": (
        {"class_path": FIRST, "init_args": {"fraction": 0.3}, "search": {"fraction": [0.3, 0.3]}},
        r"search: fraction: found \[0.3, 0.3\]; allowed: one or more distinct values",
    ),
    "a scored seed": ({"class_path": FIRST, "tuned_on": [100, 0]}, r"tuned_on: found \[0\], which .* is scored with"),
    "live too late": ({"class_path": "late.Late"}, "merge: found 'auxiliary', which is made later than it asks"),
    "no scorers": ({"class_path": "late.Watching"}, "names no scorers; allowed: a testbed with scorers"),
}
LATE = """
from benchmarks.methods.hooks import Mitigation


class Late(Mitigation):
    reads = {"auxiliary": ("fitted",), "merge": ("auxiliary",)}


class Watching(Mitigation):
    reads = {"curate": ("scores",)}

    def curate(self, ctx):
        return ctx.scores
"""


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str, tmp_path: Path) -> None:
    keys, said = BAD[name]
    (tmp_path / "late.py").write_text(LATE)
    with pytest.raises(UsageError, match=said):
        planned(tmp_path, write(tmp_path, "bad", **keys))


SHIPPED = sorted(p.stem for p in (SUITES / "mitigations").glob("*.yaml"))


@pytest.mark.parametrize("name", [n for n in SHIPPED if load_mitigation(n, SUITES).search])
def test_every_declared_value_of_a_shipped_method_makes_it(name: str) -> None:
    ready = make_method(name, SUITES)
    for knob, values in ready.spec.search.items():
        for value in values:
            spec = with_knobs(ready.spec, {knob: value}, "variant")
            assert spec.name == "variant"
            assert str(value) in str({**spec.init_args, **spec.fit_patch})


def test_methods_of_one_side_leave_the_steps_of_the_other_alone(tmp_path: Path) -> None:
    joint = [{"file": "joint_finetune", "variants": ["real_prompts"]}]
    plan = planned(tmp_path, "tce", "sims", scenarios=joint)
    steps = {name: [plan.steps[k] for k in cell(plan, name).needs] for name in ("none", "tce", "sims")}
    first = {
        name: {s.identity["modality"]: s.key for s in made if s.kind == "fit" and s.iteration == 1}
        for name, made in steps.items()
    }
    assert first["tce"]["generator"] == first["none"]["generator"]
    assert first["tce"]["captioner"] != first["none"]["captioner"]
    assert [s.identity["modality"] for s in steps["sims"] if s.kind == "auxiliary"] == ["generator"]
    live = next(s.key for s in steps["sims"] if s.kind == "fit" and s.identity["modality"] == "generator")
    extra = next(s for s in steps["sims"] if s.kind == "auxiliary")
    assert extra.inputs["fitted"] == live, "made after the fit that it goes on from"
    assert all("sampling" not in s.identity.get("hooks", ()) for s in steps["sims"] if s.kind == "captions")
