"""Entries made before classes were identified by name: proved equal to what a plan measures now, and stamped anew.

    python -m tests.identity.restamp FILE...     # entries, or baselines of gates

This is how the committed ones came over.

Keys and protocols used to hold where a class lay, the text of a method's file, and of a model's folder the weights
alone. Digests cannot be turned around, so equality is proved the other way: the present plan is written in the former
notation, and where that gives an entry's own digests, everything that they were made of is what the plan holds now:
data, models, scenario, sizes, decodings, fits, evaluation, metric versions. Numbers are never touched.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.methods.method import Method
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import Plan, PlannedCell, PlannedRow
from benchmarks.planning.protocols import metric_infos
from benchmarks.reporting.evidence import settings
from benchmarks.reporting.submit import plan_with
from benchmarks.study.loading import SUITES
from benchmarks.study.world import World, on_data
from leaderboard import baseline
from leaderboard.baseline import Baseline
from leaderboard.entries import Entry, EntryError, EntryRow, read_entry
from lightning_modules.bases.recipes import SCENES
from records.canonical import Spec, digest
from records.errors import UsageError
from records.files import write_text


@cache
def _former() -> dict[str, dict[str, str]]:
    """Return where classes lay by their names, digests of weights by those of folders, digests of methods' files."""
    return json.loads((Path(__file__).parent / "former" / "former.json").read_text(encoding="utf-8"))


def stamped(entry: Entry, plan: Plan) -> Entry:
    """Return an entry with the digests that its suite has now.

    Args:
        entry: An entry under former digests.
        plan: The plan of its suite, with its method.

    Raises:
        EntryError: A digest of it is not that of the present plan in the former notation; it says which.
    """
    planned = {(r.scenario, r.variant): r for r in plan.rows if r.mitigation == entry.method}
    rows = []
    for row in entry.rows:
        found = planned.get((row.scenario, row.variant))
        if found is None:
            raise EntryError(f"{entry.path}: {row.name}: the suite has no such row now; nothing to compare it with")
        rows.append(_row(entry, row, plan, found))
    method = plan.cells[planned[entry.rows[0].scenario, entry.rows[0].variant].keys[0]].cell.method
    return replace(entry, rows=tuple(rows), class_name=method.class_name)


def stamped_baseline(frozen: Baseline, plan: Plan) -> Baseline:
    """Return a gate's baseline with the digests that its suite has now.

    Raises:
        UsageError: As `stamped`; what entered a protocol is compared as well.
    """
    then = replace(plan, world=_world(plan.world))
    before, after = settings(then), settings(plan)
    rows = {f"{r.scenario}/{r.variant}/{r.mitigation}": r for r in plan.rows}
    trends = []
    for trend in frozen.trends:
        row = rows[trend.gate.row]
        cell = plan.cells[row.keys[0]]
        former = metric_infos(then, cell, _plain(plan, row).protocol(then.world))[trend.metric]
        if former.protocol != trend.protocol or before[trend.gate.row] != trend.setting:
            raise UsageError(f"gate {trend.gate.name!r}: other protocol than the suite had; freeze a new baseline")
        protocol = metric_infos(plan, cell, row.protocol)[trend.metric].protocol
        trends.append(replace(trend, protocol=protocol, setting=after[trend.gate.row]))
    return replace(frozen, trends=tuple(trends))


def _row(entry: Entry, row: EntryRow, plan: Plan, planned: PlannedRow) -> EntryRow:
    world = _world(plan.world)
    then = replace(plan, world=world)
    cells = dict(zip(planned.seeds, (plan.cells[key] for key in planned.keys), strict=True))
    first = next(iter(cells.values()))
    now_infos = metric_infos(plan, first, planned.protocol)
    then_infos = metric_infos(then, first, _plain(plan, planned).protocol(world))
    info = {}
    for metric, about in row.info.items():
        if metric not in then_infos or about != then_infos[metric]:
            raise EntryError(
                f"{entry.path}: {row.name}: {metric}: its protocol {about.protocol[:12]} is not what the suite, "
                "as it is now, had; so something has changed that numbers depend on"
            )
        info[metric] = now_infos[metric]
    made = []
    for cell in row.cells:
        key = _key(cells[cell.seed], world, plan)
        if key != cell.key:
            raise EntryError(
                f"{entry.path}: {row.name}: seed {cell.seed}: its key {cell.key[:12]} is not what the cell, as it is "
                "now, had; so the method, a fit or a step has changed"
            )
        made.append(replace(cell, key=cells[cell.seed].key))
    return replace(row, info=info, cells=tuple(made))


