"""Steps that measure: evaluation samples, judge features, metric families, floors."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.floors import caption_floor_view, floor_draws, image_floor_view, no_caption_floor
from benchmarks.metrics.view import View
from benchmarks.seeds import permutation, sample_seeds
from benchmarks.steps import Step
from benchmarks.steps.context import REFERENCES, RunContext, references
from benchmarks.storage.store import Cost
from benchmarks.study.world import KINDS
from datamodules.pairs import Pairs
from records.declarations import facts
from records.errors import StepError
from records.sources import import_class


def sample(step: Step, context: RunContext) -> tuple[Pairs, Cost]:
    """Captions of evaluation images, or images for evaluation captions; `draws` of each input, input-major."""
    identity = step.identity
    data, n, draws = context.data(identity["data"]), identity["n"], identity["draws"]
    ids = np.repeat(np.arange(n), draws)
    draw = np.tile(np.arange(draws), n)
    seeds = sample_seeds(identity["seed"], ids, draw)
    model = context.model(str(step.inputs["model"]))
    if identity["modality"] == "captioner":
        images = data.images(identity["split"], np.arange(n))[ids]
        made = model.generate(images, identity["decoding"], seeds, progress=context.progress)
        captions, prompts = tuple(made.outputs), ("",) * len(ids)
    else:
        asked = evaluation_prompts(data, identity["split"], n)
        captions = prompts = tuple(asked[i] for i in ids)
        made = model.generate(list(prompts), identity["decoding"], seeds, progress=context.progress)
        images = made.outputs
    origin = np.full(len(ids), -1, np.int16)  # made for measuring alone
    pairs = Pairs(
        ids=ids, images=images, captions=captions, prompts=prompts, origin=origin, draw=draw.astype(np.int16),
        source=(context.source(str(step.inputs["model"])),) * len(ids), seeds=seeds,
    )  # fmt: skip
    return pairs, Cost(network_evaluations=made.network_evaluations)


def evaluation_prompts(data: Any, split: str, n: int) -> list[str]:
    """Return the first human caption of the first n items: what every generator is asked for."""
    return [six[0] for six in data.captions(split, np.arange(n))]


def features(step: Step, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
    """One judge pass over samples (and draws), or over both sides of a training set."""
    judge = context.model(str(step.inputs["judge"]))
    if step.identity["modality"] == "set":
        pool = measured_part(context.store.get(str(step.inputs["pool"])), step.identity["n"], step.identity["seed"])
        value = {}
        if "images" in embedded(judge):
            value["features"] = judge.embed_images(pool.images)
        if "captions" in embedded(judge):
            value["paired"] = judge.embed_texts(list(pool.captions))
        return value, Cost()

    def embed(pairs: Pairs) -> np.ndarray:
        if step.identity["modality"] == "captioner":
            return judge.embed_texts(list(pairs.captions))
        return judge.embed_images(pairs.images)

    value = {"features": embed(context.store.get(str(step.inputs["sample"])))}
    if "draws" in step.inputs:
        drawn = context.store.get(str(step.inputs["draws"]))
        inputs = len(np.unique(drawn.ids))
        value["draws"] = embed(drawn).reshape(inputs, len(drawn) // inputs, -1)
    return value, Cost()


def embedded(judge: Any) -> tuple[str, ...]:
    """Return what a judge embeds; one that does not say embeds both."""
    return getattr(judge, "embeds", KINDS)


def measured_part(pool: Pairs, n: int, seed: int) -> Pairs:
    """Return at most n pairs of a pool, chosen by the evaluation seed: a pool that grows is measured at equal n."""
    return pool if len(pool) <= n else pool.take(np.sort(permutation(seed, len(pool))[:n]))


def reference(step: Step, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
    """Judge features of n real images of a split and of all their captions, NaN where an item has fewer than others.

    A judge that embeds only one of the two says nothing of the other. Where the step names phrases instead of a split,
    they are embedded in their order.
    """
    identity = step.identity
    judge = context.model(str(step.inputs["judge"]))
    if "phrases" in identity:
        listed = [said for values in identity["phrases"].value.values() for said in values.values()]
        return {"phrases": judge.embed_texts([phrase for said in listed for phrase in said])}, Cost()
    data, index = context.data(identity["data"]), np.arange(identity["n"])
    value = {}
    if "images" in embedded(judge):
        value["images"] = judge.embed_images(data.images(identity["split"], index))
    if "captions" in embedded(judge):
        value["captions"] = _caption_features(judge, data.captions(identity["split"], index))
    return value, Cost()


def _caption_features(judge: Any, texts: list[tuple[str, ...]]) -> np.ndarray:
    """Return features (n, largest number of captions, d) of all captions of n items."""
    features = judge.embed_texts([text for six in texts for text in six])
    there = np.arange(max(map(len, texts))) < np.array([len(six) for six in texts])[:, None]
    captions = np.full((*there.shape, features.shape[-1]), np.nan, features.dtype)
    captions[there] = features
    return captions


def metrics(step: Step, context: RunContext) -> tuple[dict[str, Any], Cost]:
    """The numbers of one family, and why others of it are absent."""
    family = _kept_family(step.identity["family"]["class_path"])
    view = set_view(step, context) if "pool" in step.inputs else sample_view(step, context, family.side)
    try:
        return measured(family, view), Cost()
    finally:
        family.reset()


def measured(family: Family, view: View) -> dict[str, Any]:
    """Return `values` and `absent` of a family on one view, and `intervals` of a family that has them.

    A number that is not finite is absent, never kept.
    """
    try:
        family.update(view)
        values = {name: float(value) for name, value in family.compute().items()}
    except MetricUnavailable as reason:
        return {"values": {}, "absent": {name: str(reason) for name in family.declares}}
    bad = {name: f"not a finite number ({value})" for name, value in values.items() if not np.isfinite(value)}
    found = {"values": {k: v for k, v in values.items() if k not in bad}, "absent": {**family.absent, **bad}}
    if family.intervals:
        found["intervals"] = {k: list(ends) for k, ends in family.bounds().items() if k not in bad}
    return found


def make_family(step: Step) -> Family:
    """Make the step's metric family."""
    cls: Any = import_class(step.identity["family"]["class_path"])
    return cls()


