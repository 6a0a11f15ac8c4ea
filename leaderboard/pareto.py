"""Which methods pay: the front of what is prevented against what that consumes.

A method is on the front unless another one prevents as much or more, by the mean, with as few network evaluations and
as few real pairs, and is better in one of the three. `none` competes, too: what prevents nothing is on no front. A
model that is never trained does not, or it would stand there alone. What is trained counts among network evaluations,
one a sample of a step, so that a row of several fits is dearer; seconds belong to a machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.grain import above
from leaderboard.loops import Row


def front(rows: Sequence[Row]) -> frozenset[str]:
    """Return the names of the rows on the front: methods and scenarios that mitigate, where controls judge them."""
    known = {row.name: found for row in rows if (found := _criteria(row)) is not None}
    return frozenset(name for name, own in known.items() if not any(_dominates(other, own) for other in known.values()))


def _criteria(row: Row) -> tuple[float, float, float] | None:
    """Return what is better where it is larger: prevented, and costs with their sign turned."""
    if not row.judged or row.value is None or row.cost is None or not above(row.value, 0.0):
        return None
    if not any(line.controls.judged for line in row.lines.values()):
        return None
    return row.value, -float(row.cost.network_evaluations), -float(row.cost.real_samples)


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return not any(above(b, a) for a, b in pairs) and any(above(a, b) for a, b in pairs)
