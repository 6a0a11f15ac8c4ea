"""What a mitigation method may change: seven hooks, each defaulting to doing nothing.

A method is one class. It overrides the hooks it needs and declares, for each, what that hook reads::

    class KeepHalf(Mitigation):
        reads = {"curate": ("new", "real")}

        def curate(self, ctx):
            half = len(ctx.new) // 2
            return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, len(ctx.new)))])

A hook that is not overridden leaves no trace in the identity of its step; one that is brings in the source digest
of its module. Only what a hook declares enters its step's key, and touching anything else raises `HookReadError`.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.errors import HookReadError
from benchmarks.sources import file_digest

if TYPE_CHECKING:
    from benchmarks.suite import Scenario

HOOKS = ("prompts", "sampling", "relabel", "curate", "objective", "auxiliary", "merge")

#: What a hook may declare in `reads`.
SOURCES: dict[str, str] = {
    "new": "Pairs: the uncurated pool of this iteration (curate, auxiliary)",
    "history": "list of Pairs: the uncurated pools of iterations 1..t-1",
    "real": "list of Pairs: what the `real` control trains on, iterations 1..t",
    "reserve": "list of Pairs: unseen real pairs, iterations 1..t, disjoint; sizes from `reserve_items`",
    "base": "the base model of the modality at hand",
    "previous": "the model of iteration t-1 of the modality at hand",
    "scorers": "mapping of scorer name to {'ids': (n,), 'images': (n, d), 'captions': (n, d)} of the new pool, in its "
    "order (curate)",
    "real_scorers": "list of such mappings, of the pairs of `real`, iterations 1..t; those count as consumed (curate)",
    "captioner": "function of (images, ids) that captions as this iteration's labelling captioner does and returns "
    "`Generated`; None where captions are the prompts (curate)",
    "auxiliary": "mapping of modality to what `auxiliary` returned (of t in objective and merge, of t-1 in sampling)",
}

CURATE_ALONE = ("scorers", "real_scorers", "captioner")

#: What a hook cannot read because it is made later in the iteration, or for `curate` alone.
NOT_YET: dict[str, tuple[str, ...]] = {
    "prompts": ("new", *CURATE_ALONE),
    "sampling": ("new", *CURATE_ALONE),
    "relabel": ("new", *CURATE_ALONE),
    "auxiliary": CURATE_ALONE,
    "objective": CURATE_ALONE,
    "merge": CURATE_ALONE,
}


class Context:
    """What a hook sees: plain facts of the step, and the sources it declared, loaded on first touch."""

    def __init__(self, hook: str, reads: tuple[str, ...], sources: Mapping[str, Callable[[], Any]], **facts: Any):
        self._hook, self._reads, self._sources = hook, reads, sources
        self.__dict__.update(facts)

    def __getattr__(self, name: str) -> Any:
        """Load a declared source; refuse any other."""
        if name in SOURCES and name not in self._reads:
            raise HookReadError(
                f"hook {self._hook!r} touched {name!r}, which its `reads` does not declare: {self._reads}"
            )
        if name not in self._sources:
            raise AttributeError(f"the context of hook {self._hook!r} has no {name!r}")
        value = self._sources[name]()
        self.__dict__[name] = value
        return value


class Mitigation:
    """Base class of every method: does nothing anywhere.

    Every hook finds `ctx.iteration` and `ctx.seed`, a seed of its own step, beside what its docstring names.

    Attributes:
        version: Bump it when a knob keeps its name and changes its meaning.
        reads: Hook name -> what it reads, out of `SOURCES`.
        oversample: Candidates drawn per prompt; `curate` then sees oversample x N pairs.
    """

    version: ClassVar[int] = 1
    reads: ClassVar[dict[str, tuple[str, ...]]] = {}
    oversample: int = 1

    def applies(self, scenario: Scenario) -> bool:
        """Return whether the method changes anything in a scenario; it gets a row only where it does."""
        return True

    def pool_size(self, iteration: int, n: int) -> int:
        """Return how many pairs `curate` returns in an iteration; known at plan time, checked when it runs."""
        return n

    def reserve_items(self, n: int) -> int:
        """Return how many unseen real items an iteration consumes of the reserve."""
        return 0

    def prompts(self, ctx: Any) -> list[str]:
        """Return what to ask the generator for, given `ctx.prompts` (n texts), `ctx.ids`, `ctx.iteration`."""
        return ctx.prompts

    def sampling(self, ctx: Any) -> Any:
        """Return how to decode, given `ctx.decoding` and `ctx.modality`; never reaches evaluation.

        A returned object with a `generate(model, inputs, decoding, seeds)` method takes over the sampling itself.
        """
        return ctx.decoding

    def relabel(self, ctx: Any) -> list[str]:
        """Return the captions of `ctx.pairs`, given `ctx.caption(model)` and `ctx.live`, the captioner of t-1.

        `ctx.caption(model, rows)` captions the pairs at some positions alone; one caption is the same either way.
        """
        return ctx.caption(ctx.live)

    def curate(self, ctx: Any) -> Any:
        """Return the Pairs to train on, `pool_size(iteration, n)` of them, given `ctx.n`.

        With `oversample` the new pool holds draw 0 of every prompt, then draw 1 of every prompt, and so on.
        `ctx.spend(count)` adds network evaluations that the hook made to the cost of the step.
        """
        return ctx.new

    def objective(self, ctx: Any) -> Any:
        """Return a callable (per-sample losses (b,), context) -> scalar loss, or None for the weighted mean."""
        return None

    def auxiliary(self, ctx: Any) -> Any:
        """Make something extra from the curated pool (`ctx.pool`): a model with `save`, or a mapping of arrays."""
        raise AssertionError("auxiliary is planned only where it is overridden")

    def merge(self, ctx: Any) -> Any:
        """Return the next model, given `ctx.new_model` and the declared base or previous one."""
        raise AssertionError("merge is planned only where it is overridden")

    def overrides(self, hook: str) -> bool:
        """Whether this class, or one it inherits from, changes a hook."""
        return getattr(type(self), hook) is not getattr(Mitigation, hook)

    def source_digest(self) -> str:
        """Return the digest of the modules that define this class and all it inherits from, the engine's excepted."""
        files = [inspect.getsourcefile(c) for c in type(self).__mro__ if c not in (Mitigation, object)]
        text = "".join(file_digest(Path(f)) for f in files if f is not None)
        return hashlib.sha256(text.encode()).hexdigest()
