"""MLflow as a mirror of the result files: written by one process, idempotent, safe to delete and rebuild.

One experiment, one parent run per suite digest, one child run per cell. A child that mirrors the present
bytes of its result file completely is left alone; anything else (changed file, killed mirror) is deleted and
written anew, because logging a metric again at the same step would leave duplicate points. MLflow only marks
runs as deleted: `mlflow gc` frees their space.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.reporting.mlflow_store import (
    DATABASE,
    artifacts_uri,
    held,
    own_uri,
    require_answer,
    set_aside,
    shown,
    store_uri,
)
from benchmarks.storage.scratch import scratched
from records.names import RowName
from records.results import CellResult

EXPERIMENT = "mmcollapse"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # its page opens on runs and charts, not on traces
TAG = "collapse."
BATCH = 1000  # points per request, MLflow's own limit
PARAMETER_LENGTH = 250
STATUS = {"complete": "FINISHED", "failed": "FAILED", "incomplete": "KILLED"}

# What MLflow refuses in names, as words; any other character outside SAFE becomes its code point.
WORDS = {"@": "at", "=": "is", ",": "and", "%": "percent", "+": "plus"}
SAFE = re.compile(r"[A-Za-z0-9_.\-/]")


@dataclass(frozen=True)
class Mirrored:
    """What a call of `mirror` did, in child runs."""

    created: int
    replaced: int
    kept: int
    uri: str


def mlflow_name(name: str) -> str:
    """Return a readable name that MLflow accepts on every system: "a@b,n=5" becomes "a at b and n is 5".

    Spaces appear only around words that stand for one character, so `original_name` can invert it.
    """
    return "".join(c if SAFE.fullmatch(c) else f" {WORDS.get(c, f'x{ord(c):x}')} " for c in name)


def original_name(name: str) -> str:
    """Invert `mlflow_name`."""
    back = {word: character for character, word in WORDS.items()}

    def restore(found: re.Match[str]) -> str:
        return back[found[1]] if found[1] in back else chr(int(found[1][1:], 16))

    return re.sub(r" ([a-z0-9]+) ", restore, name)


def mirror(
    results: Sequence[CellResult],
    artifacts: Callable[[CellResult], Iterable[Path]],
    suite_name: str,
    suite_digest: str,
    resolved_yaml: str,
    runs: Path,
    tracking_uri: str | None = None,
    pages: Sequence[Path] = (),
) -> Mirrored:
    """Bring MLflow up to date with result files; call it from one process only.

    Args:
        results: The results of one suite.
        artifacts: Returns the files to attach to a cell's run (grids, caption tables).
        suite_name: Name of the parent run.
        suite_digest: Identity of the parent run.
        resolved_yaml: The suite with every default filled in; attached to the parent run.
        runs: Folder of the default SQLite store and its artifacts.
        tracking_uri: Overrides MLFLOW_TRACKING_URI and the default.
        pages: Files about the whole suite; attached to the parent run.
    """
    uri = tracking_uri or store_uri(runs)
    require_answer(uri)
    with held(runs, uri), scratched():
        try:
            client, experiment = _opened(uri, runs)
        except ImportError:
            raise
        except Exception:
            if uri != own_uri(runs) or not (runs / DATABASE).is_file():
                raise
            set_aside(runs)  # half made by a mirror that was killed, or by an MLflow of another version
            # MLflow goes on with what it has opened at an address: the new file gets another spelling of it.
            client, experiment = _opened(uri.replace(DATABASE, f"./{DATABASE}"), runs)
        parent = _parent(client, experiment, suite_name, suite_digest, resolved_yaml)
        done = _copy(client, experiment, parent, results, artifacts, shown(uri))
        _attach(client, parent, pages)
        return done


def _copy(
    client: Any,
    experiment: str,
    parent: str,
    results: Sequence[CellResult],
    artifacts: Callable[[CellResult], Iterable[Path]],
    uri: str,
) -> Mirrored:
    children = _children(client, experiment, parent)
    counts = {"created": 0, "replaced": 0, "kept": 0}
    for result in results:
        found = children.get(result.key, [])
        digest = _digest(result)
        good = [run for run in found if _is_complete(run, digest)]
        for run in found:
            if run not in good[:1]:
                if run.info.status == "RUNNING":  # of a mirror that was killed; one that is deleted keeps its status
                    client.set_terminated(run.info.run_id, "KILLED")
                client.delete_run(run.info.run_id)
        if not good:
            _write_child(client, experiment, parent, result, digest, artifacts(result))
        counts["kept" if good else "replaced" if found else "created"] += 1
    if client.get_run(parent).info.status != "FINISHED":
        client.set_terminated(parent, "FINISHED")
    return Mirrored(**counts, uri=uri)


def _attach(client: Any, run: str, pages: Iterable[Path]) -> None:
    """Copy pages to a run, those that it does not have as they are."""
    tags = client.get_run(run).data.tags
    for page in pages:
        name, digest = f"{TAG}{page.name}", hashlib.sha256(page.read_bytes()).hexdigest()
        if tags.get(name) != digest:
            client.log_artifact(run, str(page))
            client.set_tag(run, name, digest)


def _opened(uri: str, runs: Path) -> tuple[Any, str]:
    client = _client(uri, runs)
    experiment = _experiment(client, uri, runs)
    client.search_runs([experiment], max_results=1)  # reads of every table, so that one that is not whole shows now
    return client, experiment


def _client(uri: str, runs: Path) -> Any:
    """Import MLflow quietly and only now: it takes seconds, and a new database takes more.

    It asks a server that does not answer for minutes, unless it is told otherwise.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if uri.startswith("sqlite:"):
        runs.mkdir(parents=True, exist_ok=True)
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    utils.MAX_RETRY_COUNT = 2
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # MLflow sets its own level when imported
    return MlflowClient(tracking_uri=uri)


