"""Artifacts that a study need not keep: dropped as soon as their last reader is done, their costs remembered.

A dropped artifact is made again, the same, where a step that is added later reads it. Beside other runs on the same
store, nothing is dropped that one of them may read; what is left over then goes when the same command runs again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from benchmarks.steps import Step
from benchmarks.storage.store import Store
from benchmarks.study.suite import Retain


class Retention:
    """Drops what nobody will read any more in one run.

    Args:
        store: Where the artifacts are.
        retain: What the suite keeps.
        planned: Every step of the cells that run.
        missing: Those of them that are about to run; only they read.
        shown: Cell -> the samples that its pictures show; it reads them when it is closed.
        spared: What other studies on this store keep.
    """

    def __init__(
        self,
        store: Store,
        retain: Retain,
        planned: Sequence[Step],
        missing: Sequence[Step],
        shown: Mapping[str, Collection[str]],
        spared: Collection[str] = (),
    ):
        self.store, self.shown, self._later = store, shown, list[str]()
        self.readers: dict[str, set[str]] = {
            s.key: set() for s in planned if not s.kept(retain) and s.key not in spared
        }
        for cell, samples in shown.items():
            for sample in self.readers.keys() & set(samples):
                self.readers[sample].add(cell)
        for step in missing:
            for parent in step.parents:
                if parent in self.readers:
                    self.readers[parent].add(step.key)
        running = {s.key for s in missing}
        for key in [k for k, readers in self.readers.items() if not readers and k not in running]:
            self._drop(key)  # left by a run that was cut, or that kept more

    def done(self, step: Step) -> None:
        """Note that a step has read its inputs."""
        for parent in {*step.parents, step.key}:
            self._read(parent, step.key)

    def closed(self, cell: str) -> None:
        """Note that a cell's pictures are made, or never will be."""
        for sample in self.shown.get(cell, ()):
            self._read(sample, cell)

    def _read(self, artifact: str, reader: str) -> None:
        readers = self.readers.get(artifact)
        if readers is not None:
            readers.discard(reader)
            if not readers:
                self._drop(artifact)

    def finish(self) -> None:
        """Let go of what others might have needed, where nobody does by now."""
        later, self._later = self._later, []
        for key in later:
            self._let_go(key)

    def _drop(self, key: str) -> None:
        del self.readers[key]
        self._let_go(key)

    def _let_go(self, key: str) -> None:
        """Drop an artifact; not while a run is at work that reads others, of which this one knows nothing.

        A run of equal work has read it, or finds its readers made.
        """
        if self.store.turns is not None and self.store.turns.strangers:
            self._later.append(key)
        else:
            self.store.drop(key)
