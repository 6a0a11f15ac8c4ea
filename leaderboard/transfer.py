"""Whether a ranking carries over: how alike two boards put the methods that both of them have in order.

Kendall's tau is the share of pairs of methods that two boards put in the same order less the share that they put in
opposite order (Kendall 1938, Biometrika 30). Its interval says what the seeds leave open: a pair that both boards tell
apart, by paired t tests at 5 %, counts as they say, and every other pair may stand either way. Resampling seeds gives
no interval for this: it adds noise to noisy means, which draws tau towards zero, and covers next to nothing where two
rankings are the same (`tests/leaderboard/test_transfer.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import scipy.stats

from leaderboard import comparing
from leaderboard import statistics as st
from leaderboard.board import Board, Group
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries
from leaderboard.grain import below, tied
from leaderboard.readings import Reading
from leaderboard.sentences import silent

FEWEST = 8  # shared methods: of fewer, chance alone puts many in the same order
HEAD = ("board", "and", "side", "shared methods", "Kendall's tau [what seeds leave open]", "pairs told apart in both")


@dataclass(frozen=True)
class Transfer:
    """How alike two boards rank one side's methods.

    Attributes:
        one: A suite.
        other: Another one.
        modality: Whose methods are ranked.
        methods: Those that both boards have with a number.
        tau: Kendall's tau-b of their means at T; None where there is a reason.
        low: Lower end of what the seeds leave open.
        high: Upper end.
        told: Pairs of methods that both boards tell apart.
        reason: Why there is no tau; "" where there is one.
    """

    one: str
    other: str
    modality: str
    methods: tuple[str, ...] = ()
    tau: float | None = None
    low: float | None = None
    high: float | None = None
    told: int = 0
    reason: str = ""

    @property
    def row(self) -> tuple[str, ...]:
        """The columns of `HEAD`, as plain text."""
        where = (self.one, self.other, self.modality, str(len(self.methods)))
        if self.tau is None:
            return (*where, self.reason, "")
        pairs = len(self.methods) * (len(self.methods) - 1) // 2
        return (*where, f"{self.tau:.2f} [{self.low:.2f}, {self.high:.2f}]", f"{self.told} of {pairs}")


def transfers(suites: Sequence[str], folder: Path, modality: str = "") -> list[Transfer]:
    """Compare the committed board of the first suite with that of each other, on every side that both rank.

    Args:
        suites: Two or more names.
        folder: Of all entries.
        modality: Of that side alone; "" = of every side.
    """
    boards = {suite: entry_board(read_entries(suite, folder)) for suite in suites}
    first, *others = suites
    found = []
    for other in others:
        sides = [m for m in boards[first].modalities if m in boards[other].modalities and modality in ("", m)]
        missing = [suite for suite in (first, other) if not boards[suite].rows]
        if missing or not sides:
            why = f"no entries of {' and '.join(missing)}" if missing else "they rank no side in common"
            found.append(Transfer(first, other, modality, reason=why))
        found += [compare(first, boards[first], other, boards[other], side) for side in sides if not missing]
    return found


def compare(one: str, first: Board, other: str, second: Board, modality: str) -> Transfer:
    """Compare how two boards rank one side: in the scenario variant that both have, else in the first of each."""
    a, b = _groups(first, second, modality)
    for name, group in ((one, a), (other, b)):
        if reason := silent(group.controls):
            return Transfer(one, other, modality, reason=f"{name}: {reason}")
    mine, theirs = _readings(a), _readings(b)
    methods = tuple(sorted(mine.keys() & theirs.keys()))
    found = Transfer(one, other, modality, methods)
    if len(methods) < FEWEST:
        known = f"{len(methods)} method{'' if len(methods) == 1 else 's'} in common"
        return _without(found, f"{known}; a ranking takes {FEWEST}")
    return _with_tau(found, [mine[m] for m in methods], [theirs[m] for m in methods], a.direction, b.direction)


def _with_tau(found: Transfer, a: Sequence[Reading], b: Sequence[Reading], up_a: str, up_b: str) -> Transfer:
    means = [tied([_better(r, up) for r in readings]) for readings, up in ((a, up_a), (b, up_b))]
    tau = float(scipy.stats.kendalltau(*means).statistic)
    if not np.isfinite(tau):
        return _without(found, "all methods of a board are equal")
    both = order(a, up_a) * order(b, up_b)
    low, high = left_open(both)
    return Transfer(
        found.one,
        found.other,
        found.modality,
        found.methods,
        tau,
        min(low, tau),
        max(high, tau),
        int((both != 0).sum()),
    )


def order(readings: Sequence[Reading], direction: str) -> np.ndarray:
    """Return, pair by pair, 1 where the first row is better, -1 where the second is, 0 where neither is told."""
    signs = []
    for one, other in combinations(readings, 2):
        told = below(comparing.p_value(one, other), 1 - st.LEVEL)
        signs.append(np.sign(_better(one, direction) - _better(other, direction)) if told else 0.0)
    return np.array(signs)


def left_open(agreement: np.ndarray) -> tuple[float, float]:
    """Return the least and largest tau that pairs leave open: 1 = told alike, -1 = told opposite, 0 = either way."""
    open_pairs = float((agreement == 0).mean())
    return float(agreement.mean()) - open_pairs, float(agreement.mean()) + open_pairs


def _better(reading: Reading, direction: str) -> float:
    """Return a row's mean at T, signed so that more is better."""
    mean = float(reading.at(-1).mean())
    return mean if direction == "up" else -mean


def _groups(first: Board, second: Board, modality: str) -> tuple[Group, Group]:
    own, theirs = ([g for g in board.groups if g.modality == modality] for board in (first, second))
    shared = [(a, b) for a in own for b in theirs if (a.scenario, a.variant) == (b.scenario, b.variant)]
    return shared[0] if shared else (own[0], theirs[0])


def _readings(group: Group) -> dict[str, Reading]:
    return {x.mitigation: x.reading for x in group.lines if x.role == "method" and x.prevented is not None}


def _without(found: Transfer, reason: str) -> Transfer:
    return Transfer(found.one, found.other, found.modality, found.methods, reason=reason)
