"""The kinds of steps: one class, one file each; free of torch until they run."""

from __future__ import annotations

from benchmarks.steps.auxiliary import Auxiliary
from benchmarks.steps.base import Base
from benchmarks.steps.captions import Captions
from benchmarks.steps.curate import Curate
from benchmarks.steps.features import Features
from benchmarks.steps.fit import Fit
from benchmarks.steps.floor import Floor
from benchmarks.steps.generation import GenerationMetrics
from benchmarks.steps.images import Images
from benchmarks.steps.merge import Merge
from benchmarks.steps.metrics import Metrics
from benchmarks.steps.real import Real
from benchmarks.steps.reference import Reference
from benchmarks.steps.sample import Sample
from benchmarks.steps.score import Score
from benchmarks.steps.step import Step

#: The kinds whose numbers results are made of: their versions enter every protocol.
STANDARD: tuple[type[Step], ...] = (
    Base, Real, Images, Captions, Score, Curate, Auxiliary, Fit, Merge, Sample, Features, Reference, Metrics, Floor,
)  # fmt: skip

#: That of chains alone, whose protocols its version enters.
CHAIN: type[Step] = GenerationMetrics


def versions() -> dict[str, int]:
    """Return the version of every standard kind, as protocols hold it."""
    return {kind.kind: kind.version for kind in STANDARD}
