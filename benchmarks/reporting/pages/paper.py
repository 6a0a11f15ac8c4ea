"""What a figure for a paper is: its specification, and the numbers that it was drawn from."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.reporting.pages.drawn import drawn
from benchmarks.reporting.pages.grammar import Spec
from leaderboard.text import csv_field
from records.files import write_text

#: Panels beside each other.
ACROSS = 2
Records: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True)
class PaperFigure:
    """One figure: its name, its specification and the numbers that it was drawn from."""

    name: str
    spec: Spec
    records: Records

    def picture(self, folder: Path, ending: str = "png") -> Path:
        """Write the picture as PNG or PDF; return the file."""
        file = folder / f"{self.name}.{ending}"
        file.write_bytes(drawn(self.spec, ending))
        return file

    def numbers(self, folder: Path) -> Path:
        """Write the numbers as CSV; return the file."""
        return write_text(folder / f"{self.name}.csv", _csv(self.records))


def beside(made: Sequence[Spec], across: int = ACROSS) -> Spec:
    """Return one figure of several panels."""
    apart = {"scale": dict.fromkeys(("color", "strokeDash"), "independent")}
    return {"concat": list(made), "columns": across, "spacing": 28, "resolve": apart}


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(records[0])
    writer.writerows([csv_field(value) for value in record.values()] for record in records)
    return stream.getvalue()
