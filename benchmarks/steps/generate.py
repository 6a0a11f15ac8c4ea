"""Steps that make data: base models, real pairs, images, captions, scores."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.seeds import draw_items, sample_seeds
from benchmarks.steps import Step
from benchmarks.steps.context import (
    RunContext,
    caption_seed,
    in_order,
    items_of,
    make_model,
    one_each,
    real_pairs,
    reserve_ids,
)  # fmt: skip
from benchmarks.storage.store import Cost
from benchmarks.study.testbed import ModelSpec
from benchmarks.study.world import model_folder, on_data, read_card
from datamodules.pairs import Pairs
from lightning_modules.cards import digest as weights_digest
from records.errors import StepError
from records.sources import import_class


def base(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """A base model, judge or scorer: a reference to its verified weights, or the model itself."""
    spec, data = step.identity["model"].execution
    identity, folder = step.identity["model"].value, model_folder(spec)
    if "recipe" in identity:
        return trained(spec, data.init_args, folder, context), Cost()
    if "weights" in identity:
        assert folder is not None
        found, said = weights_digest(folder)[:12], identity["weights"][:12]
        if found != said:
            raise StepError(f"{folder}: the weights have digest {found}, the card says {said}; run `make bases`")
    if spec.folder is None and spec.hub is None:
        return make_model(spec), Cost()
    return asdict(spec), Cost()


def trained(spec: ModelSpec, init_args: dict[str, Any], shipped: Path | None, context: RunContext) -> Any:
    """Train a model whose recipe no shipped weights have; a killed training goes on from its last checkpoint."""
    from lightning_modules.recipes import SCENES
    from lightning_modules.train_bases import train_base

    assert shipped is not None
    cls: Any = import_class(spec.class_path)
    root = getattr(context.store, "root", None)
    with tempfile.TemporaryDirectory() as aside:

        def prepare(name: str) -> None:
            recipe = on_data(SCENES[name], init_args)
            for need in recipe.needs:
                prepare(need)
            card = read_card(shipped.parent / name)
            if card is not None and card.get("recipe_digest") == recipe.digest:
                shutil.copytree(shipped.parent / name, Path(aside) / name)
            else:
                work = root / "training" / recipe.digest if root else None
                train_base(recipe, Path(aside) / name, context.progress, work)

        prepare(str(spec.recipe))
        model = cls.load(Path(aside) / str(spec.recipe), **spec.init_args)
        if hasattr(model, "origin"):
            model.origin = None  # that folder is about to go; the store's will be the one to load from
        return model


def real(step: Step, context: RunContext) -> tuple[Pairs, Cost]:
    """N real pairs: the items of an iteration, or a slice of the reserve."""
    identity = step.identity
    data = context.data(identity["data"])
    size = data.sizes[identity["split"]]
    if "start" in identity:
        ids = reserve_ids(identity["seed"], identity["start"], identity["n"], size)
    else:
        ids = draw_items(identity["seed"], identity["t"], identity["n"], size)
    pairs = real_pairs(data, identity["split"], ids, caption_seed(identity["seed"], identity["t"]))
    return pairs, Cost()


def mine(step: Step, n: int) -> np.ndarray:
    """Return the positions of a pool of n that fall to this step's shard and member."""
    start, stop = step.identity["shard"]
    member, k = step.identity["member"]
    position = np.arange(start, min(stop, n))
    turn = position if step.kind == "images" else position // k
    return position[turn % k == member]


def images(step: Step, context: RunContext) -> tuple[Pairs, Cost]:
    """Draw images for prompts: real captions, or the captions of the previous iteration."""
    identity = step.identity
    order = items_of(step, context)
    assert order is not None
    position = mine(step, len(order))
    ids = order[position]
    if "prompts" in step.inputs:
        previous = in_order(context.pool(step.inputs["prompts"]), order)
        prompts = [previous.captions[i] for i in position]
    else:
        seed, t, _ = identity["items"]
        prompts = one_each(context.data(identity["data"]).captions("prompts", ids), caption_seed(seed, t), ids)
    if (hooked := context.hook(step, "prompts", prompts=prompts, ids=ids)) is not None:
        prompts = list(hooked[0].prompts(hooked[1]))
        if len(prompts) != len(ids):
            raise StepError(f"hook prompts returned {len(prompts)} texts; allowed: {len(ids)}")
    draws = np.repeat(np.arange(identity["draws"]), len(ids))
    ids, prompts = np.tile(ids, identity["draws"]), prompts * identity["draws"]
    seeds = sample_seeds(identity["seed"], ids, draws)
    made = sampled(step, context, "generator", prompts, seeds)
    require_side(made.outputs, context.data(identity["data"]))
    pairs = Pairs(
        ids=ids, images=made.outputs, captions=tuple(prompts), prompts=tuple(prompts),
        origin=np.full(len(ids), identity["t"], np.int16), draw=draws.astype(np.int16),
        source=(context.source(str(step.inputs["model"])),) * len(ids), seeds=seeds,
    )  # fmt: skip
    return pairs, Cost(network_evaluations=made.network_evaluations, synthetic_samples=len(ids))


