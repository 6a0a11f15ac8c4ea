"""Where each row of a board comes from: entry or this machine, version, commit, date, hosts, command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.board import Board
from leaderboard.readings import HOST_FIELDS, BoardRow


@dataclass(frozen=True)
class Provenance:
    """The origin of all rows of one mitigation; several values of one kind are joined by commas.

    Attributes:
        mitigation: Its name.
        origin: "entry" or "local".
        version: Version of the benchmark.
        commit: First ten digits; "+" = with changes that were not committed.
        created: Day of the latest result.
        hosts: Kinds of hosts.
        command: What makes it.
    """

    mitigation: str
    origin: str
    version: str
    commit: str
    created: str
    hosts: str
    command: str


def provenance(board: Board) -> list[Provenance]:
    """Return the origin of every mitigation and, apart from it, of what this machine adds to it."""
    found: dict[tuple[str, str], list[BoardRow]] = {}
    for row in board.rows:
        found.setdefault((row.mitigation, row.origin), []).append(row)
    return [origin(board, rows) for rows in found.values()]


def origin(board: Board, rows: Sequence[BoardRow]) -> Provenance:
    """Return the origin of some rows of one mitigation."""
    cells = [cell for row in rows for cell in row.cells(board.results)]
    commits = {commit for cell in cells for commit in cell.commit.split(", ") if commit}
    hosts = {" ".join(str(c.execution[k]) for k in HOST_FIELDS if k in c.execution) for c in cells}
    short = _list({commit[:10] + ("+" if commit.endswith("+") else "") for commit in commits})
    created = max((cell.created[:10] for cell in cells), default="")
    versions, commands = _list({row.version for row in rows}), _list({row.command for row in rows})
    return Provenance(rows[0].mitigation, rows[0].origin, versions, short, created, _list(hosts), commands)


def _list(values: set[str]) -> str:
    return ", ".join(sorted(filter(None, values)))
