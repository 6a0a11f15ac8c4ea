"""What a method's hooks add to a step: the digest of the method, and what its hooks declare to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.methods.hooks import Context, Mitigation
from benchmarks.methods.returned import check_returned
from benchmarks.seeds import sample_seeds
from benchmarks.steps.in_parts import captioned, parts_of
from benchmarks.steps.order import in_order, sorted_rows
from benchmarks.steps.step import Keys, Step
from datamodules.pairs import Pairs
from records.canonical import Spec
from records.errors import StepError

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext


#: Sources that are models of the modality at hand.
LIVE = ("base", "previous", "start", "fitted")


@dataclass(frozen=True, eq=False)
class Hooked:
    """The hooks of a method that act on one step.

    Attributes:
        hooks: Their names.
        method: Identity of the method.
        t: The iteration.
        sources: Name -> key, or keys, of what the hooks declare to read; `history.3` is that of iteration 3,
            `scores.3.clip` what scorer clip said of it.
        decoding: Of the labelling captioner, where a hook may ask it.
    """

    hooks: tuple[str, ...]
    method: Spec
    t: int
    sources: Mapping[str, Keys]
    decoding: Any = None


@dataclass(frozen=True, eq=False, kw_only=True)
class HookedStep(Step):
    """A step that a method may change. `hooked` is None where it does not, and then leaves no trace."""

    hooked: Hooked | None = field(default=None, metadata={"part": "hooked"})

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that enter the key, those of the hooks among them."""
        found, hooked = super().identity, self.hooked
        if hooked is None:
            return found
        decoding = {} if hooked.decoding is None else {"decoding": hooked.decoding}
        return {**found, "hooks": hooked.hooks, "method": hooked.method, "t": hooked.t, **decoding}

    @property
    def inputs(self) -> Mapping[str, Keys]:
        """Name -> key, or keys, of the artifacts that are read, by the step or by hooks."""
        return {**super().inputs, **({} if self.hooked is None else self.hooked.sources)}

    def order(self, context: RunContext, iteration: int | None = None) -> np.ndarray | None:
        """Return the order of the items that it is about, of an earlier iteration if one is named; None = by id."""
        return None

    def ask(self, hook: str, context: RunContext, otherwise: Callable[[], Any], **facts: Any) -> Any:
        """Return what the method's hook says, or what `otherwise` makes where the method does not override it.

        Raises:
            StepError: The hook returned something of another kind than its docstring says.
        """
        hooked = self.hooked
        if hooked is None or hook not in hooked.hooks:
            return otherwise()
        method: Mitigation = hooked.method.execution.hooks
        facts = {"iteration": hooked.t, "seed": getattr(self, "seed", None) or 0, **facts}
        seen = Context(hook, method.reads.get(hook, ()), _sources(self, hooked, context), **facts)
        context.hooked.append(seen)
        owner = type(getattr(method, "owners", {}).get(hook, method)).__name__  # of several, the one that has the hook
        said = check_returned(hook, owner, getattr(method, hook)(seen), seen.facts)
        seen.returned = said  # for who looks on
        return said


def _sources(step: HookedStep, hooked: Hooked, context: RunContext) -> dict[str, Callable[[], Any]]:
    """Return how each source of a hook is loaded."""
    keys, get = hooked.sources, context.store.fresh
    grouped: dict[str, dict[str, Any]] = {}
    for name, key in keys.items():
        head, dot, tail = name.partition(".")
        if dot:
            grouped.setdefault(head, {})[tail] = key
    order = step.order(context)

    def history() -> list[Any]:
        found = grouped.get("history", {})
        return [in_order(context.fresh_pool(found[s]), step.order(context, int(s))) for s in sorted(found, key=int)]

    return {
        "new": lambda: in_order(context.fresh_pool(keys["new"]), order),
        "history": history,
        "real": lambda: [get(k) for k in keys["real"]],
        "reserve": lambda: [get(k) for k in keys["reserve"]],
        **{name: partial(lambda own: context.lend(str(keys[own])), name) for name in LIVE},
        "scorers": lambda: {name: _rows(get(key), order) for name, key in grouped.get("scorers", {}).items()},
        "scores": lambda: _by_iteration(grouped.get("scores", {}), context),
        "real_scores": lambda: _real_scores(keys, grouped.get("real_scores", {}), context),
        "captioner": lambda: _captioner(step, hooked, context),
        "likelihood": lambda: _likelihood(hooked, context),
        "auxiliary": lambda: {name: context.lend(key) for name, key in grouped.get("auxiliary", {}).items()},
    }


def _by_iteration(keys: Mapping[str, Any], context: RunContext) -> list[dict[str, Any]]:
    """Return artifacts named `iteration.scorer` as a list over iterations of mappings by scorer."""
    found: dict[int, dict[str, Any]] = {}
    for name, key in keys.items():
        iteration, _, scorer = name.partition(".")
        found.setdefault(int(iteration), {})[scorer] = context.store.fresh(key)
    return [found[s] for s in sorted(found)]


def _real_scores(keys: Mapping[str, Keys], scored: Mapping[str, str], context: RunContext) -> list[dict[str, Any]]:
    pairs = [context.store.fresh(key) for key in keys["real"]]
    both = zip(pairs, _by_iteration(scored, context), strict=False)  # none is scored before its pool is made
    return [{scorer: _rows(value, real.ids) for scorer, value in made.items()} for real, made in both]


def _captioner(step: Step, hooked: Hooked, context: RunContext) -> Callable[[np.ndarray, np.ndarray], Any] | None:
    if "captioner" not in hooked.sources:
        return None
    model, seed = context.model(str(hooked.sources["captioner"])), getattr(step, "seed", 0)

    def make(images: np.ndarray, seeds: np.ndarray, progress: Any) -> Any:
        return model.generate(images, hooked.decoding, seeds, progress=progress)

    def captioner(images: Any, ids: np.ndarray) -> Any:
        from lightning_modules.fitting.contracts import Generated

        return Generated(*captioned(make, model, images, sample_seeds(seed, ids), context.progress))

    return captioner


def _likelihood(hooked: Hooked, context: RunContext) -> Callable[[Pairs], np.ndarray] | None:
    if "likelihood" not in hooked.sources:
        return None
    model = context.model(str(hooked.sources["likelihood"]))
    if not hasattr(model, "log_likelihood"):
        raise StepError(f"{type(model).__name__} has no log_likelihood; allowed: a captioner that has")

    def likelihood(pairs: Pairs) -> np.ndarray:
        found = [
            model.log_likelihood(np.asarray(pairs.images[part]), pairs.captions[part], progress=context.progress)
            for part in parts_of(pairs.images, model)
        ]
        return np.concatenate(found)

    return likelihood


def _rows(scores: dict[str, np.ndarray], order: np.ndarray | None) -> dict[str, np.ndarray]:
    """Put a scorer's rows, which lie by draw and then by id, into the order of the pool they are of."""
    ids = scores["ids"]
    draw = np.arange(len(ids)) // max(1, len(np.unique(ids)))  # every draw holds every item
    index = sorted_rows(ids, draw, order)
    return {name: value[index] for name, value in scores.items()}
