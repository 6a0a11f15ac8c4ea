"""The recursive loop, written once, in the order of the paper, as a generator of steps.

Walking it *is* planning it: nothing runs, every key is known, and equal steps of different cells fall together::

    base models -> evaluate
    for t in 1..T:  items -> images -> captions -> (score) -> curate -> measure the set
                    -> (auxiliary) -> fit -> (merge) -> evaluate

A chain is the loop without its last line: nothing trains, and each set is measured beside what the chain began with.
Each `yield` hands one `Step` to the planner; a step's inputs name the keys of earlier ones.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from benchmarks.planning.cells import Cell, Trace
from benchmarks.planning.evaluation import Evaluations
from benchmarks.seeds import step_seed
from benchmarks.steps import Auxiliary, Base, Captions, Curate, Fit, Images, Merge, Real, Score, Step
from benchmarks.steps.hooked import Hooked
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.study.world import World
from records.names import Modality


class Walk:
    """The walk of one cell. Attribute `models[modality][member]` is the key of a live model, `base` of a base one."""

    def __init__(self, cell: Cell, world: World, trace: Trace, memo: dict[Any, Any]):
        self.cell, self.world, self.trace = cell, world, trace
        self.evaluations = Evaluations(cell, world, trace, memo)
        self.scenario, self.hooks, self.active = cell.scenario, cell.method.hooks, cell.method.active
        self.k = cell.scenario.members.count
        self.base: dict[str, list[str]] = {}
        self.models: dict[str, list[str]] = {}
        self.pools: list[tuple[str, ...]] = []  # raw parts of each iteration
        self.last: dict[int, list[str]] = {}  # those of the last one, by shard
        self.made: list[str] = []  # what this iteration generated: the parts, and the images they caption
        self.real: list[str] = []
        self.reserve: list[str] = []
        self.auxiliary: dict[str, str] = {}
        self.scores: dict[str, list[dict[str, str]]] = {"scores": [], "real_scores": []}  # [t - 1][scorer]

    def at(self, t: int) -> dict[str, Any]:
        """Return what says for people where a step was met."""
        return {"where": self.cell.label, "iteration": t}

    def steps(self) -> Iterator[Step]:
        """Walk the whole trajectory."""
        yield from self.load_bases()
        for modality in sorted(self.scenario.trains):
            yield from self.evaluations.of_model(modality, self.models[modality][0], 0)
        for t in range(1, self.cell.iterations + 1):
            yield from self.real_pairs(t)
            yield from self.generate(t)
            yield from self.watch(t)
            pool = yield from self.curate(t)
            yield from self.evaluations.of_set(pool, t, self.real[0])
            yield from self.train(t, pool)
            for modality in sorted(self.scenario.trains):
                yield from self.evaluations.of_model(modality, self.models[modality][0], t)

    # -- models ---------------------------------------------------------------------------------------------------

    def load_bases(self) -> Iterator[Step]:
        """Yield the base model of every member; copies share the anchor's weights and differ in their seeds."""
        for modality in sorted(self.scenario.makes):
            specs = self.world.models[f"{modality}s"]
            diverse = self.scenario.members.kind == "diverse"
            keys = []
            for member in range(self.k):
                step = Base(model=specs[member if diverse else 0], **self.at(0))
                yield step
                keys.append(step.key)
            self.base[modality], self.models[modality] = keys, list(keys)

    def labeller(self, modality: str, member: int) -> str:
        """Return the key of the model that makes data: the live one, or the base where it is frozen."""
        stays = modality in self.scenario.frozen or (member > 0 and not self.scenario.members.live)
        return self.base[modality][member] if stays else self.models[modality][member]

    # -- data -----------------------------------------------------------------------------------------------------

    def real_pairs(self, t: int) -> Iterator[Step]:
        """Yield N real pairs of the pool's items, and a slice of the reserve where a method asks for one."""
        data, (seed, epoch, _), n = self.world.data_spec, self.items(t), self.cell.n
        step = Real(data=data, split=PROMPT_SPLIT, seed=seed, t=epoch, n=n, **self.at(t))
        yield step
        self.real.append(step.key)
        count = self.hooks.reserve_items(n)
        if count:
            start = (t - 1) * count
            step = Real(data=data, split="reserve", seed=seed, t=0, start=start, n=count, **self.at(t))
            yield step
            self.reserve.append(step.key)

    def generate(self, t: int) -> Iterator[Step]:
        """Yield the raw pool, in shards and by member; a closed loop begins with what the iteration before made."""
        makers = [("generator", self.image_steps), ("captioner", self.caption_steps)]
        if self.scenario.prompts == "new_captions":
            makers.reverse()
        made = self.last if self.scenario.closed and self.scenario.images == "generator" else {}
        self.made = []
        for modality, steps in makers:
            if modality in self.scenario.makes:
                given, made = made, {}
                for shard, step in steps(t, given):
                    yield step
                    self.made.append(step.key)
                    made.setdefault(shard, []).append(step.key)
        self.last = made
        self.pools.append(_flat(made))

    def shards(self, t: int) -> range:
        """Return the start positions of the shards of one pool; shard boundaries are part of the identity."""
        return range(0, self.count(t), self.cell.shard)

    def count(self, t: int) -> int:
        """Return how many items an iteration draws: N, unless the method says otherwise."""
        return self.hooks.draw_count(t, self.cell.n)

    def items(self, t: int) -> tuple[int, int, int]:
        """Return what the items of an iteration are drawn from; a closed loop keeps those of its first one."""
        return self.cell.seed, 1 if self.scenario.closed else t, self.count(t)

    def part(self, t: int, modality: Modality, start: int, member: int) -> dict[str, Any]:
        """Return the fields that images and captions steps share."""
        return {
            "data": self.world.data_spec,
            "items": self.items(t),
            "draws": self.hooks.oversample,
            "shard": (start, min(start + self.cell.shard, self.count(t))),
            "member": (member, self.k),
            "decoding": getattr(self.cell.generate, modality),
            "seed": step_seed(self.cell.seed, modality, t, member),
            "t": t,
            "model": self.labeller(modality, member),
            **self.at(t),
        }

    def image_steps(self, t: int, captions: dict[int, list[str]]) -> Iterator[tuple[int, Step]]:
        """Yield one step per shard and generator, for captions of models or the real ones."""
        asked = _flat(captions) or None
        for start in self.shards(t):
            for member in range(self.k):
                hooked = self.hooked(("prompts", "sampling"), "generator", member, t)
                yield start, Images(**self.part(t, "generator", start, member), prompts=asked, hooked=hooked)

    def caption_steps(self, t: int, images: dict[int, list[str]]) -> Iterator[tuple[int, Step]]:
        """Yield one step per shard and captioner, of drawn images or the real ones."""
        for start in self.shards(t):
            for member in range(self.k):
                hooked = self.hooked(("sampling", "relabel"), "captioner", member, t)
                drawn = tuple(images[start]) if images else None
                yield start, Captions(**self.part(t, "captioner", start, member), images=drawn, hooked=hooked)

    def start(self, modality: str, member: int) -> str:
        """Return the key of the model that a fit starts from."""
        return (self.base if self.scenario.start == "base" else self.models)[modality][member]

    def hooked(
        self, hooks: tuple[str, ...], modality: str, member: int, t: int, fitted: str = "",
        scored: dict[str, str] | None = None,
    ) -> Hooked | None:  # fmt: skip
        """Return what the method's hooks bring into a step: its digest, and what they declare to read."""
        mine = tuple(h for h in hooks if self.hooks.acts(h, modality))
        if not mine:
            return None
        known: dict[str, Any] = {
            "new": self.pools[t - 1] if len(self.pools) >= t else (),
            "real": tuple(self.real),
            "reserve": tuple(self.reserve),
            "base": self.base[modality][member],
            "previous": self.models[modality][member],
            "start": self.start(modality, member),
            "fitted": fitted,
        }
        sources: dict[str, Any] = {}
        decoding = None
        for name in sorted({r for h in mine for r in self.hooks.reads.get(h, ())}):
            if name == "history":
                sources |= {f"history.{s}": parts for s, parts in enumerate(self.pools[: t - 1], start=1)}
            elif name == "auxiliary":
                sources |= {f"auxiliary.{side}": key for side, key in self.auxiliary.items()}
            elif name in ("captioner", "likelihood"):
                if self.scenario.captions == "captioner":
                    sources[name] = self.labeller("captioner", 0)
                    decoding = self.cell.generate.captioner if name == "captioner" else decoding
            elif name == "scorers":
                sources |= {f"scorers.{scorer}": key for scorer, key in (scored or {}).items()}
            elif name in self.scores:
                for s, made in enumerate(self.scores[name], start=1):
                    sources |= {f"{name}.{s}.{scorer}": key for scorer, key in made.items()}
                if name == "real_scores":
                    sources["real"] = known["real"]  # whose order the scores take
            else:
                sources[name] = known[name]
        return Hooked(mine, self.cell.method.spec, t, sources, decoding)

    def watch(self, t: int) -> Iterator[Step]:
        """Embed the new pool, and the real pairs beside it, for a method that looks at more than one iteration."""
        wanted = {r for hook in self.active for r in self.hooks.reads.get(hook, ())}
        for name, pool in (("scores", self.pools[-1]), ("real_scores", self.real[-1])):
            if name in wanted:
                made = yield from self.score(t, pool)
                self.scores[name].append(made)
                self.trace.work.setdefault(t, []).extend(made.values())

    def score(self, t: int, pool: str | tuple[str, ...]) -> Generator[Step, None, dict[str, str]]:
        """Embed a pool with every scorer; return the keys by scorer."""
        made = {}
        for spec in self.world.models["scorers"]:
            scorer = Base(model=spec, **self.at(0))
            step = Score(new=pool, scorer=scorer.key, **self.at(t))
            yield from (scorer, step)
            made[scorer.spec.name] = step.key
        return made

    def curate(self, t: int) -> Generator[Step, None, str]:
        """Choose, mix and weight: the pool that is trained on."""
        reads = self.hooks.reads.get("curate", ()) if "curate" in self.active else ("new",)
        synthetic = bool({"new", "history", "scorers"} & set(reads))
        chooses = bool(set(reads) - {"real", "reserve"})
        scored: dict[str, str] = {}
        if "scorers" in reads:
            scored = yield from self.score(t, self.pools[-1])
        step = Curate(
            n=self.cell.n, size=self.hooks.pool_size(t, self.cell.n), t=t,
            # The order of a pool is that of its items, which the parts alone do not tell.
            data=self.world.data_spec if synthetic else None, items=self.items(t) if synthetic else None,
            seed=step_seed(self.cell.seed, "curate", t) if chooses else None,
            new=self.pools[-1] if "new" in reads else None,
            hooked=self.hooked(("curate",), min(self.scenario.trains or self.scenario.makes), 0, t, scored=scored),
            **self.at(t),
        )  # fmt: skip
        yield step
        bears = [*(self.made if synthetic else ()), *scored.values(), step.key]
        work = self.trace.work.setdefault(t, [])
        work.extend(key for key in bears if key not in work)
        return step.key

    # -- training -------------------------------------------------------------------------------------------------

    def train(self, t: int, pool: str) -> Iterator[Step]:
        """Yield the fits: every training member takes the full number of steps, on the pool or on its segment of it."""
        members = range(self.k if self.scenario.members.live else 1)
        for modality in sorted(self.scenario.trains):
            extra = self.hooks.acts("auxiliary", modality)
            late = "fitted" in self.hooks.reads.get("auxiliary", ())
            if extra and not late:
                yield from self.extra(t, modality, pool)
            fitted = []  # only after all members: an ensemble's members start from the models of t-1
            for member in members:
                key = yield from self.fit(t, modality, member, pool)
                fitted.append(key)
            if extra and late:
                yield from self.extra(t, modality, pool, fitted[0])
            self.models[modality][: len(fitted)] = fitted

    def fit(self, t: int, modality: Modality, member: int, pool: str) -> Generator[Step, None, str]:
        """Yield one fit from the previous (or base) model, and the merge of its weights where a method asks for one."""
        step: Step = Fit(
            modality=modality, settings=getattr(self.cell.fit, modality), segment=self.segment(t, member),
            seed=step_seed(self.cell.seed, f"fit-{modality}", t, member), model=self.start(modality, member), pool=pool,
            hooked=self.hooked(("objective",), modality, member, t), **self.at(t),
        )  # fmt: skip
        yield step
        self.trace.work.setdefault(t, []).append(step.key)
        if self.hooks.acts("merge", modality):
            step = Merge(
                modality=modality, seed=step_seed(self.cell.seed, f"merge-{modality}", t, member), model=step.key,
                hooked=self.hooked(("merge",), modality, member, t), **self.at(t),
            )  # fmt: skip
            yield step
            self.trace.work[t].append(step.key)
        return step.key

    def segment(self, t: int, member: int) -> tuple[int, int, int] | None:
        """Return which part of the pool a member trains on, of both modalities the same; None = the whole pool."""
        parted = self.scenario.members.segments and self.k > 1
        return (member, self.k, step_seed(self.cell.seed, "segments", t)) if parted else None

    def extra(self, t: int, modality: Modality, pool: str, fitted: str = "") -> Iterator[Step]:
        """Yield the auxiliary step of a modality."""
        step = Auxiliary(
            modality=modality, settings=getattr(self.cell.fit, modality),
            seed=step_seed(self.cell.seed, f"auxiliary-{modality}", t), pool=pool,
            hooked=self.hooked(("auxiliary",), modality, 0, t, fitted), **self.at(t),
        )  # fmt: skip
        yield step
        self.auxiliary[modality] = step.key
        self.trace.work.setdefault(t, []).append(step.key)


def _flat(made: dict[int, list[str]]) -> tuple[str, ...]:
    return tuple(key for keys in made.values() for key in keys)