@cache
def _kept_family(class_path: str) -> Family:
    """Make a family once a process: to make one costs more than to compute the small ones."""
    cls: Any = import_class(class_path)
    return cls()


def sample_view(step: Step, context: RunContext, side: str) -> View:
    """Return what a captioner or generator family may look at."""
    pairs = context.store.get(str(step.inputs["sample"]))
    n = len(pairs)
    view = real_view(step, context, "evaluation", n)
    if "features" in step.inputs:
        judged = context.store.get(str(step.inputs["features"]))
        real = context.store.get(str(step.inputs["evaluation"]))
        floor = context.store.get(str(step.inputs["floor"]))
        view = view.with_(
            features=judged["features"], paired_features=paired(real, side), real_features=floor.get("images"),
            draw_features=judged.get("draws"), real_caption_features=one_caption_each(floor), **asked(step, context),
        )  # fmt: skip
        if side == "captioner" and "captions" in real:
            view = view.with_(reference_features=real["captions"][:, :REFERENCES])
    return view.with_(
        images=pairs.images,
        captions=list(pairs.captions) if side == "captioner" else None,
        prompts=list(pairs.prompts) if side == "generator" else None,
    )


def asked(step: Step, context: RunContext) -> dict[str, Any]:
    """Return what only some families ask of a judge: features of training images, and of phrases by what they say."""
    found: dict[str, Any] = {}
    if "train_features" in step.inputs:
        found["train_features"] = context.store.get(str(step.inputs["train_features"])).get("images")
    if "phrase_features" in step.inputs:
        rows = iter(context.store.get(str(step.inputs["phrase_features"]))["phrases"])
        found["phrase_features"] = {
            attribute: {value: np.stack([next(rows) for _ in phrases]) for value, phrases in values.items()}
            for attribute, values in step.identity["phrases"].value.items()
        }
    return found


def paired(real: dict[str, np.ndarray], side: str) -> np.ndarray | None:
    """Return judge features of what the outputs of a side are made from: real images, or the first real captions."""
    if side == "captioner":
        return real.get("images")
    return real["captions"][:, 0] if "captions" in real else None


