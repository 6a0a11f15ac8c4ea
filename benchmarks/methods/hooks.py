"""What a mitigation method may change: seven hooks, each defaulting to doing nothing.

A method is one class. It overrides the hooks it needs and declares, for each, what that hook reads::

    class KeepHalf(Mitigation):
        reads = {"curate": ("new", "real")}

        def curate(self, ctx):
            half = len(ctx.new) // 2
            return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, len(ctx.new)))])

A hook that is not overridden leaves no trace in the identity of its step; one that is brings in the digest of what
its class does (`records.fingerprint`). Only what a hook declares enters its step's key, and touching anything else
raises `HookReadError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from records.errors import HookReadError
from records.fingerprint import fingerprint

if TYPE_CHECKING:
    from benchmarks.methods.contexts import (
        AuxiliaryContext,
        CurateContext,
        MergeContext,
        ObjectiveContext,
        PromptsContext,
        RelabelContext,
        SamplingContext,
    )  # fmt: skip
    from benchmarks.study.suite import Scenario
    from datamodules.pairs import Pairs

HOOKS = ("prompts", "sampling", "relabel", "curate", "objective", "auxiliary", "merge")
#: What changes steps beside the hooks: a count, asked for when the loop is planned, which enters their keys as it is.
COUNTS = ("draw_count",)
#: Hooks that act on one modality at a time; a method may leave the steps of the other as they are (`modalities`).
SIDED = ("sampling", "objective", "auxiliary", "merge")
#: Hooks that change what a fit does, or what becomes of it.
FITTING = ("objective", "merge")

#: What a hook may declare in `reads`.
SOURCES: dict[str, str] = {
    "new": "Pairs: the uncurated pool of this iteration (curate, auxiliary)",
    "history": "list of Pairs: the uncurated pools of iterations 1..t-1",
    "real": "list of Pairs: what the `real` control trains on, iterations 1..t",
    "reserve": "list of Pairs: unseen real pairs, iterations 1..t, disjoint; sizes from `reserve_items`",
    "base": "the base model of the modality at hand",
    "previous": "the model of iteration t-1 of the modality at hand",
    "start": "the model that the fit at hand starts from: `previous`, or `base` where the scenario starts from it",
    "fitted": "the model of iteration t of the modality at hand; auxiliary alone, then made after fit and merge",
    "scorers": "mapping of scorer name to {'ids': (n,), 'images': (n, d), 'captions': (n, d)} of the new pool, in its "
    "order (curate)",
    "scores": "list of such mappings of the uncurated pools, in no order: of 1..t, or of 1..t-1 before t is made",
    "real_scores": "list of such mappings of the pairs of `real`, in their order; those count as consumed",
    "captioner": "function of (images, ids) that captions as this iteration's labelling captioner does and returns "
    "`Generated`; None where captions are the prompts (curate)",
    "likelihood": "function of Pairs that returns the mean log-likelihood a token (n,) of their captions under this "
    "iteration's labelling captioner, at one network evaluation a pair; None where captions are the prompts (curate)",
    "auxiliary": "mapping of modality to what `auxiliary` returned (of t in objective and merge, of t-1 in sampling)",
}
#: Those of them that scorers make.
SCORED = frozenset({"scorers", "scores", "real_scores"})

#: What a hook cannot read because it is made later in the iteration, or for `curate` alone.
NOT_YET: dict[str, tuple[str, ...]] = {
    "prompts": ("new", "scorers", "captioner", "likelihood", "fitted"),
    "sampling": ("new", "scorers", "captioner", "likelihood", "fitted"),
    "relabel": ("new", "scorers", "captioner", "likelihood", "fitted"),
    "curate": ("fitted",),
    "auxiliary": ("scorers", "captioner", "likelihood"),
    "objective": ("scorers", "captioner", "likelihood", "fitted"),
    "merge": ("scorers", "captioner", "likelihood", "fitted"),
}


class Context:
    """What a hook sees: plain facts of the step, and the sources it declared, loaded on first touch.

    Attributes:
        hook: Whose it is.
        declared: What that hook reads.
        facts: What it was told of its step, as it was then.
        returned: What it returned, once it has.
        spent: What the hook said that it consumed beyond what the step counts by itself.
        notes: What the hook wants to be known of its work.
    """

    def __init__(self, hook: str, reads: tuple[str, ...], sources: Mapping[str, Callable[[], Any]], **facts: Any):
        self.hook, self.declared, self._sources = hook, reads, sources
        self.spent: dict[str, int] = {}
        self.notes: dict[str, float] = {}
        self.facts = {name: list(value) if isinstance(value, list) else value for name, value in facts.items()}
        self.returned: Any = None
        self.__dict__.update(facts)

    def spend(self, **counts: int) -> None:
        """Add to the cost of the step: `network_evaluations`, `training_steps`, `real_samples`, `synthetic_samples`."""
        for name, count in counts.items():
            self.spent[name] = self.spent.get(name, 0) + int(count)

    def note(self, **values: float) -> None:
        """Have numbers kept in the manifest of what the step makes; they enter no key and no result."""
        self.notes.update(values)

    def __getattr__(self, name: str) -> Any:
        """Load a declared source; refuse any other."""
        if name in SOURCES and name not in self.declared:
            raise HookReadError(
                f"hook {self.hook!r} touched {name!r}, which its `reads` does not declare: {self.declared}"
            )
        if name not in self._sources:
            raise AttributeError(f"the context of hook {self.hook!r} has no {name!r}")
        value = self._sources[name]()
        self.__dict__[name] = value
        return value


class Mitigation:
    """Base class of every method: does nothing anywhere.

    Every hook finds `ctx.iteration` and `ctx.seed`, a seed of its own step, beside what its docstring names. What it
    consumes beyond its step it says with `ctx.spend(network_evaluations=...)`; the board has a column for it.

    Attributes:
        name: What identifies the class, whatever file it lies in; the class's own name where it states none.
        version: Bump it when a knob keeps its name and changes its meaning.
        reads: Hook name -> what it reads, out of `SOURCES`.
        modalities: What its hooks `SIDED` act on; steps of the other modality are those of a method without them.
        oversample: Candidates drawn per prompt; `curate` then sees oversample x N pairs.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    reads: ClassVar[dict[str, tuple[str, ...]]] = {}
    modalities: ClassVar[tuple[str, ...]] = ("captioner", "generator")
    oversample: int = 1

    def applies(self, scenario: Scenario) -> bool:
        """Return whether the method changes anything in a scenario; it gets a row only where it does."""
        return True

    def draw_count(self, iteration: int, n: int) -> int:
        """Return how many items of the prompt split an iteration draws, in place of n; known at plan time.

        The first n are those of the controls. `real`, `ctx.n` and the steps of a fit stay those of n. A loop that asks
        for its previous captions has n of them and no more; a method that draws otherwise does not apply there.
        """
        return n

    def pool_size(self, iteration: int, n: int) -> int:
        """Return how many pairs an iteration trains on: what is drawn, or what `curate` returns.

        Known at plan time, checked when it runs.
        """
        return self.draw_count(iteration, n)

    def reserve_items(self, n: int) -> int:
        """Return how many unseen real items an iteration consumes of the reserve."""
        return 0

    def prompts(self, ctx: PromptsContext) -> list[str]:
        """Return what to ask the generator for, given `ctx.prompts` (n texts), `ctx.ids`, `ctx.iteration`."""
        return ctx.prompts

    def sampling(self, ctx: SamplingContext) -> Any:
        """Return how to decode, given `ctx.decoding` and `ctx.modality`; never reaches evaluation.

        A returned object with a `generate(model, inputs, decoding, seeds)` method takes over the sampling itself.
        """
        return ctx.decoding

    def relabel(self, ctx: RelabelContext) -> list[str]:
        """Return the captions of `ctx.pairs`, given `ctx.caption(model)` and `ctx.live`, the captioner of t-1.

        `ctx.caption(model, rows)` captions the pairs at some positions alone; one caption is the same either way.
        """
        return ctx.caption(ctx.live)

    def curate(self, ctx: CurateContext) -> Pairs:
        """Return the Pairs to train on, `pool_size(iteration, n)` of them, given `ctx.n`.

        With `oversample` the new pool holds draw 0 of every prompt, then draw 1 of every prompt, and so on; with
        `draw_count` it holds so many prompts.
        """
        return ctx.new

    def objective(self, ctx: ObjectiveContext) -> Any:
        """Return a callable (per-sample losses (b,), context) -> scalar loss, or None for the weighted mean.

        Given `ctx.modality`, `ctx.settings` (how is trained) and `ctx.pool`. The callable's context holds, for the
        b rows of a training step: "weights" (b,), "rows", "step", "module" (the model being trained), "batch" (what
        its `losses` was given, as another model's `losses` takes it); of a captioner "token_losses" and "token_mask"
        (b, t), "logits" (b, t, v), "labels" (b, t); of a generator "times", "prediction", "target". One that is a
        module-level class or function also runs on several devices.
        """
        return None

    def auxiliary(self, ctx: AuxiliaryContext) -> Any:
        """Make something extra from the curated pool (`ctx.pool`): a model with `save`, or a mapping of arrays.

        `ctx.fresh(name)` is a copy of a declared model that may be trained, with `ctx.settings`; a model returned
        together with the report of its fit is costed.
        """
        raise AssertionError("auxiliary is planned only where it is overridden")

    def merge(self, ctx: MergeContext) -> Any:
        """Return the next model, given `ctx.new_model`, which may be changed, and the declared base or previous one."""
        raise AssertionError("merge is planned only where it is overridden")

    def overrides(self, hook: str) -> bool:
        """Whether this class, or one it inherits from, changes a hook."""
        return getattr(type(self), hook) is not getattr(Mitigation, hook)

    def acts(self, hook: str, modality: str) -> bool:
        """Whether a hook changes the steps of a modality."""
        return self.overrides(hook) and (hook not in SIDED or modality in self.modalities)

    def source_digest(self) -> str:
        """Return the digest of what this class does, with all that it inherits and imports; the engine excepted."""
        return fingerprint(f"{type(self).__module__}.{type(self).__qualname__}")
