"""Triggered: measure every synthetic set, and mitigate from the first one that looks collapsed.

Which steps there are is known before anything runs, so those that the inner method may need are always planned, and
its hooks pass their input through until the detector fires. From then on the inner method is in force.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import HOOKS, Mitigation
from benchmarks.methods.ready import make_hooks
from benchmarks.study.loading import SUITES, load_mitigation
from benchmarks.study.suite import Scenario
from records.canonical import digest
from records.fingerprint import fingerprint
from records.identity import by_name
from records.sources import import_class

DETECTOR = {"class_path": "benchmarks.mitigations.detectors.Drift", "init_args": {}}


class Triggered(Mitigation):
    """Another method, switched on by a detector.

    Sets are measured by the testbed's scorers, never by judges. Set t decides about everything after it was made: in
    iteration t the choice of pairs and the training, from t + 1 on prompts, sampling and captions too. Manifests note
    what the detector saw, and whether it had fired. Real pairs are those of a set's own items; a closed loop keeps the
    items of iteration 1, to which the real pairs of later ones are strangers, so there this method has no row.

    Args:
        inner: The method: the name or file of one with a class, or its class_path and init_args.
        detector: class_path and init_args of a detector, see `benchmarks.mitigations.detectors`.
    """

    name: ClassVar[str] = "triggered"

    def __init__(self, inner: str | dict[str, Any], detector: dict[str, Any] | None = None):
        self.made = _spec(inner, "inner")
        self.watch = _spec(detector or DETECTOR, "detector")
        self.inner = make_hooks(self.made["class_path"], self.made["init_args"], "triggered: inner")
        self.detector: Any = import_class(self.watch["class_path"])(**self.watch["init_args"])
        sizes = [self.inner.pool_size(t, 64) for t in range(1, 33)]
        if any(size != 64 for size in sizes):
            raise ValueError(
                f"inner: {self.made['class_path']} makes pools of another size than N, which is planned before it is "
                "known whether it is switched on; allowed: a method that keeps N"
            )
        self.oversample = self.inner.oversample
        self.reads = {  # type: ignore[misc]
            hook: tuple(dict.fromkeys((*self.inner.reads.get(hook, ()), *extra)))
            for hook in HOOKS
            if self.inner.overrides(hook)
            for extra in [("scores", "real_scores", *(("new",) if hook == "curate" else ()))]
        }

    def overrides(self, hook: str) -> bool:
        """Whether the inner method changes a hook."""
        return hook != "pool_size" and self.inner.overrides(hook)

    def acts(self, hook: str, modality: str) -> bool:
        """Whether the inner method changes the steps of a modality."""
        return self.inner.acts(hook, modality)

    def applies(self, scenario: Scenario) -> bool:
        """Whether the inner method changes anything in a scenario whose sets have real pairs of their own items."""
        return not scenario.closed and self.inner.applies(scenario)

    def reserve_items(self, n: int) -> int:
        """Return what the inner method may take of the reserve."""
        return self.inner.reserve_items(n)

    def source_digest(self) -> str:
        """Return the digest of this code, the inner method's and the detector's, and of their knobs."""
        parts = [
            super().source_digest(),
            by_name(self.made),
            self.inner.version,
            self.inner.source_digest(),
            by_name(self.watch),
            fingerprint(self.watch["class_path"]),
        ]
        return digest(parts)

    def fired(self, ctx: Any) -> bool:
        """Return whether any set so far looked collapsed."""
        values = self.detector.values(ctx.scores, ctx.real_scores)
        fired = any(value > self.detector.limit for value in values)
        ctx.note(fired=int(fired), **({"detector": float(values[-1])} if values else {}))
        return fired

    def prompts(self, ctx: Any) -> list[str]:
        """Ask as the inner method does, once it is on."""
        return self.inner.prompts(ctx) if self.fired(ctx) else super().prompts(ctx)

    def sampling(self, ctx: Any) -> Any:
        """Decode as the inner method does, once it is on."""
        return self.inner.sampling(ctx) if self.fired(ctx) else super().sampling(ctx)

    def relabel(self, ctx: Any) -> list[str]:
        """Caption as the inner method does, once it is on."""
        return self.inner.relabel(ctx) if self.fired(ctx) else super().relabel(ctx)

    def curate(self, ctx: Any) -> Any:
        """Choose as the inner method does, once it is on; until then the first draw of every prompt."""
        if self.fired(ctx):
            return self.inner.curate(ctx)
        return ctx.new if self.oversample == 1 else ctx.new.take(ctx.new.draw == 0)

    def objective(self, ctx: Any) -> Any:
        """Train as the inner method does, once it is on."""
        return self.inner.objective(ctx) if self.fired(ctx) else super().objective(ctx)

    def auxiliary(self, ctx: Any) -> Any:
        """Make what the inner method makes, once it is on; until then nothing."""
        return self.inner.auxiliary(ctx) if self.fired(ctx) else {"nothing": np.zeros(1)}

    def merge(self, ctx: Any) -> Any:
        """Merge as the inner method does, once it is on."""
        return self.inner.merge(ctx) if self.fired(ctx) else ctx.new_model


def _spec(given: str | dict[str, Any], knob: str) -> dict[str, Any]:
    """Return the class_path and init_args of a method's name, or of themselves."""
    if isinstance(given, str):
        found = load_mitigation(given, SUITES / "mitigations")
        if found.class_path is None or found.fit_patch:
            raise ValueError(
                f"{knob}: found {given!r}, which patches settings; allowed: a method with a class alone, which can be "
                "switched on later"
            )
        given = {"class_path": found.class_path, "init_args": found.init_args}
    odd = sorted(set(given) - {"class_path", "init_args"})
    if odd or not isinstance(given.get("class_path"), str):
        raise ValueError(f"{knob}: found the keys {sorted(given)}; allowed: class_path, and init_args")
    return {"class_path": given["class_path"], "init_args": dict(given.get("init_args") or {})}