def one_caption_each(real: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return judge features of one caption of each item: the first of item 0, the second of item 1, and so on.

    One, as models say one; in turn, so that no place in the list of captions counts more than another.
    """
    if "captions" not in real:
        return None
    captions = real["captions"]
    items, many = np.arange(len(captions)), (~np.isnan(captions[:, :, 0])).sum(axis=1)
    return captions[items, items % np.maximum(1, many)]


def set_view(step: Step, context: RunContext) -> View:
    """Return what a family of side `set` may look at: pairs about to be trained on, and the truth of their items."""
    identity = step.identity
    data = context.data(identity["data"])
    pool = measured_part(context.store.get(str(step.inputs["pool"])), identity["n"], identity["seed"])
    view = View(captions=list(pool.captions), images=pool.images, oracle=data.oracle)
    if not np.any(pool.origin == 0):  # ids of real pairs may be of another split
        view = view.with_(
            references=[references(six) for six in data.captions("prompts", pool.ids)],
            attributes=data.attributes("prompts", pool.ids),
        )
    if "features" in step.inputs:
        judged = context.store.get(str(step.inputs["features"]))
        floor = context.store.get(str(step.inputs["floor"]))
        view = view.with_(
            features=judged.get("features"), paired_features=judged.get("paired"), real_features=floor.get("images")
        )
    return view


def real_view(step: Step, context: RunContext, split: str, n: int) -> View:
    """Return the truth beside n items of a split: references, attributes, oracle, pinned document frequencies."""
    data, index = context.data(step.identity["data"]), np.arange(n)
    documents = step.identity["documents"]
    return View(
        references=[references(six) for six in data.captions(split, index)],
        attributes=data.attributes(split, index),
        oracle=data.oracle,
        document_frequency=None if documents is None else _documents(data, *documents),
    )


@lru_cache(maxsize=2)
def _documents(data: Any, split: str, n: int) -> list[tuple[str, ...]]:
    return [references(six) for six in data.captions(split, np.arange(min(n, data.sizes[split])))]


def floor(step: Step, context: RunContext) -> tuple[dict[str, Any], Cost]:
    """What real data score at the same n: value, spread over draws, and the minimum effect of two spreads."""
    identity = step.identity
    family = make_family(step)
    if family.side not in ("captioner", "generator"):
        raise StepError(f"{identity['family']['class_path']}: a floor is for captioners and generators")
    data, n = context.data(identity["data"]), identity["n"]
    splits = {}
    for split in ("evaluation", "floor"):
        view = real_view(step, context, split, n).with_(images=data.images(split, np.arange(n)))
        if split in step.inputs:
            real = context.store.get(str(step.inputs[split]))
            view = view.with_(
                features=real.get("images"), paired_features=paired(real, family.side),
                real_caption_features=one_caption_each(context.store.get(str(step.inputs["floor"]))),
                **asked(step, context),
            )  # fmt: skip
        splits[split] = view
    if family.side == "captioner":
        six = data.captions("evaluation", np.arange(n))
        if reason := no_caption_floor(six):
            return {"floors": {}, "absent": dict.fromkeys(family.declares, reason)}, Cost()
        texts = context.store.get(str(step.inputs["evaluation"]))["captions"] if "evaluation" in step.inputs else None

        def make_view(seed: int) -> View:
            return caption_floor_view(splits["evaluation"].with_(features=None), six, seed, texts)
    else:
        prompts = {split: evaluation_prompts(data, split, n) for split in splits}
        splits = {split: view.with_(prompts=prompts[split]) for split, view in splits.items()}

        def make_view(seed: int) -> View:
            return image_floor_view(splits["evaluation"], splits["floor"], seed)

    try:
        floors = floor_draws(lambda: make_family(step), make_view, identity["draws"])
    except MetricUnavailable as reason:
        return {"floors": {}, "absent": {name: str(reason) for name in family.declares}}, Cost()
    for name, found in floors.items():
        declared = facts(family.declares, name)
        if declared is not None and declared["range"] == [0, 1]:  # a share cannot resolve less than one item
            found["minimum_effect"] = max(found["minimum_effect"], 1 / n)
    return {"floors": floors, "absent": {}}, Cost()