def _plain(plan: Plan, row: PlannedRow) -> Cell:
    """Return a cell of the row's scenario that no method patches: its protocol is that of the row."""
    group = [plan.cells[r.keys[0]].cell for r in plan.rows if (r.scenario, r.variant) == (row.scenario, row.variant)]
    return next(cell for cell in group if cell.protocol(plan.world) == row.protocol)


def _key(planned: PlannedCell, world: World, plan: Plan) -> str:
    judges = world.models["judges"] if any(f.judged for f in world.families) else ()
    metrics = digest([[f.identity for f in world.families], judges])
    cell = planned.cell
    return replace(cell, metrics=metrics, method=_method(cell.method)).key(world)


def _world(world: World) -> World:
    """Return a world in the former notation."""
    families = tuple(replace(family) for family in world.families)
    for family in families:
        family.__dict__["identity"] = _class(family.identity)  # in the place of what it would work out
    models = {role: tuple(map(_model, specs)) for role, specs in world.models.items()}
    data = Spec({**_class(world.data_spec.value), "init_args": _paths(world.data_spec.value["init_args"])})
    return replace(world, data_spec=data, models=models, families=families)


def _class(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {"class_path": _former()["classes"][identity["name"]], "version": identity["version"]}


def _paths(arguments: Any) -> Any:
    """Return arguments with classes by their former addresses."""
    if isinstance(arguments, dict):
        held = {key: _paths(value) for key, value in arguments.items() if key != "class_path"}
        named = arguments.get("class_path")
        return held if named is None else {**held, "class_path": _former()["classes"][named["name"]]}
    return [_paths(item) for item in arguments] if isinstance(arguments, list) else arguments


def _model(spec: Spec) -> Spec:
    rest = {k: v for k, v in spec.value.items() if k not in ("name", "version", "init_args", "weights", "recipe")}
    value = {**rest, **_class(spec.value), "init_args": _paths(spec.value["init_args"])}
    if "weights" in spec.value:
        value["weights"] = _former()["files"].get(spec.value["weights"], spec.value["weights"])
    if "recipe" in spec.value:
        model, data = spec.execution
        value["recipe"] = _recipe(asdict(on_data(SCENES[model.recipe], data.init_args)))
    return Spec(value, spec.execution)


def _recipe(recipe: dict[str, Any]) -> str:
    """Return the former digest of a recipe, which held where its builder and its data set lay."""
    name = recipe["build"].rpartition(".")[2]
    path = _former()["classes"]["scenes"]
    text = {
        **recipe,
        "build": f"lightning_modules.architectures.{name}",
        "data": {**recipe["data"], "class_path": path},
    }
    return hashlib.sha256(json.dumps(text, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _method(method: Method) -> Method:
    """Return a method whose identity is in the former notation."""
    made = replace(method)
    if method.active:
        value = method.spec.value
        parts = value["init_args"].get("parts")
        classes = [part["class_path"] for part in parts or ()]
        source = digest([[c["version"], _source(c)] for c in classes]) if classes else _source(value)
        whole = {**_class(value), "init_args": _paths(value["init_args"]), "source": source}
        made.__dict__["spec"] = Spec(whole, method)
    return made


def _source(identity: Mapping[str, Any]) -> str:
    """Return the former digest of a class's files; none that any entry holds where it did not ship then."""
    return _former()["sources"].get(identity["name"], "")


def restamp(path: Path) -> None:
    """Put today's digests into an entry or a baseline that is proved to be of what its suite measures today."""
    if "trends" in json.loads(path.read_text(encoding="utf-8")):
        frozen = baseline.read(path)
        baseline.write(stamped_baseline(frozen, plan_with(frozen.suite)), path)
    else:
        entry = read_entry(path)
        shipped = (SUITES / "mitigations" / f"{entry.method}.yaml").is_file()
        plan = plan_with(entry.suite, [entry.method] if shipped else [])
        write_text(path, stamped(entry, plan).to_json())


if __name__ == "__main__":
    for file in sys.argv[1:]:
        restamp(Path(file))
        print(f"{file}: equal to what its suite measures now; it has today's digests")
