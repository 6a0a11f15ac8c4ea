"""From a suite file to the whole graph of steps, before anything runs and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from benchmarks.methods.hooks import COUNTS, HOOKS
from benchmarks.methods.method import Method
from benchmarks.methods.nothing import Nothing
from benchmarks.methods.ready import Ready, check_scorers, make_method
from benchmarks.methods.written import check_acts, check_name
from benchmarks.planning.cells import Cell, Trace, ancestors
from benchmarks.planning.counts import check_counts
from benchmarks.planning.devices import check_batch, check_limits, check_nodes
from benchmarks.planning.loop import Walk
from benchmarks.planning.needs import require_splits
from benchmarks.planning.plan import Plan, PlannedCell, PlannedRow
from benchmarks.planning.request import Request
from benchmarks.planning.sizes import settings
from benchmarks.planning.staying import staying
from benchmarks.steps import Step
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.study.loading import extended, load_scenarios, load_suite, load_testbed, patch_fits, patch_scenario
from benchmarks.study.opening import open_world
from benchmarks.study.suite import Scenario, ScenarioEntry, Suite
from benchmarks.study.world import World
from records.canonical import digest
from records.errors import UsageError, naming
from records.names import RowName, no_twins

NOTHING = Method("none", Nothing(), "", {})


def make_plan(
    name_or_path: str, overrides: Sequence[str] = (), methods: Sequence[str] = (), *, tuned: bool = False
) -> Plan:
    """Parse, check and plan a suite.

    Args:
        name_or_path: A shipped suite's name or a file.
        overrides: Command-line overrides such as ``--iterations 3``.
        methods: More mitigations, as YAML files, shipped names or ``file.py:Class``.
        tuned: They are variants of one method, under names that are never submitted.

    Raises:
        UsageError: When anything that the run would need is wrong.
    """
    suite, file = load_suite(name_or_path, overrides)
    with staying(), extended(file).blaming(overrides):
        check_claims(suite, file)
        check_nodes(suite, file)
        check_limits(suite, file)
        testbed, testbed_file = load_testbed(suite, file)
        with extended(testbed_file).blaming():
            world = open_world(suite, testbed, file, testbed_file)
        planner = _Planner(suite, file, world, tuned)
        for entry in suite.scenarios:
            for scenario in load_scenarios(entry.file, file, entry.variants):
                planner.add_scenario(entry, scenario, methods)
        return changed(planner.finish(), request=Request(name_or_path, tuple(overrides), tuple(methods)))


def check_claims(suite: Suite, file: Path) -> None:
    """Read the claims of a suite, so that a wrong one is refused before anything runs."""
    if suite.claims:
        from leaderboard.claims.family import load_claims  # scipy: a second that a suite without claims does not have

        load_claims(suite.claims, file)


class _Planner:
    def __init__(self, suite: Suite, file: Path, world: World, tuned: bool):
        self.suite, self.file, self.world, self.tuned = suite, file, world, tuned
        self.rows: list[PlannedRow] = []
        self.cells: dict[str, PlannedCell] = {}
        self.steps: dict[str, Step] = {}
        self.memo: dict[Any, Any] = {}
        self.methods: dict[str, Ready] = {}
        self.fitting: set[str] = set()
        self.resolved: list[Any] = []

    def metrics(self, chain: bool = True) -> str:
        """Return the digest of what is measured; what measures chains enters nothing where something trains."""
        families = [f for f in self.world.families if chain or not f.chained]
        judges = self.world.models["judges"] if any(f.judged for f in families) else ()
        phrases = self.world.phrases(families)
        return digest([[f.identity for f in families], judges, *([phrases] if phrases else [])])

    def add_scenario(self, entry: ScenarioEntry, scenario: Scenario, extra: Sequence[str]) -> None:
        sized = settings(self.suite, self.file, entry, scenario)
        self.check_sizes(entry, scenario, sized)
        self.resolved.append([scenario, {k: v for k, v in sized.items() if k != "shard"}])
        names = entry.mitigations
        if names is None:
            inherits = scenario.parent is not None and scenario.budget is None
            names = ("none",) if inherits else self.suite.mitigations
        protocol = self.protocol(scenario, sized)
        for name in [*names, *(m for m in extra if m not in names)]:
            self.add_row(entry, scenario, sized, name, protocol, added=name in extra)

    def check_sizes(self, entry: ScenarioEntry, scenario: Scenario, sized: dict[str, Any]) -> None:
        where = f"{self.file}: scenarios: {entry.file}: {scenario.variant}"
        for key, split, wanted in (
            ("n", PROMPT_SPLIT, sized["n"]),
            ("evaluate.n", "evaluation", sized["evaluate"].n),
            ("evaluate.n", "floor", sized["evaluate"].n),
        ):
            size = self.world.data.sizes.get(split, 0)
            if wanted > size:
                raise UsageError(
                    f"{where}: {key}: found {wanted}; allowed: at most {size}, the size of split {split!r}"
                )
        self.check_members(where, scenario, sized["n"])
        for modality in scenario.trains:
            self.check_precision(where, modality, sized["fit"], scenario.members.count)
            check_batch(where, modality, self.suite, sized["fit"])

    def check_members(self, where: str, scenario: Scenario, n: int) -> None:
        testbed, count = self.world.testbed.name, scenario.members.count
        if scenario.members.segments and n < count:
            raise UsageError(f"{where}: n: found {n}; allowed: {count} or more, a pair for each of members.segments")
        for modality in sorted(scenario.makes):
            have = len(self.world.models[f"{modality}s"])
            if not have:
                key = "captions" if modality == "captioner" else "images"
                raise UsageError(
                    f"{where}: {key}: found {modality!r}, and testbed {testbed!r} names no {modality}s; "
                    f"allowed: scenarios that ask no {modality}, or {modality}s in the testbed"
                )
            if scenario.members.kind == "diverse" and count > have:
                raise UsageError(
                    f"{where}: members.count: found {count}; allowed: at most {have}, "
                    f"the number of {modality}s in testbed {testbed!r}"
                )

    def check_precision(self, where: str, modality: str, fits: Any, count: int) -> None:
        precision = getattr(fits, modality).precision
        for spec in self.world.models[f"{modality}s"][:count]:
            model = spec.execution[0]
            if model.dtype != "float32" and precision != "bf16":
                raise UsageError(
                    f"{where}: fit.{modality}.precision: found {precision!r} for {model.name!r}, which testbed "
                    f"{self.world.testbed.name!r} loads as {model.dtype}; allowed: bf16, or dtype float32 there"
                )

    def protocol(self, scenario: Scenario, sized: dict[str, Any]) -> str:
        """Return what makes two rows comparable: never mitigations, seeds or names."""
        probe = Cell(scenario=scenario, method=NOTHING, seed=0, metrics="", label="", **sized)
        return probe.protocol(self.world)

    def method(self, name: str) -> Ready:
        if name not in self.methods:
            self.methods[name] = make_method(name, self.file.parent)
            if not self.tuned:
                check_name(self.methods[name].spec, name)
            check_scorers(self.methods[name], name, self.world.testbed.name, len(self.world.models["scorers"]))
        return self.methods[name]

    def add_row(
        self, entry: ScenarioEntry, scenario: Scenario, sized: dict[str, Any], name: str, protocol: str, added: bool
    ) -> None:
        ready = self.method(name)
        spec, method = ready.spec, ready.method
        if not set(spec.applies_to) & (set(scenario.trains) or scenario.makes):
            return
        if not scenario.trains and any(
            method.hooks.overrides(hook) for hook in (*HOOKS, *COUNTS) if hook != "sampling"
        ):
            return  # nothing learns from a pool that was chosen, and a chain whose captions are changed is another
        with naming(f"mitigation {name}: applies", Exception):  # an author's code may fail in any way of its own
            if not method.hooks.applies(scenario):
                return
        patched, unpatched = scenario, sized
        if ready.scenario_patch:
            patched = patch_scenario(scenario, ready.scenario_patch, f"mitigation {name}")
            if changed(patched, name=scenario.name) == scenario:
                return
            sized = settings(self.suite, self.file, entry, patched)
        if ready.fit_patch:
            sized = {**sized, "fit": patch_fits(sized["fit"], ready.fit_patch, f"mitigation {name}")}
        if sized is not unpatched:
            self.check_sizes(entry, patched, sized)
        with naming(str(self.file), ValueError):
            check_counts(name, method.hooks, patched, self.world.data.sizes, sized["n"], sized["iterations"])
        seeds = entry.seeds or self.suite.seeds
        if seen := sorted(set(seeds) & set(spec.tuned_on)):
            raise UsageError(
                f"{self.file}: mitigation {name}: tuned_on: found {seen}, which {scenario.name} is scored with; "
                "allowed: seeds that are not scored"
            )
        labels = {"scenario": scenario.name, "variant": scenario.variant, "mitigation": spec.name}
        keys, metrics = [], self.metrics(chain=not scenario.trains)
        for seed in seeds:
            label = f"{scenario.name}/{scenario.variant}/{spec.name}/seed={seed}"
            cell = Cell(scenario=patched, method=method, seed=seed, metrics=metrics, label=label, **sized)
            patch_alone = sized is not unpatched and (ready.scenario_patch or not method.active)
            if patch_alone and self.same(cell, changed(cell, scenario=scenario, **unpatched)):
                return  # the patch changes nothing here: not applicable
            if seed == seeds[0] and method.active and self.same(cell, changed(cell, method=NOTHING)):
                return  # nor do hooks that no step of this scenario asks
            keys.append(self.add_cell(cell, {**labels, "parent": scenario.parent, "protocol": protocol}))
        for row in self.rows:
            if (row.scenario, row.variant, row.mitigation) == tuple(labels.values()):
                raise UsageError(
                    f"{self.file}: row {'/'.join(labels.values())} stands twice; allowed: each scenario variant once, "
                    "each method under a name of its own"
                )
        self.fitting.add(name)
        self.rows.append(
            PlannedRow(
                **labels, parent=scenario.parent, applies_to=tuple(spec.applies_to), seeds=tuple(seeds),
                keys=tuple(keys), protocol=protocol, added=added,
            )
        )  # fmt: skip

    def walk(self, cell: Cell) -> tuple[Trace, dict[str, Step]]:
        """Return what a cell's result is read from, and every step on the way."""
        trace = Trace()
        return trace, {s.key: s for s in Walk(cell, self.world, trace, self.memo).steps()}

    def same(self, one: Cell, other: Cell) -> bool:
        """Whether two cells measure the very same things."""
        return self.walk(one)[0].targets() == self.walk(other)[0].targets()

    def add_cell(self, cell: Cell, row: dict[str, Any]) -> str:
        key = cell.key(self.world)
        if key not in self.cells:
            trace, walked = self.walk(cell)
            needs = ancestors(walked, trace.targets())
            for k in needs:
                self.steps.setdefault(k, walked[k])
            self.cells[key] = PlannedCell(key, cell, trace, tuple(needs))
        self.cells[key].rows.append(row)
        return key

    def check_rows(self) -> None:
        """Refuse methods that do nothing, and rows whose names differ in capitals alone."""
        for name, ready in self.methods.items():
            check_acts(ready.method, name)
        with naming(f"{self.file}", ValueError):
            no_twins((str(RowName.of(row)) for row in self.rows), "rows")

    def finish(self) -> Plan:
        self.check_rows()
        # What a suite is, names of methods given on the command line aside.
        identity = digest(
            [self.suite.name, self.world.identity, self.metrics(), self.resolved, self.suite.seeds, self.suite.primary]
        )
        behind = {"authored": self.world.authored, "versions": self.world.versions}
        for step in self.steps.values():
            step.__dict__.update(behind)
        idle = tuple(name for name in self.methods if name not in self.fitting)
        plan = Plan(self.suite, self.file, self.world, identity, self.rows, self.cells, self.steps, idle)
        require_splits(plan)
        return plan
