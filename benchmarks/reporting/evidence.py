"""What a plan's rows measured, for gates and claims: its result files, and what entered each protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.planning.plan import Plan
from benchmarks.steps import versions
from records.names import RowName
from records.results import read_results

if TYPE_CHECKING:
    from leaderboard.series import Evidence


def evidence(study: Plan, runs: Path) -> Evidence:
    """Return a plan's rows with the result files of a folder of runs."""
    from leaderboard.readings import BoardRow
    from leaderboard.series import Evidence

    rows = [BoardRow(r.scenario, r.variant, r.mitigation, r.parent, r.seeds, r.keys, r.applies_to) for r in study.rows]
    found = read_results(study.results(runs))
    return Evidence(rows, {key: cell for key, cell in found.items() if key in study.cells}, study.file.parent)


def settings(study: Plan) -> dict[str, dict[str, Any]]:
    """Return, per row, all that enters its protocol, flat and readable: what is named when two protocols differ."""
    from leaderboard.baseline import flattened

    world = study.world
    families = {f"metric {f.class_path.rpartition('.')[2]} version": f.version for f in world.families}
    judges = {f"judge {spec.execution[0].name}": spec.digest[:12] for spec in world.models["judges"]}
    common = {"data": world.data_spec.digest[:12], **families, **judges}
    common.update({f"step {kind} version": version for kind, version in versions().items()})
    found = {}
    for row in study.rows:
        cell = study.cells[row.keys[0]].cell
        members = cell.scenario.members
        count = members.count if members.kind == "diverse" else 1
        models = {
            f"{modality} {spec.execution[0].name}": spec.digest[:12]
            for modality in sorted(cell.scenario.makes) for spec in world.models[f"{modality}s"][:count]
        }  # fmt: skip
        found[str(RowName.of(row))] = {
            **common, **models, **flattened({k: v for k, v in cell.topology.items() if v is not None}),
            **flattened(cell.evaluate, "evaluate"), "shard": cell.shard,
        }  # fmt: skip
    return found
