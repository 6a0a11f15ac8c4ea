"""The recursive loop, written once, in the order of the paper, as a generator of steps.

Walking it *is* planning it: nothing runs, every key is known, and equal steps of different cells fall together::

    base models -> evaluate
    for t in 1..T:  items -> images -> captions -> (score) -> curate -> measure the set
                    -> (auxiliary) -> fit -> (merge) -> evaluate

Each `yield` hands one `Step` to the planner; a step's inputs name the keys of earlier ones.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from benchmarks.keys import STEP_VERSIONS, Step
from benchmarks.planning.cells import Cell, Trace
from benchmarks.planning.evaluation import evaluate_model, measure_set
from benchmarks.seeds import step_seed
from benchmarks.study.world import World
from records.canonical import digest

PROMPT_SPLIT = "prompts"


class Walk:
    """The walk of one cell. Attribute `models[modality][member]` is the key of a live model, `base` of a base one."""

    def __init__(self, cell: Cell, world: World, trace: Trace, memo: dict[Any, Any]):
        self.cell, self.world, self.trace, self.memo = cell, world, trace, memo
        self.evaluation_digest = digest(cell.evaluate)
        self.scenario, self.hooks, self.active = cell.scenario, cell.method.hooks, cell.method.active
        self.k = cell.scenario.members.count
        self.base: dict[str, list[str]] = {}
        self.models: dict[str, list[str]] = {}
        self.pools: list[tuple[str, ...]] = []  # raw parts of each iteration
        self.made: list[str] = []  # what this iteration generated: the parts, and the images they caption
        self.real: list[str] = []
        self.reserve: list[str] = []
        self.auxiliary: dict[str, str] = {}
        self.scores: dict[str, list[dict[str, str]]] = {"scores": [], "real_scores": []}  # [t - 1][scorer]

    def step(self, kind: str, inputs: dict[str, Any], t: int, /, **identity: Any) -> Step:
        """Make a step of this cell, labelled for people."""
        return Step(kind, STEP_VERSIONS[kind], identity, inputs, f"{self.cell.label} t={t} {kind}", t)

    def steps(self) -> Iterator[Step]:
        """Walk the whole trajectory."""
        yield from self.load_bases()
        for modality in sorted(self.scenario.trains):
            yield from evaluate_model(self, modality, 0)
        for t in range(1, self.cell.iterations + 1):
            yield from self.real_pairs(t)
            yield from self.generate(t)
            yield from self.watch(t)
            pool = yield from self.curate(t)
            yield from measure_set(self, pool, t)
            yield from self.train(t, pool)
            for modality in sorted(self.scenario.trains):
                yield from evaluate_model(self, modality, t)

    # -- models ---------------------------------------------------------------------------------------------------

    def load_bases(self) -> Iterator[Step]:
        """The base model of every member; copies share the anchor's weights and differ in their seeds."""
        for modality, role in (("captioner", "captioners"), ("generator", "generators")):
            specs = self.world.models[role]
            diverse = self.scenario.members.kind == "diverse"
            keys = []
            for member in range(self.k):
                step = self.step("base", {}, 0, model=specs[member if diverse else 0])
                yield step
                keys.append(step.key)
            self.base[modality], self.models[modality] = keys, list(keys)

    def labeller(self, modality: str, member: int) -> str:
        """Return the key of the model that makes data: the live one, or the base where it is frozen."""
        stays = modality in self.scenario.frozen or (member > 0 and not self.scenario.members.live)
        return self.base[modality][member] if stays else self.models[modality][member]

    # -- data -----------------------------------------------------------------------------------------------------

    def real_pairs(self, t: int) -> Iterator[Step]:
        """The N real pairs of the iteration, and its slice of the reserve where a method asks for one."""
        cell = self.cell
        step = self.step("real", {}, t, data=self.world.data_spec, split=PROMPT_SPLIT, seed=cell.seed, t=t, n=cell.n)
        yield step
        self.real.append(step.key)
        count = self.hooks.reserve_items(cell.n)
        if count:
            start = (t - 1) * count
            step = self.step(
                "real", {}, t, data=self.world.data_spec, split="reserve", seed=cell.seed, t=0, start=start, n=count
            )
            yield step
            self.reserve.append(step.key)

    def generate(self, t: int) -> Iterator[Step]:
        """The raw pool: images, then captions, in shards and by member."""
        made: dict[int, list[str]] = {}
        self.made = []
        if self.scenario.images == "generator":
            for shard, step in self.image_steps(t):
                yield step
                self.made.append(step.key)
                made.setdefault(shard, []).append(step.key)
        if self.scenario.captions == "captioner":
            images, made = made, {}
            for shard, step in self.caption_steps(t, images):
                yield step
                self.made.append(step.key)
                made.setdefault(shard, []).append(step.key)
        self.pools.append(tuple(key for keys in made.values() for key in keys))

    def shards(self) -> range:
        """Start positions of the shards of one pool; shard boundaries are part of the identity."""
        return range(0, self.cell.n, self.cell.shard)

    def part(self, t: int, modality: str, start: int, member: int) -> dict[str, Any]:
        """Identity fields that images and captions steps share."""
        closed = self.scenario.prompts == "previous_captions"
        decoding = getattr(self.cell.generate, modality)
        return {
            "data": self.world.data_spec,
            "items": [self.cell.seed, 1 if closed else t, self.cell.n],
            "draws": self.hooks.oversample,
            "shard": [start, min(start + self.cell.shard, self.cell.n)],
            "member": [member, self.k],
            "decoding": decoding,
            "seed": step_seed(self.cell.seed, modality, t, member),
            "t": t,
        }

    def image_steps(self, t: int) -> Iterator[tuple[int, Step]]:
        """One step per shard and generator."""
        for start in self.shards():
            for member in range(self.k):
                identity = self.part(t, "generator", start, member)
                inputs: dict[str, Any] = {"model": self.labeller("generator", member)}
                if self.scenario.prompts == "previous_captions" and t > 1:
                    inputs["prompts"] = self.pools[-1]
                self.hooked(("prompts", "sampling"), identity, inputs, "generator", member, t)
                yield start, self.step("images", inputs, t, **identity)

    def caption_steps(self, t: int, images: dict[int, list[str]]) -> Iterator[tuple[int, Step]]:
        """One step per shard and captioner, over drawn images or the real ones."""
        for start in self.shards():
            for member in range(self.k):
                identity = self.part(t, "captioner", start, member)
                inputs: dict[str, Any] = {"model": self.labeller("captioner", member)}
                if images:
                    inputs["images"] = tuple(images[start])
                self.hooked(("sampling", "relabel"), identity, inputs, "captioner", member, t)
                yield start, self.step("captions", inputs, t, **identity)

    def start(self, modality: str, member: int) -> str:
        """Return the key of the model that a fit starts from."""
        return (self.base if self.scenario.start == "base" else self.models)[modality][member]

    def hooked(
        self, hooks: tuple[str, ...], identity: dict[str, Any], inputs: dict[str, Any], modality: str, member: int,
        t: int, fitted: str = "",
    ) -> None:  # fmt: skip
        """Let the hooks that the method overrides into a step: their source digest, and what they declare to read."""
        mine = [h for h in hooks if self.hooks.acts(h, modality)]
        if not mine:
            return
        identity |= {"hooks": mine, "method": self.cell.method.spec, "t": t}
        sources: dict[str, Any] = {
            "new": self.pools[t - 1] if len(self.pools) >= t else (),
            "real": tuple(self.real),
            "reserve": tuple(self.reserve),
            "base": self.base[modality][member],
            "previous": self.models[modality][member],
            "start": self.start(modality, member),
            "fitted": fitted,
        }
        for name in sorted({r for h in mine for r in self.hooks.reads.get(h, ())}):
            if name == "history":
                for s, parts in enumerate(self.pools[: t - 1], start=1):
                    inputs[f"history.{s}"] = parts
            elif name == "auxiliary":
                for side, key in self.auxiliary.items():
                    inputs[f"auxiliary.{side}"] = key
            elif name == "captioner":
                if self.scenario.captions == "captioner":
                    inputs[name], identity["decoding"] = self.labeller("captioner", 0), self.cell.generate.captioner
            elif name in self.scores:
                for s, made in enumerate(self.scores[name], start=1):
                    inputs |= {f"{name}.{s}.{scorer}": key for scorer, key in made.items()}
                if name == "real_scores":
                    inputs["real"] = sources["real"]  # whose order the scores take
            elif name != "scorers":  # planned as a score step by `curate`
                inputs[name] = sources[name]

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
            scorer = self.step("base", {}, 0, model=spec)
            step = self.step("score", {"new": pool, "scorer": scorer.key}, t)
            yield from (scorer, step)
            made[spec.execution[0].name] = step.key
        return made

    def curate(self, t: int) -> Generator[Step, None, str]:
        """Choose, mix and weight: the pool that is trained on."""
        inputs: dict[str, Any] = {}
        size = self.hooks.pool_size(t, self.cell.n)
        identity: dict[str, Any] = {"n": self.cell.n, "size": size, "t": t}
        reads = self.hooks.reads.get("curate", ()) if "curate" in self.active else ("new",)
        synthetic = bool({"new", "history", "scorers"} & set(reads))
        if synthetic:
            # The order of a pool is that of its items, which the parts alone do not tell.
            identity |= {"data": self.world.data_spec, "items": self.part(t, "generator", 0, 0)["items"]}
        if set(reads) - {"real", "reserve"}:
            identity["seed"] = step_seed(self.cell.seed, "curate", t)
        if "new" in reads:
            inputs["new"] = self.pools[-1]
        scored: dict[str, str] = {}
        if "scorers" in reads:
            scored = yield from self.score(t, self.pools[-1])
            inputs |= {f"scorers.{name}": key for name, key in scored.items()}
        self.hooked(("curate",), identity, inputs, min(self.scenario.trains), 0, t)
        step = self.step("curate", inputs, t, **identity)
        yield step
        bears = [*(self.made if synthetic else ()), *scored.values(), step.key]
        work = self.trace.work.setdefault(t, [])
        work.extend(key for key in bears if key not in work)
        return step.key

    # -- training -------------------------------------------------------------------------------------------------

    def train(self, t: int, pool: str) -> Iterator[Step]:
        """Every training member takes the full number of steps on the one pool."""
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

    def fit(self, t: int, modality: str, member: int, pool: str) -> Generator[Step, None, str]:
        """One fit from the previous (or base) model, and the merge of its weights where a method asks for one."""
        settings = getattr(self.cell.fit, modality)
        identity: dict[str, Any] = {
            "modality": modality,
            "settings": settings,
            "seed": step_seed(self.cell.seed, f"fit-{modality}", t, member),
        }
        inputs: dict[str, Any] = {"model": self.start(modality, member), "pool": pool}
        self.hooked(("objective",), identity, inputs, modality, member, t)
        step = self.step("fit", inputs, t, **identity)
        yield step
        self.trace.work.setdefault(t, []).append(step.key)
        if self.hooks.acts("merge", modality):
            identity = {"modality": modality, "seed": step_seed(self.cell.seed, f"merge-{modality}", t, member)}
            inputs = {"model": step.key}
            self.hooked(("merge",), identity, inputs, modality, member, t)
            step = self.step("merge", inputs, t, **identity)
            yield step
            self.trace.work[t].append(step.key)
        return step.key

    def extra(self, t: int, modality: str, pool: str, fitted: str = "") -> Iterator[Step]:
        """The auxiliary step of a modality."""
        identity: dict[str, Any] = {
            "modality": modality,
            "settings": getattr(self.cell.fit, modality),
            "seed": step_seed(self.cell.seed, f"auxiliary-{modality}", t),
        }
        inputs: dict[str, Any] = {"pool": pool}
        self.hooked(("auxiliary",), identity, inputs, modality, 0, t, fitted)
        step = self.step("auxiliary", inputs, t, **identity)
        yield step
        self.auxiliary[modality] = step.key
        self.trace.work.setdefault(t, []).append(step.key)
