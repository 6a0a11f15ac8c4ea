"""Whether a ranking carries over: how alike two boards put the methods that both of them have in order.

Kendall's tau is the share of pairs of methods that two boards put in the same order less the share that they put in
opposite order (Kendall 1938, Biometrika 30). Its interval says what the seeds leave open: a pair that both boards tell
apart counts as they say, and every other pair may stand either way. Pairs are told by paired t tests at 5 %, adjusted
by Holm over all pairs of a board: one pair that is told wrongly moves an end of the interval past the truth, and of
many pairs some would be. Where seeds are few it is wide, even of two orders that are the same; so beside it stands the
chance that orders which have nothing to do with each other are so much alike, with methods as the unit (Kendall's
exact test). Noise hides a relation from that test and makes none up. Resampling seeds gives no interval for this: it
adds noise to noisy means, which draws tau towards zero, and covers next to nothing where two rankings are the same
(`tests/leaderboard/test_transfer.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from records.names import GroupName

FEWEST = 8  # shared methods: of fewer, chance alone puts many in the same order
HEAD = (
    "board", "and", "scenario", "side", "shared methods", "Kendall's tau [what seeds leave open]", "p, by chance",
    "pairs told apart in both",
)  # fmt: skip


@dataclass(frozen=True)
class Transfer:
    """How alike two boards rank one side's methods.

    Attributes:
        one: A suite.
        other: Another one.
        modality: Whose methods are ranked.
        scenario: The scenario variant that both have; "" where they have none.
        methods: Those that both boards have with a number.
        tau: Kendall's tau-b of their means at T; None where there is a reason.
        low: Lower end of what the seeds leave open.
        high: Upper end.
        chance: The chance that unrelated orders are so much alike, or so opposite; two-sided, in (0, 1].
        told: Pairs of methods that both boards tell apart.
        reason: Why there is no tau; "" where there is one.
    """

    one: str
    other: str
    modality: str
    scenario: str = ""
    methods: tuple[str, ...] = ()
    tau: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    told: int = 0
    reason: str = ""

    @property
    def row(self) -> tuple[str, ...]:
        """The columns of `HEAD`, as plain text."""
        where = (self.one, self.other, self.scenario, self.modality, str(len(self.methods)))
        if self.tau is None:
            return (*where, self.reason, "", "")
        interval = f"{self.tau:.2f} [{self.low:.2f}, {self.high:.2f}]"
        return (*where, interval, f"{self.chance:.2g}", f"{self.told} of {self.pairs}")

    @property
    def pairs(self) -> int:
        """How many pairs the shared methods make."""
        return len(self.methods) * (len(self.methods) - 1) // 2

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        where = f"{self.one} and {self.other}, {' of '.join(x for x in (self.modality, self.scenario) if x)}"
        if self.tau is None or self.chance is None:
            return f"{where}: no answer: {self.reason}."
        if not below(self.chance, 1 - st.LEVEL):
            how = "in orders of which no relation shows"
        elif np.isclose(abs(self.tau), 1):
            how = "in the same order" if self.tau > 0 else "in opposite orders"
        else:
            how = "in much the same order" if self.tau > 0 else "in much the opposite order"
        return (
            f"{where}: the {len(self.methods)} methods that both have stand {how}, tau = {self.tau:.2f} "
            f"(p = {self.chance:.2g} by chance alone). Seeds leave open {self.low:.2f} to {self.high:.2f}: "
            f"{self.told} of {self.pairs} pairs are told apart on both boards."
        )


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
        for side in sides if not missing else ():
            found += compare(first, boards[first], other, boards[other], side)
    return found


def compare(one: str, first: Board, other: str, second: Board, modality: str) -> list[Transfer]:
    """Compare how two boards rank one side, in every scenario variant that both have; a reason where they have none."""
    own, theirs = ({(g.scenario, g.variant): g for g in b.groups if g.modality == modality} for b in (first, second))
    shared = [name for name in own if name in theirs]
    if not shared:
        return [Transfer(one, other, modality, reason="they have no scenario variant in common")]
    return [_compare(Transfer(one, other, modality, str(GroupName(*n))), own[n], theirs[n]) for n in shared]


def _compare(found: Transfer, a: Group, b: Group) -> Transfer:
    for name, group in ((found.one, a), (found.other, b)):
        if reason := silent(group.controls):
            return _without(found, f"{name}: {reason}")
    mine, theirs = _readings(a), _readings(b)
    methods = tuple(sorted(mine.keys() & theirs.keys()))
    found = replace(found, methods=methods)
    if len(methods) < FEWEST:
        known = f"{len(methods)} method{'' if len(methods) == 1 else 's'} in common"
        return _without(found, f"{known}; a ranking takes {FEWEST}")
    return _with_tau(found, [mine[m] for m in methods], [theirs[m] for m in methods], a.direction, b.direction)


def _with_tau(found: Transfer, a: Sequence[Reading], b: Sequence[Reading], up_a: str, up_b: str) -> Transfer:
    means = [tied([_better(r, up) for r in readings]) for readings, up in ((a, up_a), (b, up_b))]
    tau, chance = map(float, scipy.stats.kendalltau(*means))
    if not np.isfinite(tau):
        return _without(found, "all methods of a board are equal")
    both = order(a, up_a) * order(b, up_b)
    low, high = left_open(both)
    return replace(found, tau=tau, low=min(low, tau), high=max(high, tau), chance=chance, told=int((both != 0).sum()))


def order(readings: Sequence[Reading], direction: str) -> np.ndarray:
    """Return, pair by pair, 1 where the first row is better, -1 where the second is, 0 where neither is told.

    With a chance of 95 % no pair of the board is told wrongly.
    """
    pairs = list(combinations(readings, 2))
    adjusted = st.holm([comparing.p_value(one, other) for one, other in pairs])
    signs = [np.sign(_better(one, direction) - _better(other, direction)) for one, other in pairs]
    return np.where(below(np.array(adjusted), 1 - st.LEVEL), signs, 0.0)


def left_open(agreement: np.ndarray) -> tuple[float, float]:
    """Return the least and largest tau that pairs leave open: 1 = told alike, -1 = told opposite, 0 = either way."""
    open_pairs = float((agreement == 0).mean())
    return float(agreement.mean()) - open_pairs, float(agreement.mean()) + open_pairs


def _better(reading: Reading, direction: str) -> float:
    """Return a row's mean at T, signed so that more is better."""
    mean = float(reading.at(-1).mean())
    return mean if direction == "up" else -mean


def _readings(group: Group) -> dict[str, Reading]:
    return {x.mitigation: x.reading for x in group.lines if x.role == "method" and x.prevented is not None}


def _without(found: Transfer, reason: str) -> Transfer:
    return replace(found, reason=reason)