def _experiment(client: Any, uri: str, runs: Path) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    # A server keeps artifacts where it likes; a local file store keeps them beside the database.
    local = artifacts_uri(runs) if uri.startswith("sqlite:") else None
    return client.create_experiment(EXPERIMENT, artifact_location=local, tags=KIND)


def _search(client: Any, experiment: str, condition: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], condition, max_results=1000, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _parent(client: Any, experiment: str, name: str, digest: str, resolved_yaml: str) -> str:
    """Return the parent run of a suite digest; one that a killed mirror left unfinished is used again."""
    condition = f"tags.`{TAG}role` = 'suite' and tags.`{TAG}suite_digest` = '{digest}'"
    found = _search(client, experiment, condition)
    if found:
        run = found[0].info.run_id
    else:
        tags = {f"{TAG}role": "suite", f"{TAG}suite_digest": digest}
        run = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    if not client.list_artifacts(run):
        client.log_text(run, resolved_yaml, "suite.yaml")
    return run


def _children(client: Any, experiment: str, parent: str) -> dict[str, list[Any]]:
    """Return cell key -> child runs; more than one only after a mirror was killed at the wrong moment."""
    children: dict[str, list[Any]] = {}
    for run in _search(client, experiment, f"tags.mlflow.parentRunId = '{parent}'"):
        children.setdefault(run.data.tags.get(f"{TAG}cell_key", ""), []).append(run)
    return children


def _digest(result: CellResult) -> str:
    return hashlib.sha256(result.to_json().encode()).hexdigest()


def _is_complete(run: Any, digest: str) -> bool:
    """Say whether a run mirrors these bytes to the end: its status is set last."""
    return run.info.status != "RUNNING" and run.data.tags.get(f"{TAG}result_digest") == digest


def _write_child(
    client: Any, experiment: str, parent: str, result: CellResult, digest: str, files: Iterable[Path]
) -> None:
    from mlflow.entities import Param, RunTag

    row = result.rows[0]
    name = f"{RowName.of(row)} seed {result.seed}"
    tags = {"mlflow.parentRunId": parent, f"{TAG}role": "cell", f"{TAG}cell_key": result.key}
    run = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    marks = {"result_digest": digest, "suite_digest": result.suite_digest, "status": result.status}
    if result.error:
        marks["error"] = f"{result.error.step} {result.error.iteration}: {result.error.message}"[:1000]
    client.log_batch(
        run,
        params=[Param(key, str(value)[:PARAMETER_LENGTH]) for key, value in parameters(result).items()],
        tags=[RunTag(f"{TAG}{key}", value) for key, value in marks.items()],
    )
    points = _points(result)
    for start in range(0, len(points), BATCH):
        client.log_batch(run, metrics=points[start : start + BATCH])
    client.log_text(run, result.to_json(), "result.json")
    for path in files:
        if path.is_file():
            client.log_artifact(run, str(path))
    client.set_terminated(run, STATUS[result.status])


def parameters(result: CellResult) -> dict[str, Any]:
    """Return the short parameters that runs are filtered and grouped by."""
    row = result.rows[0]
    return {
        "suite": result.suite,
        "scenario": row.scenario,
        "variant": row.variant,
        "mitigation": row.mitigation,
        "parent": row.parent or "",
        "seed": result.seed,
        "n": result.n,
        "iterations": result.iterations,
        "trains": ", ".join(result.trains),
        "rows": ", ".join(str(RowName.of(r)) for r in result.rows),
    }


def _points(result: CellResult) -> list[Any]:
    """Return every number of a cell as MLflow metrics: step = iteration, costs and floors at the last one."""
    from mlflow.entities import Metric

    numbers = [(name, v, p.iteration) for p in (*result.metrics, *result.sets) for name, v in p.values.items()]
    numbers += [(f"floor/{name}", floor.value, 0) for name, floor in result.floors.items()]
    cost = result.to_dict()["cost"]
    numbers += [(f"cost/{name}", value, result.iterations) for name, value in cost.items()]
    stamp = _milliseconds(result.created)
    return [Metric(mlflow_name(name), value, stamp, step) for name, value, step in numbers]


def _milliseconds(created: str) -> int:
    """Return the time of a result, so that rebuilding the mirror gives the same points; 0 where unknown."""
    try:
        return int(datetime.fromisoformat(created).timestamp() * 1000)
    except ValueError:
        return 0
