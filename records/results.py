"""Result files: one small JSON document per cell, the truth that tables, gates and MLflow are made from.

The schema is documented in ``docs/architecture.md``; the dataclasses below are its definition. Equal runs
give byte-equal files except for what `CellResult.stable_view` leaves out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from records.codec import CodecError, decode_text, document_schema, encode, plain_text
from records.errors import UsageError
from records.files import write_new, write_text
from records.migrations import MIGRATIONS, NewerSchema

SCHEMA = 2

Status = Literal["complete", "failed", "incomplete"]
Direction = Literal["up", "down", "none"]  # which way is better; "none" is shown and never judged

# What may differ between two equal runs: where and when they ran, and how long it took.
UNSTABLE = ("execution", "versions", "commit", "created")
UNSTABLE_COST = ("device_seconds", "wall_seconds")


class ResultError(UsageError):
    """A result that cannot be read or written: one sentence that names the file and the problem."""


class UnreadResult(ResultError):
    """A file that could not be read just now, which says nothing of what is in it; its cause says why."""


class NewerResult(ResultError):
    """A result that a newer version has written."""


@dataclass(frozen=True)
class Row:
    """A row of the plan that a cell serves."""

    scenario: str
    variant: str
    mitigation: str
    parent: str | None = None


@dataclass(frozen=True)
class CellError:
    """Why a cell failed."""

    step: str
    iteration: int
    message: str

    def __str__(self) -> str:
        return f"{self.step} in iteration {self.iteration}: {self.message}"


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of one number; what it is conditional on says docs/metrics.md."""

    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """The numbers of one iteration, and intervals of those that have one."""

    iteration: int
    values: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Floor:
    """What real data score against held-out real data: mean and spread over draws."""

    value: float
    sd: float
    draws: int
    minimum_effect: float


@dataclass(frozen=True)
class MetricInfo:
    """What a number means: which way is better, whether it is a headline, what it compares with."""

    direction: Direction
    primary: bool
    protocol: str


@dataclass(frozen=True)
class Cost:
    """What a cell consumed, shared steps counted in full."""

    network_evaluations: int = 0
    real_samples: int = 0
    synthetic_samples: int = 0
    training_steps: int = 0
    device_seconds: float = 0.0
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class CellResult:
    """One cell: scenario variant x mitigation x seed, over iterations 0 to ``iterations``."""

    suite: str
    suite_digest: str
    key: str
    seed: int
    iterations: int
    n: int
    rows: tuple[Row, ...]
    trains: tuple[str, ...]
    status: Status
    error: CellError | None = None
    metrics: tuple[Point, ...] = ()
    sets: tuple[Point, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)
    floors: dict[str, Floor] = field(default_factory=dict)
    info: dict[str, MetricInfo] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    configuration: dict[str, Any] = field(default_factory=dict)
    execution: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    created: str = ""

    def __post_init__(self) -> None:
        if (self.status == "failed") != (self.error is not None):
            rule = "an error" if self.status == "failed" else "error to be null"
            raise ResultError(f"cell {self.key[:16]} is {self.status}, which needs {rule}")

    @property
    def file_name(self) -> str:
        """The name of this cell's file in the results folder."""
        return f"{self.key[:16]}.json"

    def value(self, metric: str, iteration: int) -> float | None:
        """Return one number, or None where it was not measured."""
        points = (p.values for p in (*self.metrics, *self.sets) if p.iteration == iteration)
        return next((values[metric] for values in points if metric in values), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON data.

        Raises:
            ResultError: A number is NaN or infinite, or a field has the wrong type.
        """
        try:
            return {"schema": SCHEMA, **encode(CellResult, self)}
        except CodecError as error:
            raise ResultError(f"the result of cell {self.key[:16]} cannot be written: {error}") from None

    def to_json(self) -> str:
        """Return the text of the result file: sorted keys, shortest exact floats, newline at the end."""
        return plain_text(self.to_dict())

    def stable_view(self) -> dict[str, Any]:
        """Return the document without what may differ between two equal runs."""
        document = {name: part for name, part in self.to_dict().items() if name not in UNSTABLE}
        document["cost"] = {k: v for k, v in document["cost"].items() if k not in UNSTABLE_COST}
        return document

    def stable_json(self) -> str:
        """Return the text of `stable_view`, for tests of byte equality."""
        return plain_text(self.stable_view())

    def write(self, path: Path) -> Path:
        """Write the file whole; a refused number leaves an old one alone."""
        return write_text(path, self.to_json())

    def settle(self, path: Path) -> CellResult:
        """Write the file unless it says the same already, and return what it says.

        A run that computed nothing leaves the files, and when and where their numbers were made, as they are. So does
        one that could not complete a cell which was complete before: those numbers hold, though the store they came
        from is gone. Where the numbers are the same and what stands around them is not (a seed was added to the
        suite), the file still says when and by which versions they were made.
        """
        try:
            found = read_result(path)
        except (UnreadResult, NewerResult) as error:
            if self.status != "complete" or isinstance(error, NewerResult):
                return self._unless_there(path, error)
            found = None
        except ResultError:  # damaged: written anew
            found = None
        if found is not None and found.stable_view() == self.stable_view():
            return found
        if found is not None and found.key == self.key and found.status == "complete" != self.status:
            return self
        settled = self
        if found is not None and found.status == self.status == "complete" and found._numbers() == self._numbers():
            made = {name: getattr(found, name) for name in (*UNSTABLE, "cost")}
            settled = replace(self, **made)
        settled.write(path)
        return settled

    def _unless_there(self, path: Path, error: ResultError) -> CellResult:
        """Write the file where there is none; what could not be read, or comes just now, may be a complete one."""
        if not isinstance(error.__cause__, FileNotFoundError) or write_new(path, self.to_json()):
            return self
        return self if path.is_symlink() else self.settle(path)

    def _numbers(self) -> list[Any]:
        """Return what was measured, with what identifies it."""
        view = self.stable_view()
        return [view[name] for name in ("key", "seed", "metrics", "sets", "absent", "floors", "cost")]

    @classmethod
    def from_json(cls, text: str, source: str | Path = "the result") -> CellResult:
        """Read a document of this or any older schema.

        Args:
            text: The JSON text.
            source: What to call it in an error, usually its path.

        Raises:
            ResultError: One sentence naming ``source`` and the first problem.
        """
        try:
            return decode_text(cls, text, SCHEMA, MIGRATIONS)
        except json.JSONDecodeError as error:
            raise ResultError(f"{source}: not valid JSON, {error}") from None
        except NewerSchema as error:
            raise NewerResult(f"{source}: {error}") from None
        except (ValueError, ResultError) as error:
            raise ResultError(f"{source}: {error}") from None


def read_result(path: Path) -> CellResult:
    """Read one result file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadResult(f"{path}: cannot be read, {error}") from error
    except UnicodeDecodeError as error:
        raise ResultError(f"{path}: cannot be read, {error}") from None
    return CellResult.from_json(text, path)


def read_results(folder: Path) -> dict[str, CellResult]:
    """Read every result file of a folder, by cell key; an absent folder holds none.

    Raises:
        ResultError: A file is broken, or does not hold the cell that its name says.
    """
    results: dict[str, CellResult] = {}
    for path in sorted(folder.glob("*.json")):
        result = read_result(path)
        if path.name != result.file_name:
            raise ResultError(f"{path}: holds cell {result.key[:16]}, so it should be called {result.file_name}")
        results[result.key] = result
    return results


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a result file, generated from the dataclasses."""
    return document_schema(CellResult, SCHEMA, "result file")