def require_side(images: np.ndarray, data: Any) -> None:
    """Refuse drawn images of another size than the real ones: `real` and `none` would then differ in more than data.

    Raises:
        StepError: The sizes differ.
    """
    side = getattr(data, "resolution", getattr(data, "image_size", None))
    if images.ndim == 4 and side is not None and images.shape[1:3] != (side, side):
        raise StepError(
            f"the generator draws {images.shape[2]} x {images.shape[1]} pixels, the data have {side} x {side}; "
            "allowed: the same (set the data's resolution, or the generator's init_args: {size: ...})"
        )


def captions(step: Step, context: RunContext) -> tuple[Pairs, Cost]:
    """Write captions for drawn images (this shard's), or for the real images of the items."""
    identity = step.identity
    order = items_of(step, context)
    assert order is not None
    position = mine(step, len(order))
    if "images" in step.inputs:
        drawn = in_order(context.pool(step.inputs["images"]), order)
        whole = len(position) == len(order)
        pairs = drawn if whole else drawn.take(np.flatnonzero(np.isin(drawn.ids, order[position])))
        draws = pairs.draw if pairs.draw is not None else np.zeros(len(pairs), np.int16)
    else:
        ids = np.tile(order[position], identity["draws"])
        draws = np.repeat(np.arange(identity["draws"]), len(position)).astype(np.int16)
        n = len(ids)
        pictures = context.data(identity["data"]).images("prompts", ids)
        pairs = Pairs(
            ids=ids, images=pictures, captions=("",) * n, prompts=("",) * n,
            origin=np.full(n, identity["t"], np.int16), draw=draws,
        )  # fmt: skip
    seeds = sample_seeds(identity["seed"], pairs.ids, draws)
    evaluations = 0

    def caption(model: Any, rows: Any = slice(None)) -> list[str]:
        nonlocal evaluations
        made = sampled(step, context, "captioner", pairs.images[rows], seeds[rows], model)
        evaluations += made.network_evaluations
        return list(made.outputs)

    live = context.model(str(step.inputs["model"]))
    hooked = context.hook(step, "relabel", pairs=pairs, caption=caption, live=live)
    texts = caption(live) if hooked is None else list(hooked[0].relabel(hooked[1]))
    if len(texts) != len(pairs):
        raise StepError(f"hook relabel returned {len(texts)} captions; allowed: {len(pairs)}")
    synthetic = 0 if "images" in step.inputs else len(pairs)
    captioner = context.source(str(step.inputs["model"])) if hooked is None else type(hooked[0]).__name__
    made = pairs.with_(
        captions=tuple(texts),
        source=(captioner,) * len(pairs) if pairs.source is None else [f"{s} + {captioner}" for s in pairs.source],
        seeds=seeds if pairs.seeds is None else pairs.seeds,
    )
    return made, Cost(network_evaluations=evaluations, synthetic_samples=synthetic)


def sampled(step: Step, context: RunContext, modality: str, inputs: Any, seeds: np.ndarray, model: Any = None) -> Any:
    """Generate with the live model, under the method's `sampling` where it has one."""
    model = context.model(str(step.inputs["model"])) if model is None else model
    decoding = step.identity["decoding"]
    hooked = context.hook(step, "sampling", decoding=decoding, modality=modality)
    if hooked is not None:
        decoding = hooked[0].sampling(hooked[1])
        if hasattr(decoding, "generate"):
            return decoding.generate(model, inputs, step.identity["decoding"], seeds)
    return model.generate(inputs, decoding, seeds, progress=context.progress)


def score(step: Step, context: RunContext) -> tuple[dict[str, np.ndarray], Cost]:
    """Embed the images and captions of the new pool with a scorer, which is never a judge."""
    pool = in_order(context.pool(step.inputs["new"]), None)
    scorer = context.model(str(step.inputs["scorer"]))
    value = {
        "ids": pool.ids,
        "images": scorer.embed_images(pool.images),
        "captions": scorer.embed_texts(list(pool.captions)),
    }
    return value, Cost(network_evaluations=2 * len(pool), real_samples=int(np.sum(pool.origin == 0)))
