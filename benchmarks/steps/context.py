"""What a running step may touch: its inputs from the store, data sets and models kept between steps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.methods.hooks import Context, Mitigation
from benchmarks.seeds import draw_items, permutation, sample_seeds, step_seed
from benchmarks.steps import Step
from benchmarks.storage.store import Store
from benchmarks.study.suite import Executions
from benchmarks.study.testbed import ModelSpec
from datamodules.pairs import Pairs
from lightning_modules.sources import Origin, is_adapter
from records.canonical import Spec
from records.checks import MODALITIES
from records.sources import import_class

#: Bytes of models that a process keeps loaded between steps unless it is told otherwise, and their number.
MODEL_BYTES, MODELS_KEPT = 2 * 2**30, 16
#: Captions of an item that are references; one more, where there is one, is for the ceiling.
REFERENCES = 5


@dataclass
class RunContext:
    """One per process.

    Attributes:
        store: Where inputs are read from.
        progress: Called as progress(done, total) by steps that take long.
        execution: How this machine goes about fits and generations.
        model_bytes: Weights kept loaded between steps, least recently used out; the model in use stays in any case.
        hooked: What the hooks of the running step were given, and what they said that they consumed.
    """

    store: Store
    progress: Callable[[int, int], None] | None = None
    execution: Executions = field(default_factory=Executions)
    model_bytes: int = MODEL_BYTES
    hooked: list[Context] = field(default_factory=list)
    _data: dict[str, Any] = field(default_factory=dict)
    _models: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    _weights: dict[str, int] = field(default_factory=dict)

    def data(self, spec: Spec) -> Any:
        """Return the data set of an identity."""
        if spec.digest not in self._data:
            self._data[spec.digest] = import_class(spec.execution.class_path)(**spec.execution.init_args)
        return self._data[spec.digest]

    def model(self, key: str) -> Any:
        """Return a model to read from; it must not be changed."""
        return self._kept(key, lambda: self.fresh_model(key))

    def fresh_model(self, key: str) -> Any:
        """Return a model that the caller may train."""
        value = self.store.fresh(key)
        model = make_model(ModelSpec(**value)) if isinstance(value, dict) and "class_path" in value else value
        if getattr(model, "modality", None) in MODALITIES and hasattr(model, "execution"):  # judges have neither
            model.execution = getattr(self.execution, model.modality)
            model.batch_size = model.execution.generate_batch or model.batch_size
        return model

    def source(self, key: str) -> str:
        """Name a model for people: a base's name, or its class, and where in the store it lies."""
        value = self.store.get(key) if self.store.record(key).kind == "base" else None
        name = value["name"] if isinstance(value, dict) else type(self.model(key)).__name__
        return f"{name}@{key[:12]}"

    def _kept(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self._models:
            self._models[key] = make()
            self._weights[key] = _weight(self._models[key])
            while len(self._models) > 1 and (
                len(self._models) > MODELS_KEPT or sum(self._weights.values()) > self.model_bytes
            ):
                del self._weights[self._models.popitem(last=False)[0]]
        self._models.move_to_end(key)
        return self._models[key]

    def pool(self, keys: str | tuple[str, ...]) -> Pairs:
        """Return the parts of a pool, joined."""
        parts = [self.store.get(k) for k in ((keys,) if isinstance(keys, str) else keys)]
        return parts[0] if len(parts) == 1 else Pairs.concat(parts)

    def hook(self, step: Step, hook: str, **facts: Any) -> tuple[Mitigation, Context] | None:
        """Return the method and the context of a hook that this step's method overrides, else None."""
        if hook not in step.identity.get("hooks", ()):
            return None
        mitigation: Mitigation = step.identity["method"].execution.hooks
        facts = {"iteration": step.identity["t"], "seed": step.identity.get("seed", 0), **facts}
        context = Context(hook, mitigation.reads.get(hook, ()), self._sources(step), **facts)
        self.hooked.append(context)
        return mitigation, context

    def _sources(self, step: Step) -> dict[str, Callable[[], Any]]:
        inputs, get = step.inputs, self.store.get
        grouped: dict[str, dict[str, Any]] = {}
        for name, key in inputs.items():
            head, dot, tail = name.partition(".")
            if dot:
                grouped.setdefault(head, {})[tail] = key
        order = items_of(step, self)
        history = grouped.get("history", {})
        return {
            "new": lambda: in_order(self.pool(inputs["new"]), order),
            "history": lambda: [
                in_order(self.pool(history[s]), items_of(step, self, int(s))) for s in sorted(history, key=int)
            ],
            "real": lambda: [get(k) for k in inputs["real"]],
            "reserve": lambda: [get(k) for k in inputs["reserve"]],
            "base": lambda: self.model(str(inputs["base"])),
            "previous": lambda: self.model(str(inputs["previous"])),
            "start": lambda: self.model(str(inputs["start"])),
            "fitted": lambda: self.model(str(inputs["fitted"])),
            "scorers": lambda: {name: _rows(get(key), order) for name, key in grouped.get("scorers", {}).items()},
            "scores": lambda: self._by_iteration(grouped.get("scores", {})),
            "real_scores": lambda: self._real_scores(inputs, grouped.get("real_scores", {})),
            "captioner": lambda: self._captioner(step),
            "auxiliary": lambda: {name: self.model(key) for name, key in grouped.get("auxiliary", {}).items()},
        }

    def _by_iteration(self, keys: dict[str, Any]) -> list[dict[str, Any]]:
        """Return artifacts named `iteration.scorer` as a list over iterations of mappings by scorer."""
        found: dict[int, dict[str, Any]] = {}
        for name, key in keys.items():
            iteration, _, scorer = name.partition(".")
            found.setdefault(int(iteration), {})[scorer] = self.store.get(key)
        return [found[s] for s in sorted(found)]

    def _real_scores(self, inputs: Mapping[str, Any], keys: dict[str, str]) -> list[dict[str, Any]]:
        pairs = [self.store.get(key) for key in inputs["real"]]
        return [
            {scorer: _rows(value, real.ids) for scorer, value in made.items()}
            for real, made in zip(
                pairs, self._by_iteration(keys), strict=False
            )  # none is scored before its pool is made
        ]

    def _captioner(self, step: Step) -> Callable[[np.ndarray, np.ndarray], Any] | None:
        if "captioner" not in step.inputs:
            return None
        model, decoding = self.model(str(step.inputs["captioner"])), step.identity["decoding"]
        seed = step.identity["seed"]
        return lambda images, ids: model.generate(images, decoding, sample_seeds(seed, ids), progress=self.progress)


def _rows(scores: dict[str, np.ndarray], order: np.ndarray | None) -> dict[str, np.ndarray]:
    """Put a scorer's rows, which lie by draw and then by id, into the order of the pool they are of."""
    ids = scores["ids"]
    draw = np.arange(len(ids)) // max(1, len(np.unique(ids)))  # every draw holds every item
    index = sorted_rows(ids, draw, order)
    return {name: value[index] for name, value in scores.items()}


def _weight(model: Any) -> int:
    """Return the bytes of a model's weights; what has none, as the analytic models, weighs nothing."""
    parameters = getattr(model, "parameters", None)
    return sum(p.nbytes for p in parameters()) if callable(parameters) else 0


def make_model(spec: ModelSpec) -> Any:
    """Make a model from its weights and arguments, or from its arguments alone where it has no weights.

    Raises:
        MissingModel: The weights are not on this machine; nothing is downloaded.
    """
    cls: Any = import_class(spec.class_path)
    if spec.folder is None and spec.hub is None:
        return cls(**spec.init_args)
    origin = Origin(spec.class_path, spec.folder, spec.hub, spec.revision, spec.dtype, spec.init_args)
    folder = origin.locate()
    held = {} if spec.dtype == "float32" else {"dtype": spec.dtype}
    model = cls.load(folder, **held, **spec.init_args)
    if getattr(model, "origin", None) is not None and not is_adapter(folder):
        model.origin = origin  # by the name that the suite gives it, which holds on other machines too
    return model


def items_of(step: Step, context: RunContext, iteration: int | None = None) -> np.ndarray | None:
    """Return the item ids that a step's `items` identity stands for, in their order.

    Args:
        step: A step of iteration t.
        context: Where data sets are kept.
        iteration: An earlier iteration than t, whose items are wanted instead.
    """
    if "items" not in step.identity:
        return None
    seed, t, n = step.identity["items"]
    closed = t != step.identity["t"]  # a closed loop keeps the items of its first iteration
    wanted = t if iteration is None or closed else iteration
    return draw_items(seed, wanted, n, context.data(step.identity["data"]).sizes["prompts"])


def in_order(pairs: Pairs, order: np.ndarray | None) -> Pairs:
    """Sort pairs that shards and members made by draw, then by the order of the items (None = by id)."""
    draw = np.zeros(len(pairs), dtype=np.int64) if pairs.draw is None else pairs.draw
    index = sorted_rows(pairs.ids, draw, order)
    return pairs if np.array_equal(index, np.arange(len(pairs))) else pairs.take(index)


def sorted_rows(ids: np.ndarray, draw: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """Return the positions of a pool (n,) by draw, then by the order of the items (None = by id)."""
    rank = ids
    if order is not None:
        place = np.argsort(order, kind="stable")
        rank = place[np.searchsorted(order[place], ids)]
    return np.lexsort((rank, draw))


def references(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the captions of an item that are references: the first five, or as many as there are."""
    return texts[:REFERENCES]


def one_each(captions: list[tuple[str, ...]], seed: int, ids: np.ndarray) -> list[str]:
    """Return one reference of each item, chosen by the seed and the item's id alone."""
    chosen = []
    for texts, draw in zip(map(references, captions), sample_seeds(seed, ids).tolist(), strict=True):
        chosen.append(texts[draw % len(texts)])
    return chosen


def real_pairs(data: Any, split: str, ids: np.ndarray, seed: int) -> Pairs:
    """Return real images with one seeded human caption each (of the references)."""
    captions = tuple(one_each(data.captions(split, ids), seed, ids))
    n = len(ids)
    return Pairs(
        ids=ids, images=data.images(split, ids), captions=captions, prompts=("",) * n, origin=np.zeros(n, np.int16)
    )


def caption_seed(cell_seed: int, t: int) -> int:
    """Return the seed that picks which human caption of an item is used; the same for prompts and for `real`."""
    return step_seed(cell_seed, "caption", t)


def reserve_ids(cell_seed: int, start: int, n: int, size: int) -> np.ndarray:
    """Return an unseen slice of the reserve: slices of different iterations never overlap."""
    return permutation(step_seed(cell_seed, "reserve", 0), size)[start : start + n]
