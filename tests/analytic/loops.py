"""The engine's loop in a few lines, straight over the models: what the theory is compared with."""

from __future__ import annotations

import numpy as np

from benchmarks.analytic.data import AnalyticData
from benchmarks.analytic.models import CategoricalCaptioner, GaussianGenerator
from benchmarks.seeds import draw_items, sample_seeds, step_seed
from datamodules.pairs import Pairs
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding

SETTINGS = FitSettings(steps=1, learning_rate=1.0)
SAMPLED = CaptionDecoding(temperature=1.0)
DRAWN = ImageDecoding(steps=1, guidance=1.0)


def pairs(images, captions, prompts=None, origin=1, weights=None) -> Pairs:
    count = len(captions)
    return Pairs(
        np.arange(count),
        np.asarray(images, dtype=np.float64),
        tuple(captions),
        tuple(prompts or [""] * count),
        np.full(count, origin),
        weights,
    )


def run(data, generator, captioner, n, iterations, seed, *, closed=False, frozen=(), curate=None):
    """One trajectory of the joint loop; yields (pool, generator, captioner) after every iteration's fits.

    Without a generator images are real; without a captioner captions are the prompts.
    """
    bases = {"generator": _copy(generator), "captioner": _copy(captioner)}
    previous, history = None, []
    for t in range(1, iterations + 1):
        ids = draw_items(seed, t, n, data.sizes["prompts"])
        real_captions = [six[0] for six in data.captions("prompts", ids)]
        prompts = previous if closed and previous is not None else real_captions
        if generator is None:
            images = data.images("prompts", ids)
        else:
            drawer = bases["generator"] if "generator" in frozen else generator
            images = drawer.generate(prompts, DRAWN, sample_seeds(step_seed(seed, "images", t), ids)).outputs
        captions = prompts
        if captioner is not None:
            writer = bases["captioner"] if "captioner" in frozen else captioner
            captions = writer.generate(images, SAMPLED, sample_seeds(step_seed(seed, "captions", t), ids)).outputs
        previous = captions
        pool = pairs(images, captions, prompts, t)
        real = pairs(data.images("prompts", ids), real_captions, origin=0)
        history.append((real, pool))
        pool = pool if curate is None else curate(history)
        for model in (generator, captioner):
            if model is not None:
                model.fit_pairs(pool, SETTINGS, seed)
        yield pool, generator, captioner


def accumulated(history) -> Pairs:
    """The real pairs of iteration 1 and all synthetic ones."""
    return Pairs.concat([history[0][0], *(pool for _, pool in history)])


def _copy(model):
    if model is None:
        return None
    twin = type(model).__new__(type(model))
    twin.__dict__.update({k: v.copy() if isinstance(v, np.ndarray) else v for k, v in model.__dict__.items()})
    return twin


def make(classes=1, reads=False, learns=False, spacing=8.0, sizes=None, probabilities=None, zipf=1.0, seed=0):
    """Data, generator and captioner of one world."""
    law = {"classes": classes, "probabilities": probabilities, "zipf": zipf, "spacing": spacing}
    # Items are drawn by sorting the whole split, so a small one makes a fast loop.
    data = AnalyticData(**law, seed=seed, sizes=sizes or {"prompts": 512})
    captioner = CategoricalCaptioner(**law, reads_images=reads, learns_images=learns)
    return data, GaussianGenerator(classes, spacing), captioner
