"""Lines of a set in the space of a judge: as a whole, how far it is from real items and how much of them it covers.

Set and real items are held against the same other real ones, so that whatever the number of items and the choice of the
others do to a distance is in both numbers. The measures are those of the loop (`benchmarks.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from benchmarks.measuring.embeddings import UNKNOWN, Embeddings
from benchmarks.measuring.lines import OTHERS, Bounds, Line, Measure, Way, line
from benchmarks.metrics.alignment import alignment
from benchmarks.metrics.images.frechet import frechet, gaussian
from benchmarks.metrics.images.kernels import discrepancy, polynomial_kernel
from benchmarks.metrics.images.neighbours import COVERAGE_K, manifolds
from benchmarks.metrics.images.pairs import row_blocks, squared_distances
from benchmarks.metrics.images.real_side import RealSide
from benchmarks.metrics.variance import variance

CLOSE = 0.05  # share of real items that another real one is nearer to than what "memorised" calls near
SHUFFLED = 0.02  # share of pairs that may have been shuffled before it matters
KERNEL = 0.01  # of the kernel's spread over real items: a kernel distance below that does not matter


class Space:
    """Items of a set, or real ones, beside other real items, as a judge sees them.

    Args:
        items: (n, d) float64.
        others: The other real items, (m, d); None = without a reference.
    """

    def __init__(self, items: np.ndarray, others: RealSide | None) -> None:
        self.items, self.others = items, others
        self._found: tuple[bytes, dict[str, float]] = (b"", {})

    @property
    def real(self) -> RealSide:
        """The other real items."""
        assert self.others is not None
        return self.others

    def spread(self, rows: np.ndarray) -> float:
        """Trace of the covariance."""
        return variance(self.items[rows])

    def frechet(self, rows: np.ndarray) -> float:
        """Fréchet distance to the others (arXiv 1706.08500, eq. 6)."""
        return frechet(gaussian(self.items[rows]), self.real.gaussian)

    def kernel(self, rows: np.ndarray) -> float:
        """Kernel distance to the others (arXiv 1801.01401), unbiased, so below 0 at times."""
        return discrepancy(self.items[rows], self.real.features, polynomial_kernel, self.real.kernel)[0]

    def recall(self, rows: np.ndarray) -> float:
        """Share of the others in the balls around the items (arXiv 1904.06991, eq. 1-2)."""
        return self._manifolds(rows)["recall"]

    def coverage(self, rows: np.ndarray) -> float:
        """Share of the others with an item in the ball around them (arXiv 2002.09797, section 3)."""
        return self._manifolds(rows)["coverage"]

    def memorised(self, rows: np.ndarray) -> float:
        """Share of items that are nearer to one of the others than all but 5 % of those are to each other."""
        return float(self._near[rows].mean())

    def _manifolds(self, rows: np.ndarray) -> dict[str, float]:
        key = rows.tobytes()  # recall and coverage are asked for the same rows one after the other
        if self._found[0] != key:
            fake = self.items[rows] - self.real.centre
            self._found = (key, manifolds(fake, self.real.centred, self.real.radii))
        return self._found[1]

    @cached_property
    def _near(self) -> np.ndarray:
        limit = np.quantile(_nearest(self.real.centred, self.real.centred, same=True), CLOSE)
        return _nearest(self.items - self.real.centre, self.real.centred) < limit


def _nearest(items: np.ndarray, others: np.ndarray, same: bool = False) -> np.ndarray:
    """Return the (n,) squared distances of items to the nearest of others, or of the same items without itself."""
    found = []
    for part in row_blocks(len(items)):
        squared = squared_distances(items[part], others)
        if same:
            squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        found.append(squared.min(axis=1))
    return np.concatenate(found)


@dataclass(frozen=True)
class Kind:
    """One measure in a judge's space.

    Attributes:
        name: In the name of its line.
        worse: Which way is worse.
        about: What it is.
        measure: Of a space, by the rows of its items.
        bounds: Between which it lies.
        reference: Whether it needs other real items.
        parts: What it is measured of.
    """

    name: str
    worse: Way
    about: str
    measure: Callable[[Space, np.ndarray], float]
    bounds: Bounds = (0.0, None)
    reference: bool = True
    parts: tuple[str, ...] = ("images", "text")


SHARE: Bounds = (0.0, 1.0)
MEMORISED = Kind(
    "memorised",
    "up",
    "as near to a real one as one real in 20 is to another",
    Space.memorised,
    SHARE,
    parts=("images",),
)
#: Whatever is wrong moves all but the last.
KINDS = (
    Kind("frechet", "up", "Fréchet distance to other real items", Space.frechet),
    Kind("kernel", "up", "kernel distance to other real items, about 0 for real ones", Space.kernel, (None, None)),
    Kind("recall", "down", "of other real items, how many are among the set's", Space.recall, SHARE),
    Kind("coverage", "down", "of other real items, how many have one of the set near", Space.coverage, SHARE),
    Kind("spread", "down", "variance", Space.spread, reference=False),
    MEMORISED,
)


def space_lines(
    name: str, mine: Embeddings, real: Embeddings | None, others: Embeddings | None, seed: int = 0
) -> list[Line]:
    """Measure what a judge sees of a set beside what it sees of as many real items.

    Args:
        name: Of the judge.
        mine: The set.
        real: Real items; None = without a reference.
        others: Other real items that both are held against.
        seed: Of the half-samples.
    """
    found = []
    for part, pick in (("images", "pictures"), ("text", "captions")):
        own = getattr(mine, pick)
        if own is None or not len(own):
            continue
        theirs, rest = (None if one is None else getattr(one, pick) for one in (real, others))
        if theirs is None or rest is None or min(len(theirs), len(rest)) <= COVERAGE_K:
            theirs = rest = None
        found += _lines(name, part, own, theirs, rest, seed)
    if mine.unknown > UNKNOWN:
        reason = f"{name} does not know {mine.unknown:.0%} of the words"
        found.append(Line(f"alignment@{name}", "pairs", "down", ALIGNED, reason=reason))
    elif (pairs := _pairs(name, mine, real, seed)) is not None:
        found.append(pairs)
    return found


ALIGNED = "cosine of a picture and its caption"


def _lines(
    name: str, part: str, own: np.ndarray, theirs: np.ndarray | None, rest: np.ndarray | None, seed: int
) -> list[Line]:
    others = None if rest is None else RealSide(rest)
    n = len(own) if theirs is None else min(len(own), len(theirs))
    mine, real = Space(own[:n], others), None if theirs is None else Space(theirs[:n], others)

    def of(space: Space, measure: Callable[[Space, np.ndarray], float]) -> Measure:
        return lambda rows: measure(space, rows)

    found = []
    for kind in KINDS:
        if part not in kind.parts or (kind.reference and real is None):
            continue
        least = _spread(others) if kind.name == "kernel" and others is not None else None
        one = line(
            f"{kind.name}@{name}", part, kind.worse, kind.about, of(mine, kind.measure),
            None if real is None else of(real, kind.measure), n, seed, least=least, bounds=kind.bounds,
            independent=kind is MEMORISED,
        )  # fmt: skip
        found.append(replace(one, whole=kind is not MEMORISED, given=(OTHERS,) if kind.reference else ()))
    return found


def _spread(others: RealSide) -> float:
    """Return what a kernel distance has to be to matter: a share of by how much an item is more like itself."""
    own = float(((np.einsum("ij,ij->i", others.features, others.features) / others.features.shape[1] + 1) ** 3).mean())
    return KERNEL * (own - others.kernel)


def _pairs(name: str, mine: Embeddings, real: Embeddings | None, seed: int) -> Line | None:
    pictures, captions = mine.pairs()
    if not len(pictures):
        return None
    theirs = real.pairs() if real is not None else None
    n = len(pictures) if theirs is None or not len(theirs[0]) else min(len(pictures), len(theirs[0]))

    def of(seen: np.ndarray, read: np.ndarray) -> Measure:
        return lambda rows: alignment(seen[rows], read[rows])

    other, least = None, None
    if theirs is not None and len(theirs[0]):
        other = of(*theirs)
        least = SHUFFLED * (alignment(*theirs) - alignment(theirs[0], np.roll(theirs[1], 1, axis=0)))
    return line(
        f"alignment@{name}", "pairs", "down", ALIGNED, of(pictures, captions), other, n, seed, least=least,
        bounds=(-1.0, 1.0),
    )  # fmt: skip
